"""The client's stream against a fake gateway over real sockets."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

import msgpack
import pytest
from gateway_client import (
    Disconnected,
    Gap,
    GatewayClient,
    GatewayRestarted,
    Goodbye,
    Image,
    NotConnected,
    Overrun,
    Quote,
    Reconnected,
    State,
    StreamItem,
    SubscriptionRefused,
    Trade,
)

from tests.unit.client.fake_gateway import FakeGateway, Refusal, quote, trade

WAIT_S = 10.0


@pytest.fixture
def connect(gateway: FakeGateway) -> Iterator[Callable[..., GatewayClient]]:
    """Makes connected clients and disconnects them."""
    clients: list[GatewayClient] = []

    def make(**options: Any) -> GatewayClient:
        client = GatewayClient(gateway.data_endpoint, gateway.control_endpoint, **options)
        clients.append(client)
        assert client.connect(), client.last_error
        return client

    yield make
    for client in clients:
        client.disconnect()


def take(client: GatewayClient, count: int) -> list[StreamItem]:
    """The next so many items; fails when they do not come."""
    items: list[StreamItem] = []
    while len(items) < count:
        item = client.next_message(WAIT_S)
        assert item is not None, items
        items.append(item)
    return items


def take_until(client: GatewayClient, is_last: Callable[[StreamItem], bool]) -> list[StreamItem]:
    """Items up to one the test waits for, that one included."""
    items: list[StreamItem] = []
    while not items or not is_last(items[-1]):
        items += take(client, 1)
    return items


def settle_joins(gateway: FakeGateway, count: int = 1) -> None:
    """Wait until so many snapshots were answered and given back."""
    gateway.wait_for(lambda: len([t for t in gateway.unsubscribed if t.startswith("~")]) == count)


def test_joins_without_a_race(gateway: FakeGateway, connect: Callable[..., GatewayClient]) -> None:
    """Snapshot and updates join without hole or repeat while the gateway keeps publishing."""
    client = connect()
    for bid in range(1, 6):
        gateway.publish("quote,AAPL,", *quote(float(bid)))
    client.subscribe_symbol("AAPL", ["quote"])
    gateway.wait_for(lambda: gateway.has_subscription("quote,AAPL,"))
    for bid in range(6, 106):
        gateway.publish("quote,AAPL,", *quote(float(bid)))
    quotes = [
        item
        for item in take_until(client, lambda item: isinstance(item, Quote) and item.bid == 105.0)
        if isinstance(item, Quote)
    ]
    updates = [item.sequence for item in quotes if not item.flags & 1]
    snapshots = [item for item in quotes if item.flags & 1]
    assert len(snapshots) == 1
    assert snapshots[0].kind == "quote"
    assert snapshots[0].bid == float(snapshots[0].sequence)
    assert updates == list(range(updates[0], 106))
    assert updates[0] <= snapshots[0].sequence + 1
    assert client.statistics().gaps == 0


def test_gap_on_state_is_told_and_healed(
    gateway: FakeGateway, connect: Callable[..., GatewayClient]
) -> None:
    """A lost quote is told with its sequence, and a snapshot asked for by itself."""
    client = connect()
    gateway.publish("quote,AAPL,", *quote(1.0))
    client.subscribe_symbol("AAPL", ["quote"])
    take(client, 1)
    gateway.publish("quote,AAPL,", *quote(2.0), is_lost=True)
    gateway.publish("quote,AAPL,", *quote(3.0))
    gap, late, snapshot, healed = take(client, 4)
    assert gap == Gap("quote,AAPL,", 2, 2, healed=False, epoch=gateway.epoch)
    assert isinstance(late, Quote)
    assert late.sequence == 3
    assert isinstance(snapshot, Quote)
    assert snapshot.flags & 1
    assert healed == Gap("quote,AAPL,", 2, 2, healed=True, epoch=gateway.epoch)
    nonces = [topic for topic in gateway.subscribed if topic.endswith(".quote,AAPL,")]
    assert len(set(nonces)) == 2


def test_loss_of_the_last_message_is_told_by_tails(
    gateway: FakeGateway, connect: Callable[..., GatewayClient]
) -> None:
    """Without tails the last message of a burst could vanish unnoticed."""
    client = connect()
    gateway.publish("trade,AAPL,", *trade(1.0))
    client.subscribe_symbol("AAPL", ["trade"])
    settle_joins(gateway)
    gateway.publish("trade,AAPL,", *trade(2.0), is_lost=True)
    gateway.publish_sys("tails", 21, {"topics": {"trade,AAPL,": 2}})
    assert take(client, 1) == [Gap("trade,AAPL,", 2, 2, healed=False, epoch=gateway.epoch)]


def test_lost_tails_make_the_client_ask_for_every_position(
    gateway: FakeGateway, connect: Callable[..., GatewayClient]
) -> None:
    """The heartbeat carries the sequence of the tails, so their loss is noticed too."""
    client = connect()
    gateway.publish("trade,AAPL,", *trade(1.0))
    client.subscribe_symbol("AAPL", ["trade"])
    settle_joins(gateway)
    gateway.publish("trade,AAPL,", *trade(2.0), is_lost=True)
    gateway.do(lambda: gateway.sequences.update({"sys,tails,": 1}))
    assert take(client, 1) == [Gap("trade,AAPL,", 2, 2, healed=False, epoch=gateway.epoch)]


def test_repeats_are_dropped(gateway: FakeGateway, connect: Callable[..., GatewayClient]) -> None:
    """The same frame twice, as after a relay's reconnect, is one message."""
    client = connect()
    client.subscribe_symbol("AAPL", ["trade"])
    settle_joins(gateway)
    assert isinstance(take(client, 1)[0], State)
    gateway.publish("trade,AAPL,", *trade(1.0))

    def repeat() -> None:
        gateway.sequences["trade,AAPL,"] = 0

    gateway.do(repeat)
    gateway.publish("trade,AAPL,", *trade(1.0))
    gateway.publish("trade,AAPL,", *trade(2.0))
    prices = [item.price for item in take(client, 2) if isinstance(item, Trade)]
    assert prices == [1.0, 2.0]
    assert client.statistics().repeats == 1


def test_state_answer_is_delivered_as_state(
    gateway: FakeGateway, connect: Callable[..., GatewayClient]
) -> None:
    """A topic without a value answers why; the consumer is never left guessing."""
    client = connect()
    client.subscribe_symbol("AAPL", ["quote"])
    (answer,) = take(client, 1)
    assert isinstance(answer, State)
    assert (answer.kind, answer.symbol, answer.state) == ("quote", "AAPL", "pending")


def test_depth_is_joined_by_an_image(
    gateway: FakeGateway, connect: Callable[..., GatewayClient]
) -> None:
    """The image carries the position, so that changes after it continue without a gap."""
    client = connect()
    row = ["add", "B", 1.0, 5, 1, 2]

    def fill() -> None:
        gateway.sequences["depth,AAPL,"] = 7
        gateway.values["depth,AAPL,"] = [13, gateway.epoch, 7, 0, 1, None, [row]]

    gateway.do(fill)
    client.subscribe_symbol("AAPL", ["depth"])
    (image,) = take(client, 1)
    assert isinstance(image, Image)
    assert image.rows is not None
    assert image.rows[0].price == 1.0
    gateway.publish("depth,AAPL,", *row)
    (change,) = take(client, 1)
    assert not isinstance(change, Gap)
    assert client.statistics().gaps == 0


def test_restart_is_told_and_everything_is_held_again(
    gateway: FakeGateway, connect: Callable[..., GatewayClient]
) -> None:
    """After a gateway restart leases, subscriptions and values come back without a call."""
    client = connect()
    gateway.publish("quote,AAPL,", *quote(1.0))
    client.subscribe_symbol("AAPL", ["quote"])
    take(client, 1)
    old_epoch = gateway.epoch
    gateway.restart()
    items = take_until(client, lambda item: isinstance(item, Quote))
    assert GatewayRestarted(old_epoch, gateway.epoch) in items
    assert isinstance(items[-1], Quote)
    assert items[-1].epoch == gateway.epoch
    assert len(gateway.asked("subscribe")) == 2
    gateway.publish("quote,AAPL,", *quote(2.0))
    items = take_until(client, lambda item: isinstance(item, Quote) and item.bid == 2.0)
    assert not any(isinstance(item, Gap) for item in items)
    assert client.epoch == gateway.epoch
    assert client.statistics().restarts == 1


@pytest.mark.slow
def test_symbol_refused_after_a_restart_is_told(
    gateway: FakeGateway, connect: Callable[..., GatewayClient]
) -> None:
    """A symbol that is lost in the background must not just fall silent."""
    client = connect()
    client.subscribe_symbol("AAPL", ["quote"])
    refusal = {"symbol": "AAPL", "code": "symbol_limit", "hint": "release some"}
    answers: Iterator[dict[str, Any]] = iter(
        [{"lease_id": None, "expires_us": None, "topics": [], "rejected": [refusal]}]
    )

    def subscribe(_: dict[str, Any]) -> dict[str, Any]:
        if gateway.asked("subscribe")[2:]:
            return next(answers)
        raise Refusal("busy", retry_ms=10)

    gateway.handlers["subscribe"] = subscribe
    gateway.restart()
    told = take_until(client, lambda item: isinstance(item, SubscriptionRefused))[-1]
    assert told == SubscriptionRefused("AAPL", "symbol_limit", "release some")


@pytest.mark.slow
def test_silence_is_told_and_recovered_from(
    gateway: FakeGateway, connect: Callable[..., GatewayClient]
) -> None:
    """Without heartbeats the socket is made anew with all its topics until one is heard."""
    client = connect(heartbeat_silence_s=0.2)
    gateway.publish("quote,AAPL,", *quote(1.0))
    client.subscribe_symbol("AAPL", ["quote"])
    take(client, 1)
    gateway.has_heartbeats = False
    (silence,) = take(client, 1)
    assert isinstance(silence, Disconnected)
    assert silence.cause == "silence"
    assert silence.silent_s >= 0.2
    assert not client.is_connected
    gateway.wait_for(lambda: gateway.subscribed.count("quote,AAPL,") >= 2)
    gateway.publish("quote,AAPL,", *quote(2.0), is_lost=True)
    gateway.has_heartbeats = True
    items = take_until(client, lambda item: isinstance(item, Gap) and item.healed)
    assert isinstance(items[0], Reconnected)
    assert Gap("quote,AAPL,", 2, 2, healed=False, epoch=gateway.epoch) in items
    assert client.is_connected
    assert client.statistics().reconnects >= 1


def test_slow_application_skips_to_what_is_current(
    gateway: FakeGateway, connect: Callable[..., GatewayClient]
) -> None:
    """Nobody waits for a slow reader: it is told what it missed, and goes on with the newest."""
    client = connect(queue_capacity=10, conflate_above=5)
    client.subscribe_symbol("AAPL", ["quote", "trade"])
    take(client, 2)
    for bid in range(1, 21):
        gateway.publish("quote,AAPL,", *quote(float(bid)))
    for price in range(1, 21):
        gateway.publish("trade,AAPL,", *trade(float(price)))
    gateway.publish_sys("goodbye", 24, {"reason": "test", "resume_expected": True})
    gateway.wait_for(lambda: client.statistics().queue_size == 10)
    overrun, gap, newest, *trades, goodbye = client.messages(timeout_s=0)
    assert overrun == Overrun("trade,AAPL,", 13)
    lost = Gap("trade,AAPL,", 1, 13, healed=False, epoch=gateway.epoch, is_final=True)
    assert gap == lost
    assert isinstance(newest, Quote)
    assert (newest.bid, newest.merged, newest.flags & 8) == (20.0, 20, 8)
    assert [item.price for item in trades if isinstance(item, Trade)] == list(range(14, 21))
    assert isinstance(goodbye, Goodbye)
    statistics = client.statistics()
    assert (statistics.conflated, statistics.dropped, statistics.skips) == (19, 13, 2)


@pytest.mark.slow
def test_what_waits_too_long_is_skipped_if_asked_for(
    gateway: FakeGateway, connect: Callable[..., GatewayClient]
) -> None:
    """An application that slept reads what is current, not what was when it fell asleep."""
    client = connect(skip_after_s=0.2)
    client.subscribe_symbol("AAPL", ["trade"])
    take(client, 1)
    for price in (1.0, 2.0, 3.0):
        gateway.publish("trade,AAPL,", *trade(price))
    gateway.wait_for(lambda: client.statistics().skips == 1)
    gateway.publish("trade,AAPL,", *trade(4.0))
    overrun, gap, late = take(client, 3)
    assert overrun == Overrun("trade,AAPL,", 3)
    assert gap == Gap("trade,AAPL,", 1, 3, healed=False, epoch=gateway.epoch, is_final=True)
    assert isinstance(late, Trade)
    assert late.price == 4.0
    assert gateway.asked("replay") == []


def test_bad_frames_are_counted_and_never_stop_the_reader(
    gateway: FakeGateway, connect: Callable[..., GatewayClient]
) -> None:
    """Garbage on a subscribed topic costs that frame only."""
    client = connect()
    client.subscribe_symbol("AAPL", ["quote"])
    take(client, 1)
    header = [gateway.epoch, 1, 0, 1, None]
    for body in (b"", b"\xc1", b"\x93\x01", msgpack.packb([2, *header]), msgpack.packb({})):
        gateway.send(b"quote,AAPL," + body)
    gateway.send(b"quote,AAPL," + msgpack.packb([99, *header]))
    gateway.publish("quote,AAPL,", "not a price", is_lost=True)
    gateway.send(b"quote,AAPL," + msgpack.packb([1, gateway.epoch, 2, 0, 1, None, "1.0"]))
    gateway.do(lambda: gateway.sequences.update({"quote,AAPL,": 2}))
    gateway.publish("quote,AAPL,", *quote(3.0))
    items = take_until(client, lambda item: isinstance(item, Gap) and item.healed)
    assert Gap("quote,AAPL,", 2, 2, healed=False, epoch=gateway.epoch) in items
    assert any(isinstance(item, Quote) and item.bid == 3.0 for item in items)
    statistics = client.statistics()
    assert statistics.bad_frames == 6
    assert statistics.unknown_messages == 1


def test_goodbye_is_delivered(gateway: FakeGateway, connect: Callable[..., GatewayClient]) -> None:
    """What the gateway says of itself is for the application too; heartbeats are not."""
    client = connect()
    gateway.publish_sys("goodbye", 24, {"reason": "upgrade", "resume_expected": True})
    (goodbye,) = take(client, 1)
    assert isinstance(goodbye, Goodbye)
    assert goodbye.details == {"reason": "upgrade", "resume_expected": True}


def test_prefix_brings_every_topic_under_it(
    gateway: FakeGateway, connect: Callable[..., GatewayClient]
) -> None:
    """News has no symbol to subscribe to: the whole kind is."""
    client = connect()
    client.subscribe_topics(["news,"])
    gateway.wait_for(lambda: gateway.has_subscription("news,"))
    for _ in range(2):
        gateway.publish("news,DTN,", "DTN", "1", [], "headline")
    first, second = take(client, 2)
    assert (first[1], second[1]) == ("DTN", "DTN")  # type: ignore[index]
    client.unsubscribe_topics(["news,"])
    gateway.wait_for(lambda: not gateway.has_subscription("news,"))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_the_readers_death_is_no_clean_end(gateway: FakeGateway, client: GatewayClient) -> None:
    """What it had brought can be read; then the failure is raised, and remembered."""
    engine = client._engine
    assert engine is not None
    future: Future[None] = Future()

    def die(_: int) -> None:
        raise MemoryError

    assert client.last_error is None
    client.subscribe_topics(["news,"])
    gateway.wait_for(lambda: gateway.has_subscription("news,"))
    gateway.publish("news,DTN,", "DTN", "1", [], "headline")
    engine.queue.wait(10.0)
    engine.post(die, future)
    assert client.next_message(10.0) is not None
    for _ in range(2):
        with pytest.raises(NotConnected, match="reader thread failed"):
            client.next_message(10.0)
    assert client.last_error is engine.failure is not None
    client.disconnect()
