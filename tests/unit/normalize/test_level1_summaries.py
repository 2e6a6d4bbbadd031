"""At most one summary an interval after trades, and never a last value lost."""

import pytest

from tests.unit.normalize.line_desk import (
    CONFLATED,
    GATEWAY_NAMES,
    INTERVAL_US,
    LAYOUTS,
    NOW_US,
    SNAPSHOT,
    Desk,
    Options,
    another,
    line,
)

pytestmark = pytest.mark.usefixtures("pipeline_name")


@LAYOUTS
def test_trades_share_a_summary_per_interval_and_the_last_value_is_published(
    names: tuple[str, ...],
) -> None:
    """Hundreds of trades a second must not double the traffic, and the final value must come."""
    desk = Desk(Options(names=names))
    desk.live()
    start_us = NOW_US + INTERVAL_US
    for index in range(5):
        columns = {"Last": f"188.{index}000", "Total Volume": str(1000 + index)}
        desk.feed(line("Q", "Cv", columns, names=names), recv_us=start_us + index * 1000)
    first = desk.one("summary")
    assert (first["last"], first["merged"], first["flags"]) == (188.0, 1, 0)
    desk.pipeline.flush(start_us + INTERVAL_US - 1)
    assert desk.take() == []
    desk.pipeline.flush(start_us + INTERVAL_US)
    second = desk.one("summary")
    assert (second["last"], second["total_volume"]) == (188.4, 1004)
    assert (second["merged"], second["flags"]) == (4, CONFLATED)
    assert (second["sequence"], second["recv_us"]) == (first["sequence"] + 1, start_us + 4000)
    desk.pipeline.flush(start_us + 9 * INTERVAL_US)
    assert desk.take() == []
    counters = desk.counters.as_map()
    assert (counters["summaries_published"], counters["summaries_merged"]) == (3, 3)
    assert (counters["trades_published"], counters["quotes_published"]) == (5, 1)


@pytest.mark.parametrize(("letter", "flags"), [("Q", CONFLATED), ("P", CONFLATED | SNAPSHOT)])
def test_summary_at_once_takes_the_waiting_one_along(letter: str, flags: int) -> None:
    """A new high must not be followed by the older summary that was waiting."""
    desk = Desk()
    desk.live()
    desk.feed(line("Q", "C"), another("Q", "C"), line(letter, "h", {"High": "190.0000"}))
    summary = desk.one("summary")
    assert (summary["high"], summary["merged"], summary["flags"]) == (190.0, 3, flags)
    desk.pipeline.flush_all()
    assert desk.take() == []


def test_summaries_of_symbols_wait_independently() -> None:
    """A busy symbol must not hold back or release another one's."""
    desk = Desk()
    desk.live()
    desk.live("MSFT")
    desk.feed(line("Q", "C"), recv_us=NOW_US + 1000)
    desk.feed(line("Q", "C", symbol="MSFT"), recv_us=NOW_US + 200_000)
    desk.raw.clear()
    desk.pipeline.flush(NOW_US + INTERVAL_US)
    assert {frame["symbol"] for frame in desk.take("summary")} == {"AAPL", "MSFT"}


@pytest.mark.parametrize("step_us", [-3_600_000_000, 3_600_000_000])
def test_stepped_wall_clock_never_holds_a_summary(step_us: int) -> None:
    """NTP sets the host back an hour: the value must not wait an hour."""
    desk = Desk()
    desk.live()
    desk.feed(line("Q", "C"), recv_us=NOW_US + 1)
    assert len(desk.take("summary")) == 0
    desk.pipeline.flush(NOW_US + step_us)
    assert len(desk.take("summary")) == 1
    desk.feed(another("Q", "C"), recv_us=NOW_US + 2 * step_us)
    assert len(desk.take("summary")) == 1


def test_summary_that_waits_is_dropped_with_a_closed_symbol() -> None:
    """Nobody wants it any more, and after a reopening it would be old news."""
    desk = Desk()
    symbol = desk.live()
    desk.feed(line("Q", "C"))
    desk.board.close(symbol)
    desk.raw.clear()
    desk.pipeline.flush(NOW_US + INTERVAL_US)
    desk.pipeline.flush_all()
    assert desk.take() == []
    desk.live()
    desk.feed(line("Q", "C", {"Last": "190.0000"}), recv_us=NOW_US + 1)
    desk.pipeline.flush_all()
    summary = desk.one("summary")
    assert (summary["last"], summary["merged"], summary["flags"]) == (190.0, 1, 0)


def test_summary_that_waits_at_one_connection_is_taken_along_by_another() -> None:
    """Whoever delivers a symbol's next line, it is read, and the value is told once."""
    desk = Desk()
    desk.live()
    desk.feed(another("Q", "Cv"), another("Q", "Cv"), recv_us=NOW_US + INTERVAL_US)
    desk.take()
    other = desk.connection()
    other.select(GATEWAY_NAMES)
    other.feed(f"{line('Q', 'h', {'High': '189.6000'})}\r\n".encode(), NOW_US + INTERVAL_US + 1)
    assert desk.one("summary")["high"] == 189.6
    desk.pipeline.flush(NOW_US + 9 * INTERVAL_US)
    assert desk.take("summary") == []
    assert desk.counted() == {}
