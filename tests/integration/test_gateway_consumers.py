"""Consumers have names: who they are, what they hold, what they lost, and how one is cut off."""

import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq

from tests.support.consumer import Consumer
from tests.support.requester import Requester
from tests.support.stage import Stage, simulated, wait_until

pytestmark = pytest.mark.slow
ADMIN = {"security": {"allow_local_admin": True}}
NOTICE = 25
CAP = 50


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """A gateway whose administrators may do their work."""
    with simulated(settings=ADMIN | {"data": {"subscriptions_per_connection_max": CAP}}) as stage:
        yield stage


@pytest.fixture
def requester(stage: Stage) -> Iterator[Requester]:
    """A control client."""
    with Requester(stage.gateway.endpoints["control"]) as requester:
        yield requester


def new_token() -> str:
    """What a client calls its data connection by."""
    return secrets.token_hex(10)


def peers_of(requester: Requester, **params: object) -> list[dict[str, Any]]:
    """The data connections, as the gateway lists them."""
    return list(requester.result("subscriptions", **params)["peers"])  # type: ignore[arg-type]


def named(requester: Requester, client: str) -> dict[str, Any]:
    """Wait for the one connection of a client."""
    found: list[dict[str, Any]] = []

    def is_there() -> bool:
        found[:] = peers_of(requester, client=client)
        return bool(found)

    wait_until(is_there, what=f"a connection of {client}")
    (peer,) = found
    return peer


def test_a_connection_is_listed_by_its_address(stage: Stage, requester: Requester) -> None:
    """Without any client library a consumer is at least an address that `ss -tp` knows."""
    with Consumer(stage.gateway.endpoints["data"], "quote,AAPL,", "quote,MSFT,") as consumer:
        consumer.wait_for_topic("quote,AAPL,")
        ports = {peer["peer"] for peer in peers_of(requester) if peer["subscriptions"] == 2}
        (name,) = ports
        (peer,) = [peer for peer in peers_of(requester) if peer["peer"] == name]
        assert name.startswith("tcp://127.0.0.1:")
        assert (peer["client"], peer["transport"], peer["is_relay"]) == (None, "tcp", False)
        wait_until(
            lambda: any(p["peer"] == name and p["is_measured"] for p in peers_of(requester)),
            what="a measurement",
        )
    wait_until(lambda: name not in {p["peer"] for p in peers_of(requester)}, what="its end")


@pytest.mark.parametrize("way", ["hello", "subscribe", "renew"])
def test_a_client_names_its_connection(stage: Stage, requester: Requester, way: str) -> None:
    """The token ties both sockets together, whichever request brings it, before or after."""
    token, client = new_token(), f"strategy-{way}"
    own = f"~{token}.sys,client,"
    lease = requester.result("subscribe", client=client, symbols=["AAPL"], kinds=["quote"])
    if way == "subscribe":
        requester.result(
            "subscribe", client=client, symbols=["AAPL"], kinds=["l1"], data_token=token
        )
    with Consumer(stage.gateway.endpoints["data"], "quote,AAPL,", own) as consumer:
        consumer.wait_for_topic("quote,AAPL,")
        if way == "hello":
            requester.result("hello", client=client, data_token=token)
        elif way == "renew":
            requester.result(
                "renew",
                client=client,
                lease_id=lease["lease_id"],
                data_token=token,
                received=7,
                gaps=1,
                lag_us=250,
            )
        peer = named(requester, client)
        assert peer["subscriptions"] == 2
        assert token not in str(requester.result("subscriptions")), "a token is a secret"
        if way == "renew":
            told = peer["reported"]
            assert (told["received"], told["gaps"], told["lag_us"]) == (7, 1, 250)
    requester.result("unsubscribe", client=client)


def test_another_s_token_is_no_use(stage: Stage, requester: Requester) -> None:
    """A token cannot be guessed, and a name once given stands."""
    token = new_token()
    with Consumer(stage.gateway.endpoints["data"], f"~{token}.sys,client,") as consumer:
        requester.result("hello", client="mine", data_token=token)
        named(requester, "mine")
        requester.result("hello", client="thief", data_token=new_token())
        assert peers_of(requester, client="thief") == []
        del consumer


def test_lost_subscriptions_are_told(stage: Stage, requester: Requester) -> None:
    """Libzmq drops subscriptions without a word; the lease knows what should be there."""
    token, client = new_token(), "lossy"
    symbols = ["AAPL", "MSFT", "TSLA"]
    with Consumer(
        stage.gateway.endpoints["data"], "quote,AAPL,", "trade,", f"~{token}.sys,client,"
    ) as consumer:
        lease = requester.result(
            "subscribe", client=client, symbols=symbols, kinds=["quote", "trade"], data_token=token
        )
        renew = {"client": client, "lease_id": lease["lease_id"], "data_token": token}
        # At once nothing is said: subscriptions may still be on their way.
        assert requester.result("renew", **renew)["missing_subscriptions"] == []
        found: list[str] = []

        def is_told() -> bool:
            found[:] = requester.result("renew", **renew)["missing_subscriptions"]
            return bool(found)

        wait_until(is_told, what="missing subscriptions")
        assert found == ["quote,MSFT,", "quote,TSLA,"]
        consumer.subscribe("quote,MSFT,")
        wait_until(lambda: is_told() and found == ["quote,TSLA,"], what="one less")
        consumer.subscribe("")
        wait_until(lambda: not is_told(), what="none")
    wait_until(lambda: is_told() and found == [f"~{token}.sys,client,"], what="the token's topic")
    requester.result("unsubscribe", client=client)


def test_the_trap_itself_is_noticed(requester: Requester, stage: Stage) -> None:
    """A SUB socket with libzmq's defaults, a reconnection, and more topics than come back."""
    symbols = [f"SYM{number}" for number in range(900)]
    token = "0" + new_token()
    with simulated(settings=ADMIN) as other:
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        sub = context.socket(zmq.SUB)
        sub.setsockopt(zmq.LINGER, 0)
        for topic in (f"~{token}.sys,client,", *(f"quote,{symbol}," for symbol in symbols)):
            sub.subscribe(topic)
        sub.connect(other.gateway.endpoints["data"])
        with Requester(other.gateway.endpoints["control"]) as control:
            lease = control.result(
                "subscribe", client="bare", symbols=symbols, kinds=["quote"], data_token=token
            )
            peer = named(control, "bare")
            assert peer["subscriptions"] == 901
            assert control.result("admin.evict", peer=peer["peer"], reason="test")["evicted"] == 1
            poller = zmq.Poller()
            poller.register(sub, zmq.POLLIN)
            deadline_s = time.monotonic() + 8.0
            missing: list[str] = []
            while not missing and time.monotonic() < deadline_s:
                # Subscriptions come back only while somebody polls.
                if poller.poll(200):
                    sub.recv()
                missing = control.result(
                    "renew", client="bare", lease_id=lease["lease_id"], data_token=token
                )["missing_subscriptions"]
            assert missing
            print(f"{len(missing)} of 901 subscriptions did not come back")
        context.destroy(linger=0)
    del stage, requester


def test_too_many_subscriptions_are_told(stage: Stage, requester: Requester) -> None:
    """The cap protects the gateway; whom it hits must know."""
    token = new_token()
    own = f"~{token}.sys,client,"
    with Consumer(stage.gateway.endpoints["data"], own) as consumer:
        requester.result("hello", client="greedy", data_token=token)
        named(requester, "greedy")
        consumer.subscribe(*(f"quote,S{number}," for number in range(CAP + 20)))
        message = consumer.wait_for_topic(own)
        assert message.type == NOTICE
        (details,) = message.values
        assert details["notice"] == "limit"
        assert (details["limit"], details["limit_max"]) == (
            "subscriptions_per_connection_max",
            CAP,
        )
        peer = named(requester, "greedy")
        assert (peer["subscriptions"], peer["refused"]) == (CAP, 21)


def test_a_relay_may_have_any_number(stage: Stage, requester: Requester) -> None:
    """It stands for many consumers; what was refused before it said so, it asks for again."""
    token = new_token()
    topics = [f"quote,R{number}," for number in range(2 * CAP)]
    with Consumer(stage.gateway.endpoints["data"], f"~{token}.sys,client,", *topics) as consumer:
        wait_until(
            lambda: any(peer["refused"] == CAP + 1 for peer in peers_of(requester)),
            what="refusals",
        )
        hello: dict[str, Any] = {"client": "relay", "data_token": token, "is_relay": True}
        assert requester.result("hello", **hello)["refused_subscriptions"] == CAP + 1
        consumer.unsubscribe(*topics)
        consumer.subscribe(*topics)
        wait_until(
            lambda: named(requester, "relay")["subscriptions"] == len(topics) + 1, what="all topics"
        )
        assert named(requester, "relay")["is_relay"] is True
        assert requester.result("hello", **hello)["refused_subscriptions"] == 0


@pytest.mark.parametrize("way", ["peer", "client"])
def test_an_administrator_cuts_a_consumer_off(stage: Stage, requester: Requester, way: str) -> None:
    """It sees its connection break, comes back, and nobody else is disturbed."""
    token, client = new_token(), f"victim-{way}"
    other = stage.consumer("sys,heartbeat,", "quote,AAPL,")
    with Consumer(stage.gateway.endpoints["data"], f"~{token}.sys,client,", "sys,") as consumer:
        requester.result("hello", client=client, data_token=token)
        peer = named(requester, client)
        name = peer["peer"] if way == "peer" else client
        reply = requester.result("admin.evict", peer=name, reason="test of eviction")
        assert reply == {"evicted": 1}
        # libzmq connects again by itself, while somebody reads, and the token names the new
        # connection at once.
        consumer.wait_for_beats(2)
        wait_until(
            lambda: any(p["peer"] != peer["peer"] for p in peers_of(requester, client=client)),
            what="the new connection",
        )
    assert requester.result("admin.evict", peer=name + "x", reason="nobody") == {"evicted": 0}
    other.wait_for_beats(2)
    other.history.check()


def test_eviction_is_an_administrator_s(requester: Requester) -> None:
    """A reason is one line; and without the role nobody is cut off."""
    error = requester.error("admin.evict", peer="x", reason="two\nlines")
    assert error["code"] == "bad_request"
    with simulated() as closed, Requester(closed.gateway.endpoints["control"]) as other:
        assert other.error("admin.evict", peer="x", reason="why")["code"] == "unauthorized"


@pytest.mark.skipif(os.name != "posix", reason="ipc needs a POSIX system")
def test_an_ipc_connection_is_a_process(tmp_path: Path) -> None:
    """On one machine the process is the best name there is."""
    with simulated(settings={"data": {"bind": f"ipc://{tmp_path}/data"}}) as stage:
        requester = stage.requester()
        with Consumer(stage.gateway.endpoints["data"], "sys,") as consumer:
            consumer.wait_for_beats(1)
            (peer,) = peers_of(requester)
            assert peer["peer"].startswith(f"ipc pid {os.getpid()} #")
            assert peer["transport"] == "ipc"
            wait_until(lambda: peers_of(requester)[0]["is_measured"], what="a measurement")
        wait_until(lambda: not peers_of(requester), what="its end")


def test_snapshots_beyond_the_pace_are_delayed_and_never_refused() -> None:
    """After a restart a bare socket cannot ask again; and who asks for less does not wait."""
    pace, count = 100, 250
    with simulated(rate=500.0, settings={"data": {"snapshots_per_second_max": pace}}) as stage:
        greedy = stage.consumer("quote,AAPL,", "sys,heartbeat,")
        greedy.wait_for_topic("quote,AAPL,")
        asked_s = time.monotonic()
        privates = [f"~{secrets.token_hex(10)}.quote,AAPL," for _ in range(count)]
        greedy.subscribe(*privates)
        other = stage.consumer("quote,MSFT,")
        other.wait_for_topic("quote,MSFT,")
        other.ask("quote,MSFT,", seconds=1.0)
        answers = greedy.wait_for_all(set(privates), lambda _: True, what="answers", seconds=15.0)
        assert len(answers) == count
        took_s = answers[-1].at_s - asked_s
        # The bucket holds one second's worth.
        assert took_s > (count - pace) / pace * 0.8
        # Delayed or not: each answer carries the sequence of the message just before it.
        last = 0
        for message in greedy.messages:
            if message.topic == "quote,AAPL,":
                last = message.sequence
            elif message.topic in privates:
                assert message.sequence == last
        counters = stage.requester().result("metrics")["client_metrics"]["counters"]
        # The bucket goes on filling while the questions come in.
        assert count - 2 * pace <= counters["snapshots_delayed"] <= count
        # Who takes its question back is not answered.
        late = [f"~{secrets.token_hex(10)}.quote,AAPL," for _ in range(count)]
        greedy.subscribe(*late)
        greedy.unsubscribe(*late)
        greedy.wait_for_beats(3)
        assert len([m for m in greedy.messages if m.topic in late]) <= pace
        greedy.history.check()
