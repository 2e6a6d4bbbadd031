"""Any loss, repeat, reconnection, restart and slowness: every event comes once or is named once.

The client's whole session runs here without sockets: a script says what the gateway publishes, what
the network loses, how requests for lost events end and when the application reads. A model that
knows only the wire contract says what must have come of every sequence.
"""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import msgpack
import pytest
from gateway_client import Disconnected, Gap, GatewayRestarted, Overrun
from gateway_client.delivery import DeliveryQueue
from gateway_client.entries import Pending
from gateway_client.errors import RequestRefused, RequestTimedOut
from gateway_client.options import Options
from gateway_client.rpc_codec import Reply
from gateway_client.session import Session
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.client.fake_gateway import trade

TOPICS = ("trade,A,", "trade,B,", "news,DTN,", "correction,A,")
TYPES = {"trade": 2, "news": 8, "correction": 11}
FIELDS: dict[str, list[Any]] = {
    "trade": trade(1.0),
    "news": ["DTN", "1", [], "headline"],
    "correction": ["insert", "C", 1.0, 5, 1, "01", 5, None],
}
RING = 9
SECOND_NS = 1_000_000_000


class Network:
    """Stands for both sockets: what is subscribed, and the requests under way."""

    def __init__(self) -> None:
        self.topics: set[str] = set()
        self.requests: list[tuple[str, dict[str, Any], Callable[[Any], None]]] = []

    def request(
        self, method: str, params: dict[str, Any], *, timeout_ns: int, now_ns: int, on_done: Any
    ) -> None:
        """Take a request of the client."""
        assert timeout_ns > 0 <= now_ns
        self.requests.append((method, params, on_done))

    def subscribe(self, topic: str) -> None:
        """Take a subscription."""
        self.topics.add(topic)

    def unsubscribe(self, topic: str) -> None:
        """Take it back."""
        self.topics.discard(topic)


class Model:
    """What the wire contract lets a consumer of one run know."""

    def __init__(self) -> None:
        self.start: dict[str, int] = {}
        self.end: dict[str, int] = {}

    def hear(self, topic: str, sequence: int, *, is_message: bool) -> None:
        """A message arrived, or word that so many were published."""
        self.start.setdefault(topic, sequence if is_message else sequence + 1)
        self.end[topic] = max(self.end.get(topic, 0), sequence)

    def expected(self, topic: str) -> set[int]:
        """Sequences of which the consumer must get a message or a final word."""
        if topic not in self.start:
            return set()
        return set(range(self.start[topic], self.end[topic] + 1))


class World:
    """A gateway, a network that loses, the client's session, and an application."""

    def __init__(self, *, capacity: int) -> None:
        self.now_ns = SECOND_NS
        self.epoch = 1_000
        self.sequences: dict[str, int] = defaultdict(int)
        self.network = Network()
        self.queue = DeliveryQueue(
            capacity=capacity, conflate_above=capacity, on_overrun=self.note_overrun
        )
        self.session = Session(
            Options(client_name="test"),
            rpc=self.network,  # type: ignore[arg-type]
            subscriber=self.network,  # type: ignore[arg-type]
            queue=self.queue,
        )
        self.models: dict[int, Model] = defaultdict(Model)
        self.empty: set[tuple[int, str]] = set()
        """Runs and topics of which we were told that there is nothing yet."""
        self.items: list[Any] = []
        self.overruns = 0
        self.session.listen_to(TOPICS)
        self.heartbeat()
        self.turn()

    def note_overrun(self, _: Overrun, __: Any, gaps: Any) -> None:
        """What the engine does for the application's thread."""
        self.overruns += 1
        self.session.intake.note_skipped(gaps)

    def turn(self) -> None:
        """What the engine does after every batch."""
        self.session.tick(self.now_ns)
        self.session.after_batch(self.now_ns)
        if self.session.intake.out:
            self.queue.extend(self.session.intake.out, self.now_ns)
            self.session.intake.out.clear()

    def frame(self, topic: str, sequence: int, *, flags: int = 0) -> bytes:
        """One message as published."""
        kind = topic.partition(",")[0]
        body = [TYPES[kind], self.epoch, sequence, flags, 1, None, *FIELDS[kind]]
        return topic.encode() + bytes(msgpack.packb(body))

    def system(self, name: str, number: int, details: dict[str, Any], *, is_lost: bool) -> None:
        """One message of the gateway's own."""
        topic = f"sys,{name},"
        self.sequences[topic] += 1
        body = [number, self.epoch, self.sequences[topic], 0, 1, None, details]
        if not is_lost:
            self.session.intake.receive(topic.encode() + bytes(msgpack.packb(body)))

    # Steps of the script.

    def publish(self, topic: str, count: int, *, is_lost: bool) -> None:
        """Publish some messages on a topic."""
        for _ in range(count):
            self.sequences[topic] += 1
            if not is_lost:
                self.models[self.epoch].hear(topic, self.sequences[topic], is_message=True)
                self.session.intake.receive(self.frame(topic, self.sequences[topic]))
            self.now_ns += 1_000

    def repeat(self, topic: str, back: int) -> None:
        """Deliver an earlier message twice, or one that was late: a relay may do that."""
        sequence = self.sequences[topic] - back
        if 0 < sequence <= self.models[self.epoch].end.get(topic, 0):
            self.session.intake.receive(self.frame(topic, sequence))

    def resend(self, topic: str, back: int) -> None:
        """Send one of those again to everybody that is asked for already."""
        sequence = self.sequences[topic] - back
        if self.session.replays.is_awaited(topic, self.epoch, sequence):
            self.session.intake.receive(self.frame(topic, sequence, flags=2))

    def tails(self, *, is_lost: bool) -> None:
        """Announce where every topic stands."""
        tails = {topic: self.sequences[topic] for topic in TOPICS if self.sequences[topic]}
        if not is_lost:
            for topic, sequence in tails.items():
                self.models[self.epoch].hear(topic, sequence, is_message=False)
        self.system("tails", 21, {"topics": tails}, is_lost=is_lost)

    def heartbeat(self) -> None:
        """Tell how many tails there were."""
        details = {"tails_sequence": self.sequences["sys,tails,"]}
        self.system("heartbeat", 20, details, is_lost=False)

    def answer_snapshots(self, *, is_lost: bool) -> None:
        """Answer every private topic; lost answers are asked for again ten seconds later."""
        for private in sorted(t for t in self.network.topics if t.startswith("~")):
            topic = private.partition(".")[2]
            sequence = self.sequences[topic]
            if topic not in TOPICS or is_lost:
                continue
            if not sequence:
                self.empty.add((self.epoch, topic))
                why = [9, self.epoch, 0, 0, 1, None, "pending", None, 1, None]
                self.session.intake.receive(private.encode() + bytes(msgpack.packb(why)))
                continue
            self.models[self.epoch].hear(topic, sequence, is_message=False)
            kind = topic.partition(",")[0]
            body = [TYPES[kind], self.epoch, sequence, 1, 1, None, *FIELDS[kind]]
            self.session.intake.receive(private.encode() + bytes(msgpack.packb(body)))

    def answer_replay(self, how: str) -> None:
        """End the oldest request."""
        if not self.network.requests:
            return
        method, params, on_done = self.network.requests.pop(0)
        if method != "replay":
            on_done(RequestTimedOut("no"))
        elif how == "answered":
            on_done(self.replayed(params))
        elif how == "timeout":
            on_done(RequestTimedOut("no reply in time"))
        else:
            on_done(RequestRefused("no", code=how, hint="", retry_ms=None))

    def replayed(self, params: dict[str, Any]) -> Reply:
        """What the ring still has of it."""
        topic = params["topic"]
        newest = self.sequences[topic]
        is_ours = params["epoch"] == self.epoch and newest
        oldest = max(1, newest - RING + 1) if is_ours else None
        wanted = range(params["from_sequence"], params["to_sequence"] + 1)
        kept = [s for s in wanted if oldest is not None and oldest <= s <= newest]
        bodies = [
            msgpack.unpackb(self.frame(topic, s, flags=2)[len(topic) :], use_list=True)
            for s in kept
        ]
        result = {"bodies": bodies, "complete": len(kept) == len(wanted), "oldest": oldest}
        return Reply(1, result, None, None, None)

    def reconnect(self) -> None:
        """The connection was away, which the client has noticed."""
        self.session.intake.out.append(Disconnected("silence", 3.0))
        self.session.disconnected()
        # A fresh socket has no private topics.
        self.network.topics = {t for t in self.network.topics if not t.startswith("~")}
        self.session.reopened()
        self.session.reconnected(self.now_ns)

    def restart(self) -> None:
        """The gateway runs anew."""
        self.epoch += 1_000
        self.sequences.clear()
        self.heartbeat()

    def wait(self) -> None:
        """Let time pass: pauses end, snapshots are overdue."""
        self.now_ns += 11 * SECOND_NS

    def read(self, count: int) -> None:
        """Let the application read."""
        while count and (entry := self.queue.pop()) is not None:
            count -= 1
            self.items.append(entry)

    def settle(self) -> None:
        """Everything works again for long enough; then the client ends."""
        self.tails(is_lost=False)
        for _ in range(200):
            self.turn()
            self.answer_snapshots(is_lost=False)
            self.answer_replay("answered")
            self.read(3)
            self.now_ns += 100_000_000
        self.session.healer.close()
        self.turn()
        while len(self.queue):
            self.read(10)

    def check(self) -> None:
        """Judge everything the application has got."""
        came: dict[tuple[int, str], list[int]] = defaultdict(list)
        live: dict[tuple[int, str], list[int]] = defaultdict(list)
        gone: dict[tuple[int, str], list[int]] = defaultdict(list)
        epochs = [1_000]
        for item in self.items:
            if isinstance(item, Pending):
                key = (item.items[1], item.slot.topic)
                if key[1] not in TOPICS or not item.items[2]:
                    continue
                came[key].append(item.items[2])
                if not item.items[3]:
                    live[key].append(item.items[2])
            elif isinstance(item, Gap) and item.topic in TOPICS:
                key = (item.epoch, item.topic)
                named = list(range(item.first_missing, item.last_missing + 1))
                if item.is_final:
                    gone[key] += named
                elif item.healed:
                    assert set(named) <= set(came[key]), item
            elif isinstance(item, GatewayRestarted):
                epochs.append(item.new_epoch)
        assert epochs == list(range(1_000, self.epoch + 1, 1_000))
        for epoch, model in self.models.items():
            for topic in TOPICS:
                key = (epoch, topic)
                start = model.start.get(topic, self.sequences[topic] + 1)
                early = [s for s in came[key] + gone[key] if s < start]
                rest = [s for s in came[key] + gone[key] if s >= start]
                # What a run published before it was heard may come; what does not is not told.
                assert len(early) == len(set(early)), key
                assert not early or epoch > 1_000 or key in self.empty, key
                assert sorted(rest) == sorted(model.expected(topic)), key
                assert live[key] == sorted(live[key])
        assert {*came, *gone} <= {(epoch, topic) for epoch in self.models for topic in TOPICS}


topics = st.sampled_from(TOPICS)
publications = st.one_of(
    st.tuples(st.just("publish"), topics, st.integers(1, 6), st.booleans()),
    st.tuples(st.just("publish"), topics, st.integers(1, 3), st.just(False)),
    st.tuples(st.just("publish"), st.just(TOPICS[0]), st.integers(1, 6), st.booleans()),
)
answers = st.tuples(
    st.just("replay"),
    st.sampled_from(
        ["answered"] * 10 + ["timeout", "busy", "rate_limited", "unknown_method", "not_entitled"]
    ),
)
troubles = st.one_of(
    st.tuples(st.just("repeat"), topics, st.integers(0, 5)),
    st.tuples(st.just("resend"), topics, st.integers(0, 5)),
    st.tuples(st.just("tails"), st.booleans()),
    st.tuples(st.just("heartbeat")),
    st.tuples(st.just("snapshots"), st.booleans()),
    st.tuples(st.just("reconnect")),
    st.tuples(st.sampled_from(["wait", "wait", "wait", "restart"])),
)
reads = st.tuples(st.just("read"), st.integers(1, 6))
steps = st.one_of(publications, publications, answers, troubles, reads)


def run(world: World, script: list[tuple[Any, ...]]) -> None:
    """Play a script; the application reads seldom, so that its queue overflows."""
    for name, *arguments in script:
        match name:
            case "publish":
                world.publish(arguments[0], arguments[1], is_lost=arguments[2])
            case "tails":
                world.tails(is_lost=arguments[0])
            case "snapshots":
                world.answer_snapshots(is_lost=arguments[0])
            case "replay":
                world.answer_replay(arguments[0])
            case _:
                getattr(world, name)(*arguments)
        world.turn()
    world.settle()


@pytest.mark.slow
@settings(max_examples=400)
@given(st.integers(2, 20), st.lists(steps, min_size=8, max_size=80))
@pytest.mark.long
def test_every_event_comes_once_or_is_named_once(
    capacity: int, script: list[tuple[Any, ...]]
) -> None:
    """A strategy that counts trades must be able to trust its count, or know that it is wrong."""
    world = World(capacity=capacity)
    run(world, script)
    world.check()
    assert world.session.replays.hole_count == 0


def test_script_of_everything_at_once() -> None:
    """One example that is known to heal, to skip, to lose and to restart."""
    world = World(capacity=8)
    script: list[tuple[Any, ...]] = [
        ("publish", "trade,A,", 2, False), ("publish", "trade,A,", 3, True),
        ("publish", "trade,A,", 1, False), ("replay", "busy"), ("read", 6),
        ("publish", "news,DTN,", 6, False), ("publish", "trade,B,", 6, False), ("read", 6),
        ("publish", "trade,A,", 30, True), ("tails", True), ("heartbeat",),
        ("snapshots", False), ("replay", "answered"), ("restart",),
        ("publish", "trade,A,", 1, False), ("publish", "trade,A,", 2, True), ("tails", False),
    ]  # fmt: skip
    run(world, script)
    world.check()
    finals = [item for item in world.items if isinstance(item, Gap) and item.is_final]
    healed = [item for item in world.items if isinstance(item, Gap) and item.healed]
    assert world.overruns > 0
    assert Gap("trade,A,", 2, 3, healed=True, epoch=2_000) in healed
    assert any(gap.epoch == 1_000 and gap.topic == "trade,A," for gap in finals)
