"""Sequences and last values: what makes a loss visible and a snapshot possible.

Every topic counts its own messages, densely, from 1 in each epoch. A body is a plain tuple whose
items are the wire contract's; the tuple that was packed last is kept as the topic's last value.
"""

from collections.abc import Callable
from typing import Any, Final

from gateway.model.enums import Flag
from gateway.model.messages import KIND_TYPES, SYS_NAMES, Kind
from gateway.wire.codec import Encoded, make_pack
from gateway.wire.rings import Ring, Rings
from gateway.wire.topics import topic_bytes

Body = tuple[Any, ...]
"""One message's items, header first, laid out as the wire contract says."""

_SNAPSHOT: Final = int(Flag.SNAPSHOT)
HEADER_ITEMS: Final = 6
RING_KINDS: Final = frozenset({Kind.TRADE, Kind.CORRECTION, Kind.NEWS})
"""Kinds whose last messages are kept: events that no later message stands for. What `order` and
`depth` tell is in their image."""


class Topic:
    """One topic's spelling, count and last value.

    Args:
        kind: The kind; for sys the name decides the type.
        symbol: The symbol part of the topic.
        floor: The sequence to continue after: the highest one of any topic ever discarded.
        variant: The text after `@`; empty for a base topic.
        nonce: Of one client's own topic; empty for a public one.
    """

    __slots__ = (
        "is_kept", "last", "prefix", "ring", "scanned", "sequence", "told", "type", "variants",
    )  # fmt: skip

    def __init__(
        self, kind: Kind, symbol: str, *, floor: int = 0, variant: str = "", nonce: str = ""
    ) -> None:
        self.prefix: Final = topic_bytes(kind, symbol, variant, nonce)
        """The bytes every frame of this topic begins with."""
        self.type: Final = int(SYS_NAMES[symbol] if kind is Kind.SYS else KIND_TYPES[kind])
        self.is_kept: Final = kind in RING_KINDS
        """Whether its messages are kept for those who lose one."""
        self.ring: Ring | None = None
        """Its last messages; None before the first, and for kinds that are not kept."""
        self.variants: dict[str, Any] | None = None
        """Conflated topics made of it, by the text after `@`; None while there is none."""
        self.sequence = floor
        """Sequence of the last message published; `floor` when there was none."""
        self.last: Body | None = None
        """The body last published; None when there is nothing to tell."""
        self.scanned = floor
        """The sequence at the last look of the tails scan."""
        self.told = floor
        """The sequence last announced in `sys,tails,`."""


class Envelope:
    """Stamps, packs and sends the messages of one gateway run.

    Args:
        epoch: Unix milliseconds at which this run began; greater than any earlier run's.
        send: Takes one frame for the data socket; never blocks.
        rings: Where events are kept for those who lose one; rings of the usual size by default.
    """

    __slots__ = ("epoch", "floor", "mark", "messages", "pack", "rings", "send")

    def __init__(
        self, *, epoch: int, send: Callable[[bytes], object], rings: Rings | None = None
    ) -> None:
        self.epoch: Final = epoch
        self.send: Final = send
        self.pack: Final = make_pack()
        self.rings: Final = rings if rings is not None else Rings()
        self.mark: Callable[[Topic, int], object] = lambda *_: None
        """Told of each message of a topic with variants, and how many updates it stands for."""
        self.floor = 0
        """Highest sequence of any topic that was discarded; later topics start after it."""
        self.messages = 0
        """Frames handed to `send`, private ones included."""

    def topic(self, kind: Kind, symbol: str, variant: str = "", nonce: str = "") -> Topic:
        """Make a topic that continues after the floor."""
        return Topic(kind, symbol, floor=self.floor, variant=variant, nonce=nonce)

    def discard(self, topic: Topic) -> None:
        """Forget a topic without ever letting its sequences go back."""
        self.floor = max(self.floor, topic.sequence)
        self.rings.drop(topic)

    def publish(
        self,
        topic: Topic,
        values: Body,
        *,
        flags: int,
        recv_us: int,
        event_us: int | None,
        is_news: bool = True,
        as_type: int | None = None,
    ) -> None:
        """Publish one message as the topic's next and keep it as its last value.

        Args:
            topic: Any topic.
            values: Items behind the header.
            flags: Of the message.
            recv_us: When its bytes were read, or it was made, UTC.
            event_us: The vendor's own time.
            is_news: Whether it tells something that the message before it did not.
            as_type: The message's number, where the topic carries several.

        The busiest kinds do the same steps in line (`gateway.normalize.level1`).
        """
        sequence = topic.sequence + 1
        topic.sequence = sequence
        number = topic.type if as_type is None else int(as_type)
        body = (number, self.epoch, sequence, flags, recv_us, event_us, *values)
        topic.last = body
        self.messages += 1
        frame = topic.prefix + self.pack(body)
        if topic.is_kept:
            self.rings.keep(topic, frame)
        self.send(frame)
        if topic.variants is not None:
            self.mark(topic, values[-1] if is_news else 0)

    def repeat(self, topic: Topic, *, flags: int, recv_us: int) -> bool:
        """Publish a topic's last value again as a snapshot, as its next message.

        Args:
            topic: A state topic.
            flags: Flags beside SNAPSHOT: what the value is worth now.
            recv_us: When it is repeated: the gateway's own message.

        Returns:
            False when the topic has no value yet, and nothing was published.
        """
        last = topic.last
        if last is None:
            return False
        self.publish(
            topic,
            last[HEADER_ITEMS:],
            flags=flags | _SNAPSHOT,
            recv_us=recv_us,
            event_us=last[5],
            is_news=False,
        )
        return True

    def snapshot_body(self, topic: Topic, *, items: int, recv_us: int) -> Body:
        """Build the answer to a snapshot request from memory.

        Args:
            topic: The base topic.
            items: How many items a body of this type has.
            recv_us: Stamp of an answer without a value.

        Returns:
            The last value with SNAPSHOT and the sequence of the last message published; nil
            values and that sequence when there is none.
        """
        last = topic.last
        if last is None:
            nothing = (None,) * (items - HEADER_ITEMS)
            head = (topic.type, self.epoch, topic.sequence, _SNAPSHOT, recv_us, None)
            return (*head, *nothing)
        # The last value may be older than the last message, where that one was older still.
        return (*last[:2], topic.sequence, last[3] | _SNAPSHOT, *last[4:])

    def send_private(self, prefix: bytes, body: Body | Encoded) -> int:
        """Send an answer on a private topic; it has no sequence of its own.

        Returns:
            How many bytes were sent.
        """
        self.messages += 1
        frame = prefix + (body.data if isinstance(body, Encoded) else self.pack(body))
        self.send(frame)
        return len(frame)
