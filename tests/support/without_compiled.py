"""The gateway's command line in a process that has no compiled pipeline, whatever is installed.

python -m tests.support.without_compiled run …   # as `python -m gateway run …`
"""

import sys

from gateway.cli import main
from gateway.compiled.choice import EXTENSION

if __name__ == "__main__":
    # What `import` finds here, it takes for what is not there.
    sys.modules[EXTENSION] = None  # type: ignore[assignment]
    main()
