"""Lost trades are fetched again, against a fake gateway over real sockets."""

from typing import Any

import pytest
from gateway_client import (
    AsyncGatewayClient,
    ClientNotice,
    Disconnected,
    Gap,
    GatewayClient,
    GatewayRestarted,
    News,
    Overrun,
    Reconnected,
    RequestRefused,
    State,
    StreamItem,
    Trade,
)

from tests.unit.client.fake_gateway import FakeGateway, Refusal, trade

WAIT_S = 10.0
TOPIC = "trade,AAPL,"
REPLAY = 2


@pytest.fixture
def follower(gateway: FakeGateway, client: GatewayClient) -> GatewayClient:
    """A client that has the first trade."""
    gateway.publish(TOPIC, *trade(1.0))
    client.subscribe_symbol("AAPL", ["trade"])
    # The answer has told where the sequence stands.
    gateway.wait_for(lambda: any(t.endswith(f".{TOPIC}") for t in gateway.unsubscribed))
    return client


def take(client: GatewayClient, count: int) -> list[StreamItem]:
    """The next so many items; fails when they do not come."""
    items: list[StreamItem] = []
    while len(items) < count:
        item = client.next_message(WAIT_S)
        assert item is not None, items
        items.append(item)
    return items


def shown(items: list[StreamItem]) -> list[Any]:
    """Sequences of trades, negative when they were sent again; events as they are."""
    return [
        (-item.sequence if item.flags & REPLAY else item.sequence)
        if isinstance(item, Trade)
        else item
        for item in items
    ]


def gap(
    gateway: FakeGateway, first: int, last: int, *, healed: bool = False, is_final: bool = False
) -> Gap:
    """A Gap of the topic in this run."""
    return Gap(TOPIC, first, last, healed=healed, epoch=gateway.epoch, is_final=is_final)


def lose(gateway: FakeGateway, count: int) -> None:
    """Publish trades that do not arrive."""
    for _ in range(count):
        gateway.publish(TOPIC, *trade(2.0), is_lost=True)


def test_lost_trades_come_again(gateway: FakeGateway, follower: GatewayClient) -> None:
    """Told where they are missing, delivered in order and marked, then told to be whole."""
    lose(gateway, 2)
    gateway.publish(TOPIC, *trade(3.0))
    assert shown(take(follower, 5)) == [
        gap(gateway, 2, 3), 4, -2, -3, gap(gateway, 2, 3, healed=True),
    ]  # fmt: skip
    gateway.publish(TOPIC, *trade(3.0))
    assert shown(take(follower, 1)) == [5]
    (params,) = gateway.asked("replay")
    assert params == {
        "topic": TOPIC, "from_sequence": 2, "to_sequence": 3, "epoch": gateway.epoch,
    }  # fmt: skip
    statistics = follower.statistics()
    assert (statistics.replayed, statistics.lost, statistics.holes) == (2, 0, 0)


def test_lost_end_of_a_burst_comes_again(gateway: FakeGateway, follower: GatewayClient) -> None:
    """The tails tell of it, and when they are lost too, the position that is asked for then."""
    lose(gateway, 1)
    gateway.publish_sys("tails", 21, {"topics": {TOPIC: 2}})
    assert shown(take(follower, 3)) == [gap(gateway, 2, 2), -2, gap(gateway, 2, 2, healed=True)]
    lose(gateway, 1)
    gateway.do(lambda: gateway.sequences.update({"sys,tails,": 2}))
    assert shown(take(follower, 3)) == [gap(gateway, 3, 3), -3, gap(gateway, 3, 3, healed=True)]


def test_what_the_gateway_forgot_is_named(gateway: FakeGateway, follower: GatewayClient) -> None:
    """A strategy must know which trades it will never see."""
    lose(gateway, 3)
    gateway.do(lambda: [gateway.rings[TOPIC].pop(sequence) for sequence in (1, 2, 3)])
    gateway.publish(TOPIC, *trade(3.0))
    assert shown(take(follower, 5)) == [
        gap(gateway, 2, 4), 5, gap(gateway, 2, 3, is_final=True), -4,
        gap(gateway, 4, 4, healed=True),
    ]  # fmt: skip


def test_gateway_without_replay_is_asked_once(
    gateway: FakeGateway, follower: GatewayClient
) -> None:
    """An older one: what is lost is lost for good, and is told at once."""
    del gateway.handlers["replay"]
    lose(gateway, 1)
    gateway.publish(TOPIC, *trade(3.0))
    assert shown(take(follower, 3)) == [gap(gateway, 2, 2), 3, gap(gateway, 2, 2, is_final=True)]
    lose(gateway, 1)
    gateway.publish(TOPIC, *trade(3.0))
    assert shown(take(follower, 2)) == [gap(gateway, 4, 4, is_final=True), 5]
    assert len(gateway.asked("replay")) == 1


def test_busy_gateway_is_asked_again(gateway: FakeGateway, follower: GatewayClient) -> None:
    """Not before it wishes to be."""
    replay = gateway.handlers["replay"]

    def refuse(_: dict[str, Any]) -> Any:
        gateway.handlers["replay"] = replay
        raise Refusal("rate_limited", retry_ms=30)

    gateway.handlers["replay"] = refuse
    lose(gateway, 1)
    gateway.publish(TOPIC, *trade(3.0))
    assert shown(take(follower, 4))[2:] == [-2, gap(gateway, 2, 2, healed=True)]
    assert follower.statistics().replays_retried == 1


def test_restart_ends_what_was_being_fetched(gateway: FakeGateway, follower: GatewayClient) -> None:
    """The earlier run took it along; the next one heals what is lost in it."""
    gateway.silent_methods.add("replay")
    lose(gateway, 1)
    gateway.publish(TOPIC, *trade(3.0))
    gateway.wait_for(lambda: bool(gateway.held))
    lost = gap(gateway, 2, 2, is_final=True)
    old_epoch = gateway.epoch
    take(follower, 2)
    gateway.silent_methods.clear()
    gateway.restart(keeps_values=False)
    assert shown(take(follower, 2)) == [lost, GatewayRestarted(old_epoch, gateway.epoch)]
    gateway.wait_for(lambda: gateway.has_subscription(TOPIC))
    gateway.publish(TOPIC, *trade(1.0))
    lose(gateway, 1)
    gateway.publish(TOPIC, *trade(1.0))
    items: list[StreamItem] = []
    while not items or items[-1] != gap(gateway, 2, 2, healed=True):
        items += [item for item in take(follower, 1) if not isinstance(item, State)]
    assert shown(items)[:4] == [1, gap(gateway, 2, 2), 3, -2]
    assert gateway.asked("hello")[-1] == gateway.asked("hello")[0]


@pytest.mark.slow
def test_silence_is_over_with_the_trades_of_meanwhile(gateway: FakeGateway) -> None:
    """While nothing is heard nothing is asked; then the position tells what is missing."""
    gateway.publish(TOPIC, *trade(1.0))
    with GatewayClient(
        gateway.data_endpoint, gateway.control_endpoint, heartbeat_silence_s=0.2
    ) as client:
        client.subscribe_symbol("AAPL", ["trade"])
        gateway.wait_for(lambda: any(t.endswith(f".{TOPIC}") for t in gateway.unsubscribed))
        gateway.has_heartbeats = False
        assert isinstance(take(client, 1)[0], Disconnected)
        lose(gateway, 2)
        gateway.has_heartbeats = True
        items = take(client, 5)
        assert isinstance(items[0], Reconnected)
        assert shown(items[1:]) == [
            gap(gateway, 2, 3), -2, -3, gap(gateway, 2, 3, healed=True),
        ]  # fmt: skip


def test_end_of_the_client_is_the_end_of_its_holes(
    gateway: FakeGateway, follower: GatewayClient
) -> None:
    """What was not fetched by then is named, so that what was recorded can be trusted."""
    gateway.silent_methods.add("replay")
    lose(gateway, 1)
    gateway.publish(TOPIC, *trade(3.0))
    gateway.wait_for(lambda: bool(gateway.held))
    follower.disconnect()
    items = shown(list(follower.messages()))
    assert items == [gap(gateway, 2, 2), 3, gap(gateway, 2, 2, is_final=True)]


def test_news_come_again(gateway: FakeGateway, client: GatewayClient) -> None:
    """Every distributor under the prefix is a topic of its own."""
    client.subscribe_topics(["news,"])
    gateway.wait_for(lambda: gateway.has_subscription("news,"))
    for is_lost in (False, True, False):
        gateway.publish("news,DTN,", "DTN", "1", ["A", "B"], "headline", is_lost=is_lost)
    first, hole, third, second, healed = take(client, 5)
    stories = [item for item in (first, second, third) if isinstance(item, News)]
    assert [story.sequence for story in stories] == [1, 2, 3]
    assert stories[1].symbols == ("A", "B")
    assert (hole, healed) == (
        Gap("news,DTN,", 2, 2, healed=False, epoch=gateway.epoch),
        Gap("news,DTN,", 2, 2, healed=True, epoch=gateway.epoch),
    )


def test_slow_application_is_told_what_it_missed(gateway: FakeGateway) -> None:
    """Nothing is fetched again: it could not be read either."""
    with GatewayClient(
        gateway.data_endpoint, gateway.control_endpoint, queue_capacity=4, conflate_above=4
    ) as client:
        client.subscribe_symbol("AAPL", ["trade"])
        assert isinstance(take(client, 1)[0], State)
        for price in range(1, 10):
            gateway.publish(TOPIC, *trade(float(price)))
        gateway.publish_sys("goodbye", 24, {"reason": "test", "resume_expected": True})
        gateway.wait_for(lambda: client.statistics().received > 10)
        overrun, hole, *rest = client.messages(timeout_s=0)
        assert isinstance(overrun, Overrun)
        assert isinstance(hole, Gap)
        assert hole == gap(gateway, 1, hole.last_missing, is_final=True)
        assert (overrun.topic, overrun.dropped) == (TOPIC, hole.last_missing)
        trades = [item.sequence for item in rest if isinstance(item, Trade)]
        assert trades == list(range(hole.last_missing + 1, 10))
        assert gateway.asked("replay") == []


def test_nothing_is_fetched_for_who_does_not_read(gateway: FakeGateway) -> None:
    """What came would push out what is current; it is fetched once the application keeps up."""
    with GatewayClient(gateway.data_endpoint, gateway.control_endpoint, conflate_above=3) as client:
        client.subscribe_symbol("AAPL", ["trade"])
        assert isinstance(take(client, 1)[0], State)
        for _ in range(3):
            gateway.publish(TOPIC, *trade(1.0))
        gateway.wait_for(lambda: client.statistics().queue_size == 3)
        lose(gateway, 1)
        gateway.publish(TOPIC, *trade(1.0))
        gateway.wait_for(lambda: client.statistics().queue_size == 5)
        assert client.statistics().holes == 1
        assert gateway.asked("replay") == []
        assert shown(take(client, 7)) == [
            1, 2, 3, gap(gateway, 4, 4), 5, -4, gap(gateway, 4, 4, healed=True),
        ]  # fmt: skip


def test_data_connection_is_named_without_a_lease(
    gateway: FakeGateway, client: GatewayClient
) -> None:
    """The operator sees who is slow, and the client is told what is wrong with it."""
    (hello,) = gateway.asked("hello")
    token = hello["data_token"]
    gateway.wait_for(lambda: gateway.has_subscription(f"~{token}.sys,client,"))
    assert hello["client"] == client.client_name
    for notice in ("lag", "skip", "limit"):
        gateway.publish_sys("heartbeat", 20, {})
        details = {"notice": notice, "message": "words"}

        def publish(details: dict[str, Any] = details) -> None:
            gateway._publish(f"~{token}.sys,client,", (details,), 0, number=25)

        gateway.do(publish)
        (told,) = take(client, 1)
        assert isinstance(told, ClientNotice)
        assert told.details == details


def test_consumers_are_listed_and_evicted(gateway: FakeGateway, client: GatewayClient) -> None:
    """As the gateway answers, or refuses."""
    gateway.handlers["subscriptions"] = lambda params: {"peers": [], "asked": params}
    gateway.handlers["admin.evict"] = lambda params: {"evicted": 2, "asked": params}
    assert client.get_subscriptions() == {"peers": [], "asked": {}}
    assert client.get_subscriptions("desk")["asked"] == {"client": "desk"}
    assert client.evict("desk", "too slow") == 2
    assert gateway.asked("admin.evict") == [{"peer": "desk", "reason": "too slow"}]
    del gateway.handlers["admin.evict"]
    with pytest.raises(RequestRefused):
        client.evict("desk", "too slow")


@pytest.mark.asyncio
async def test_same_for_coroutines(gateway: FakeGateway) -> None:
    """One engine behind both clients."""
    gateway.handlers["subscriptions"] = lambda params: {"peers": [params]}
    gateway.handlers["admin.evict"] = lambda _: {"evicted": 1}
    async with AsyncGatewayClient(gateway.data_endpoint, gateway.control_endpoint) as client:
        assert await client.get_subscriptions("desk") == {"peers": [{"client": "desk"}]}
        assert await client.evict("desk", "too slow") == 1
