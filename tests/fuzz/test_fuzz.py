"""Both fuzzers for a short while; FUZZ_FRAMES and FUZZ_LINES make it a long one."""

import os
from collections.abc import Callable

import pytest

from tests.fuzz import vendor_lines, wire_frames
from tests.fuzz.edges import EdgeTracer
from tests.fuzz.guided import GuidedFuzzer, replay
from tests.fuzz.guided_corpus import BYTES_MAX, FOLDER, decode, encode
from tests.fuzz.target import Target
from tests.fuzz.targets import TARGETS
from tests.support.slack import SLACK

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7_200)]
FRAMES = int(os.environ.get("FUZZ_FRAMES", "5000"))
LINES = int(os.environ.get("FUZZ_LINES", "40000"))
SEED = int(os.environ.get("FUZZ_SEED", "1"))


@pytest.mark.long
def test_no_vendor_line_breaks_a_decoder() -> None:
    """Whatever comes is published, refused or counted."""
    outcome = vendor_lines.run(LINES, seed=SEED)
    print(outcome)
    assert outcome.lines >= LINES
    assert outcome.published > LINES // 100, "most lines were close enough to be read"
    assert outcome.grown_mb < 30.0


@pytest.mark.parametrize("has_keys", [False, True], ids=["open", "keys"])
@pytest.mark.long
def test_no_frame_breaks_a_gateway_or_disturbs_others(has_keys: bool) -> None:
    """It lives, answers, loses nothing for others, and does not grow."""
    trial = wire_frames.run(FRAMES, seed=SEED, has_keys=has_keys)
    print(wire_frames.words_of(trial))
    outcome, attacked = trial.outcome, trial.attacked
    assert outcome.is_alive
    assert attacked.failure == ""
    assert attacked.lost == 0
    assert outcome.answers.total() > FRAMES // 2
    assert outcome.answers["ok"] > FRAMES // 100, "some were close enough to be answered"
    assert attacked.grown_mb < wire_frames.GROWN_MB_MAX
    assert attacked.grown_descriptors <= 3
    assert attacked.phases["during"].messages > 0
    assert attacked.phases["during"].ping_p50_ms < 100.0 * SLACK


@pytest.mark.parametrize("name", TARGETS)
def test_everything_kept_is_read_again(name: str) -> None:
    """What once took a new way, or broke a reader, breaks it no more."""
    assert replay(TARGETS[name]) >= len(TARGETS[name].seeds)


def test_the_corpus_stays_small() -> None:
    """It is for every clone."""
    size = sum(path.stat().st_size for path in FOLDER.parent.rglob("*") if path.is_file())
    assert size <= BYTES_MAX


@pytest.mark.parametrize("data", [b"", b"#", b"\\", b"\x00\xff\r\n\x85", "é#".encode(), b" a "])
def test_an_input_is_kept_as_it_is(data: bytes) -> None:
    """A corpus that says something else proves nothing."""
    assert decode(encode(data)) == data
    assert len(encode(data).splitlines()) <= 1


def _open_lock(data: bytes) -> None:
    if data[:1] != b"k":
        return
    if data[1:2] != b"e":
        return
    if data[2:3] == b"y":
        raise ValueError("opened")


def test_coverage_leads_to_what_chance_does_not_find() -> None:
    """Three bytes that only make a difference one after the other: one of 16 million."""
    lock = Target("lock", lambda: _open_lock, (b"aaa",))
    tracer = EdgeTracer((str(FOLDER.parents[1]),))
    found = GuidedFuzzer(lock, seed=SEED, tracer=tracer).run(inputs=200_000)
    assert "opened" in found.failure
    assert found.inputs < 200_000


def test_what_is_kept_is_as_short_as_its_way_needs() -> None:
    """Short inputs say what matters, and are quick to read again."""

    def make() -> Callable[[bytes], None]:
        return lambda data: None if b"key" not in data else _noop()

    tracer = EdgeTracer((str(FOLDER.parents[1]),))
    fuzzer = GuidedFuzzer(Target("key", make, (b"....key....",)), seed=SEED, tracer=tracer)
    fuzzer.run(inputs=2)
    assert b"key" in fuzzer.minimized()
    assert all(len(data) <= 3 for data in fuzzer.minimized())


def _noop() -> None:
    return
