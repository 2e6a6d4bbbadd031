"""The short cut for lines that only change a quote: the same answer, sooner."""

import pytest

from gateway.model.enums import Cause
from gateway.normalize import pipeline as pipeline_module
from gateway.normalize import quotes as quotes_module
from gateway.normalize.level1 import Level1Normalizer
from gateway.normalize.quotes import QuoteFirstNormalizer
from tests.support.pipelines import PYTHON
from tests.unit.normalize.line_desk import COLUMNS, NOW_US, Desk, Options, another, line, utc_us


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


def warm_desk(pipeline: str = PYTHON) -> Desk:
    """A live symbol whose usual texts have all been learned."""
    desk = Desk(Options(pipeline=pipeline))
    desk.live()
    for _ in range(3):
        desk.feed(another("Q", "ba"), another("Q", "C"))
    desk.pipeline.flush_all()
    desk.raw.clear()
    return desk


@pytest.mark.parametrize("contents", ["b", "a", "ba", "ab"])
def test_usual_change_of_a_quote_takes_the_short_cut(contents: str) -> None:
    """Otherwise every other test here would prove nothing about it."""
    desk = warm_desk()
    slow = SlowPath(desk)
    desk.feed(another("Q", contents), recv_us=NOW_US + 3)
    assert slow.count == 0
    quote = desk.one("quote")
    assert (quote["bid"], quote["ask"], quote["sequence"], quote["flags"]) == (188.25, 188.36, 5, 0)
    assert quote["event_us"] == quote["ask_us"] == utc_us("2026-09-16 09:59:59.3")
    assert desk.board.symbols["AAPL"].last_line_us == NOW_US + 3


@pytest.mark.parametrize("contents", ["C", "E", "O", "Cv", "Cba", "bEa", "Obv"])
def test_usual_trade_takes_the_short_cut(contents: str) -> None:
    """Every item of it, and the quote beside it; the summary behind it waits for its time."""
    desk = warm_desk()
    slow = SlowPath(desk)
    assert desk.pipeline._values.plans[contents].basis
    desk.feed(another("Q", contents, {"Total Volume": "37629453"}), recv_us=NOW_US + 3)
    assert slow.count == 0
    trade, *others = desk.take()
    assert (trade["price"], trade["size"], trade["trade_id"]) == (188.3, 50, 4711)
    assert (trade["market_center"], trade["conditions"], trade["aggressor"]) == (19, "3D87", 0)
    assert (trade["total_volume"], trade["bid"], trade["ask"]) == (37629453, 188.25, 188.36)
    assert trade["event_us"] == utc_us("2026-09-16 09:59:58.000001")
    assert (trade["sequence"], trade["flags"], trade["recv_us"]) == (4, 0, NOW_US + 3)
    assert [frame["kind"] for frame in others] == ["quote"] * ("b" in contents)
    assert desk.board.symbols["AAPL"].last_line_us == NOW_US + 3
    desk.pipeline.flush_all()
    summary = desk.one("summary")
    assert (summary["last"], summary["vwap"]) == (188.29, 188.0123)
    assert summary["last_conditions"] == "3D87"


UNUSUAL = [
    line("Q", "Ch"),
    line("Q", "CE"),
    line("Q", "C", {"Most Recent Trade": "188.31"}),
    line("Q", "C", {"Most Recent Trade": ""}),
    line("Q", "C", {"Most Recent Trade": "nan"}),
    line("Q", "C", {"Most Recent Trade Size": "-1"}),
    line("Q", "C", {"Most Recent Trade Size": "51"}),
    line("Q", "C", {"Most Recent Trade Conditions": "3D8"}),
    line("Q", "C", {"Most Recent Trade Conditions": "01"}),
    line("Q", "C", {"Most Recent Trade Market Center": "7"}),
    line("Q", "C", {"Most Recent Trade Aggressor": "x"}),
    line("Q", "C", {"Most Recent Trade Date": ""}),
    line("Q", "C", {"Most Recent Trade Date": "16/09/2026"}),
    line("Q", "C", {"Most Recent Trade Time": "noon"}),
    line("Q", "C", {"TickID": ""}),
    line("Q", "C", {"TickID": str(2**64 - 1)}),
    line("Q", "C", {"TickID": str(2**64)}),
    line("Q", "C", {"Total Volume": "x"}),
    line("Q", "C", {"Total Volume": str(2**63)}),
    line("Q", "C", {"Bid": "7.5"}),
    line("Q", "C", {"Ask": "x"}),
    line("Q", "C") + "extra,",
    line("Q", "C").rsplit(",", 1)[0],
    line("Q", "C").rsplit(",", 14)[0],
    line("Q", "C").rsplit(",", 20)[0],
    line("Q", "C", symbol="MSFT"),
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


@pytest.mark.parametrize(
    "text", [*UNUSUAL, line("Q", "ba"), line("Q", "b", {"Bid": "1.5"}), line("Q", "C")]
)
def test_both_ways_give_the_same_frames_and_counts(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """Byte for byte, before and after, so that the short cut can never be a different answer."""
    results = []
    for reader in (QuoteFirstNormalizer, Level1Normalizer):
        monkeypatch.setattr(pipeline_module, "QuoteFirstNormalizer", reader)
        desk = warm_desk()
        for step in range(3):
            more = (line("Q", "ba"), line("Q", "b"), line("Q", "Cba"), line("Q", "E"))
            desk.feed(text, *more, recv_us=NOW_US + step)
            desk.pipeline.flush_all()
        results.append((desk.raw, desk.counters.as_map()))
    assert results[0] == results[1]


def test_line_that_is_not_wholly_there_is_never_taken_for_whole(pipeline_name: str) -> None:
    """The rest of the line is compared with the last one; every cut differs from it."""
    desk = warm_desk(pipeline_name)
    whole = line("Q", "ba")
    for end in range(len("Q,AAPL,"), len(whole)):
        desk.feed(whole[:end])
    assert desk.take() == []
    assert desk.counted() == {"lines_truncated": len(whole) - len("Q,AAPL,")}


def test_last_trade_that_changed_without_saying_so_is_no_hindrance(pipeline_name: str) -> None:
    """The columns behind the quote may differ; whole is whole."""
    desk = warm_desk(pipeline_name)
    slow = SlowPath(desk)
    desk.feed(*(another("Q", "ba", {"Total Volume": "99"}) for _ in range(2)))
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
            desk.feed(another("Q", "ba", {name: str(value)}))
        assert [quote[item] for quote in desk.take("quote")] == [value] * 3
    reader = desk.pipeline._level1
    assert isinstance(reader, QuoteFirstNormalizer)
    assert len(reader._known_prices) <= 10
    assert len(reader._known_sizes) <= 10
    assert desk.counted()["cache_resets"] >= 3


def test_invalid_texts_are_never_learned(pipeline_name: str) -> None:
    """They are complained of every time they are seen."""
    desk = warm_desk(pipeline_name)
    for _ in range(5):
        desk.feed(another("Q", "ba", {"Bid": "1e5", "Ask Size": "-1"}))
    assert [(quote["bid"], quote["ask_size"]) for quote in desk.take("quote")] == [(None, None)] * 5
    assert desk.counted() == {"values_invalid": 10}


def test_empty_sides_are_learned_as_absent() -> None:
    """A symbol without a bid is usual before the market opens, and its lines are many."""
    desk = warm_desk()
    empty = {"Bid": "", "Bid Size": "", "Bid Market Center": ""}
    for _ in range(3):
        desk.feed(another("Q", "a", empty))
    desk.raw.clear()
    slow = SlowPath(desk)
    desk.feed(another("Q", "a", empty))
    assert slow.count == 0
    quote = desk.one("quote")
    assert (quote["bid"], quote["bid_size"], quote["bid_market_center"]) == (None, None, None)
    assert desk.counted() == {}


def test_short_cut_for_an_odd_lot_leaves_the_last_trades_conditions() -> None:
    """The summary shows the last qualified trade and, beside it, that trade's conditions."""
    desk = warm_desk()
    odd_lot = {"Most Recent Trade Conditions": "87"}
    for _ in range(3):
        desk.feed(another("Q", "O", odd_lot))
    desk.pipeline.flush_all()
    desk.raw.clear()
    slow = SlowPath(desk)
    desk.feed(another("Q", "C"), another("Q", "O", odd_lot))
    assert slow.count == 0
    desk.pipeline.flush_all()
    assert desk.one("summary")["last_conditions"] == "3D87"


def test_trade_in_a_wider_field_set_takes_the_long_way() -> None:
    """The short cut for trades counts columns; more of them than our own are no usual case."""
    names = (*COLUMNS, "Delay")
    desk = Desk(Options(names=names, pipeline=PYTHON))
    desk.live()
    slow = SlowPath(desk)
    for _ in range(4):
        desk.feed(another("Q", "Cba", {"Delay": "15"}, names=names))
    assert slow.count == 4
    assert [trade["price"] for trade in desk.take("trade")] == [188.3] * 4
    assert desk.counted() == {}


def test_first_usual_line_after_an_outage_takes_the_long_way(pipeline_name: str) -> None:
    """It makes the symbol live, repeats the summary, and its other side is doubted."""
    desk = warm_desk(pipeline_name)
    desk.board.lose_upstream(Cause.DTN_LINK_DOWN)
    desk.board.recover_upstream()
    desk.raw.clear()
    desk.feed(line("Q", "b"))
    assert [frame["kind"] for frame in desk.take()] == ["state", "quote", "summary"]
    assert desk.board.symbols["AAPL"].is_live


def test_later_side_is_the_time_of_the_quote(pipeline_name: str) -> None:
    """Whichever of the two it is."""
    desk = warm_desk(pipeline_name)
    for bid_time, ask_time in (("09:59:59.5", "09:59:59.4"), ("09:59:59.4", "09:59:59.5")):
        columns = {"Bid Time": f"{bid_time}00000", "Ask Time": f"{ask_time}00000"}
        desk.feed(line("Q", "ba", columns))
        assert desk.one("quote")["event_us"] == utc_us("2026-09-16 09:59:59.5")


def test_defaults_of_the_desk_are_a_quote_with_all_columns() -> None:
    """An empty default column would take the long way and prove nothing."""
    assert all(COLUMNS[name] for name in list(COLUMNS)[2:10])
