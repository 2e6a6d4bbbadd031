"""Level 2 lines, usual and odd, into both pipelines: the compiled one must do the same.

Usage: python -m tests.fuzz.compiled_depth_same [--lines N] [--seed S] [--minutes M]
As `tests.fuzz.compiled_same` is for Level 1.
"""

import sys
from typing import Final

from tests.fuzz.compiled_same import Level, main
from tests.support.depth_pair import DepthPair
from tests.support.odd_depth import OddDepth

LEVEL2: Final = Level(OddDepth, DepthPair)

if __name__ == "__main__":
    sys.exit(main(__doc__, LEVEL2))
