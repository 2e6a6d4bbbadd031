"""Every reader that is fuzzed by coverage."""

from typing import Final

from tests.fuzz.target import Target
from tests.fuzz.targets_feed import FEED_TARGETS
from tests.fuzz.targets_files import FILE_TARGETS
from tests.fuzz.targets_wire import WIRE_TARGETS

TARGETS: Final[dict[str, Target]] = {
    target.name: target for target in (*WIRE_TARGETS, *FILE_TARGETS, *FEED_TARGETS)
}
