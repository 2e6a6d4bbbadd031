"""The `sys` topics: the gateway's own heartbeat, announcements and farewell.

`sys,tails,` makes the loss of the last message of a burst visible: a topic that published and then
was quiet for a second is announced with its sequence, once per quiet period.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

from gateway.clock import Clock
from gateway.model.messages import Kind
from gateway.model.protocol import TAILS_TOPICS_MAX
from gateway.wire.envelope import Envelope, Topic

SCAN_SLICES: Final = 20
"""Slices of one scan over all topics: one each tick, so a scan takes about a second."""


class SystemTopics:
    """Publishes heartbeat, tails, feed transitions and goodbye.

    Args:
        envelope: Stamps and sends messages.
        clock: Stamps them.
        topics: Every topic there is, for the tails scan.
    """

    __slots__ = (
        "_clock",
        "_envelope",
        "_list_topics",
        "_scan",
        "_scan_tick",
        "_slice",
        "alert",
        "feed",
        "goodbye",
        "heartbeat",
        "on_alert",
        "on_quiet",
        "tails",
    )

    def __init__(
        self, envelope: Envelope, clock: Clock, *, topics: Callable[[], Iterable[Topic]]
    ) -> None:
        self._envelope = envelope
        self._clock = clock
        self._list_topics = topics
        self.heartbeat: Final = envelope.topic(Kind.SYS, "heartbeat")
        self.tails: Final = envelope.topic(Kind.SYS, "tails")
        self.alert: Final = envelope.topic(Kind.SYS, "alert")
        self.feed: Final = envelope.topic(Kind.SYS, "feed")
        self.goodbye: Final = envelope.topic(Kind.SYS, "goodbye")
        self.on_alert: Callable[[dict[str, Any]], object] = lambda _: None
        """Told of every alert; for the log."""
        self.on_quiet: Callable[[dict[str, int]], object] | None = None
        """Told of topics that fell quiet, where not everybody may hear of every topic; None where
        all may."""
        self._scan: list[Topic] = []
        self._scan_tick = 0
        self._slice = 0

    def by_name(self) -> dict[str, Topic]:
        """The topics by their names."""
        return {
            "heartbeat": self.heartbeat,
            "tails": self.tails,
            "alert": self.alert,
            "feed": self.feed,
            "goodbye": self.goodbye,
        }

    @property
    def tails_sequence(self) -> int:
        """What the heartbeat says of `sys,tails,`: where only relays hear it, that there is none.

        Who does not hear it would take every announcement for one that was lost.
        """
        return self.tails.sequence if self.on_quiet is None else 0

    def publish(self, topic: Topic, facts: dict[str, Any], *, as_type: int | None = None) -> None:
        """Publish one system message.

        Args:
            topic: One of this object's topics, or a client's own.
            facts: The map that is its body; values msgpack knows.
            as_type: The message's number, where the topic carries several.
        """
        now_us = self._clock.utc_us()
        self._envelope.publish(
            topic, (facts,), flags=0, recv_us=now_us, event_us=None, as_type=as_type
        )

    def announce_feed(
        self, *, port: str, from_state: str, to_state: str, cause: str | None
    ) -> None:
        """Tell of one upstream transition.

        Args:
            port: `level1`, `admin`, …
            from_state: The state it left.
            to_state: The state it is in now.
            cause: Why, in the contract's cause codes; None when all is well.
        """
        at_us = self._clock.utc_us()
        facts = {"port": port, "from": from_state, "to": to_state, "at_us": at_us}
        # A key without a value is left out of every map.
        self.publish(self.feed, facts if cause is None else {**facts, "cause": cause})

    def announce_alert(self, **facts: Any) -> None:
        """Tell of an alert: raised, changed or cleared.

        Args:
            facts: event, code, level, message, since_us, and what else is known; None where
                nothing is.
        """
        told = {name: value for name, value in facts.items() if value is not None}
        self.publish(self.alert, told)
        self.on_alert(told)

    def say_goodbye(self, *, reason: str, is_resume_expected: bool) -> None:
        """Tell every consumer that this stop is on purpose."""
        self.publish(self.goodbye, {"reason": reason, "resume_expected": is_resume_expected})

    def scan_tails(self) -> None:
        """Look at the next slice of all topics and announce those that have gone quiet.

        Call it `SCAN_SLICES` times a second: a topic is announced between one and two seconds
        after its last message.
        """
        if self._scan_tick == 0:
            self._scan = list(self._list_topics())
            self._slice = -(-len(self._scan) // SCAN_SLICES)
        start = self._scan_tick * self._slice
        self._scan_tick = (self._scan_tick + 1) % SCAN_SLICES
        quiet: dict[str, int] = {}
        for topic in self._scan[start : start + self._slice]:
            sequence = topic.sequence
            if sequence != topic.scanned:
                topic.scanned = sequence
            elif sequence != topic.told:
                topic.told = sequence
                quiet[topic.prefix.decode("ascii")] = sequence
        if self.on_quiet is not None and quiet:
            self.on_quiet(quiet)
        names = list(quiet)
        for begin in range(0, len(names), TAILS_TOPICS_MAX):
            part = names[begin : begin + TAILS_TOPICS_MAX]
            self.publish(self.tails, {"topics": {name: quiet[name] for name in part}})
