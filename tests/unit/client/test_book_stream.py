"""A mirror behind a client and a fake gateway: whatever happens on the way, it ends up equal."""

from collections.abc import Callable
from typing import Any

import pytest
from gateway_client import BookMirror, GatewayClient

from tests.unit.client.fake_gateway import FakeGateway, running

TOPIC = "order,@ESZ26,"
WAIT_S = 10.0


class Market:
    """Publishes orders and keeps the book they make."""

    def __init__(self, gateway: FakeGateway) -> None:
        self.gateway = gateway
        self.rows: dict[int, list[Any]] = {}

    def add(self, number: int, *, is_lost: bool = False) -> None:
        """One more order."""
        row = ["add", "B", number, None, float(number), 1, number, 2]
        self.rows[number] = row
        rows = [self.rows[known] for known in sorted(self.rows, reverse=True)]

        def publish() -> None:
            # In one go: a request for an image never finds half of it done.
            self.gateway.images[TOPIC] = rows
            self.gateway._publish(TOPIC, row, 0, is_lost=is_lost)

        self.gateway.do(publish)


def follow(client: GatewayClient, mirror: BookMirror, until: Callable[[], bool]) -> None:
    """Feed the mirror; no SequenceGap may come out of it."""
    while not until():
        item = client.next_message(WAIT_S)
        assert item is not None, (mirror.reason, mirror.sequence)
        mirror.apply(item)


def numbers(mirror: BookMirror) -> list[int | None]:
    """The orders of the mirror."""
    return [row.order_id for row in mirror.orders("B")]


def subscribed(gateway: FakeGateway, **options: Any) -> GatewayClient:
    """A client that follows the orders."""
    client = GatewayClient(gateway.data_endpoint, gateway.control_endpoint, **options)
    assert client.connect(), client.last_error
    client.subscribe_symbols(["@ESZ26"], ["order", "state"])
    return client


def test_mirror_survives_joins_gaps_tails_and_restarts() -> None:
    """One loop of the application, and every loss healed by the client itself."""
    with running() as gateway:
        market, mirror = Market(gateway), BookMirror("order", "@ESZ26")
        for number in (1, 2, 3):
            market.add(number)
        with subscribed(gateway) as client:
            follow(client, mirror, lambda: mirror.is_current)
            assert (numbers(mirror), mirror.sequence) == ([3, 2, 1], 3)
            market.add(4)
            market.add(5, is_lost=True)
            market.add(6)
            follow(client, mirror, lambda: mirror.is_current and mirror.sequence == 6)
            assert numbers(mirror) == [6, 5, 4, 3, 2, 1]
            market.add(7, is_lost=True)
            gateway.publish_sys("tails", 21, {"topics": {TOPIC: 7}})
            follow(client, mirror, lambda: mirror.is_current and mirror.sequence == 7)
            assert numbers(mirror)[0] == 7
            gateway.restart()
            follow(client, mirror, lambda: mirror.is_current and mirror.epoch == gateway.epoch)
            gateway.wait_for(lambda: gateway.has_subscription(TOPIC))
            market.rows = {}
            market.add(9)
            follow(client, mirror, lambda: mirror.sequence == 1)
            assert mirror.is_current


def test_book_that_began_after_the_join_is_followed() -> None:
    """The join was answered by `pending`, and the first sequence is not 1."""
    with running() as gateway:
        market, mirror = Market(gateway), BookMirror("order", "@ESZ26")
        with subscribed(gateway) as client:
            follow(client, mirror, lambda: mirror.state == "pending")
            gateway.do(lambda: gateway.sequences.update({TOPIC: 500}))
            market.add(1)
            follow(client, mirror, lambda: mirror.is_current)
            assert (numbers(mirror), mirror.sequence) == ([1], 501)


def test_dropped_messages_are_replaced_by_an_image() -> None:
    """The application was too slow; once it reads again, its book is whole again."""
    with running() as gateway:
        market, mirror = Market(gateway), BookMirror("order", "@ESZ26")
        with subscribed(gateway, queue_capacity=5, conflate_above=5) as client:
            follow(client, mirror, lambda: mirror.state == "pending")
            for number in range(1, 21):
                market.add(number)
            gateway.wait_for(lambda: client.statistics().received >= 20)
            gateway.wait_for(lambda: client.statistics().dropped >= 1)
            follow(client, mirror, lambda: mirror.is_current and mirror.sequence == 20)
            assert len(numbers(mirror)) == 20


@pytest.mark.slow
def test_silence_is_over_with_an_image() -> None:
    """What was published meanwhile is in it."""
    with running() as gateway:
        market, mirror = Market(gateway), BookMirror("order", "@ESZ26")
        market.add(1)
        with subscribed(gateway, heartbeat_silence_s=0.2) as client:
            follow(client, mirror, lambda: mirror.is_current)
            gateway.has_heartbeats = False
            follow(client, mirror, lambda: not mirror.is_current)
            assert (mirror.is_stale, mirror.reason) == (True, "the gateway is not heard")
            market.add(2, is_lost=True)
            gateway.has_heartbeats = True
            follow(client, mirror, lambda: mirror.is_current)
            assert numbers(mirror) == [2, 1]
