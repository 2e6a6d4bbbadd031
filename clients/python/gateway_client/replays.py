"""Lost events: which are wanted again, asked for, recovered, given up. No I/O.

Trades, corrections and news cannot be replaced by a newer value, so each one that was lost is
fetched with the method `replay`. Every hole ends in one of two ways, and says which: its messages
are delivered and a Gap with `healed` follows, or a Gap with `is_final` says that they never come. A
hole may end partly this way and partly that way.

Each topic has one request under way at a time, so what is recovered comes in order, and only so
many topics have one. Holes close to each other share a request: of its answer only what is missing
is taken. When the gateway is busy or does not answer, everything pauses; a topic whose requests
fail too often is given up.
"""

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final, NamedTuple

from gateway_client import codec
from gateway_client.entries import Pending
from gateway_client.errors import (
    DecodeError,
    GatewayClientError,
    NotConnected,
    RequestRefused,
    RequestTimedOut,
)
from gateway_client.events import Event, Gap
from gateway_client.layouts import Items
from gateway_client.messages import HEADER_FIELDS, REPLAY_MESSAGES_MAX
from gateway_client.ranges import Range, joined, size, without
from gateway_client.routes import Route
from gateway_client.rpc_codec import Reply
from gateway_client.tracker import REPLAY

OUTSTANDING_MAX: Final = 8
"""Requests under way at a time."""
MESSAGES_MAX: Final = min(1_000, REPLAY_MESSAGES_MAX)
"""Messages asked for at a time: while they are taken in, nothing else is read."""
HOLES_MAX: Final = 20_000
"""Holes waiting at a time; what is lost beyond that is lost for good."""
ATTEMPTS_MAX: Final = 5
"""After so many requests in a row that failed, a topic's first hole is given up."""
APART_MAX: Final = 50
"""Messages between two holes that are fetched again, and ignored, to save a request."""
PAUSE_NS: Final = 500_000_000
"""Pause after a failure; twice as long after each further one."""
PAUSE_NS_MAX: Final = 60_000_000_000
"""A gateway that asks for a longer pause will not have the messages then: they are given up."""
_BUSY_CODES: Final = frozenset({"rate_limited", "busy", "timeout", "upstream_down"})


class ReplayRequest(NamedTuple):
    """One request to be sent."""

    route: Route
    """The topic."""
    epoch: int
    """The run the sequences belong to."""
    first: int
    """First sequence asked for."""
    last: int
    """Last sequence asked for."""
    hole_last: int
    """Last sequence of the hole that `last` is in: it may be longer than one request."""

    def params(self) -> dict[str, Any]:
        """Spell the parameters of `replay`."""
        return {
            "topic": self.route.topic,
            "from_sequence": self.first,
            "to_sequence": self.last,
            "epoch": self.epoch,
        }


@dataclass(slots=True)
class _Line:
    """The holes of one topic, in one run of the gateway."""

    route: Route
    epoch: int
    holes: deque[Range] = field(default_factory=deque)
    """Ascending, apart from each other."""
    unsure_last: int = 0
    """Up to here it is not known whether the sequences were ever published."""
    attempts: int = 0
    """Requests that failed since the last one that did not."""
    request: ReplayRequest | None = None


class Replays:
    """The holes of all topics of one client."""

    def __init__(self, *, holes_max: int = HOLES_MAX) -> None:
        self._holes_max = holes_max
        self._lines: dict[str, _Line] = {}
        self._ready: OrderedDict[str, None] = OrderedDict()  # Topics without a request under way.
        self._outstanding_count = 0
        self._resume_at_ns = 0
        self._unanswered_count = 0
        self._is_supported = True
        self.is_paused = False
        """Set while the gateway is not heard: asking would only use up attempts."""
        self.hole_count = 0
        self.requested_count = 0
        self.retried_count = 0
        self.recovered_count = 0
        """Messages delivered by replay."""
        self.lost_count = 0
        """Messages lost for good."""
        self.refused_count = 0
        """Holes that found no room."""
        self.bad_count = 0
        """Bodies that were not what was asked for."""
        self.late_count = 0
        """Answers nobody waited for any more."""

    def ask(self, route: Route, epoch: int, first: int, last: int, *, is_sure: bool = True) -> bool:
        """Want messages again that were lost; they come after all that is wanted already.

        Args:
            route: The topic.
            epoch: The present run.
            first: First sequence lost.
            last: Last sequence lost.
            is_sure: Whether they were published; if not, those that do not come are not told.

        Returns:
            Whether it will be tried; False when the gateway has no replay, or too much waits.
        """
        if not self._is_supported:
            return False
        line = self._lines.get(route.topic)
        if line is not None and line.holes[-1][1] == first - 1 and is_sure:
            line.holes[-1] = (line.holes[-1][0], last)
            return True
        if self.hole_count >= self._holes_max:
            self.refused_count += 1
            return False
        if line is None:
            line = self._lines[route.topic] = _Line(route, epoch)
            self._ready[route.topic] = None
        line.holes.append((first, last))
        line.unsure_last = line.unsure_last if is_sure else last
        self.hole_count += 1
        return True

    def is_awaited(self, topic: str, epoch: int, sequence: int) -> bool:
        """Whether a message is still to come by replay."""
        line = self._lines.get(topic)
        if line is None or line.epoch != epoch:
            return False
        return any(first <= sequence <= last for first, last in line.holes)

    def lost(self, route: Route, epoch: int, first: int, last: int) -> Gap:
        """Count messages that never come, and spell the event that says so."""
        self.lost_count += last - first + 1
        return Gap(route.topic, first, last, healed=False, epoch=epoch, is_final=True)

    def start(self, now_ns: int) -> list[ReplayRequest]:
        """Take the requests that are to be sent now."""
        started: list[ReplayRequest] = []
        if self.is_paused or now_ns < self._resume_at_ns:
            return started
        self._resume_at_ns = 0
        while self._ready and self._outstanding_count < OUTSTANDING_MAX:
            topic, _ = self._ready.popitem(last=False)
            line = self._lines[topic]
            line.request = _next_request(line)
            self._outstanding_count += 1
            self.requested_count += 1
            started.append(line.request)
        return started

    def deadline_ns(self) -> int | None:
        """Monotonic time at which a pause is over; None when nothing waits for that."""
        return self._resume_at_ns or None

    def answered(
        self, request: ReplayRequest, outcome: Reply | GatewayClientError, now_ns: int
    ) -> list[Pending | Event]:
        """Note how a request ended.

        Args:
            request: The one that was sent.
            outcome: The reply or the error.
            now_ns: Monotonic time.

        Returns:
            What the application is to get, in order.
        """
        line = self._lines.get(request.route.topic)
        if line is None or line.request is not request:
            self.late_count += 1
            return []
        line.request = None
        self._outstanding_count -= 1
        if isinstance(outcome, RequestTimedOut | NotConnected):
            self._unanswered_count += 1
        else:
            self._unanswered_count = 0
        if isinstance(outcome, Reply):
            line.attempts = 0
            out = self._take(line, request, outcome.result)
        elif self._is_to_be_tried_again(line, outcome, now_ns):
            self._ready[request.route.topic] = None
            self._ready.move_to_end(request.route.topic, last=False)
            return []
        elif self._unanswered_count >= ATTEMPTS_MAX or _code(outcome) == "unknown_method":
            # Others would fare no better: a gateway without replay, or one that does not answer.
            self._is_supported = self._is_supported and _code(outcome) != "unknown_method"
            return self.give_up_all()
        else:
            line.attempts = 0
            out = self._end(line, request.hole_last, [])
        if line.holes:
            self._ready[request.route.topic] = None
        else:
            del self._lines[request.route.topic]
        return out

    def give_up(self, topic: str) -> list[Pending | Event]:
        """Stop wanting what a topic lost; returns what is to be told of it."""
        line = self._lines.pop(topic, None)
        if line is None:
            return []
        self._ready.pop(topic, None)
        if line.request is not None:
            self._outstanding_count -= 1
        self.hole_count -= len(line.holes)
        return [gap for hole in line.holes for gap in self._lost(line, hole)]

    def give_up_all(self) -> list[Pending | Event]:
        """Stop wanting anything; returns what is to be told."""
        return [entry for topic in list(self._lines) for entry in self.give_up(topic)]

    def restart(self) -> list[Pending | Event]:
        """Follow another run of the gateway: what the earlier one kept went with it."""
        out = self.give_up_all()
        self._is_supported = True
        self._unanswered_count = self._resume_at_ns = 0
        return out

    def _lost(self, line: _Line, piece: Range) -> list[Gap]:
        first, last = max(piece[0], line.unsure_last + 1), piece[1]
        return [self.lost(line.route, line.epoch, first, last)] if first <= last else []

    # Answers.

    def _is_to_be_tried_again(self, line: _Line, error: GatewayClientError, now_ns: int) -> bool:
        """Judge a failure; when another try makes sense, everything pauses before it."""
        # Who says when to ask again means that it will help.
        is_busy = (
            isinstance(error, RequestTimedOut | NotConnected)
            or _code(error) in _BUSY_CODES
            or (isinstance(error, RequestRefused) and error.retry_ms is not None)
        )
        line.attempts += 1
        if not is_busy or line.attempts >= ATTEMPTS_MAX:
            return False
        pause_ns = PAUSE_NS << (line.attempts - 1)
        if isinstance(error, RequestRefused) and error.retry_ms is not None:
            pause_ns = error.retry_ms * 1_000_000
        if pause_ns > PAUSE_NS_MAX:
            return False
        self.retried_count += 1
        self._resume_at_ns = max(self._resume_at_ns, now_ns + pause_ns)
        return True

    def _take(self, line: _Line, request: ReplayRequest, result: object) -> list[Pending | Event]:
        """Sort an answer into what came and what never will."""
        fields = result if isinstance(result, dict) else {}
        bodies, oldest = fields.get("bodies"), fields.get("oldest")
        if not isinstance(bodies, list):
            self.bad_count += 1
            bodies = []
        found = self._read(line, request, bodies)
        end = request.last
        if fields.get("complete") is not True:
            if type(oldest) is not int:
                end = request.hole_last
            elif oldest > request.last:
                end = min(oldest - 1, line.holes[-1][1])
            elif found and found[-1][2] < request.last:
                # As much as one reply holds; the rest is still there.
                end = max(found[-1][2], oldest - 1)
        return self._end(line, end, found)

    def _read(self, line: _Line, request: ReplayRequest, bodies: list[object]) -> list[Items]:
        """Take the bodies that were lost; what is not as asked for is counted."""
        wanted = iter(line.holes)
        hole = next(wanted)
        position = request.first - 1
        found: list[Items] = []
        for body in bodies:
            try:
                items = _checked(request, body, position)
            except DecodeError:
                self.bad_count += 1
                continue
            sequence = items[2]
            position = sequence
            while hole[1] < sequence and (later := next(wanted, None)) is not None:
                hole = later
            if hole[0] <= sequence <= hole[1]:
                found.append(items)
        return found

    def _end(self, line: _Line, end: int, found: list[Items]) -> list[Pending | Event]:
        """Take everything up to a sequence out of the holes and tell what became of it."""
        came = joined((items[2], items[2]) for items in found)
        rows = iter(found)
        out: list[Pending | Event] = []
        while line.holes and line.holes[0][0] <= end:
            first, last = line.holes.popleft()
            ended = (first, min(last, end))
            lost = without(ended, came)
            for piece in sorted([*lost, *without(ended, lost)]):
                if piece in lost:
                    out += self._lost(line, piece)
                    continue
                count = size([piece])
                self.recovered_count += count
                out += [Pending(line.route, items, is_state=False) for items in islice(rows, count)]
                out.append(Gap(line.route.topic, *piece, healed=True, epoch=line.epoch))
            if ended[1] < last:
                line.holes.appendleft((ended[1] + 1, last))
                break
            self.hole_count -= 1
        return out


def _next_request(line: _Line) -> ReplayRequest:
    """Ask for the first hole, or as much of it as one request may, and for what is close to it."""
    holes = iter(line.holes)
    first, hole_last = next(holes)
    limit = first + MESSAGES_MAX - 1
    last = min(hole_last, limit)
    for later_first, later_last in holes:
        if later_last > limit or later_first - last - 1 > APART_MAX:
            break
        last = hole_last = later_last
    return ReplayRequest(line.route, line.epoch, first, last, hole_last)


def _checked(request: ReplayRequest, body: object, position: int) -> Items:
    """Read one body of an answer.

    Raises:
        DecodeError: It is not one of those asked for, not behind `position`, or unreadable.
    """
    route = request.route
    if not isinstance(body, list) or len(body) < len(HEADER_FIELDS):
        raise DecodeError("body is not an array with a header", topic=route.topic)
    items = tuple(tuple(item) if type(item) is list else item for item in body)
    number, epoch, sequence, flags = items[:4]
    if not (type(number) is type(epoch) is type(sequence) is type(flags) is int):
        raise DecodeError("header items are not integers", items=items)
    if (number, epoch) != (route.type, request.epoch) or not flags & REPLAY:
        raise DecodeError("another type or run, or not marked as sent again", items=items)
    if not position < sequence <= request.last:
        raise DecodeError("not the sequence asked for", items=items)
    codec.build(route.kind, route.symbol, items)
    return items


def _code(outcome: Reply | GatewayClientError) -> str | None:
    return outcome.code if isinstance(outcome, RequestRefused) else None
