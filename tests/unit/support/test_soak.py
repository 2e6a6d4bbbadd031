"""The soak's judge: it notices what must not be, and blames nobody for what was announced."""

import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Self

import pytest

from tests.fault.soak.accounts import Published, SoakLog, coarse
from tests.fault.soak.availability import availability_of
from tests.fault.soak.report import latency_of
from tests.fault.soak.schedule import DEATHS, KINDS, draw, draw_together
from tests.fault.soak.vitals import Sample, Vitals, slope_per_hour
from tests.support import records
from tests.support.records import Recorder

TOPICS: Final = ("quote,AAPL,", "state,AAPL,")
SECOND: Final = 1_000_000
STALE: Final = 16


class Script:
    """A consumer's record, written at times of a test's choice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._recorder.close()
        self.log.close()

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch, name: str = "one") -> None:
        self._patch = patch
        self._recorder = Recorder(folder / name)
        self.log = SoakLog(folder / name, ["AAPL"])
        self.log.topics = frozenset(TOPICS)

    def write(self, second: float, kind: int, *values: object) -> None:
        """Write a record at a second."""
        self._patch.setattr(time, "time_ns", lambda: round(second * 1e9))
        self._recorder.write(kind, *values)

    def quote(self, second: float, sequence: int, *, epoch: int = 1, flags: int = 0) -> None:
        """A quote that was read a millisecond after it came."""
        recv_us = round(second * SECOND) - 1_000
        self.write(second, records.MESSAGE, "quote,AAPL,", epoch, sequence, flags, recv_us, None)

    def read(self) -> SoakLog:
        """What the judge makes of it."""
        self._recorder.flush()
        self.log.read()
        return self.log

    def seconds(
        self, last: int, *, broken: Callable[[int], bool] = lambda _: False
    ) -> Counter[str]:
        """What each second up to one was."""
        whole = availability_of(self.read(), began_us=0, ended_us=last * SECOND, is_outage=broken)
        return whole.seconds


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    """A consumer that has its first quote in second 1."""
    with Script(tmp_path, monkeypatch) as one:
        one.quote(1.1, 1)
        yield one


@pytest.fixture
def other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    """Another one, that has nothing yet."""
    with Script(tmp_path, monkeypatch, "other") as one:
        yield one


def test_a_seed_decides_the_whole_schedule() -> None:
    """What failed can be run again."""
    first, second = (draw(7, seconds=3_600, every_s=20) for _ in range(2))
    assert first == second
    assert first != draw(8, seconds=3_600, every_s=20)
    assert {planned.kind.name for planned in first} == set(KINDS)
    assert draw_together(7) == draw_together(7)


def test_each_fault_is_over_before_the_next_begins() -> None:
    """However dense: a consumer that was killed cannot be resumed."""
    planned = draw(5, seconds=600, every_s=1)
    assert all(a.at_s + a.for_s < b.at_s for a, b in itertools.pairwise(planned))


def test_the_gateway_ends_early_in_a_run_only() -> None:
    """The slope of its memory needs a long life."""
    planned = draw(3, seconds=3_600, every_s=10)
    assert max(one.at_s for one in planned if one.kind.name in DEATHS) <= 1_080
    assert max(one.at_s + one.for_s for one in planned) < 3_600 - 30


@pytest.mark.parametrize("seed", range(50))
def test_faults_together_can_be_done_together(seed: int) -> None:
    """Two that end the same process would be a fault of the soak's own."""
    groups = [planned.kind.group for planned in draw_together(seed)]
    assert len(groups) == 3
    assert max(groups.count("gateway"), groups.count("consumer")) <= 1


def test_an_undeclared_hole_is_a_violation(script: Script) -> None:
    """Nothing else in a soak counts as much."""
    script.quote(1.2, 3)
    assert script.read().history.violations == [
        "quote,AAPL, epoch 1: 2 to 2 missing and not declared"
    ]


def test_a_declared_hole_is_counted(script: Script) -> None:
    """Loss that is announced is no violation; how much there was is told."""
    script.write(1.2, records.HOLE, "quote,AAPL,", 1, 2, 2)
    script.quote(1.2, 3)
    log = script.read()
    assert (log.history.violations, log.declared) == ([], 1)


def test_topics_that_nobody_counts_cannot_be_missed(script: Script) -> None:
    """A client listens to more than it was asked for, and declares holes there as well."""
    for first in (10, 50):
        script.write(1.2, records.HOLE, "sys,feed,", 1, first, first + 5)
    log = script.read()
    assert (log.history.violations, log.declared) == ([], 0)


def test_a_lost_end_is_noticed_by_what_others_received(script: Script, other: Script) -> None:
    """A consumer that hears nothing at all has no hole of its own."""
    for sequence in (1, 2, 3):
        other.quote(1.1, sequence)
    one, two = script.read(), other.read()
    published = Published([one.history, two.history])
    assert published.count == 3
    heads = published.heads()
    found = list(published.missed(one.history, heads, is_over=False))
    assert found == ["quote,AAPL, epoch 1: 2 to 3 missing"]
    assert list(published.missed(one.history, heads, is_over=True)) == []
    assert list(published.missed(two.history, heads, is_over=False)) == []


def test_the_end_of_an_earlier_run_needs_no_declaration(script: Script, other: Script) -> None:
    """The later run is one."""
    for sequence in (1, 2):
        other.quote(1.1, sequence)
    for each in (script, other):
        each.quote(2.1, 1, epoch=2)
    one, two = script.read(), other.read()
    published = Published([one.history, two.history])
    assert list(published.missed(one.history, published.heads(), is_over=False)) == []


def test_silence_without_a_word_is_blind(script: Script) -> None:
    """Prices that stop and nobody who says so: what availability is about."""
    script.quote(9.5, 2)
    assert script.seconds(10) == {"live": 2, "blind": 7}


def test_a_told_cause_is_no_blindness(script: Script) -> None:
    """A stale price that says that it is stale misleads nobody."""
    script.write(1.9, records.STATED, "AAPL", "stale", "overload")
    script.quote(4.5, 2, flags=STALE)
    script.quote(5.5, 3)
    assert script.seconds(6) == {"live": 2, "told": 3}


def test_a_cause_that_ends_just_before_the_first_price_counts(script: Script) -> None:
    """The second in which all is well again is neither blind nor live."""
    script.write(1.9, records.STATED, "AAPL", "stale", "iqconnect_down")
    script.write(3.9, records.STATED, "AAPL", "live", None)
    script.quote(4.1, 2)
    assert script.seconds(5) == {"live": 2, "told": 2}


def test_a_price_that_says_it_is_stale_is_a_word(script: Script) -> None:
    """Whoever reads flags is not misled, even before the `state` comes."""
    script.quote(2.5, 2, flags=STALE)
    script.quote(3.5, 3)
    assert script.seconds(4) == {"live": 2, "told": 1}


def test_a_consumer_that_did_not_run_knows_nothing(script: Script) -> None:
    """Its machine had no time for it: that says nothing of the gateway."""
    script.write(4.2, records.AWAY, 2.0)
    script.quote(5.5, 2)
    assert script.seconds(6) == {"live": 2, "blind": 1, "away": 2}


def test_an_outage_of_the_upstream_counts_only_where_the_soak_made_one(script: Script) -> None:
    """A gateway that blames IQConnect for its own failing must not get away with it."""
    script.write(1.9, records.STATED, "AAPL", "stale", "link_silent")
    script.quote(5.5, 2)
    assert script.seconds(6) == {"live": 2, "told": 3}
    assert script.seconds(6, broken=lambda _: True) == {"live": 2, "outage": 3}


def test_silence_that_is_noticed_in_time_is_detected(script: Script) -> None:
    """The contract gives a consumer three seconds of missing heartbeats."""
    script.write(5.2, records.SILENT, 3.1)
    script.write(7.05, records.BACK)
    script.quote(7.1, 2)
    assert script.seconds(8) == {"live": 2, "detecting": 3, "told": 2}


def test_a_restart_is_known_by_its_epoch(script: Script) -> None:
    """What was in between is explained when the next run is heard."""
    script.quote(4.1, 1, epoch=2)
    log = script.read()
    assert script.seconds(5) == {"live": 2, "restart": 2}
    assert [epoch for _, epoch in log.epochs] == [1, 2]


def test_recovery_waits_for_a_fresh_price_of_a_later_run(script: Script) -> None:
    """Old prices after a fault prove nothing."""
    log = script.read()
    log.await_whole(4, since_us=2 * SECOND, above_epoch=1)
    script.quote(2.1, 2)
    script.quote(2.2, 1, epoch=2, flags=STALE)
    assert script.read().is_waited_for
    script.quote(2.3, 2, epoch=2)
    assert script.read().whole_us == {4: round(2.3 * SECOND)}


def test_what_was_read_takes_no_room(script: Script, tmp_path: Path) -> None:
    """A day of records would fill the disk of whoever lets it run."""
    for _ in range(100):
        script.write(1.2, records.NOTICE, "sys,alert,", {"message": "x" * 60_000})
    log = script.read()
    file = (tmp_path / "one").stat()
    assert file.st_size > 6_000_000
    if file.st_blocks * 512 >= file.st_size:
        pytest.skip("this file system has no holes")
    assert file.st_blocks * 512 < 1_000_000
    script.quote(1.3, 2)
    assert script.read().message_count == 2
    assert log.history.violations == []


def test_latency_is_told_by_its_quantiles() -> None:
    """Average, half, one in a hundred, one in a thousand, worst."""
    ages = Counter({1_000: 980, 50_000: 19, 900_000: 1})
    found = latency_of(ages)
    assert found.quantiles == (1.0, 50.0, 50.0, 900.0)
    assert found.average == pytest.approx(2.83)
    assert [coarse(age) for age in (-5, 1_234, 999, 56_789)] == [0, 1_200, 990, 56_000]


def test_a_leak_has_a_slope() -> None:
    """Two megabytes an hour, with noise around it."""
    samples = [Sample(s * SECOND, 60 + 2 * s / 3600 + s % 2, 36, 9, 0.0) for s in range(3_600)]
    assert slope_per_hour(samples) == pytest.approx(2.0, abs=0.01)


@pytest.mark.parametrize(("seconds", "is_settled"), [(600, False), (3_000, True)])
def test_what_fills_up_first_is_no_slope(seconds: int, is_settled: bool) -> None:
    """Twenty minutes of filling, then nothing."""
    vitals = Vitals()
    vitals.lives = [
        [Sample(s * SECOND, 60 + min(s, 1_200) / 60, 36, 9, 0.0) for s in range(seconds)]
    ]
    (life,) = vitals.judged(lambda _: True)
    assert life.is_settled == is_settled
    assert life.slope_mb_h == pytest.approx(0.0 if is_settled else 60.0, abs=0.1)


def test_vitals_are_those_of_one_process_at_a_time() -> None:
    """A gateway that was started again has another life."""
    vitals = Vitals()
    vitals.lives = [
        [Sample(s * SECOND, 60.0, 36 + (s > 95), 9, s / 10) for s in range(100)],
        [Sample(s * SECOND, 70.0, 36, 9, 0.0) for s in range(200, 210)],
    ]
    first, second = vitals.judged(lambda at_us: at_us != 5 * SECOND)
    assert first.calm == 99
    assert first.slope_mb_h == pytest.approx(0.0)
    assert first.descriptors == (36.0, 36.0)
    assert first.cpu_share == pytest.approx(0.1)
    assert second.slope_mb_h is None
