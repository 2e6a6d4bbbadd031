"""Both fuzzers for a short while; FUZZ_FRAMES and FUZZ_LINES make it a long one."""

import os

import pytest

from tests.fuzz import vendor_lines, wire_frames
from tests.support.slack import SLACK

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7_200)]
FRAMES = int(os.environ.get("FUZZ_FRAMES", "5000"))
LINES = int(os.environ.get("FUZZ_LINES", "40000"))
SEED = int(os.environ.get("FUZZ_SEED", "1"))


def test_no_vendor_line_breaks_a_decoder() -> None:
    """Whatever comes is published, refused or counted."""
    outcome = vendor_lines.run(LINES, seed=SEED)
    print(outcome)
    assert outcome.lines >= LINES
    assert outcome.published > LINES // 100, "most lines were close enough to be read"
    assert outcome.grown_mb < 30.0


def test_no_frame_breaks_a_gateway_or_disturbs_others() -> None:
    """It lives, answers, loses nothing for others, and does not grow."""
    outcome = wire_frames.run(FRAMES, seed=SEED)
    print(outcome.traffic.words(), outcome.grown_mb)
    assert outcome.is_alive
    assert outcome.traffic.failure == ""
    assert outcome.traffic.lost == 0
    assert outcome.answers > FRAMES // 2
    assert outcome.grown_mb < wire_frames.GROWN_MB_MAX
    assert sorted(outcome.traffic.pings_ms)[len(outcome.traffic.pings_ms) // 2] < 100.0 * SLACK
