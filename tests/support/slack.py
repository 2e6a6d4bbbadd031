"""How much longer things may take where other tests run beside this one, or all is slower."""

import os
from typing import Final

SLOWER: Final = float(os.environ.get("TESTS_SLACK", "1"))
"""Of this run as a whole, `TESTS_SLACK`: under sanitizers a process takes twice its time."""
SLACK: Final = SLOWER * (3.0 if "PYTEST_XDIST_WORKER" in os.environ else 1.0)
"""Factor for limits of seconds: a test alone on the machine is held to the figures themselves."""
FREED_MB: Final = float(os.environ.get("TESTS_FREED_MB", "0"))
"""What a process may keep of what it freed: a sanitizer does, to see whoever still uses it."""
