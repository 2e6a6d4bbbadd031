"""Requests about the way to consumers: what they lost, who they are, who is to be cut off."""

from collections.abc import Generator
from typing import Any, Final

from gateway.control.feed_commands import SYMBOLS_PER_COMMAND_MAX, FeedCommand, ReadRing
from gateway.control.public_topics import public_topic
from gateway.counters import Counter, Counters
from gateway.errors import InvalidParams, OutOfRange
from gateway.model import methods as m
from gateway.model.enums import Flag
from gateway.model.protocol import REPLAY_MESSAGES_MAX
from gateway.wire.codec import pack_array, pack_resent
from gateway.wire.envelope import RING_KINDS
from gateway.wire.rings import Kept

Steps = Generator[FeedCommand, Any, dict[str, Any]]
_REPLAY: Final = int(Flag.REPLAY)


class ConsumerRequests:
    """Answers `replay`.

    Args:
        epoch: This run.
        counters: Where what is sent again is counted.
    """

    def __init__(self, *, epoch: int, counters: Counters) -> None:
        self._epoch = epoch
        self._counters = counters

    def replay(self, params: m.ReplayParams) -> Steps:
        """Send events again, as far as they are still in memory.

        Raises:
            InvalidParams: Not a topic, not one of events that are kept, or no range.
            SymbolInvalid: The topic's symbol is none.
            OutOfRange: More than one answer may carry.
        """
        name = public_topic(params.topic)
        if name.kind not in RING_KINDS or name.variant:
            kinds = ", ".join(sorted(RING_KINDS))
            raise InvalidParams(
                "this kind is not kept",
                hint=f"Only {kinds} are: join a topic of another kind anew for its value.",
                topic=params.topic,
            )
        first, last = params.from_sequence, params.to_sequence
        if last < first:
            raise InvalidParams(
                "to_sequence is below from_sequence", from_sequence=first, to_sequence=last
            )
        if last - first >= REPLAY_MESSAGES_MAX:
            raise OutOfRange(
                "too many messages in one answer",
                hint=f"Ask for {REPLAY_MESSAGES_MAX} sequences at a time.",
                asked=last - first + 1,
                limit=REPLAY_MESSAGES_MAX,
            )
        if params.epoch != self._epoch:
            # Another run's events are gone with it.
            return {"bodies": [], "complete": False, "oldest": None}
        prefix_bytes = len(name.spelling)
        bodies: list[bytes] = []
        kept = Kept((), 0, None)
        for begin in range(first, last + 1, SYMBOLS_PER_COMMAND_MAX):
            end = min(begin + SYMBOLS_PER_COMMAND_MAX - 1, last)
            kept = yield ReadRing(name, begin, end)
            bodies += [pack_resent(frame[prefix_bytes:], _REPLAY) for frame in kept.frames]
        self._counters.add(Counter.EVENTS_REPLAYED, len(bodies))
        return {
            "bodies": pack_array(bodies),
            "complete": len(bodies) == last - first + 1,
            "oldest": kept.oldest_sequence,
        }
