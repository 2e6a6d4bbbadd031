"""Frames in, messages and loss events out. No I/O, no clock.

The reader thread hands every frame to `Intake.receive`. It unpacks the body, checks the header and
the sequence, and leaves the rest (item types, NaN, building the NamedTuple) to the thread that
reads the message: what is conflated away is then never decoded, and the socket is drained twice
as fast.
"""

from collections.abc import Callable, Iterable
from typing import Final

from gateway_client import codec
from gateway_client.entries import Pending
from gateway_client.errors import DecodeError
from gateway_client.events import Event, Gap, GatewayRestarted
from gateway_client.joins import Joins
from gateway_client.layouts import Items
from gateway_client.replays import Replays
from gateway_client.routes import Route
from gateway_client.tracker import SNAPSHOT, Verdict

ROUTES_MAX: Final = 200_000
"""Topics known at a time; what a prefix brings beyond that is counted as unrouted."""
HEARTBEAT: Final = "sys,heartbeat,"
TAILS: Final = "sys,tails,"
SYS_TOPICS: Final = (HEARTBEAT, TAILS, "sys,alert,", "sys,feed,", "sys,goodbye,")
_STATE_TYPE: Final = codec.TYPE_OF_KIND["state"]
_HEARTBEAT_TYPE: Final = codec.TYPE_OF_KIND["heartbeat"]
_TAILS_TYPE: Final = codec.TYPE_OF_KIND["tails"]
_IMAGE_TYPE: Final = codec.TYPE_OF_KIND["image"]


class Intake:
    """The data side of one client, between the socket and the queue."""

    def __init__(self, joins: Joins, replays: Replays) -> None:
        self._joins = joins
        self._replays = replays
        self._routes: dict[bytes, Route] = {}
        self._prefixes: set[bytes] = set()
        self._tails = Route(TAILS)
        self.out: list[Pending | Event] = []
        """What the application is to get, in order; the engine takes it after every batch."""
        self.answered: list[str] = []
        """Private topics to unsubscribe from; the engine takes them after every batch."""
        self.epoch = -1
        self.has_restarted = False
        """Set when a new epoch was noticed; the engine clears it."""
        self.heartbeat_count = 0
        self.heartbeat_us = 0
        """When the gateway published the last heartbeat, microseconds UTC."""
        self.received_count = 0
        self.gap_count = 0
        self.missing_count = 0
        self.repeat_count = 0
        self.bad_frame_count = 0
        self.unknown_count = 0
        self.unrouted_count = 0
        self.restart_count = 0
        for topic in SYS_TOPICS:
            self.add(topic)

    def add(self, topic: str) -> None:
        """Accept a topic, or everything under a kind prefix such as `news,`."""
        key = topic.encode("ascii")
        if topic.count(",") < 2:
            self._prefixes.add(key)
            return
        if key not in self._routes:
            self._routes[key] = self._tails if topic == TAILS else Route(topic)
        self._routes[key].is_of_prefix = False

    def remove(self, topic: str) -> list[str]:
        """Stop accepting a topic, or everything under a prefix that was not added by itself.

        Returns:
            The private topics on which snapshots were awaited; the caller unsubscribes from them.
        """
        key = topic.encode("ascii")
        gone = [key]
        if key in self._prefixes:
            self._prefixes.remove(key)
            gone += [
                name
                for name, route in self._routes.items()
                if route.is_of_prefix and name.startswith(key)
            ]
        privates: list[str] = []
        for name in gone:
            route = self._routes.pop(name, None)
            if route is not None:
                self.out += self._replays.give_up(route.topic)
            private = self._joins.forget(name.decode("ascii"))
            if private is not None:
                privates.append(private)
        return privates

    def note_skipped(self, gaps: Iterable[Gap]) -> None:
        """Let the image that is asked for be told as what heals the rows that were skipped."""
        for gap in gaps:
            route = self._routes.get(gap.topic.encode("ascii"))
            if route is not None and route.has_value and gap.epoch == route.tracker.epoch:
                self._widen(route, gap.first_missing, gap.last_missing)

    def ask_again(self, topic: str) -> None:
        """Want a fresh snapshot of a topic, if it has any."""
        route = self._routes.get(topic.encode("ascii", "replace"))
        if route is not None:
            self._ask(route)

    def ask_all_again(self, unless: Callable[[str], bool] | None = None) -> None:
        """Want a fresh snapshot of every topic that has one, except those of some symbols."""
        for route in self._routes.values():
            if unless is None or not unless(route.symbol):
                self._ask(route)

    def ask_images_again(self) -> None:
        """Want a fresh image of every book."""
        for route in self._routes.values():
            if route.has_image:
                self._ask(route)

    def _ask(self, route: Route) -> None:
        if route.has_snapshot:
            route.want_image()
            self._joins.ask(route.topic)

    def receive(self, frame: bytes) -> None:
        """Take one frame from the socket; whatever it holds, this never raises."""
        self.received_count += 1
        try:
            topic, items = codec.split_frame(frame)
        except DecodeError:
            self.bad_frame_count += 1
            return
        route = self._routes.get(topic)
        if route is None:
            self._receive_other(topic, items)
            return
        number, epoch, sequence, flags = items[:4]
        if number != route.type and not self._is_allowed(route, number):
            return
        if epoch != self.epoch:
            self._note_epoch(epoch, flags)
        verdict, first, last = route.tracker.update(epoch, sequence, flags)
        if verdict is not Verdict.GOOD:
            if verdict is Verdict.GAP:
                self._note_gap(route, epoch, first, last)
            elif verdict is Verdict.RESTART:
                route.begin_anew()
                self._fetch_start(route, epoch, sequence - 1)
            elif verdict is Verdict.REPEAT or self._is_being_replayed(route, epoch, sequence):
                self.repeat_count += 1
                return
        if route.kind == "sys" and self._receive_sys(items):
            return
        if number in codec.CLASS_OF_TYPE:
            self.out.append(
                Pending(
                    route,
                    items,
                    is_state=route.is_state and number == route.type,
                    merged_index=route.merged_index,
                )
            )
        if route.needs_image or (route.has_image and number != route.type):
            self._follow_book(route, items)

    def _is_being_replayed(self, route: Route, epoch: int, sequence: int) -> bool:
        """Whether what is sent again to everybody was asked for already: it comes once."""
        return self._replays.is_awaited(route.topic, epoch, sequence)

    def _follow_book(self, route: Route, items: Items) -> None:
        """Have an image by the time updates come: they are of no use without.

        The answer to the first request may have been a state, because there was no book yet, and
        answers get lost. Only an image, or the first message of a run, ends the asking; the pauses
        grow, so that a gateway without an image is not asked at every update.
        """
        number, epoch, sequence = items[:3]
        if (route.tracker.epoch, route.tracker.sequence) != (epoch, sequence):
            return  # Sent again: the position has not moved.
        if number == _IMAGE_TYPE:
            route.needs_image = False
            self._note_healed(route, epoch)
        elif number != route.type:
            # A change that cannot be understood is a change lost.
            self._note_gap(route, epoch, sequence, sequence)
        elif sequence == 1:
            route.needs_image = False
        elif sequence >= route.ask_at and self._joins.ask(route.topic):
            route.ask_at = sequence + route.ask_step
            route.ask_step *= 2

    def _is_allowed(self, route: Route, number: int) -> bool:
        """Judge a type number other than the kind's own; unknown ones are skipped, not lost."""
        if route.has_image and number == _IMAGE_TYPE:
            return True
        if route.kind == "sys" and route.symbol in codec.SYS_CARRIERS.get(number, ()):
            return True
        if number in codec.CLASS_OF_TYPE:
            self.bad_frame_count += 1
            return False
        self.unknown_count += 1
        return True

    def _receive_other(self, topic: bytes, items: Items) -> None:
        """Take a private answer, a topic under a prefix, or what was unsubscribed a moment ago."""
        text = topic.decode("ascii")
        if text.startswith("~"):
            base = self._joins.topic_of(text)
            if base is not None:
                route = self._routes.get(base.encode("ascii"))
                if route is not None and not _is_readable(route, items):
                    # As good as none: it is overdue in time, and asked for again then.
                    self.bad_frame_count += 1
                    return
                self._joins.answered(text)
                self.answered.append(text)
                if route is not None:
                    self._receive_answer(route, items)
                    return
        elif topic[: topic.index(b",") + 1] in self._prefixes and len(self._routes) < ROUTES_MAX:
            self.add(text)
            self._routes[topic].is_of_prefix = True
            # Once only: the route exists now.
            self.received_count -= 1
            self.receive(topic + codec.repack(items))
            return
        self.unrouted_count += 1

    def _receive_answer(self, route: Route, items: Items) -> None:
        """Apply the answer to a snapshot request."""
        number, epoch, sequence, flags = items[:4]
        if number == _STATE_TYPE and not flags & SNAPSHOT:
            # Not a snapshot but why there is none; it says nothing of the sequence.
            route.needs_image = route.has_image
            self.out.append(Pending(route, items, is_state=False))
            if route.is_baseline and epoch == self.epoch != route.tracker.epoch:
                # Most likely nothing was published in this run; certain it is not.
                route.is_from_start = True
                route.tracker.snapshot(epoch, 0)
            return
        if number != route.type and not (route.has_image and number == _IMAGE_TYPE):
            self.bad_frame_count += 1
            return
        if epoch != self.epoch:
            self._note_epoch(epoch, 0)
        verdict, first, last = route.tracker.snapshot(epoch, sequence)
        if verdict is Verdict.REPEAT:
            self.repeat_count += 1
            if route.gap_first or route.needs_image:
                self._joins.ask(route.topic)
            return
        if verdict is Verdict.GAP:
            self._add_gap(route, epoch, first, last)
        elif verdict is Verdict.RESTART:
            route.begin_anew()
            self._fetch_start(route, epoch, sequence)
        if route.is_baseline:
            return
        route.needs_image = False
        self.out.append(
            Pending(
                route,
                items,
                is_state=route.is_state,
                merged_index=route.merged_index,
                is_snapshot=True,
            )
        )
        self._note_healed(route, epoch)

    def _note_healed(self, route: Route, epoch: int) -> None:
        """Tell that a snapshot stands for what was lost."""
        if route.gap_first:
            self.out.append(
                Gap(route.topic, route.gap_first, route.gap_last, healed=True, epoch=epoch)
            )
            route.gap_first = route.gap_last = 0

    def _receive_sys(self, items: Items) -> bool:
        """Handle heartbeats and tails; returns whether the message ends here."""
        number, epoch = items[:2]
        if number not in (_HEARTBEAT_TYPE, _TAILS_TYPE):
            return False
        details = items[6] if len(items) > 6 else None
        if not isinstance(details, dict):
            self.bad_frame_count += 1
            return True
        if number == _TAILS_TYPE:
            self._receive_tails(epoch, details.get("topics"))
            return True
        self.heartbeat_count += 1
        self.heartbeat_us = items[4]
        announced = details.get("tails_sequence")
        if type(announced) is int and announced >= 0:
            if self._tails.tracker.epoch != epoch:
                self._tails.tracker.snapshot(epoch, announced)
            elif self._tails.tracker.tail(epoch, announced).verdict is Verdict.GAP:
                # Which topics fell quiet is unknown, so every position is asked for.
                self.ask_all_again()
        return True

    def _receive_tails(self, epoch: int, tails: object) -> None:
        if not isinstance(tails, dict):
            self.bad_frame_count += 1
            return
        for topic, sequence in tails.items():
            if type(topic) is not str or type(sequence) is not int or sequence < 0:
                self.bad_frame_count += 1
                continue
            route = self._routes.get(topic.encode("ascii", "replace"))
            if route is None:
                continue
            if route.tracker.epoch != epoch:
                # Whatever was published so far did not arrive; how much that is nobody can tell.
                if route.tracker.snapshot(epoch, sequence).verdict is Verdict.RESTART:
                    self._fetch_start(route, epoch, sequence)
                route.begin_anew()
                if not route.is_baseline:
                    self._ask(route)
                continue
            verdict, first, last = route.tracker.tail(epoch, sequence)
            if verdict is Verdict.GAP:
                self._note_gap(route, epoch, first, last)

    def _note_gap(self, route: Route, epoch: int, first: int, last: int) -> None:
        """Tell of lost messages and ask for what replaces them."""
        if route.topic == HEARTBEAT:
            return  # The next one is as good.
        if route.kind == "sys" and route.symbol in ("tails", "client"):
            # What fell quiet is unknown, so every position is asked for.
            self.ask_all_again()
            if route is self._tails:
                return
        self._add_gap(route, epoch, first, last)
        if not route.is_baseline:
            self._ask(route)

    def _fetch_start(self, route: Route, epoch: int, last: int) -> None:
        """Fetch what a run published before we heard of it, as far as it did and still has it."""
        if route.is_baseline and last > 0 and epoch == self.epoch:
            self._replays.ask(route, epoch, 1, last, is_sure=False)

    def _add_gap(self, route: Route, epoch: int, first: int, last: int) -> None:
        """Tell of lost messages, and have those fetched that nothing newer stands for."""
        if route.is_from_start:
            route.is_from_start = False
            if first == 1:
                self._fetch_start(route, epoch, last)
                return
        self.gap_count += 1
        self.missing_count += last - first + 1
        if route.has_value:
            self._widen(route, first, last)
        elif not (
            route.is_baseline
            and epoch == self.epoch
            and self._replays.ask(route, epoch, first, last)
        ):
            self.out.append(self._replays.lost(route, epoch, first, last))
            return
        self.out.append(Gap(route.topic, first, last, healed=False, epoch=epoch))

    def _widen(self, route: Route, first: int, last: int) -> None:
        """Await a snapshot for a hole, and for those it is awaited for already."""
        route.gap_first = min(route.gap_first or first, first)
        route.gap_last = max(route.gap_last, last)

    def _note_epoch(self, epoch: int, flags: int) -> None:
        """Notice another run of the gateway; re-sent messages of an earlier one do not count."""
        old = self.epoch
        if old < 0:
            self.epoch = epoch
        elif epoch > old or not flags & codec.RESENT_FLAGS:
            self.epoch = epoch
            self.has_restarted = True
            self.restart_count += 1
            self.out += self._replays.restart()
            self.out.append(GatewayRestarted(old, epoch))

    def heal(self, topic: str) -> None:
        """Ask for a snapshot of a topic whose message the application could not decode."""
        route = self._routes.get(topic.encode("ascii"))
        if route is not None and route.has_value:
            self._widen(route, route.tracker.sequence, route.tracker.sequence)
            self._ask(route)


def _is_readable(route: Route, items: Items) -> bool:
    """Whether the application will be able to read the value of an answer, if it needs any."""
    if not route.has_value or items[0] not in codec.CLASS_OF_TYPE:
        return True
    try:
        codec.build(route.kind, route.symbol, items)
    except DecodeError:
        return False
    return True
