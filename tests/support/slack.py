"""How much longer things may take where other tests run beside this one."""

import os
from typing import Final

SLACK: Final = 3.0 if "PYTEST_XDIST_WORKER" in os.environ else 1.0
"""Factor for limits of seconds: a test alone on the machine is held to the figures themselves."""
