"""What is held at the gateway, and what stays given up."""

from concurrent.futures import Future
from typing import Any

from gateway_client.delivery import DeliveryQueue
from gateway_client.options import Options
from gateway_client.rpc_codec import Reply
from gateway_client.session import Session

from tests.unit.client.fake_gateway import quote
from tests.unit.client.test_healing import Network
from tests.unit.client.test_intake import frame


def make() -> tuple[Session, Network]:
    """A session without sockets."""
    network = Network()
    session = Session(
        Options(client_name="test"),
        rpc=network,  # type: ignore[arg-type]
        subscriber=network,  # type: ignore[arg-type]
        queue=DeliveryQueue(capacity=10, conflate_above=10),
    )
    return session, network


def answer(network: Network, lease_id: str) -> None:
    """Grant the oldest `subscribe` that is open."""
    index = [method for method, _, _ in network.requests].index("subscribe")
    _, _, on_done = network.requests.pop(index)
    on_done(Reply(1, {"lease_id": lease_id, "topics": []}, None, None, None))


def subscribed(*symbols: str) -> tuple[Session, Network]:
    """A session that holds quotes and trades."""
    session, network = make()
    future: Future[Any] = Future()
    session.subscribe(symbols, ["quote", "trade"], now_ns=1, timeout_s=5.0, future=future)
    answer(network, "first")
    assert all(result.is_accepted for result in future.result(0).values())
    return session, network


def give_up(session: Session, symbol: str, *kinds: str) -> None:
    """The application unsubscribes."""
    session.give_up([symbol], kinds or None, now_ns=2, timeout_s=5.0, future=Future())


def test_what_is_given_up_while_asked_again_stays_given_up() -> None:
    """The answer to a request of the background wants nothing anew."""
    session, network = subscribed("A", "B")
    session.leases.expire("first")
    session._lease_again(session.leases.groups(["A", "B"]), 2)
    give_up(session, "A")
    give_up(session, "B", "trade")
    answer(network, "second")
    assert not session.leases.is_wanted("A")
    assert session.leases.kinds_of("B") == ("quote",)
    assert {topic for topic in network.topics if topic.endswith((",A,", ",B,"))} == {"quote,B,"}
    (lease,) = session.leases._leases.values()
    assert (lease.lease_id, lease.symbols) == ("second", ("B",))


def test_a_lease_of_what_nobody_wants_is_not_kept() -> None:
    """It lapses, for it is never renewed."""
    session, network = subscribed("A")
    session.intake.has_restarted = True
    session.after_batch(2)
    give_up(session, "A")
    answer(network, "second")
    assert len(session.leases) == 0
    assert not any(topic.endswith(",A,") for topic in network.topics)


def test_the_topics_every_client_needs_stay() -> None:
    """Without heartbeats a client would reconnect for ever."""
    session, network = make()
    before = set(network.topics)
    session.forget_topics(["sys,heartbeat,", "sys,tails,", "sys,"])
    assert network.topics == before
    session.intake.receive(frame("sys,heartbeat,", 20, 1, {}))
    assert session.intake.heartbeat_count == 1


def test_wishes_end_with_the_prefix_that_brought_them() -> None:
    """What came by a prefix is asked for no more, and no private topic stays."""
    session, network = make()
    before = set(network.topics)
    session.listen_to(["quote,"])
    for sequence in (1, 3):
        session.intake.receive(frame("quote,A,", 1, sequence, *quote(1.0)))
        session.intake.receive(frame("quote,B,", 1, sequence, *quote(1.0)))
    session.after_batch(1)
    assert len([topic for topic in network.topics - before if topic.startswith("~")]) == 2
    session.forget_topics(["quote,"])
    assert session.joins.open_count == 0
    assert network.topics == before
    session.tick(60_000_000_000)
    assert network.topics == before


def test_an_answer_for_nobody_is_unsubscribed() -> None:
    """The private topic of a request counts against what the gateway allows."""
    session, network = make()
    before = set(network.topics)
    session.joins.ask("quote,A,")
    session.after_batch(1)
    (private,) = network.topics - before
    session.intake.receive(frame(private, 1, 1, *quote(1.0), flags=1))
    session.after_batch(2)
    assert network.topics == before
    assert session.intake.unrouted_count == 1
