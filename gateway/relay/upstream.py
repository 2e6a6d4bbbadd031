"""The relay's subscriptions at the gateway: an XSUB that is made anew when heartbeats stop.

Two settings are not to be touched. ZMTP heartbeats stay off: with a full receive queue they abort
the process inside libzmq. SNDHWM is 0: libzmq keeps subscriptions in that queue and silently drops
what is above the mark, at the start as well as after every reconnection. What piles up in it while
the gateway is away goes with the socket, every three seconds.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import zmq

from gateway.clock import Clock
from gateway.counters import Counter, Counters
from gateway.errors import DecodeError
from gateway.logs import get_logger
from gateway.model.messages import MessageType
from gateway.model.protocol import FRAME_BYTES_MAX
from gateway.relay.interest import Interest
from gateway.wire.codec import pack_once, unpack_frame
from gateway.wire.topics import is_private, sys_topic

HEARTBEAT: Final = sys_topic("heartbeat")
TAILS: Final = sys_topic("tails")
SILENCE_NS_MAX: Final = 3_000_000_000
"""Three heartbeats missed: the gateway or the way to it is gone."""
SUSPENDED_NS_MIN: Final = 1_000_000_000
"""Between two looks: this process itself stood still."""
SETTLE_NS: Final = 500_000_000
"""How long libzmq may take to bring what came while the process stood still."""
LINGER_NS: Final = 1_000_000_000
"""How long a topic is asked for after its last consumer has left it."""
TAKEN_BACK_MAX: Final = 1_000
"""Topics taken back at a time."""
RECEIVE_MESSAGES_MAX: Final = 200_000
"""Frames libzmq may hold for us; beyond, the gateway's own bound for this connection holds."""
RECONNECT_MS: Final = 100
RECONNECT_MS_MAX: Final = 2_000
CONNECT_MS_MAX: Final = 1_000
"""An attempt that takes longer is made anew: a cut link's repeats are too rare."""

UseKeys = Callable[["zmq.Socket[Any]"], object]


class Upstream:
    """The way to the gateway's data; every method belongs to the relay thread.

    Args:
        context: Of the relay's data.
        endpoint: The gateway's data socket.
        token: The relay's own topic is `~<token>.sys,client,`.
        clock: For silence.
        counters: Where what happens here is counted.
        on_news: Told when the relay has to introduce itself again: a new connection, a new run of
            the gateway.
        use_keys: Gives a socket that is to connect the relay's keys.
        on_tails: Told which topics fell quiet, each with its last sequence, by what is meant for
            the relay: where the gateway does not tell everybody, or consumers may not hear all.
        hears_tails: Whether what the gateway tells everybody is meant, too.
    """

    def __init__(
        self,
        context: "zmq.Context[zmq.Socket[bytes]]",
        endpoint: str,
        *,
        token: str,
        clock: Clock,
        counters: Counters,
        on_news: Callable[[], object],
        use_keys: UseKeys = lambda _: None,
        on_tails: Callable[[Mapping[str, int]], object] = lambda _: None,
        hears_tails: bool = False,
    ) -> None:
        self._context = context
        self._use_keys = use_keys
        self._endpoint = endpoint
        self._clock = clock
        self._counters = counters
        self._on_news = on_news
        self._own_topic = b"~" + token.encode("ascii") + b"." + sys_topic("client")
        self._on_tails = on_tails
        self._is_told_for_all = hears_tails
        own = (HEARTBEAT, self._own_topic, *((TAILS,) if hears_tails else ()))
        self._interest = Interest(*own)
        self._left: dict[bytes, int] = {}
        """Topics without a consumer, each with the moment to take it back; the oldest first."""
        self._repeated: dict[bytes, int] = {}
        """How often topics were asked for once more; libzmq wants them taken back as often."""
        self._log = get_logger("relay")
        self._started_ns = self._looked_ns = self._patient_since_ns = clock.monotonic_ns()
        self._is_unseen = False
        self.marks: Final = own
        """Beginnings of the frames that `note` wants to see."""
        self.heard_ns: int | None = None
        """When the last heartbeat came, monotonic; None before the first."""
        self.epoch = 0
        """The gateway's run, from its heartbeat; 0 before the first."""
        self.socket = self._open()

    @property
    def topic_count(self) -> int:
        """Topics asked of the gateway, the relay's own included."""
        return len(self._interest)

    def subscribe(self, topic: bytes) -> None:
        """Ask for a topic that has its first consumer; one just left is asked for still."""
        if self._left.pop(topic, None) is not None:
            return
        for wanted in self._interest.gain(topic):
            self.socket.send(b"\x01" + wanted)

    def unsubscribe(self, topic: bytes) -> None:
        """Take a topic back that has lost its last consumer.

        A public one a little later: frames of it are on their way, and who joins meanwhile would
        get them before its snapshot, and what follows only behind it.
        """
        if is_private(topic):
            # One whose turn had not come was never asked for.
            if self.is_subscribed(topic):
                self._take_back(topic)
        else:
            self._left[topic] = self._clock.monotonic_ns() + LINGER_NS

    def _take_back(self, topic: bytes) -> None:
        for unwanted in self._interest.lose(topic):
            for _ in range(1 + self._repeated.pop(unwanted, 0)):
                self.socket.send(b"\x00" + unwanted)

    def repeat(self) -> None:
        """Ask for everything once more on the same connection.

        The gateway granted some of it before it knew that this is a relay, and refused the rest.
        What it granted it counts once; private topics it answers once more, as after a restart.
        """
        self._counters.add(Counter.UPSTREAM_REPEATED)
        for topic in self._interest.in_order():
            self._repeated[topic] = self._repeated.get(topic, 0) + 1
            self.socket.send(b"\x01" + topic)

    def is_subscribed(self, topic: bytes) -> bool:
        """Whether the gateway was asked for a topic."""
        return topic in self._interest

    def ask_again(self, topic: bytes) -> None:
        """Let a private topic be answered once more.

        A consumer that reconnects repeats its private topics before anybody knows that its old
        connection is dead; on a gateway's own socket each repetition is answered, too.
        """
        self.socket.send(b"\x00" + topic)
        self.socket.send(b"\x01" + topic)

    def note(self, frame: bytes) -> bytes:
        """Look at a heartbeat, at topics that fell quiet, or at a notice to the relay itself.

        Returns:
            The frame to pass on: as it is, but for a heartbeat that counts announcements which the
            consumers of this relay may not hear; each would be taken for one that was lost.
        """
        try:
            body = unpack_frame(frame)
        except DecodeError as error:
            self._counters.add(Counter.FRAMES_INVALID)
            self._log.warning("the gateway sent what is no message", reason=str(error))
            return frame
        if body[0] == MessageType.TAILS:
            topics = _map_of(body).get("topics")
            told = topics.items() if isinstance(topics, dict) else ()
            self._on_tails({t: s for t, s in told if isinstance(t, str) and t.isascii()})
            return frame
        self._note(frame, body)
        details = _map_of(body)
        if self._is_told_for_all and frame.startswith(HEARTBEAT) and details.get("tails_sequence"):
            return HEARTBEAT + pack_once([*body[:6], details | {"tails_sequence": 0}, *body[7:]])
        return frame

    def _note(self, frame: bytes, body: list[Any]) -> None:
        if frame.startswith(self._own_topic):
            self._log.warning("notice from the gateway", **_facts_of(body))
            return
        epoch = body[1]
        if self.heard_ns is None:
            self._log.info("hearing the gateway", upstream=self._endpoint, epoch=epoch)
        self.heard_ns = self._clock.monotonic_ns()
        if epoch != self.epoch:
            if self.epoch:
                self._log.warning("the gateway was restarted", epoch=epoch)
            self.epoch = epoch
            self._on_news()

    def silent_ns(self) -> int:
        """How long no heartbeat has come; since the start when there was none yet."""
        since_ns = self.heard_ns if self.heard_ns is not None else self._started_ns
        return self._clock.monotonic_ns() - since_ns

    def look(self, *, is_drained: bool) -> bool:
        """Judge the silence; called many times a second.

        Args:
            is_drained: Whether nothing waits to be read: what waits may be heartbeats.

        Returns:
            Whether the socket is another one now.
        """
        now_ns = self._clock.monotonic_ns()
        self._take_back_due(now_ns)
        if now_ns - self._looked_ns > SUSPENDED_NS_MIN:
            # What waits is old and passes all the same: its times tell, and a trade is a trade.
            self._counters.add(Counter.STALLS)
            self._log.warning(
                "this process stood still", for_ms=(now_ns - self._looked_ns) // 1_000_000
            )
            self._patient_since_ns = max(
                self._patient_since_ns, now_ns - SILENCE_NS_MAX + SETTLE_NS
            )
        self._looked_ns = now_ns
        if self._is_unseen:
            self._is_unseen = False
            self._reopen()
            self._patient_since_ns = now_ns
            return True
        since_ns = max(self._patient_since_ns, self.heard_ns or 0)
        if not is_drained or now_ns - since_ns < SILENCE_NS_MAX:
            return False
        self._reopen()
        self._patient_since_ns = now_ns
        return True

    def note_unseen(self) -> None:
        """The gateway has not seen the relay's own topic: let `look` connect anew.

        libzmq repeats subscriptions by their spelling, and the relay's own topic comes last: when
        there are more before it than one consumer may have, it was refused. On a connection of our
        own making it comes first.
        """
        self._is_unseen = True

    def _take_back_due(self, now_ns: int) -> None:
        """Take back what has lingered, the longest first, some at a time."""
        for _ in range(TAKEN_BACK_MAX):
            topic = next(iter(self._left), None)
            if topic is None or self._left[topic] > now_ns:
                return
            del self._left[topic]
            self._take_back(topic)

    def close(self) -> None:
        """Close for good."""
        self.socket.close(linger=0)

    def _reopen(self) -> None:
        """Replace the socket and ask for everything again."""
        self._counters.add(Counter.UPSTREAM_REOPENED)
        count = self._counters.value(Counter.UPSTREAM_REOPENED)
        if not count & (count - 1):
            # As the log's samples: with the logarithm of the trouble.
            self._log.warning(
                "no heartbeat from the gateway, connecting anew",
                upstream=self._endpoint,
                silent_s=self.silent_ns() // 1_000_000_000,
                topics=len(self._interest),
                times=count,
            )
        self.socket.close(linger=0)
        self._repeated.clear()
        self.socket = self._open()
        self._on_news()

    def _open(self) -> "zmq.Socket[bytes]":
        opened = self._context.socket(zmq.XSUB)
        opened.setsockopt(zmq.SNDHWM, 0)
        opened.setsockopt(zmq.RCVHWM, RECEIVE_MESSAGES_MAX)
        opened.setsockopt(zmq.MAXMSGSIZE, FRAME_BYTES_MAX)
        opened.setsockopt(zmq.RECONNECT_IVL, RECONNECT_MS)
        opened.setsockopt(zmq.RECONNECT_IVL_MAX, RECONNECT_MS_MAX)
        opened.setsockopt(zmq.CONNECT_TIMEOUT, CONNECT_MS_MAX)
        opened.setsockopt(zmq.LINGER, 0)
        if self._endpoint.startswith("tcp://["):
            opened.setsockopt(zmq.IPV6, 1)
        self._use_keys(opened)
        opened.connect(self._endpoint)
        for topic in self._interest.in_order():
            opened.send(b"\x01" + topic)
        return opened


def _facts_of(body: list[Any]) -> dict[str, Any]:
    """A notice's map, with names that a log event can take."""
    return {f"told_{name}": value for name, value in _map_of(body).items()}


def _map_of(body: list[Any]) -> dict[str, Any]:
    """A system message's map."""
    return body[6] if len(body) > 6 and isinstance(body[6], dict) else {}
