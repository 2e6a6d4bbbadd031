"""The short cut for lines that only change a quote: the same answer, sooner."""

import pytest

from gateway.normalize import pipeline as pipeline_module
from gateway.normalize import quotes as quotes_module
from gateway.normalize.level1 import Level1Normalizer
from gateway.normalize.quotes import QuoteFirstNormalizer
from tests.unit.normalize.line_desk import COLUMNS, NOW_US, Desk, line, utc_us


class SlowPath:
    """Counts the lines that the short cut hands over."""

    def __init__(self, desk: Desk) -> None:
        self.count = 0
        self._read = desk.pipeline._read_one
        desk.pipeline._read_one = self  # type: ignore[method-assign, assignment]

    def __call__(self, text: str, recv_us: int) -> None:
        """Count and read one line."""
        self.count += 1
        self._read(text, recv_us)


def warm_desk() -> Desk:
    """A live symbol whose usual texts have all been learned."""
    desk = Desk()
    desk.live()
    for _ in range(3):
        desk.feed(line("Q", "ba"))
    desk.raw.clear()
    return desk


@pytest.mark.parametrize("contents", ["b", "a", "ba", "ab"])
def test_usual_change_of_a_quote_takes_the_short_cut(contents: str) -> None:
    """Otherwise every other test here would prove nothing about it."""
    desk = warm_desk()
    slow = SlowPath(desk)
    desk.feed(line("Q", contents), recv_us=NOW_US + 3)
    assert slow.count == 0
    quote = desk.one("quote")
    assert (quote["bid"], quote["ask"], quote["sequence"], quote["flags"]) == (188.25, 188.36, 5, 0)
    assert quote["event_us"] == quote["ask_us"] == utc_us("2026-09-16 09:59:59.3")
    assert desk.board.symbols["AAPL"].last_line_us == NOW_US + 3


UNUSUAL = [
    line("Q", "Cba"),
    line("Q", "bav"),
    line("Q", "bz"),
    line("Q", ""),
    line("P", "ba"),
    line("Q", "ba", symbol="MSFT"),
    line("Q", "ba", {"Bid": "1.01"}),
    line("Q", "ba", {"Bid": "nan"}),
    line("Q", "ba", {"Ask": "-0"}),
    line("Q", "ba", {"Bid Size": "7"}),
    line("Q", "ba", {"Bid Size": "1e5"}),
    line("Q", "ba", {"Ask Size": "\xb2"}),
    line("Q", "ba", {"Ask Market Center": "x"}),
    line("Q", "ba", {"Bid Market Center": "-1"}),
    line("Q", "ba", {"Bid Time": ""}),
    line("Q", "ba", {"Ask Time": "9:59"}),
    line("Q", "a", {"Bid Time": "09:59:58.000000"}),
    line("Q", "b", {"Ask Time": "09:59:58.000000"}),
    line("Q", "ba") + "extra,",
    line("Q", "ba").rsplit(",", 1)[0],
    line("Q", "ba").rsplit(",", 2)[0],
    line("Q", "ba").rsplit(",", 20)[0],
    "Q,AAPL,ba",
    "T,20260916 10:00:01",
    "S,KEY,1",
    "X",
]


@pytest.mark.parametrize("text", UNUSUAL)
def test_unusual_line_takes_the_long_way(text: str) -> None:
    """The short cut knows one case and must recognize every other."""
    desk = warm_desk()
    slow = SlowPath(desk)
    desk.feed(text)
    assert slow.count == 1


@pytest.mark.parametrize("text", [*UNUSUAL, line("Q", "ba"), line("Q", "b", {"Bid": "1.5"})])
def test_both_ways_give_the_same_frames_and_counts(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """Byte for byte, before and after, so that the short cut can never be a different answer."""
    results = []
    for reader in (QuoteFirstNormalizer, Level1Normalizer):
        monkeypatch.setattr(pipeline_module, "QuoteFirstNormalizer", reader)
        desk = warm_desk()
        for step in range(3):
            desk.feed(text, line("Q", "ba"), line("Q", "b"), recv_us=NOW_US + step)
        results.append((desk.raw, desk.counters.as_map()))
    assert results[0] == results[1]


def test_line_that_is_not_wholly_there_is_never_taken_for_whole() -> None:
    """The rest of the line is compared with the last one; every cut differs from it."""
    desk = warm_desk()
    whole = line("Q", "ba")
    for end in range(len("Q,AAPL,"), len(whole)):
        desk.feed(whole[:end])
    assert desk.take() == []
    assert desk.counted() == {"lines_truncated": len(whole) - len("Q,AAPL,")}


def test_last_trade_that_changed_without_saying_so_is_no_hindrance() -> None:
    """The columns behind the quote may differ; whole is whole."""
    desk = warm_desk()
    slow = SlowPath(desk)
    desk.feed(line("Q", "ba", {"Total Volume": "99"}), line("Q", "ba", {"Total Volume": "99"}))
    assert slow.count == 0
    assert len(desk.take("quote")) == 2


@pytest.mark.parametrize("is_price", [True, False])
def test_learned_texts_are_bounded(monkeypatch: pytest.MonkeyPatch, *, is_price: bool) -> None:
    """A market of endless prices, or garbage, must not take memory; values stay right."""
    monkeypatch.setattr(quotes_module, "ENTRIES_MAX", 10)
    desk = warm_desk()
    name, item = ("Bid", "bid") if is_price else ("Bid Size", "bid_size")
    for value in range(40):
        for _ in range(3):
            desk.feed(line("Q", "ba", {name: str(value)}))
        assert [quote[item] for quote in desk.take("quote")] == [value] * 3
    reader = desk.pipeline._level1
    assert isinstance(reader, QuoteFirstNormalizer)
    assert len(reader._known_prices) <= 10
    assert len(reader._known_sizes) <= 10
    assert desk.counted()["cache_resets"] >= 3


def test_invalid_texts_are_never_learned() -> None:
    """They are complained of every time they are seen."""
    desk = warm_desk()
    for _ in range(5):
        desk.feed(line("Q", "ba", {"Bid": "1e5", "Ask Size": "-1"}))
    assert [(quote["bid"], quote["ask_size"]) for quote in desk.take("quote")] == [(None, None)] * 5
    assert desk.counted() == {"values_invalid": 10}


def test_empty_sides_are_learned_as_absent() -> None:
    """A symbol without a bid is usual before the market opens, and its lines are many."""
    desk = warm_desk()
    empty = {"Bid": "", "Bid Size": "", "Bid Market Center": ""}
    for _ in range(3):
        desk.feed(line("Q", "a", empty))
    desk.raw.clear()
    slow = SlowPath(desk)
    desk.feed(line("Q", "a", empty))
    assert slow.count == 0
    quote = desk.one("quote")
    assert (quote["bid"], quote["bid_size"], quote["bid_market_center"]) == (None, None, None)
    assert desk.counted() == {}


def test_later_side_is_the_time_of_the_quote() -> None:
    """Whichever of the two it is."""
    desk = warm_desk()
    for bid_time, ask_time in (("09:59:59.5", "09:59:59.4"), ("09:59:59.4", "09:59:59.5")):
        columns = {"Bid Time": f"{bid_time}00000", "Ask Time": f"{ask_time}00000"}
        desk.feed(line("Q", "ba", columns))
        assert desk.one("quote")["event_us"] == utc_us("2026-09-16 09:59:59.5")


def test_defaults_of_the_desk_are_a_quote_with_all_columns() -> None:
    """An empty default column would take the long way and prove nothing."""
    assert all(COLUMNS[name] for name in list(COLUMNS)[2:10])
