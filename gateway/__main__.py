"""Makes `python -m gateway` the same as `iqfeed-gateway`."""

from gateway.cli import main

main()
