"""Subscriptions and leases that want depth, beside those that want quotes of the same symbol."""

import pytest

from gateway.model.enums import SymbolState
from gateway.policy.demand import Service
from tests.support.depth_bench import order
from tests.unit.control.desk_bench import Bench


@pytest.fixture(name="bench")
def whole_bench() -> Bench:
    """Both desks, both ports whole, nothing asked yet."""
    bench = Bench()
    bench.frames.clear()
    return bench


def live(bench: Bench, symbol: str = "@ES") -> None:
    """The vendor sends a symbol's orders."""
    bench.depth.feed(order("6", 1, "B", "100.25", symbol=symbol))
    bench.depth.settle()


def depth_state(bench: Bench, symbol: str = "@ES") -> str:
    """How a symbol stands on Level 2, by the desk."""
    return bench.depth.desk.states(symbol)["book"][0]


def test_a_subscription_to_a_book_asks_level_2_only(bench: Bench) -> None:
    """A slot of Level 1's limit is not spent on it."""
    bench.gain(b"book,@ES,")
    assert bench.upstream.take() == []
    assert bench.depth.upstream.take() == ["WOR,@ES"]
    live(bench)
    assert bench.board.symbols["@ES"].state is SymbolState.CLOSED
    assert depth_state(bench) == "live"
    bench.lose(b"book,@ES,")
    bench.linger()
    assert bench.depth.upstream.take() == ["ROR,@ES"]
    assert bench.depth.depths.depths == {}


def test_a_variant_is_a_wish_for_the_book_and_lives_as_long(bench: Bench) -> None:
    """Its topic begins with the first subscription and ends with the last."""
    for _ in range(2):
        bench.gain(b"book@250x5,@ES,")
    bench.gain(b"book,@ES,")
    live(bench)
    depth = bench.depth.depths.depths["@ES"]
    assert set(depth.books) == {"", "250x5"}
    assert [topic.prefix for topic in bench.depth.depths.topics()] == [b"book@250x5,@ES,"]
    bench.lose(b"book@250x5,@ES,")
    assert set(depth.books) == {"", "250x5"}
    bench.lose(b"book@250x5,@ES,")
    assert set(depth.books) == {""}
    assert bench.demand.count("@ES", Service.BOOK) == 1
    bench.lose(b"book,@ES,")
    bench.linger()
    assert bench.depth.depths.depths == {}


@pytest.mark.parametrize(
    "topic",
    [
        b"order@250,@ES,",
        b"trade@250,@ES,",
        b"regional@5,@ES,",
        b"quote@250x5,@ES,",
        b"book@250,a;b,",
    ],
)
def test_other_variants_are_no_wishes(bench: Bench, topic: bytes) -> None:
    """They are not delivered, and a stranger's spelling must not reach the vendor."""
    bench.gain(topic)
    bench.lose(topic)
    assert bench.depth.upstream.take() == bench.upstream.take() == []
    assert bench.depth.depths.depths == {}


def test_the_state_speaks_for_quotes_where_they_are_wanted(bench: Bench) -> None:
    """Nobody who trades on quotes shall stop because another's book is not live."""
    bench.gain(b"quote,@ES,")
    bench.gain(b"order,@ES,")
    bench.hear("@ES")
    symbol = bench.board.symbols["@ES"]
    last = symbol.state_topic.last
    assert last is not None
    assert (last[6], last[9]) == ("live", {"level2": "pending"})
    live(bench)
    last = symbol.state_topic.last
    assert last is not None
    assert (last[6], last[9]) == ("live", {"level2": "live", "level2_source": "orders"})
    bench.lose(b"order,@ES,")
    bench.linger()
    last = symbol.state_topic.last
    assert last is not None
    assert (last[6], last[9]) == ("live", {})
    assert bench.upstream.take() == ["watch @ES"]


def test_a_refused_book_is_not_kept_for_the_next_consumer(bench: Bench) -> None:
    """The next one asks anew: an account may have been entitled meanwhile."""
    bench.gain(b"depth,@ES,")
    bench.depth.feed("q,@ES,")
    assert depth_state(bench) == "refused"
    bench.lose(b"depth,@ES,")
    assert bench.depth.depths.depths == {}
    bench.depth.upstream.take()
    bench.gain(b"depth,@ES,")
    assert bench.depth.upstream.take() == ["WPL,@ES"]


def test_a_new_level_1_connection_asks_for_no_depth(bench: Bench) -> None:
    """Each port is asked by its own desk."""
    bench.gain(b"quote,@ES,")
    bench.gain(b"book,@ES,")
    bench.upstream.take()
    bench.depth.upstream.take()
    bench.desk.ask_again()
    assert bench.upstream.take() == ["watch @ES"]
    assert bench.depth.upstream.take() == []


def test_no_room_for_a_symbol_is_said_and_leaves_nothing_behind() -> None:
    """A wish that was not counted must not be taken back."""
    bench = Bench(symbol_count_max=1)
    bench.gain(b"book,@ES,")
    bench.gain(b"book@250,@NQ,")
    assert bench.desk.refused_wishes == 1
    bench.lose(b"book@250,@NQ,")
    bench.lose(b"book,@ES,")
    bench.linger()
    bench.gain(b"book,@NQ,")
    assert set(bench.depth.depths.depths) == {"@NQ"}
    assert set(bench.depth.depths.depths["@NQ"].books) == {""}


def test_a_lease_and_a_subscription_hold_one_watch(bench: Bench) -> None:
    """The last of them ends it."""
    answer = bench.subscribe("@ES", kinds=("l2",))
    assert {each["topic"] for each in answer["topics"]} == {
        f"{kind},@ES," for kind in ("depth", "order", "book", "state")
    }
    assert sorted(bench.depth.upstream.take()) == ["WOR,@ES", "WPL,@ES"]
    bench.gain(b"order,@ES,")
    bench.ask("unsubscribe", client="desk")
    bench.linger()
    assert bench.depth.upstream.take() == ["RPL,@ES"]
    bench.lose(b"order,@ES,")
    bench.linger()
    assert bench.depth.upstream.take() == ["ROR,@ES"]
