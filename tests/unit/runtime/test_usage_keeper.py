"""The report of usage on disk, and the command that sums it up."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.clock import FakeClock
from gateway.commands.usage_report import report_of, text_of
from gateway.control.usage_tap import UsageFact
from gateway.counters import Counter, Counters
from gateway.errors import ConfigError
from gateway.policy import usage
from gateway.policy.usage import Use, day_of
from gateway.runtime import usage_files, usage_keeper
from gateway.runtime.usage_files import UsageFiles
from gateway.runtime.usage_keeper import UsageKeeper
from tests.support.stage import wait_until


def keeper(folder: Path | None, clock: FakeClock, *, is_on: bool = True) -> UsageKeeper:
    """One run of a gateway."""
    return UsageKeeper(folder, clock=clock, counters=Counters(), is_on=is_on)


def use(clock: FakeClock, symbol: str, change: int = 1, user: str = "bob") -> Use:
    """Somebody begins or ends to hear quotes."""
    return Use(user, "quote", symbol, clock.utc_us(), change)


async def until(is_so: Callable[[], bool]) -> None:
    """Let the keeper run until something is so."""
    await asyncio.to_thread(wait_until, is_so, what="the keeper")


def rows(folder: Path, day: str) -> list[dict[str, Any]]:
    """A file as anybody reads it."""
    text = (folder / f"usage-{day}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_a_day_is_a_file_of_lines(tmp_path: Path) -> None:
    """Readable without us."""
    clock = FakeClock()
    one = keeper(tmp_path, clock)
    one.take(UsageFact([use(clock, "AAPL"), use(clock, "MSFT", 0)]))
    first_us = clock.utc_us()
    clock.advance(seconds=10)
    one.close()
    day = day_of(first_us)
    assert rows(tmp_path, day) == [
        {
            "user": "bob",
            "symbol": "AAPL",
            "kinds": ["quote"],
            "first_us": first_us,
            "last_us": clock.utc_us(),
            "connections": 1,
        },
        {
            "user": "bob",
            "symbol": "MSFT",
            "kinds": ["quote"],
            "first_us": first_us,
            "last_us": first_us,
            "connections": 0,
        },
    ]
    assert not list(tmp_path.glob("*.new"))


@pytest.mark.asyncio
async def test_a_restart_goes_on_and_midnight_begins_another_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither loses what was heard before."""
    monkeypatch.setattr(usage_keeper, "LOOK_S", 0.01)
    clock = FakeClock()
    before = keeper(tmp_path, clock)
    before.note(use(clock, "AAPL"))
    before.close()
    after = keeper(tmp_path, clock)
    running = asyncio.create_task(after.run())
    day = day_of(clock.utc_us())
    await until(lambda: "AAPL" in after._book._rows.get("bob", {}))
    after.note(use(clock, "AAPL"))
    clock.advance(seconds=86_400)
    next_day = day_of(clock.utc_us())
    await until((tmp_path / f"usage-{next_day}.jsonl").exists)
    running.cancel()
    assert [row["connections"] for row in rows(tmp_path, day)] == [2]
    assert [row["symbol"] for row in rows(tmp_path, next_day)] == ["AAPL"]


def test_a_run_that_never_began_takes_nothing_from_the_day(tmp_path: Path) -> None:
    """A start that failed ends with `close`, too."""
    clock = FakeClock()
    day = day_of(clock.utc_us())
    for symbol in ("AAPL", "MSFT"):
        one = keeper(tmp_path, clock)
        one.note(use(clock, symbol, 0))
        one.close()
    assert [row["symbol"] for row in rows(tmp_path, day)] == ["AAPL", "MSFT"]


@pytest.mark.asyncio
@pytest.mark.parametrize("back_s", [2, 3_600])
async def test_a_clock_set_back_over_midnight_takes_nothing_from_yesterday(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, back_s: int
) -> None:
    """Neither what was heard once, nor what is heard still; and forward again neither."""
    monkeypatch.setattr(usage_keeper, "LOOK_S", 0.01)
    clock = FakeClock()
    one = keeper(tmp_path, clock)
    running = asyncio.create_task(one.run())
    await until(lambda: one._is_restored)
    day = day_of(clock.utc_us())
    one.take(UsageFact([use(clock, "AAPL"), use(clock, "MSFT", 0)]))
    first_us = clock.utc_us()
    midnight_us = (first_us // 86_400_000_000 + 1) * 86_400_000_000
    clock.advance(seconds=(midnight_us - first_us) // 1_000_000 + 1)
    next_day = day_of(clock.utc_us())
    await until((tmp_path / f"usage-{next_day}.jsonl").exists)
    one.note(use(clock, "IBM", 0))
    clock.step_wall(seconds=-back_s)
    assert day_of(clock.utc_us()) == day
    one.note(use(clock, "XOM", 0))
    await until(lambda: one._is_restored and not one._over)
    clock.advance(seconds=back_s)
    one.note(use(clock, "IBM", 0))
    await until(lambda: one._is_restored and not one._over)
    running.cancel()
    one.close()
    told = {row["symbol"]: row for row in rows(tmp_path, day)}
    assert {"AAPL", "MSFT"} <= set(told)
    assert told["AAPL"]["first_us"] == first_us
    assert {"AAPL", "IBM"} <= {row["symbol"] for row in rows(tmp_path, next_day)}
    assert "XOM" in {*told, *(row["symbol"] for row in rows(tmp_path, next_day))}


@pytest.mark.asyncio
async def test_a_damaged_file_is_put_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The day goes on, and nobody's report is overwritten unseen."""
    monkeypatch.setattr(usage_keeper, "LOOK_S", 0.01)
    clock = FakeClock()
    day = day_of(clock.utc_us())
    (tmp_path / f"usage-{day}.jsonl").write_text('{"user": 1}\n', encoding="utf-8")
    with pytest.raises(ConfigError, match="damaged") as refused:
        UsageFiles(tmp_path).read(day)
    assert refused.value.facts["line"] == 1
    running = asyncio.create_task(keeper(tmp_path, clock).run())
    await until((tmp_path / f"usage-{day}.damaged").exists)
    running.cancel()


def test_nothing_is_kept_without_a_directory_or_without_keys(tmp_path: Path) -> None:
    """There is nobody to report, or nowhere to."""
    clock = FakeClock()
    for one in (keeper(None, clock), keeper(tmp_path, clock, is_on=False)):
        one.note(use(clock, "AAPL"))
        asyncio.run(one.run())
        one.close()
    assert list(tmp_path.iterdir()) == []


def test_what_finds_no_room_is_counted_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A report with a hole says so, in the figures and in the file."""
    monkeypatch.setattr(usage, "ROWS_MAX", 1)
    clock, counters = FakeClock(), Counters()
    one = UsageKeeper(tmp_path, clock=clock, counters=counters, is_on=True)
    for symbol in ("A", "B", "C"):
        one.note(use(clock, symbol))
    one.close()
    assert counters.value(Counter.USAGE_DROPPED) == 2
    report = report_of(tmp_path, None)
    assert report["dropped"] == 2
    assert "2 facts are missing" in text_of(report)


def test_old_days_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk is finite."""
    monkeypatch.setattr(usage_files, "DAYS_MAX", 2)
    files = UsageFiles(tmp_path)
    for day in ("2026-01-01", "2026-01-02", "2026-01-03"):
        assert files.write(day, [{"dropped": 1}])
    files.forget_old()
    assert files.days() == ["2026-01-02", "2026-01-03"]


def test_a_directory_that_cannot_be_used_is_no_end(tmp_path: Path) -> None:
    """Prices go on; the next write tries again."""
    files = UsageFiles(tmp_path / "gone")
    assert not files.write("2026-01-01", [])
    with pytest.raises(ConfigError):
        files.days()
    (tmp_path / "usage-2026-01-01.jsonl").mkdir()
    with pytest.raises(ConfigError):
        UsageFiles(tmp_path).read("2026-01-01")


def test_a_report_sums_up_by_user(tmp_path: Path) -> None:
    """What is handed to an exchange."""
    clock = FakeClock()
    one = keeper(tmp_path, clock)
    for user, symbol in (("bob", "AAPL"), ("bob", "\x1b[2J*"), ("alice", "AAPL")):
        one.note(use(clock, symbol, user=user))
    one.close()
    report = report_of(tmp_path, None)
    assert [(u["user"], u["symbols"], u["connections"]) for u in report["users"]] == [
        ("alice", 1, 1),
        ("bob", 2, 2),
    ]
    text = text_of(report)
    assert text.isascii()
    assert "\x1b" not in text
    assert "bob: 2 symbols" in text


@pytest.mark.parametrize(
    ("directory", "day", "message"),
    [
        (False, None, "no usage is kept"),
        (True, None, "no report of that day"),
        (True, "2020-01-01", "no report of that day"),
        (True, "../secret", "no day"),
    ],
)
def test_what_there_is_no_report_of_is_said(
    tmp_path: Path, *, directory: bool, day: str | None, message: str
) -> None:
    """With what to do about it."""
    with pytest.raises(ConfigError, match=message) as refused:
        report_of(tmp_path if directory else None, day)
    assert refused.value.hint
