"""Who may do what, as tables: every role, and who has none, against methods and subscriptions.

The tables are the specification: exactly their cells work.
"""

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import msgpack
import pytest

from gateway.model.methods import METHODS
from tests.support.consumer import STATE, Consumer, private_topic
from tests.support.keyring import EVERYTHING, Keyring
from tests.support.requester import Requester
from tests.support.stage import Stage, simulated, wait_until

pytestmark = pytest.mark.slow

CONSUMER_FILE: dict[str, Any] = {
    "role": "consumer",
    "allow": [
        {"kinds": ["*"], "symbols": ["AAPL", "@ES*"]},
        {"kinds": ["summary"], "symbols": ["*"]},
    ],
    "deny": [{"kinds": ["depth", "order"], "symbols": ["AAPL"]}],
}
MONITOR_FILE: dict[str, Any] = {"role": "monitor", "allow": EVERYTHING}
ADMIN_FILE: dict[str, Any] = {"role": "admin", "allow": EVERYTHING}

WHO = ("no key", "wrong key", "revoked", "monitor", "consumer", "admin")

REQUESTS = """
what                   | no key | wrong key | revoked | monitor      | consumer      | admin
hello                  | -      | -         | -       | ok           | ok            | ok
hello as a relay       | -      | -         | -       | not_entitled | not_entitled  | not_entitled
ping                   | -      | -         | -       | ok           | ok            | ok
describe               | -      | -         | -       | ok           | ok            | ok
subscribe quote AAPL   | -      | -         | -       | unauthorized | ok            | ok
subscribe quote MSFT   | -      | -         | -       | unauthorized | rejected      | ok
subscribe order AAPL   | -      | -         | -       | unauthorized | rejected      | ok
renew                  | -      | -         | -       | unauthorized | ok            | ok
renew another's        | -      | -         | -       | unauthorized | lease_expired | lease_expired
unsubscribe another's  | -      | -         | -       | unauthorized | lease_expired | lease_expired
unsubscribe            | -      | -         | -       | unauthorized | ok            | ok
subscriptions          | -      | -         | -       | ok           | ok            | ok
snapshot quote AAPL    | -      | -         | -       | unauthorized | ok            | ok
snapshot quote MSFT    | -      | -         | -       | unauthorized | refused       | ok
snapshot order AAPL    | -      | -         | -       | unauthorized | refused       | ok
snapshot summary MSFT  | -      | -         | -       | unauthorized | ok            | ok
replay trade AAPL      | -      | -         | -       | unauthorized | ok            | ok
replay trade MSFT      | -      | -         | -       | unauthorized | not_entitled  | ok
resync quote AAPL      | -      | -         | -       | unauthorized | ok            | ok
resync quote MSFT      | -      | -         | -       | unauthorized | not_entitled  | ok
why AAPL               | -      | -         | -       | ok           | ok            | ok
why MSFT               | -      | -         | -       | ok           | ok            | ok
symbols                | -      | -         | -       | ok           | ok            | ok
health                 | -      | -         | -       | ok           | ok            | ok
metrics                | -      | -         | -       | ok           | ok            | ok
diagnostics            | -      | -         | -       | ok           | ok            | ok
alerts                 | -      | -         | -       | ok           | ok            | ok
trends                 | -      | -         | -       | ok           | ok            | ok
errors                 | -      | -         | -       | ok           | ok            | ok
admin.acknowledge      | -      | -         | -       | unauthorized | unauthorized  | bad_request
admin.set_thresholds   | -      | -         | -       | unauthorized | unauthorized  | ok
admin.evict            | -      | -         | -       | unauthorized | unauthorized  | ok
admin.breaker_reset    | -      | -         | -       | unauthorized | unauthorized  | ok
admin.reconnect        | -      | -         | -       | unauthorized | unauthorized  | ok
admin.reload           | -      | -         | -       | unauthorized | unauthorized  | ok
admin.drain            | -      | -         | -       | unauthorized | unauthorized  | unknown
admin.shutdown         | -      | -         | -       | unauthorized | unauthorized  | unknown
"""
"""`-`: no answer at all. `rejected`: that symbol alone. `refused`: a `state` that says
not_entitled. An alert that does not stand is a `bad_request`; methods to come are unknown."""

SUBSCRIPTIONS = """
what                   | no key | wrong key | revoked | monitor      | consumer      | admin
sys,heartbeat,         | -      | -         | -       | yes          | yes           | yes
sys,alert,             | -      | -         | -       | yes          | no            | yes
sys,tails,             | -      | -         | -       | no           | no            | no
sys,                   | -      | -         | -       | no           | no            | no
quote,AAPL,            | -      | -         | -       | no           | yes           | yes
quote@250,AAPL,        | -      | -         | -       | no           | yes           | yes
quote,MSFT,            | -      | -         | -       | no           | no            | yes
quote@250,MSFT,        | -      | -         | -       | no           | no            | yes
summary,MSFT,          | -      | -         | -       | no           | yes           | yes
state,MSFT,            | -      | -         | -       | yes          | no            | yes
order,AAPL,            | -      | -         | -       | no           | no            | yes
quote,                 | -      | -         | -       | no           | no            | yes
quote                  | -      | -         | -       | no           | no            | yes
quote@                 | -      | -         | -       | no           | no            | yes
quote,A                | -      | -         | -       | no           | no            | yes
quote,AAPL             | -      | -         | -       | no           | no            | yes
quote,@ES              | -      | -         | -       | no           | yes           | yes
q                      | -      | -         | -       | no           | no            | yes
s                      | -      | -         | -       | no           | no            | no
summary,               | -      | -         | -       | no           | yes           | yes
state,                 | -      | -         | -       | yes          | no            | yes
~                      | -      | -         | -       | no           | no            | no
~0123456789012345.     | -      | -         | -       | no           | no            | no
"""
"""Whether a subscription is granted. `-`: there is no connection."""

SNAPSHOTS = """
what                   | no key | wrong key | revoked | monitor      | consumer      | admin
quote,AAPL,            | -      | -         | -       | not_entitled | yes           | yes
quote,MSFT,            | -      | -         | -       | not_entitled | not_entitled  | yes
summary,MSFT,          | -      | -         | -       | not_entitled | yes           | yes
order,AAPL,            | -      | -         | -       | not_entitled | not_entitled  | yes
state,AAPL,            | -      | -         | -       | yes          | yes           | yes
sys,heartbeat,         | -      | -         | -       | yes          | yes           | yes
sys,alert,             | -      | -         | -       | yes          | not_entitled  | yes
"""
"""What a private topic answers; sys,alert, has nothing to tell where it is allowed."""


def table(text: str) -> dict[str, dict[str, str]]:
    """A table, by row and column."""
    lines = [[cell.strip() for cell in line.split("|")] for line in text.strip().splitlines()]
    assert tuple(lines[0][1:]) == WHO
    return {row[0]: dict(zip(WHO, row[1:], strict=True)) for row in lines[1:]}


class Scene:
    """A gateway with keys, and one of each who may want something of it."""

    def __init__(self, stage: Stage, ring: Keyring) -> None:
        self.stage = stage
        self.ring = ring
        self.keys = {
            "no key": None,
            "wrong key": ring.stranger(),
            "revoked": ring.keys("revoked"),
            "monitor": ring.keys("monitor"),
            "consumer": ring.keys("consumer"),
            "admin": ring.keys("admin"),
        }
        self.admin = stage.requester(keys=self.keys["admin"])

    def requester(self, who: str) -> Requester:
        """A control client."""
        return self.stage.requester(keys=self.keys[who])

    def consumer(self, who: str, *topics: str) -> Consumer:
        """A data client."""
        return self.stage.consumer(*topics, keys=self.keys[who])

    def peers(self, who: str) -> list[dict[str, Any]]:
        """Data connections as an administrator is told of them."""
        peers = self.admin.result("subscriptions")["peers"]
        return [peer for peer in peers if peer["user"] == who]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Prices of three symbols flow, because an administrator's lease wants them."""
    ring = Keyring(tmp_path_factory.mktemp("rights"))
    ring.add("consumer", **CONSUMER_FILE)
    ring.add("monitor", **MONITOR_FILE)
    ring.add("admin", **ADMIN_FILE)
    ring.add("revoked")
    with simulated(settings=ring.settings, rate=500.0) as stage:
        ring.remove("revoked")
        scene = Scene(stage, ring)
        wanted = ["AAPL", "MSFT", "@ESZ25"]
        scene.admin.result(
            "subscribe", client="desk", symbols=wanted, kinds=["l1", "l2"], wait_ms=2000
        )
        wait_until(
            lambda: scene.admin.result("metrics")["client_metrics"]["counters"][
                "key_looks_changed"
            ],
            what="the revocation",
        )
        yield scene


def counter(scene: Scene, label: str) -> int:
    """A counter of the gateway's."""
    return int(scene.admin.result("metrics")["client_metrics"]["counters"][label])


def requests(scene: Scene, lease_id: str, anothers: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """Methods and parameters, by what the table calls them."""
    epoch = scene.stage.gateway.epoch
    reason = {"reason": "the matrix"}
    replayed = {"from_sequence": 1, "to_sequence": 2, "epoch": epoch}

    def wanted(symbol: str, kind: str = "quote") -> dict[str, Any]:
        return {"client": "c", "symbols": [symbol], "kinds": [kind]}

    return {
        "hello as a relay": (
            "hello",
            {"client": "r", "data_token": "r" * 20, "is_relay": True},
        ),
        "subscribe quote AAPL": ("subscribe", wanted("AAPL")),
        "subscribe quote MSFT": ("subscribe", wanted("MSFT")),
        "subscribe order AAPL": ("subscribe", wanted("AAPL", "order")),
        "renew": ("renew", {"client": "own", "lease_id": lease_id}),
        "renew another's": ("renew", {"client": "desk", "lease_id": anothers}),
        "unsubscribe another's": ("unsubscribe", {"client": "desk", "lease_id": anothers}),
        "unsubscribe": ("unsubscribe", {"client": "own"}),
        "snapshot quote AAPL": ("snapshot", {"topics": ["quote,AAPL,"]}),
        "snapshot quote MSFT": ("snapshot", {"topics": ["quote,MSFT,"]}),
        "snapshot order AAPL": ("snapshot", {"topics": ["order,AAPL,"]}),
        "snapshot summary MSFT": ("snapshot", {"topics": ["summary,MSFT,"]}),
        "replay trade AAPL": ("replay", {"topic": "trade,AAPL,", **replayed}),
        "replay trade MSFT": ("replay", {"topic": "trade,MSFT,", **replayed}),
        "resync quote AAPL": ("resync", {"topic": "quote,AAPL,"}),
        "resync quote MSFT": ("resync", {"topic": "quote,MSFT,"}),
        "why AAPL": ("why", {"symbol": "AAPL"}),
        "why MSFT": ("why", {"symbol": "MSFT"}),
        "admin.acknowledge": ("admin.acknowledge", {"alert": "none", **reason}),
        "admin.set_thresholds": ("admin.set_thresholds", {"thresholds": {}, **reason}),
        "admin.evict": ("admin.evict", {"peer": "nobody", **reason}),
        "admin.breaker_reset": ("admin.breaker_reset", {"port": "level1", **reason}),
        "admin.reconnect": ("admin.reconnect", {"port": "admin", **reason}),
    }


def outcome(reply: dict[str, Any]) -> str:
    """A reply in the table's words."""
    if not reply["ok"]:
        return str(reply["error"]["code"]).removesuffix("_method")
    result = reply["result"]
    if isinstance(result, list):
        bodies = [entry["body"] for entry in result]
        return "refused" if [b[7] for b in bodies if b[0] == STATE] == ["not_entitled"] else "ok"
    rejected = {entry["code"] for entry in result.get("rejected", ())}
    return "rejected" if rejected == {"not_entitled"} else "ok"


def test_every_method_is_in_the_table() -> None:
    """A method that is added is judged by somebody before anybody may use it."""
    assert {row.split(" ")[0] for row in table(REQUESTS)} == set(METHODS)


@pytest.mark.parametrize("who", WHO)
def test_requests_do_what_the_table_says(scene: Scene, who: str) -> None:
    """Exactly the allowed cells work."""
    (lease,) = (
        lease
        for lease in scene.admin.result("subscriptions")["leases"]
        if lease["client"] == "desk"
    )
    own = None
    requester = scene.requester(who)
    if who in ("consumer", "admin"):
        own = requester.result("subscribe", client="own", symbols=["AAPL"], kinds=["quote"])
    named = requests(scene, own["lease_id"] if own else "none", lease["lease_id"])
    if who == "admin":
        # To an administrator it is its own user's: another client's name does not do.
        for row in ("renew another's", "unsubscribe another's"):
            method, params = named[row]
            named[row] = (method, {**params, "client": "other"})
    found = {}
    for row in table(REQUESTS):
        method, params = named.get(row, (row, {"reason": "the matrix"} if "." in row else {}))
        if who in ("no key", "wrong key", "revoked"):
            # As long as the connection is not refused; a send without one would wait for ever.
            request = {"v": 1, "id": row, "method": method, "params": params}
            requester.offer(msgpack.packb(request))
            continue
        if method == "resync":
            # Each symbol once in five seconds, whoever asks.
            found[row] = resync_outcome(requester, params)
            continue
        found[row] = outcome(requester.call(method, **params))
    if not found:
        assert not requester._socket.poll(1_500), "a stranger was answered"
        found = dict.fromkeys(table(REQUESTS), "-")
    assert found == {row: cells[who] for row, cells in table(REQUESTS).items()}


def resync_outcome(requester: Requester, params: dict[str, Any]) -> str:
    """A request for fresh values, once its turn has come."""
    deadline_s = time.monotonic() + 10
    while True:
        reply = requester.call("resync", **params)
        if outcome(reply) != "rate_limited" or time.monotonic() > deadline_s:
            return outcome(reply)
        time.sleep(reply["error"]["retry_ms"] / 1000)


@pytest.mark.parametrize("who", WHO)
def test_subscriptions_are_granted_as_the_table_says(scene: Scene, who: str) -> None:
    """What is not granted is not delivered, is listed, and brings nobody anything."""
    cells = {row: cells[who] for row, cells in table(SUBSCRIPTIONS).items()}
    if who in ("no key", "wrong key", "revoked"):
        consumer = scene.consumer(who, *cells)
        assert consumer.receive(1.5) is None
        assert set(cells.values()) == {"-"}
        return
    wait_until(lambda: not scene.peers(who), what="an end of connections before")
    consumer = scene.consumer(who)
    found, held = {}, 0
    for topic in cells:
        # Answered behind it: by then the subscription was judged.
        marker = private_topic("sys,heartbeat,")
        consumer.subscribe(topic, marker)
        consumer.wait_for_topic(marker)
        (peer,) = scene.peers(who)
        found[topic] = "no" if topic in (peer["not_entitled"] or {}) else "yes"
        held += 1 + (found[topic] == "yes")
        assert peer["subscriptions"] == held
    assert found == cells
    reference = scene.consumer("admin", "quote,MSFT,", "quote,AAPL,", "summary,MSFT,")
    for topic in ("quote,MSFT,", "quote,AAPL,", "summary,MSFT,"):
        reference.wait_for_topic(topic)
    for _ in consumer.stream(0.5):
        continue
    granted = tuple(topic for topic, cell in cells.items() if cell == "yes")
    strays = {m.topic for m in consumer.messages if not m.topic.startswith((*granted, "~"))}
    assert strays == set()
    consumer.close()
    reference.close()


@pytest.mark.parametrize("who", ["monitor", "consumer", "admin"])
def test_private_topics_answer_what_the_table_says(scene: Scene, who: str) -> None:
    """Who may not have something is told so where it asks."""
    cells = {row: cells[who] for row, cells in table(SNAPSHOTS).items()}
    consumer = scene.consumer(who)
    found = {}
    for topic in cells:
        private = private_topic(topic)
        consumer.subscribe(private)
        if (who, topic) in (("monitor", "sys,alert,"), ("admin", "sys,alert,")):
            found[topic] = "yes"
            continue
        answer = consumer.wait_for_topic(private)
        is_refused = answer.type == STATE and answer.values[:2] == ["refused", "not_entitled"]
        found[topic] = "not_entitled" if is_refused else "yes"
        if is_refused:
            assert (answer.sequence, answer.flags) == (0, 0)
    assert found == cells


@pytest.mark.parametrize(
    ("who", "kinds"),
    [
        ("monitor", {"sys", "state"}),
        ("consumer", {"sys", "summary"}),
        ("admin", {"sys", "quote", "trade", "summary"}),
    ],
)
def test_the_empty_subscription_brings_whole_kinds_that_may_be_had(
    scene: Scene, who: str, kinds: set[str]
) -> None:
    """Never a symbol of a kind of which others are not allowed, and never a private topic."""
    consumer = scene.consumer(who, "")
    with scene.consumer("admin", "quote,MSFT,", "quote,AAPL,", "sys,heartbeat,") as reference:
        consumer.wait_for_topic("sys,heartbeat,")
        for topic in ("quote,MSFT,", "quote,AAPL,"):
            reference.wait_for_topic(topic)
        reference.wait_for_beats(2)
    heard = {m.kind.partition("@")[0] for m in consumer.stream(1.0)}
    assert "sys" in heard
    if who == "admin":
        assert heard >= kinds
    else:
        assert heard <= kinds
        assert {m.topic for m in consumer.messages if m.kind == "sys"} <= {
            "sys,heartbeat,",
            "sys,feed,",
            "sys,goodbye,",
            *(["sys,alert,"] if who == "monitor" else []),
        }
    assert not [m for m in consumer.messages if m.topic.startswith("~")]


def test_lists_show_a_consumer_what_is_its_own(scene: Scene) -> None:
    """Others' clients, and symbols it may not hear, are not there for it."""
    with contextlib.ExitStack() as stack:
        for who in ("admin", "consumer"):
            consumer = stack.enter_context(scene.consumer(who, "quote,AAPL,"))
            consumer.wait_for_topic("quote,AAPL,")
        own = scene.requester("consumer")
        told = own.result("subscriptions")
        assert {peer["user"] for peer in told["peers"]} == {"consumer"}
        assert "desk" not in {lease["client"] for lease in told["leases"]}
        assert {peer["user"] for peer in own.result("diagnostics")["clients"]} == {"consumer"}
        for who in ("monitor", "admin"):
            requester = scene.requester(who)
            assert {p["user"] for p in requester.result("subscriptions")["peers"]} >= {
                "admin",
                "consumer",
            }
            assert "desk" in {
                lease["client"] for lease in requester.result("subscriptions")["leases"]
            }
    assert own.error("why", symbol="MS\nFT")["code"] in ("symbol_invalid", "not_entitled")
