"""Lets the client of another environment hear a price from a gateway of this one.

python -m tests.support.client_elsewhere PYTHON   # PYTHON: whose `gateway_client` it is
"""

import subprocess
import sys
from typing import Final

from tests.support.stage import simulated

_PROGRAM: Final = """
import sys
from gateway_client import GatewayClient, Quote
assert "gateway" not in sys.modules
with GatewayClient(sys.argv[1], sys.argv[2]) as client:
    client.subscribe_symbols(["AAPL"], ["quote"])
    quote = next(item for item in client if isinstance(item, Quote))
    print(quote.symbol, quote.bid, quote.ask, client.get_health_status().health_level)
"""
_SECONDS_MAX: Final = 60.0


def main(python: str) -> int:
    """Run the client's program against a gateway and a simulator."""
    with simulated() as stage:
        ends = stage.gateway.endpoints
        return subprocess.run(
            [python, "-c", _PROGRAM, ends["data"], ends["control"]],
            check=False,
            timeout=_SECONDS_MAX,
        ).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
