"""Between demand and vendor: what is asked, when it ends, and what was refused meanwhile."""

import pytest

from gateway.control.feed_commands import ReadSnapshots, ReadStandings, ReadWatches, Unwatch, Watch
from gateway.control.public_topics import check_symbols
from gateway.control.watch_desk import SERVICES
from gateway.errors import QuotaExceeded
from gateway.model.enums import Cause, Flag, SymbolState
from gateway.model.messages import EVENT_KINDS, STATE_KINDS, Kind
from gateway.policy.demand import Service
from tests.unit.control.desk_bench import Bench

LEVEL1, REGIONAL = Service.LEVEL1, Service.REGIONAL


@pytest.fixture
def bench() -> Bench:
    """A gateway whose upstream is whole."""
    return Bench()


def test_the_first_wish_asks_the_vendor_and_the_next_do_not(bench: Bench) -> None:
    """One symbol costs the login's limit once, however many consumers want it."""
    bench.desk.want("A", LEVEL1)
    bench.desk.want("A", LEVEL1)
    bench.gain(b"quote,A,")
    assert bench.upstream.take() == ["watch A"]
    assert bench.state("A") == (SymbolState.PENDING, None)


def test_the_end_of_the_linger_sends_exactly_one_unwatch(bench: Bench) -> None:
    """A second one could cut off a consumer that came back in between."""
    bench.desk.want("A", LEVEL1)
    bench.hear("A")
    bench.desk.unwant("A", LEVEL1)
    bench.desk.close_lingering()
    assert bench.state("A")[0] is SymbolState.LIVE, "kept warm"
    bench.upstream.take()
    bench.linger()
    bench.desk.close_lingering()
    assert bench.upstream.take() == ["unwatch A"]
    assert bench.state("A")[0] is SymbolState.CLOSED


def test_a_wish_inside_the_linger_asks_nothing(bench: Bench) -> None:
    """A consumer that restarts finds its symbol live, and the vendor notices nothing."""
    bench.desk.want("A", LEVEL1)
    bench.hear("A")
    bench.desk.unwant("A", LEVEL1)
    bench.clock.advance(seconds=30)
    bench.upstream.take()
    bench.desk.want("A", LEVEL1)
    bench.linger()
    assert bench.upstream.take() == []
    assert bench.state("A")[0] is SymbolState.LIVE


def test_regional_quotes_and_trades_of_one_symbol_end_apart(bench: Bench) -> None:
    """Regional quotes include the watch: it ends with the last of both, once."""
    bench.desk.want("A", LEVEL1)
    bench.desk.want("A", REGIONAL)
    assert bench.upstream.take() == ["watch A", "regional on A"]
    bench.desk.unwant("A", LEVEL1)
    bench.linger()
    assert bench.upstream.take() == []
    assert bench.state("A")[0] is SymbolState.PENDING
    bench.desk.unwant("A", REGIONAL)
    bench.linger()
    assert bench.upstream.take() == ["regional off A", "unwatch A"]


def test_regional_quotes_can_end_while_trades_go_on(bench: Bench) -> None:
    """The normal watch stays."""
    bench.desk.want("A", REGIONAL)
    bench.desk.want("A", LEVEL1)
    bench.upstream.take()
    bench.desk.unwant("A", REGIONAL)
    bench.linger()
    assert bench.upstream.take() == ["regional off A"]


def test_both_services_that_end_together_end_the_watch_once(bench: Bench) -> None:
    """A consumer that held both leaves with one stroke."""
    bench.desk.want("A", REGIONAL)
    bench.desk.want("A", LEVEL1)
    bench.desk.unwant("A", REGIONAL)
    bench.desk.unwant("A", LEVEL1)
    bench.upstream.take()
    bench.linger()
    assert bench.upstream.take() == ["regional off A", "unwatch A"]


@pytest.mark.parametrize("kind", sorted(STATE_KINDS | EVENT_KINDS))
def test_only_kinds_that_are_delivered_open_a_watch(bench: Bench, kind: Kind) -> None:
    """A slot of the vendor's limit is not spent on what cannot be sent anyway."""
    bench.gain(f"{kind},A,".encode())
    asked = bench.upstream.take() + bench.depth.upstream.take()
    assert bool(asked) is (kind in SERVICES)


def test_system_topics_and_impossible_symbols_are_no_wishes(bench: Bench) -> None:
    """What a stranger subscribes to must not reach the vendor's command line."""
    bench.gain(b"sys,heartbeat,")
    for topic in (b"quote,aapl,", b"quote,A;S,", b"quote, A,", b"quote,A\r\nS,"):
        bench.gain(topic)
        bench.lose(topic)
    assert bench.upstream.take() == []
    assert bench.desk.refused_wishes == 4
    assert bench.board.symbols == {}


def test_without_auto_watch_subscriptions_are_no_wishes() -> None:
    """Where symbols are scarce, only leases count."""
    bench = Bench(is_auto_watch=False)
    bench.gain(b"quote,A,")
    bench.lose(b"quote,A,")
    assert bench.upstream.take() == []


def test_each_subscription_is_one_wish(bench: Bench) -> None:
    """Two consumers, or two topics of one, hold the watch until the last is gone."""
    for topic in (b"quote,A,", b"quote,A,", b"trade,A,"):
        bench.gain(topic)
    for topic in (b"quote,A,", b"trade,A,"):
        bench.lose(topic)
        bench.linger()
    assert bench.upstream.take() == ["watch A"]
    bench.lose(b"quote,A,")
    bench.linger()
    assert bench.upstream.take() == ["unwatch A"]


def test_a_loss_that_was_never_counted_takes_nothing_back(bench: Bench) -> None:
    """Subscriptions from before, or refused ones, must not end a lease's watch."""
    bench.desk.want("A", LEVEL1)
    bench.lose(b"quote,A,")
    bench.lose(b"news,A,")
    assert bench.demand.count("A", LEVEL1) == 1


def test_a_full_board_refuses_a_new_symbol_and_keeps_the_others() -> None:
    """Memory is bounded; who is refused is told, and nothing of it is left behind."""
    bench = Bench(symbol_count_max=1)
    bench.desk.want("A", LEVEL1)
    with pytest.raises(QuotaExceeded):
        bench.desk.want("B", LEVEL1)
    bench.gain(b"quote,B,")
    assert bench.desk.refused_wishes == 1
    bench.lose(b"quote,B,")
    assert bench.demand.watched() == [("A", LEVEL1)]
    assert bench.upstream.take() == ["watch A"]
    bench.desk.unwant("A", LEVEL1)
    bench.linger()
    bench.desk.want("B", LEVEL1)
    assert bench.upstream.take() == ["unwatch A", "watch B"], "a closed symbol makes room"


def test_a_refused_subscription_does_not_take_back_another_consumers() -> None:
    """The first one found no room and was not counted; the second one was, and must stay."""
    bench = Bench(symbol_count_max=1)
    bench.desk.want("A", LEVEL1)
    bench.gain(b"quote,B,")
    bench.desk.unwant("A", LEVEL1)
    bench.linger()
    bench.gain(b"quote,B,")
    bench.lose(b"quote,B,")
    assert bench.demand.count("B", LEVEL1) == 1


def test_a_variant_is_a_wish_for_its_symbol_like_any_other(bench: Bench) -> None:
    """Who takes conflated quotes alone needs the symbol as much."""
    bench.gain(b"quote@250,A,")
    assert bench.upstream.take() == ["watch A"]
    bench.lose(b"quote@250,A,")
    bench.linger()
    assert bench.upstream.take() == ["unwatch A"]


def test_a_new_connection_is_asked_for_everything(bench: Bench) -> None:
    """The vendor keeps nothing between connections: wanted, lingering and refused alike."""
    bench.desk.want("A", LEVEL1)
    bench.desk.want("B", REGIONAL)
    bench.desk.want("LINGERS", LEVEL1)
    for name in ("NOTHERE", "LIMITED"):
        bench.desk.want(name, LEVEL1)
    bench.desk.note_not_found("NOTHERE")
    bench.desk.note_limit("LIMITED")
    bench.desk.unwant("LINGERS", LEVEL1)
    bench.hear("A")
    bench.board.lose_upstream(Cause.IQCONNECT_DOWN)
    bench.upstream.take()
    bench.desk.ask_again()
    asked = ["watch A", "regional on B", "watch NOTHERE", "watch LIMITED", "watch LINGERS"]
    assert sorted(bench.upstream.take()) == sorted(asked)
    assert bench.state("A")[0] is SymbolState.RECOVERING
    assert bench.state("NOTHERE")[0] is SymbolState.PENDING


def test_after_dtn_was_away_values_are_asked_for_anew(bench: Bench) -> None:
    """The watches stand, but not every symbol gets a fresh line by itself."""
    for name in ("A", "B", "NOTHERE"):
        bench.desk.want(name, LEVEL1)
    bench.hear("A")
    bench.desk.note_not_found("NOTHERE")
    bench.board.lose_upstream(Cause.DTN_LINK_DOWN)
    bench.upstream.take()
    bench.desk.ask_refresh()
    assert bench.upstream.take() == ["refresh A", "refresh B"]


def test_a_lease_is_told_how_each_symbol_stands() -> None:
    """A symbol that finds no room gets an error of its own and spoils no other."""
    bench = Bench(symbol_count_max=2)
    wishes = (("A", (LEVEL1,)), ("B", (LEVEL1, REGIONAL)), ("C", (LEVEL1,)))
    a, b, c = bench.desk.watch(Watch(wishes))
    assert (a.symbol, a.state, a.cause, a.error) == ("A", "pending", None, None)
    assert a.sequences == {"quote": 0, "trade": 0, "summary": 0, "state": 1}
    assert b.error is None
    assert (c.state, c.cause, c.error) == ("closed", "not_subscribed", "quota_exceeded")
    assert bench.upstream.take() == ["watch A", "watch B", "regional on B"]
    bench.desk.unwatch(Unwatch(wishes))
    assert not any(bench.demand.count(symbol, LEVEL1) for symbol in "ABC")


def test_standings_follow_what_the_vendor_says(bench: Bench) -> None:
    """This is what `subscribe` with a wait answers from."""
    bench.desk.want("A", LEVEL1)
    bench.desk.want("XYZZY", LEVEL1)
    bench.hear("A")
    bench.desk.note_not_found("XYZZY")
    standings = bench.desk.standings(ReadStandings(("A", "XYZZY", "UNKNOWN")))
    assert [(s.state, s.cause) for s in standings] == [
        ("live", None),
        ("refused", "symbol_not_found"),
        ("closed", "not_subscribed"),
    ]


def test_snapshots_by_request_are_those_of_the_topic(bench: Bench) -> None:
    """Who prefers a request gets the same body, in the order asked; no topic, no body."""
    bench.desk.want("A", LEVEL1)
    bench.hear("A")
    bench.publish("A")
    topics = ("quote,A,", "quote,B,", "quote,A", "sys,heartbeat,", "~" + "a" * 14 + ".quote,A,")
    answers = bench.desk.snapshots(ReadSnapshots((*topics, "quote,\u20ac,")))
    assert [topic for topic, _ in answers] == [*topics, "quote,\u20ac,"]
    first = answers[0][1]
    assert isinstance(first, tuple)
    assert first[2:4] == (1, Flag.SNAPSHOT)
    second = answers[1][1]
    assert isinstance(second, tuple)
    assert second[6:8] == ("closed", "not_subscribed")
    assert [body for _, body in answers[2:5]] == [None, None, None]


def test_a_report_says_who_wants_what(bench: Bench) -> None:
    """An operator sees why a slot is used: wishes, lingering, state, and subscribers."""
    bench.desk.want("A", LEVEL1)
    bench.desk.want("A", LEVEL1)
    bench.desk.want("B", REGIONAL)
    bench.desk.unwant("B", REGIONAL)
    bench.subscriptions.add(1, b"quote,A,")
    bench.subscriptions.add(2, b"quote,A,")
    report = bench.desk.report(ReadWatches(10))
    a = {"symbol": "A", "service": "level1", "wishes": 2, "lingering": False, "state": "pending"}
    b = {"symbol": "B", "service": "regional", "wishes": 0, "lingering": True, "state": "pending"}
    assert report.watches == [a, b]
    assert report.topics == [{"topic": "quote,A,", "connections": 2}]
    assert report.connection_count == 2
    assert report.is_complete


def test_a_long_report_is_cut_and_says_so(bench: Bench) -> None:
    """A reply must stay small; an operator must know that there is more."""
    for number in range(5):
        bench.desk.want(f"S{number}", LEVEL1)
    assert len(bench.desk.report(ReadWatches(4)).watches) == 4
    assert not bench.desk.report(ReadWatches(4)).is_complete
    assert bench.desk.report(ReadWatches(5)).is_complete


def test_bad_symbols_are_sorted_out_and_good_ones_kept_once() -> None:
    """Each bad one is named with its reason; duplicates are no second wish."""
    good, bad = check_symbols(["A", "a", "A", "B,C", "", "@ES#"])
    assert good == ["A", "@ES#"]
    assert [error.facts["symbol"] for error in bad] == ["a", "B,C", ""]
    assert "use A" in bad[0].hint
