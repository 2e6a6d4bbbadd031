"""Conflated topics of Level 1: `quote@250` is the newest quote, at most once in 250 ms.

Each is a topic of its own with its own sequence, made by the first who wants it and dropped with
the last. A change is published at once when the topic was quiet for its interval, else when that
has passed; `merged` says how many updates it stands for. That a value has become stale is told at
once, whatever the interval.

What a quote costs when nobody wants variants of it is one look at its topic.
"""

from collections.abc import Iterable
from heapq import heappop, heappush
from typing import Final

from gateway.counters import Counter, Counters
from gateway.model.enums import Flag
from gateway.model.messages import Kind
from gateway.wire.envelope import HEADER_ITEMS, Envelope, Topic

VARIANT_KINDS: Final = frozenset({Kind.QUOTE, Kind.SUMMARY})
"""Kinds of which this module makes variants; those of `book` are made where books are."""
PUBLISHED_AT_ONCE_MAX: Final = 500
"""Messages sent at a stretch: under load variants slow down, not what they are made of."""
INTERVAL_US_MIN: Final = 10_000
"""A variant that asks for more is served this often."""
_CONFLATED: Final = int(Flag.CONFLATED)
_SNAPSHOT: Final = int(Flag.SNAPSHOT)
_STALE: Final = int(Flag.STALE)


class Variant:
    """One conflated topic.

    Args:
        base: The topic it is made of.
        topic: Counts and keeps the last value.
        interval_us: At most one message in this time.
    """

    __slots__ = (
        "base", "due_us", "interval_us", "is_dropped", "is_marked", "merged", "published_us",
        "topic",
    )  # fmt: skip

    def __init__(self, base: Topic, topic: Topic, *, interval_us: int) -> None:
        self.base: Final = base
        self.topic: Final = topic
        self.interval_us: Final = interval_us
        self.merged = 0
        """Updates since the last message."""
        self.published_us = 0
        """When the last message went out, monotonic."""
        self.due_us = 0
        """When the next message may go out, monotonic."""
        self.is_marked = False
        """Whether it waits to be published."""
        self.is_dropped = False
        """Whether nobody wants it any more, although it may still wait in a queue."""

    @property
    def is_worth_changed(self) -> bool:
        """Whether what was told last is stale and the present value is not, or the reverse."""
        told, last = self.topic.last, self.base.last
        return told is not None and last is not None and bool((told[3] ^ last[3]) & _STALE)


class VariantPublisher:
    """Publishes the variants of all topics.

    Args:
        envelope: Stamps and sends; it is told here whom to mark.
        counters: Where messages are counted.
        per_topic_max: Variants of one topic; more are refused.
    """

    def __init__(self, envelope: Envelope, *, counters: Counters, per_topic_max: int = 16) -> None:
        self._envelope = envelope
        self._counters = counters
        self._per_topic_max = per_topic_max
        self._marked: list[Variant] = []
        self._waiting: list[tuple[int, int, Variant]] = []
        self._turn = 0
        self.slowdown = 1
        """How many times as long every interval is, while memory or time is short."""
        envelope.mark = self.mark

    def add(self, base: Topic, *, symbol: str, kind: Kind, variant: str) -> Variant | None:
        """Make a variant of a topic, or find it.

        Args:
            base: The topic.
            symbol: Its symbol.
            kind: Its kind.
            variant: Milliseconds, as written behind the `@`.

        Returns:
            The variant; None when the topic has enough of them already.
        """
        variants: dict[str, Variant] = base.variants if base.variants is not None else {}
        known = variants.get(variant)
        if known is not None:
            return known
        if len(variants) >= self._per_topic_max:
            self._counters.add(Counter.VARIANTS_REFUSED)
            return None
        made = Variant(
            base,
            self._envelope.topic(kind, symbol, variant),
            interval_us=max(int(variant) * 1000, INTERVAL_US_MIN),
        )
        variants[variant] = made
        base.variants = variants
        self._mark(made, 0)
        return made

    def drop(self, base: Topic, variant: str) -> bool:
        """Forget a variant; its sequences never go back all the same.

        Returns:
            Whether there was one.
        """
        dropped = base.variants.pop(variant, None) if base.variants is not None else None
        if dropped is None:
            return False
        if not base.variants:
            base.variants = None
        dropped.is_dropped = True
        self._envelope.discard(dropped.topic)
        return True

    def drop_all(self, base: Topic) -> None:
        """Forget every variant of a topic that is discarded itself."""
        for variant in list(base.variants or ()):
            self.drop(base, variant)

    def mark(self, base: Topic, merged: int) -> None:
        """Note that a topic has a new message.

        Args:
            base: A topic with variants.
            merged: How many updates the message stands for.
        """
        for variant in (base.variants or {}).values():
            self._mark(variant, merged)

    def _mark(self, variant: Variant, merged: int) -> None:
        variant.merged += merged
        if not variant.is_marked:
            variant.is_marked = True
            self._marked.append(variant)

    def flush(self, now_us: int) -> None:
        """Publish what is due, at most `PUBLISHED_AT_ONCE_MAX` messages.

        Args:
            now_us: Monotonic.
        """
        for variant in self._marked:
            due_us = variant.published_us + variant.interval_us * self.slowdown
            # What it is worth is told at once, for better and for worse.
            variant.due_us = now_us if variant.is_worth_changed else max(now_us, due_us)
            self._turn += 1
            heappush(self._waiting, (variant.due_us, self._turn, variant))
        self._marked.clear()
        for _ in range(PUBLISHED_AT_ONCE_MAX):
            if not self._waiting or self._waiting[0][0] > now_us:
                return
            due_us, _, variant = heappop(self._waiting)
            # What was published meanwhile, having become stale, waits by another entry, or not.
            if variant.is_marked and variant.due_us == due_us:
                self.publish(variant, now_us)

    def next_due_us(self) -> int | None:
        """When `flush` has something to do, monotonic; None when nothing waits."""
        if self._marked:
            return 0
        return self._waiting[0][0] if self._waiting else None

    def publish(self, variant: Variant, now_us: int) -> None:
        """Publish the present value of a variant, if it has one."""
        variant.is_marked = False
        last, merged = variant.base.last, variant.merged
        if last is None or variant.is_dropped:
            return
        variant.merged = 0
        variant.published_us = now_us
        flags = last[3] & ~_CONFLATED
        if merged > 1:
            flags |= _CONFLATED
            self._counters.add(Counter.VARIANT_UPDATES_MERGED, merged - 1)
        elif not merged:
            # Nobody published anything new: it is what was known before.
            flags |= _SNAPSHOT
        self._counters.add(Counter.VARIANTS_PUBLISHED)
        self._envelope.publish(
            variant.topic,
            (*last[HEADER_ITEMS:-1], max(merged, 1)),
            flags=flags,
            recv_us=last[4],
            event_us=last[5],
        )

    def publish_all(self, base: Topic, now_us: int) -> None:
        """Publish every variant of a topic now: what its value is worth has changed."""
        for variant in (base.variants or {}).values():
            self.publish(variant, now_us)


def variants_of(topics: Iterable[Topic]) -> Iterable[Topic]:
    """The variants' own topics, of some base topics."""
    for topic in topics:
        if topic.variants is not None:
            for variant in topic.variants.values():
                yield variant.topic
