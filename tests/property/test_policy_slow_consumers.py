"""Consumers of every pace on every kind of socket: the slow are named, the others never."""

from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.policy.slow_consumers import (
    CLEAR_NS,
    REPORT_NS_MAX,
    UNREAD_BYTES_MIN,
    Backlog,
    Progress,
    SlowRules,
)

SECOND_NS = 1_000_000_000
LOOK_NS = SECOND_NS // 4
RULES = SlowRules(
    warn_ns=3 * SECOND_NS,
    clear_ns=SECOND_NS,
    evict_stalled_ns=10 * SECOND_NS,
    evict_lag_ns=0,
)
WINDOW = 131_072
BUFFER = 172_000
SEGMENT = 65_536


@dataclass
class Reader:
    """A program behind a TCP connection, as two kernels see it.

    The peer's window closes by what is not read, and is told anew only with the next
    acknowledgment, or when it can be told to be twice as wide.
    """

    pace: int
    """Bytes it reads a second."""
    is_ipc: bool = False
    sent: int = 0
    """Bytes handed to the sending kernel."""
    acked: int = 0
    read: int = 0
    told: int = WINDOW
    """The window last told."""
    queued: int = 0
    """Bytes ZeroMQ still holds."""

    def step(self, arriving: int) -> Backlog:
        """A quarter of a second passes."""
        self.queued += arriving
        can_read = self.pace // 4
        # In slices: a reader reads while bytes arrive.
        for _ in range(25):
            room = BUFFER - (self.sent - self.acked)
            moved = min(self.queued, max(room, 0))
            self.queued -= moved
            self.sent += moved
            taken = min(self.sent - self.acked, self.told)
            if taken:
                self.acked += taken
                self.told = WINDOW - (self.acked - self.read)
            part = min(self.acked - self.read, can_read // 25)
            self.read += part
            free = WINDOW - (self.acked - self.read)
            if free >= 2 * self.told and free - self.told >= min(SEGMENT, WINDOW // 2):
                self.told = free
        if self.is_ipc:
            return Backlog(min(self.sent - self.read, 60_000))
        unsent = self.sent - self.acked
        return Backlog(unsent, WINDOW - self.told, self.acked, self.acked + self.told, 98_304)


def follow(progress: Progress, reader: Reader, arriving: list[int], now_ns: int = 0) -> list[bool]:
    """Look at a reader every quarter of a second; whether it is slow at each look."""
    slow = []
    for count in arriving:
        now_ns += LOOK_NS
        progress.look(reader.step(count), now_ns)
        slow.append(progress.is_slow)
    return slow


@given(
    arriving=st.lists(st.integers(0, 200_000), min_size=1, max_size=200),
    is_ipc=st.booleans(),
)
@settings(max_examples=150)
def test_a_reader_that_keeps_up_is_never_called_slow(arriving: list[int], is_ipc: bool) -> None:
    """Bursts, pauses and nights: what waits is gone by the next look, whatever the window says."""
    progress = Progress(RULES)
    assert not any(follow(progress, Reader(10_000_000, is_ipc), arriving))
    assert progress.must_go is None


@given(
    before=st.lists(st.integers(0, 60_000), max_size=100),
    pause=st.integers(0, 300),
    rate=st.integers(40_000, 2_000_000),
    is_ipc=st.booleans(),
)
@settings(max_examples=150)
def test_one_that_stops_is_named_and_must_go(
    before: list[int], pause: int, rate: int, is_ipc: bool
) -> None:
    """Whatever happened before, and however long nothing came: five seconds, and fifteen."""
    progress = Progress(RULES)
    reader = Reader(20_000_000, is_ipc)
    quiet = [0] * (4 * pause)
    assert not any(follow(progress, reader, before + quiet))
    now_ns = (len(before) + len(quiet)) * LOOK_NS
    reader.pace = 0
    named = gone = None
    for look in range(80):
        now_ns += LOOK_NS
        progress.look(reader.step(rate // 4), now_ns)
        if progress.is_slow and named is None:
            named = look * LOOK_NS / SECOND_NS
        if progress.must_go is not None and gone is None:
            gone = look * LOOK_NS / SECOND_NS
    filling_s = (BUFFER + WINDOW) / rate
    assert named is not None
    assert 2.5 <= named <= 5 + filling_s
    assert gone is not None
    assert 9.5 <= gone <= 12 + filling_s


@given(share=st.floats(0.01, 0.5), rate=st.integers(400_000, 2_000_000), is_ipc=st.booleans())
@settings(max_examples=60)
def test_one_that_reads_too_slowly_is_named_and_stays(
    share: float, rate: int, is_ipc: bool
) -> None:
    """It reads, so it is not cut off unless the settings say so; it is named while it is behind."""
    progress = Progress(RULES)
    reader = Reader(int(rate * share), is_ipc)
    slow = follow(progress, reader, [rate // 4] * 60)
    filling_s = (BUFFER + WINDOW) / (rate * (1 - share))
    begin = int((5 + filling_s) * 4)
    assert all(slow[begin:])
    assert progress.lag_ns >= RULES.warn_ns


def test_one_that_catches_up_is_cleared_once() -> None:
    """A warning that flaps is one that nobody reads."""
    progress = Progress(RULES)
    reader = Reader(0)
    slow = follow(progress, reader, [200_000] * 20)
    assert slow[-1]
    reader.pace = 100_000_000
    slow = follow(progress, reader, [20_000] * 40, now_ns=20 * LOOK_NS)
    changes = sum(1 for before, after in pairwise(slow) if before != after)
    assert (changes, slow[-1]) == (1, False)
    assert slow.index(False) >= CLEAR_NS // LOOK_NS - 1


def test_a_window_left_narrow_by_a_burst_proves_nothing() -> None:
    """A program that has read everything need not tell: silence after a burst is no stall."""
    progress = Progress(RULES)
    narrow = Backlog(0, WINDOW // 2, 1_000_000, 1_000_000 + WINDOW // 2)
    now_ns = 0
    progress.look(Backlog(0, 0, 0, WINDOW), now_ns)
    for _ in range(4 * 3600):
        now_ns += LOOK_NS
        progress.look(narrow, now_ns)
        assert not progress.is_slow
    # The next bytes bring the news that there had been room all the time.
    progress.look(Backlog(0, 200, 1_000_200, 1_000_200 + WINDOW - 200), now_ns + LOOK_NS)
    assert progress.stalled_ns == 0


def test_a_pause_of_ours_is_not_a_stall_of_theirs() -> None:
    """When this process did not run, one look proves a second at most."""
    progress = Progress(RULES)
    waiting = Backlog(1_000, 0, 5_000, 5_000 + WINDOW)
    progress.look(waiting, 0)
    progress.look(waiting, 60 * SECOND_NS)
    assert progress.stalled_ns == SECOND_NS
    assert progress.must_go is None


def test_what_a_client_reports_counts_for_a_while() -> None:
    """Behind its own queue no kernel can look."""
    progress = Progress(RULES)
    progress.report(5 * SECOND_NS, 0)
    progress.look(None, LOOK_NS)
    assert progress.is_slow
    assert progress.lag_ns == 5 * SECOND_NS
    progress.report(0, SECOND_NS)
    now_ns = SECOND_NS
    while progress.is_slow:
        now_ns += LOOK_NS
        progress.look(None, now_ns)
    assert now_ns <= SECOND_NS + CLEAR_NS + LOOK_NS
    progress.report(5 * SECOND_NS, now_ns)
    progress.look(None, now_ns + REPORT_NS_MAX + 1)
    assert not progress.is_slow


@pytest.mark.parametrize("evict_lag_s", [5, 8])
def test_who_is_far_behind_may_be_cut_off_although_it_reads(evict_lag_s: int) -> None:
    """An operator may prefer no data to old data."""
    rules = SlowRules(
        warn_ns=3 * SECOND_NS,
        clear_ns=SECOND_NS,
        evict_stalled_ns=0,
        evict_lag_ns=evict_lag_s * SECOND_NS,
    )
    progress = Progress(rules)
    reader = Reader(50_000)
    gone = None
    for look in range(80):
        progress.look(reader.step(250_000), look * LOOK_NS)
        if progress.must_go is not None:
            gone = look * LOOK_NS / SECOND_NS
            break
    assert gone is not None
    assert evict_lag_s <= gone <= evict_lag_s + 3


def test_nothing_is_evicted_where_it_is_switched_off() -> None:
    """Zero means never."""
    rules = SlowRules(warn_ns=SECOND_NS, clear_ns=0, evict_stalled_ns=0, evict_lag_ns=0)
    progress = Progress(rules)
    follow(progress, Reader(0), [500_000] * 200)
    assert progress.is_slow
    assert progress.must_go is None
    assert progress.backlog_bytes >= UNREAD_BYTES_MIN
