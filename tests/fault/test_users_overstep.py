"""Users with a key who want more than is theirs: others' answers, others' symbols, all the time."""

import contextlib
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgpack
import pytest
import zmq

from tests.support import fault_table
from tests.support.consumer import use_keys
from tests.support.fault_table import fault_row
from tests.support.keyring import EVERYTHING, Keyring
from tests.support.processes import ROOT, GatewayProcess
from tests.support.requester import Requester
from tests.support.slack import SLACK
from tests.support.stage import Stage, free_ports, simulated, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
FLOOD_S: Final = float(os.environ.get("FLOOD_SECONDS", "5"))
CONNECTIONS: Final = 50
P99_MS_MAX: Final = 50.0 * SLACK
"""Twenty on processors of its own; two are shared with the flood here, and with other tests."""
SEED: Final = 6_653
MESSAGES: Final = int(os.environ.get("ENTITLED_MESSAGES", "20000"))
"""Messages published while somebody tries to hear what he may not; a million in a long run."""


def latencies_ms(requester: Requester, seconds: float) -> list[float]:
    """How long a calm client waits for its answers."""
    found = []
    deadline_s = time.monotonic() + seconds
    while time.monotonic() < deadline_s:
        started_s = time.monotonic()
        assert requester.result("ping") == {}
        found.append((time.monotonic() - started_s) * 1000)
        time.sleep(0.02)
    return found


def p99(values: list[float]) -> float:
    """The 99th percentile."""
    return sorted(values)[int(len(values) * 0.99)]


@fault_row(53)
@pytest.mark.long
def test_a_flood_of_one_user_holds_up_nobody_else(tmp_path: Path) -> None:
    """Fifty connections are one user: refused after a burst, then cut, and named."""
    ring = Keyring(tmp_path, "alice")
    ring.add("flooder", role="consumer")
    level1_port, admin_port = free_ports(2)
    with GatewayProcess(
        tmp_path,
        level1_port=level1_port,
        admin_port=admin_port,
        settings=ring.settings,
        keys=ring.keys("alice"),
    ) as gateway:
        gateway.start()
        with gateway.requester() as calm:
            before = latencies_ms(calm, FLOOD_S)
            with flooding(gateway.control, ring.keys("flooder")) as found:
                during = latencies_ms(calm, FLOOD_S)
            counters = calm.result("metrics")["client_metrics"]["counters"]
        printed = gateway.printed()
    print(f"others' slowest: {[round(ms, 1) for ms in sorted(during)[-8:]]} of {len(during)}")
    fault_table.note(
        53,
        f"10,000 requests a second on {CONNECTIONS} connections of one user",
        lost=0,
        more=f"others' p99 {p99(before):.1f} ms before, {p99(during):.1f} ms during; {found}",
    )
    assert found["rate_limited"] > 0
    assert found["ok"] < 400 + 200 * (FLOOD_S + 5)
    assert counters["requests_limited"] > counters["requests_cut"] > 0
    lines = [line for line in printed.splitlines() if "evicted" in line]
    assert 0 < len(lines) < 10, "named, and not with every request"
    assert all("flooder" in line for line in lines)
    assert "rate_limited" in printed
    assert p99(during) <= max(P99_MS_MAX, 2 * p99(before))


@contextlib.contextmanager
def flooding(endpoint: str, keys: tuple[str, str, str]) -> Iterator[dict[str, Any]]:
    """Let a user ask without end; what it was answered is there in the end."""
    found: dict[str, Any] = {}
    arguments = [endpoint, str(CONNECTIONS), str(FLOOD_S), *keys]
    flood = subprocess.Popen(
        [sys.executable, ROOT / "tests" / "support" / "request_flood.py", *arguments],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield found
        printed, _ = flood.communicate(timeout=60)
        found.update(json.loads(printed))
    finally:
        flood.kill()
        flood.wait()


@contextlib.contextmanager
def named_dealer(stage: Stage, keys: tuple[str, str, str]) -> Iterator["zmq.Socket[bytes]"]:
    """A connection that chooses its routing id, as a thief would."""
    with zmq.Context() as context, context.socket(zmq.DEALER) as dealer:
        dealer.setsockopt(zmq.LINGER, 0)
        dealer.setsockopt(zmq.ROUTING_ID, b"same")
        use_keys(dealer, keys)
        dealer.connect(stage.gateway.endpoints["control"])
        yield dealer


@fault_row(56)
@pytest.mark.long
def test_a_routing_id_is_nobody(tmp_path: Path) -> None:
    """Who takes another's routing id gets neither its answers, nor its leases, nor its name."""
    ring = Keyring(tmp_path, "alice", "bob")
    request = {"client": "c", "symbols": ["AAPL"], "kinds": ["quote"], "lease_s": 60}
    subscribe = msgpack.packb({"v": 1, "id": 1, "method": "subscribe", "params": request})
    with simulated(settings=ring.settings) as stage:
        with (
            named_dealer(stage, ring.keys("alice")) as alice,
            contextlib.ExitStack() as later,
        ):
            answer_of(alice, ping(0))
            bob = later.enter_context(named_dealer(stage, ring.keys("bob")))
            bob.send(subscribe)
            # While she is there, what comes under her name from elsewhere is not even read.
            assert not bob.poll(500)
            for number in range(50):
                assert answer_of(alice, ping(number))["id"] == number
            assert not bob.poll(100)
            hers = answer_of(alice, subscribe)["result"]["lease_id"]
        with named_dealer(stage, ring.keys("bob")) as bob:
            own = answer_of(bob, subscribe)
            assert own["result"]["lease_id"] != hers, "the same bytes are another user's request"
            for frame in (renewal_of(hers), release_of(hers)):
                assert answer_of(bob, frame)["error"]["code"] == "lease_expired"
            leases = stage.requester(keys=ring.keys("alice")).result("subscriptions")["leases"]
            assert {(lease["user"], lease["client"]) for lease in leases} == {
                ("alice", "c"),
                ("bob", "c"),
            }
    fault_table.note(56, "another user's routing id", lost=0, more="0 of 53 answers crossed")


def answer_of(dealer: "zmq.Socket[bytes]", frame: bytes) -> dict[str, Any]:
    """Send a request and read the reply."""
    dealer.send(frame)
    assert dealer.poll(5_000)
    reply = msgpack.unpackb(dealer.recv())
    assert isinstance(reply, dict)
    return reply


def ping(number: int) -> bytes:
    """A request that does nothing."""
    return bytes(msgpack.packb({"v": 1, "id": number, "method": "ping"}))


def renewal_of(lease_id: str) -> bytes:
    """A request to keep a lease."""
    params = {"client": "c", "lease_id": lease_id}
    return bytes(msgpack.packb({"v": 1, "id": 2, "method": "renew", "params": params}))


def release_of(lease_id: str) -> bytes:
    """A request to give a lease up."""
    params = {"client": "c", "lease_id": lease_id}
    return bytes(msgpack.packb({"v": 1, "id": 3, "method": "unsubscribe", "params": params}))


@fault_row(58)
@pytest.mark.long
def test_leases_of_two_users_never_mix(tmp_path: Path) -> None:
    """Both call their client the same; each sees, renews and gives up its own."""
    ring = Keyring(tmp_path, "alice", "bob")
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    with simulated(settings=ring.settings) as stage:
        users = {name: stage.requester(keys=ring.keys(name)) for name in ("alice", "bob")}
        held: dict[str, list[str]] = {"alice": [], "bob": []}
        refused = 0
        for _ in range(120):
            name, other = chance.choice([("alice", "bob"), ("bob", "alice")])
            requester = users[name]
            deed = chance.choice(["subscribe", "own", "other", "all"])
            if deed == "subscribe":
                took = requester.result(
                    "subscribe", client="c", symbols=["AAPL", "MSFT"], kinds=["quote"]
                )
                held[name].append(took["lease_id"])
            elif deed == "own" and held[name]:
                lease_id = held[name].pop()
                requester.result("unsubscribe", client="c", lease_id=lease_id)
                error = requester.error("unsubscribe", client="c", lease_id=lease_id)
                assert error["code"] == "lease_expired"
            elif deed == "other" and held[other]:
                for method in ("unsubscribe", "renew"):
                    error = requester.error(method, client="c", lease_id=held[other][-1])
                    assert error["code"] == "lease_expired"
                    refused += 1
            elif deed == "all":
                requester.result("unsubscribe", client="c")
                held[name].clear()
            time.sleep(0.005)
        leases = users["alice"].result("subscriptions")["leases"]
        found = {
            user: {lease["lease_id"] for lease in leases if lease["user"] == user} for user in held
        }
        assert found == {user: set(ids) for user, ids in held.items()}
        for requester in users.values():
            requester.result("unsubscribe", client="c")
        watches = users["alice"].result("subscriptions")["watches"]
        assert {watch["wishes"] for watch in watches} <= {0}
    fault_table.note(58, "two users, one client's name", lost=0, more=f"{refused} refused")


@fault_row(66)
def test_no_trick_brings_what_may_not_be_heard(tmp_path: Path) -> None:
    """Prefixes, parts of bodies, duplicates and private topics: none of a million messages."""
    ring = Keyring(tmp_path, "alice")
    ring.add(
        "bob",
        role="consumer",
        allow=[{"kinds": ["quote", "trade"], "symbols": ["AAPL"]}],
        deny=[{"kinds": ["trade"], "symbols": ["AAPL"]}],
    )
    tricks = [
        *("", "A", "AAPL", "q", "quote", "quote,", "quote,A", "quote,AAPL", "quote@", "quote@250,"),
        *(
            "quote,MSFT,",
            "quote,MSFT,\x9f",
            "quote,MSFT,\x9f\x01",
            "trade,AAPL,",
            "trade,AAPL,\x9f",
        ),
        *("~", "~a", "~0123456789abcd.", "image,AAPL,", "sys,", "sys,tails,", "sys,alert,", "s"),
        *("quote,AAPL,,", ",", ",,", "quote,AAP?,", "quote,*,", "QUOTE,MSFT,", "quote,msft,"),
    ]
    settings = {**ring.settings, "data": {"auto_watch": True}}
    with simulated(settings=settings, rate=4_000.0, trade_share=0.5) as stage:
        alice = stage.consumer("quote,", "trade,", keys=ring.keys("alice"))
        boss = stage.requester(keys=ring.keys("alice"))
        symbols = [f"{s}" for s in ("AAPL", "MSFT", "AMZN", "TSLA", "NVDA", "META", "GOOGL")]
        boss.result("subscribe", client="c", symbols=symbols, kinds=["l1"], wait_ms=2000)
        bob = stage.consumer(*tricks, *tricks, "quote,AAPL,", keys=ring.keys("bob"))
        bob.wait_for_topic("quote,AAPL,")

        def published() -> int:
            counters = boss.result("metrics")["client_metrics"]["counters"]
            return int(counters["messages_published"])

        began = published()
        seconds = 60.0 + MESSAGES / 500
        while published() - began < MESSAGES and seconds > 0:
            for consumer in (alice, bob):
                for _ in consumer.stream(0.25):
                    continue
            for trick in tricks:
                bob.unsubscribe(trick)
                bob.subscribe(trick)
            seconds -= 0.5
        count = published() - began
        heard = {message.topic for message in bob.messages}
        others = {message.topic for message in alice.messages}
        (peer,) = [p for p in boss.result("subscriptions")["peers"] if p["user"] == "bob"]
    fault_table.note(
        66, f"{len(tricks)} tricks", lost=0, more=f"0 of {count} messages, {len(bob.messages)} own"
    )
    assert count >= MESSAGES
    assert {"quote,MSFT,", "trade,AAPL,"} <= others
    assert heard <= {"quote,AAPL,", "quote@250,AAPL,", "sys,heartbeat,", "sys,feed,"}, heard
    assert "quote,AAPL," in heard
    assert {"quote,", "trade,AAPL,", "sys,tails,"} <= set(peer["not_entitled"])


def test_what_is_taken_back_is_heard_no_more(tmp_path: Path) -> None:
    """A file that is narrowed takes effect on what was granted, and a wider one too."""
    ring = Keyring(tmp_path, "alice")
    pair = ring.add("bob", role="consumer", allow=EVERYTHING)
    del pair
    with simulated(settings=ring.settings, rate=1_000.0) as stage:
        boss = stage.requester(keys=ring.keys("alice"))
        bob = stage.consumer("quote,AAPL,", "quote,MSFT,", keys=ring.keys("bob"))
        for topic in ("quote,AAPL,", "quote,MSFT,"):
            bob.wait_for_topic(topic)
        lease = stage.requester(keys=ring.keys("bob")).result(
            "subscribe", client="c", symbols=["AAPL", "MSFT"], kinds=["quote"]
        )
        assert lease["lease_id"]
        only = [{"kinds": ["*"], "symbols": ["AAPL"]}]
        ring.add("bob", ring.pairs["bob"], role="consumer", allow=only)

        def denied() -> bool:
            # Subscriptions come back only while somebody reads.
            bob.receive(0.01)
            peers = boss.result("subscriptions")["peers"]
            return any("quote,MSFT," in (p["not_entitled"] or {}) for p in peers)

        wait_until(denied, what="the new file", seconds=5.0)
        while bob.receive(0.0) is not None:
            continue
        del bob.messages[:]
        bob.wait_for_topic("quote,AAPL,")
        for _ in bob.stream(1.0):
            continue
        assert {m.topic for m in bob.messages} == {"quote,AAPL,"}
        wait_until(
            lambda: (
                [
                    one["symbols"]
                    for one in boss.result("subscriptions")["leases"]
                    if one["user"] == "bob"
                ]
                == [["AAPL"]]
            ),
            what="the lease without what was taken back",
        )
        ring.add("bob", ring.pairs["bob"], role="consumer", allow=EVERYTHING)
        bob.wait_for_topic("quote,MSFT,")
