"""Level 1 and the book agree: the quote is its top, a trade is a fill of it."""

from datetime import datetime

import pytest

from gateway.simulator import symbol_state as column
from gateway.simulator.changes import TRADE
from gateway.simulator.deep_symbol import DeepSymbol
from gateway.simulator.eastern import SECOND_US, eastern_us
from gateway.simulator.market import Market
from gateway.simulator.matching import CHANGED, DELETED
from gateway.simulator.truth import true_levels, true_makers, true_orders
from gateway.simulator.venues import REPORTING_FACILITIES

SYMBOLS = ("AAPL", "BRK.A", "@ES#", "@YM#", "QNG#", "QCL#")


def market_at(at: str = "2026-09-16T10:00:00", *, seed: int = 5, depth_orders: int = 60) -> Market:
    """A small market at a wall-clock time."""
    now_us = eastern_us(datetime.fromisoformat(at))
    return Market(
        seed=seed, equity_count=60, trade_share=0.4, now_us=now_us, depth_orders=depth_orders
    )


def deep_of(market: Market, symbol: str) -> DeepSymbol:
    """A watched symbol with its book."""
    market.watch(symbol)
    found = market.depth(symbol)
    assert found is not None
    found.publish_depth = lambda: None
    return found


def events_of(market: Market, count: int) -> list[tuple[str, int]]:
    """Some events, all columns joined."""
    start_us = market.moment.second * SECOND_US
    return [
        (",".join(state.columns), flags)
        for state, flags in market.events(count, start_us, start_us + SECOND_US)
    ]


def check_top(state: DeepSymbol) -> None:
    """The quote shown is the top of a sound book."""
    columns = state.columns
    bid, ask = state.book.bids.best(), state.book.asks.best()
    assert bid is not None
    assert ask is not None
    assert bid.price < ask.price
    assert (bid.price, ask.price) == (state.bid, state.ask)
    for level, price, size, center in (
        (bid, column.BID_PRICE_COLUMN, column.BID_SIZE, column.BID_CENTER),
        (ask, column.ASK_PRICE_COLUMN, column.ASK_SIZE, column.ASK_CENTER),
    ):
        assert columns[price] == state.text(level.price)
        assert columns[size] == str(level.size)
        assert columns[center] == level.first.maker


@pytest.mark.parametrize("symbol", SYMBOLS)
@pytest.mark.parametrize("seed", [1, 2])
def test_the_quote_is_the_top_of_the_book_after_every_event(symbol: str, seed: int) -> None:
    """Two ports that disagree about one market would make every client look wrong."""
    print(f"seed={seed}")
    market = market_at(seed=seed)
    state = deep_of(market, symbol)
    check_top(state)
    start_us = market.moment.second * SECOND_US
    for number, (_, flags) in enumerate(market.events(1500, start_us, start_us + SECOND_US)):
        check_top(state)
        if flags & TRADE and state.columns[column.TRADE_CENTER] not in REPORTING_FACILITIES:
            taken = [one for one in state.book.changes if one.kind in (CHANGED, DELETED)]
            assert taken, "a trade takes from the book"
            assert state.columns[column.TRADE_CENTER] == taken[0].maker
        state.book.changes.clear()
        if number % 3 == 0:
            before = list(state.columns)
            state.deep_event("10:00:00.000001")
            assert state.book.changes
            state.book.changes.clear()
            assert state.columns == before
            check_top(state)
        for side in (state.book.bids, state.book.asks):
            assert 20 < side.order_count < 120


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_a_fill_takes_exactly_what_was_printed(symbol: str) -> None:
    """Volume on Level 1 is what left the book."""
    market = market_at()
    state = deep_of(market, symbol)
    prints = 0
    for number in range(400):
        orders = {one: order.size for one, order in state.book.orders.items()}
        state.book.changes.clear()
        flags = state.trade(f"10:00:00.{number:06d}", market.moment)
        assert flags & TRADE
        size = int(state.columns[column.TRADE_SIZE])
        if state.columns[column.TRADE_CENTER] in REPORTING_FACILITIES:
            assert not state.book.changes
            continue
        printed = state.columns[column.TRADE_PRICE]
        left = 0
        for change in state.book.changes:
            if change.order_id in orders and state.text(change.price) == printed:
                now = 0 if change.kind == DELETED else change.size
                left += orders[change.order_id] - now
        assert left == size, number
        prints += 1
    assert prints > 100


def test_the_book_put_underneath_has_the_top_that_was_shown() -> None:
    """A watch of the depth must not move Level 1."""
    market = market_at()
    for symbol in SYMBOLS:
        market.watch(symbol)
    events_of(market, 500)
    for symbol in SYMBOLS:
        state = market.state(symbol)
        assert state is not None
        before = list(state.columns)
        deep = market.depth(symbol)
        assert deep is state
        assert deep.columns == before
        check_top(deep)


def test_the_same_seed_gives_the_same_books() -> None:
    """A failure can be repeated from the seed it printed."""
    books = []
    for seed in (5, 5, 6):
        market = market_at(seed=seed)
        states = [deep_of(market, symbol) for symbol in SYMBOLS]
        events = events_of(market, 1000)
        books.append((events, [true_orders(state) for state in states]))
    assert books[0] == books[1]
    assert books[0] != books[2]


def test_a_book_does_not_depend_on_what_else_is_watched() -> None:
    """Its orders are the same sequence alone and in company."""
    alone, company = market_at(), market_at()
    mine, other = deep_of(alone, "AAPL"), deep_of(company, "AAPL")
    busy = [deep_of(company, symbol) for symbol in ("MSFT", "@ES#")]
    for number in range(300):
        time = f"10:00:00.{number:06d}"
        for state in busy:
            state.quote(time)
        if number % 3:
            assert mine.quote(time) == other.quote(time)
        else:
            assert mine.trade(time, alone.moment) == other.trade(time, company.moment)
        assert mine.columns == other.columns
    assert true_orders(mine) == true_orders(other)


def test_a_book_can_be_very_deep() -> None:
    """Tests of capacity need ten thousand orders a side."""
    state = deep_of(market_at(depth_orders=10_000), "@ES#")
    orders = true_orders(state)
    assert len(orders) >= 20_000
    assert len({one.order_id for one in orders}) == len(orders)
    for number in range(200):
        state.quote(f"10:00:00.{number:06d}")
        check_top(state)


def test_what_is_true_can_be_read_three_ways() -> None:
    """Orders, venues and levels are one book."""
    state = deep_of(market_at(), "AAPL")
    orders, makers, levels = true_orders(state), true_makers(state), true_levels(state)
    for letter, side in zip("BA", levels, strict=True):
        mine = [one for one in orders if one.side == letter]
        for level in side:
            at = [one for one in mine if one.price == level.price]
            assert (sum(one.size for one in at), len(at)) == level[1:]
        for row in (one for one in makers if one.side == letter):
            of_venue = [one for one in mine if one.market_maker == row.market_maker]
            assert of_venue[0].price == row.price
            assert row.size == sum(one.size for one in of_venue if one.price == row.price)
    assert true_makers(deep_of(market_at(), "@ES#")) == []


def test_some_ids_need_all_64_bits() -> None:
    """A client that keeps ids as doubles must be found out."""
    market = market_at(depth_orders=2)
    tops = [
        max(one.order_id for one in true_orders(deep_of(market, symbol)))
        for symbol, instrument in market.instruments.items()
        if not instrument.is_equity and market.depth(symbol) is not None
    ]
    assert max(tops) > 1 << 63
    assert min(tops) < 1 << 53
    assert max(tops) < 1 << 64


def test_books_change_unseen_without_trades() -> None:
    """While the link is down nothing prints, but orders come and go."""
    state = deep_of(market_at(), "@ES#")
    before, volume = {one.order_id for one in true_orders(state)}, state.volume
    state.change_unseen()
    after = {one.order_id for one in true_orders(state)}
    assert before - after
    assert after - before
    assert state.volume == volume
    check_top(state)


def test_a_futures_session_begins_with_a_fresh_book() -> None:
    """At 18:00 the exchange forgets every order; the quote shown stays."""
    market = market_at("2026-09-16T17:59:59")
    future, equity = deep_of(market, "@ES#"), deep_of(market, "AAPL")
    renewed: list[str] = []
    future.renew_depth = lambda: renewed.append("@ES#")
    equity.renew_depth = lambda: renewed.append("AAPL")
    before = {one.order_id for one in true_orders(future)}
    list(market.reach(market.moment.second + 1))
    assert renewed == ["@ES#"]
    assert not before & {one.order_id for one in true_orders(future)}
    check_top(future)
