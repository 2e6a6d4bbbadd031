"""The seeded market repeats itself, and a first watch finds a plausible day."""

from datetime import datetime

import pytest

from gateway.simulator import symbol_state as column
from gateway.simulator.eastern import SECOND_US, eastern_us
from gateway.simulator.fields import INDEX, MESSAGE_CONTENTS
from gateway.simulator.instruments import QUIET_SYMBOL, universe
from gateway.simulator.market import Market

AT = "2026-09-16T10:00:00"


def market_at(at: str = AT, *, seed: int = 3, trade_share: float = 0.5) -> Market:
    """A small market at a wall-clock time."""
    now_us = eastern_us(datetime.fromisoformat(at))
    return Market(seed=seed, equity_count=60, trade_share=trade_share, now_us=now_us)


def lines_of(market: Market, symbols: list[str], count: int) -> list[str]:
    """All columns of some events, joined."""
    for symbol in symbols:
        market.watch(symbol)
    start_us = market.moment.second * SECOND_US
    return [
        ",".join(state.columns) for state, _ in market.events(count, start_us, start_us + SECOND_US)
    ]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_same_seed_gives_the_same_market(seed: int) -> None:
    """A failure can be repeated from the seed it printed."""
    symbols = ["AAPL", "@ES#", "VIX.XO"]
    one = lines_of(market_at(seed=seed), symbols, 500)
    assert one == lines_of(market_at(seed=seed), symbols, 500)
    assert one != lines_of(market_at(seed=seed + 1), symbols, 500)


def test_a_symbol_does_not_depend_on_what_else_is_watched() -> None:
    """Its trades are the same sequence alone and in company."""
    prints = []
    for symbols in (["AAPL"], ["AAPL", "MSFT", "SPY"]):
        market = market_at(trade_share=1.0)
        for symbol in symbols:
            market.watch(symbol)
        start_us = market.moment.second * SECOND_US
        prints.append(
            [
                (state.columns[column.TRADE_PRICE], state.columns[column.TRADE_CONDITIONS])
                for state, _ in market.events(300, start_us, start_us + SECOND_US)
                if state.symbol == "AAPL"
            ]
        )
    shortest = min(len(prices) for prices in prints)
    assert shortest > 30
    assert prints[0][:shortest] == prints[1][:shortest]


def test_the_universe_has_every_kind_of_symbol() -> None:
    """Hundreds of equities, class shares, futures, forex, an index, a test symbol."""
    symbols = universe(1, equity_count=300, day=20_712)
    assert len([one for one in symbols.values() if one.is_equity]) == 301
    for symbol in ("AAPL", "MSFT", "GOOGL", "AMZN", "TSLA", "NVDA", "BRK.B", "@ESZ26", "@ES#",
                   "QCL#", "EURUSD.FXCM", "VIX.XO", "TST$Y", QUIET_SYMBOL):  # fmt: skip
        assert symbol in symbols


def test_only_watched_and_open_symbols_have_events() -> None:
    """The asked rate is spent on lines that somebody gets."""
    market = market_at("2026-09-16T21:00:00")
    start_us = market.moment.second * SECOND_US
    market.watch("AAPL")
    assert list(market.events(100, start_us, start_us + SECOND_US)) == []
    market.watch("@ES#")
    events = list(market.events(100, start_us, start_us + SECOND_US))
    assert {state.symbol for state, _ in events} == {"@ES#"}
    market.unwatch("@ES#")
    assert list(market.events(100, start_us, start_us + SECOND_US)) == []


def test_an_unknown_symbol_has_no_state() -> None:
    """The port answers `n` for it."""
    market = market_at()
    assert market.state("NOPE") is None
    with pytest.raises(KeyError):
        market.watch("NOPE")


@pytest.mark.parametrize(
    ("at", "has_range", "basis"),
    [
        ("2026-09-16T02:00:00", False, "C"),
        ("2026-09-16T08:00:00", False, "E"),
        ("2026-09-16T10:00:00", True, "C"),
        ("2026-09-16T18:00:00", True, "E"),
        ("2026-09-19T12:00:00", True, "E"),
    ],
)
def test_a_first_watch_finds_a_day_that_fits_the_clock(
    at: str, has_range: bool, basis: str
) -> None:
    """A snapshot shows what a symbol would show at that hour."""
    state = market_at(at).state("AAPL")
    assert state is not None
    columns = state.columns
    assert bool(columns[column.OPEN_COLUMN]) is has_range
    assert state.last_basis == basis
    assert columns[column.CLOSE_COLUMN]
    assert columns[column.LAST_PRICE]
    assert float(columns[column.BID_PRICE_COLUMN]) < float(columns[column.ASK_PRICE_COLUMN])
    assert (columns[column.TOTAL_VOLUME] == "0") is (at[11:] == "02:00:00")
    assert sum(state.tick_ids.values()) == state.trade_count


def test_the_quiet_symbols_last_trade_is_days_old() -> None:
    """A snapshot may be old; taking it for news is a classic mistake."""
    state = market_at().state(QUIET_SYMBOL)
    assert state is not None
    month, day, _ = state.columns[column.TRADE_DATE].split("/")
    assert (month, int(day) <= 12) == ("09", True)
    assert state.columns[column.TOTAL_VOLUME] == "0"


def test_calculated_columns_follow_the_plain_ones() -> None:
    """IQConnect computes change, spread and range itself."""
    market = market_at()
    market.watch("AAPL")
    start_us = market.moment.second * SECOND_US
    for state, flags in market.events(500, start_us, start_us + SECOND_US):
        state.stale |= flags
        state.render_derived()
        columns = state.columns
        values = {name: columns[index] for name, index in INDEX.items()}
        assert close(values["Spread"], float(values["Ask"]) - float(values["Bid"]))
        assert close(values["Range"], float(values["High"]) - float(values["Low"]))
        assert close(values["Change"], float(values["Last"]) - float(values["Close"]))
        assert columns[MESSAGE_CONTENTS]


def close(text: str, value: float) -> bool:
    """Equal within the last digit."""
    return abs(float(text) - value) < 0.000_06
