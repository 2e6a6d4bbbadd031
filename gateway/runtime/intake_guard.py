"""The guard of what connections send: a thread of its own, so that it works while others are busy.

It asks the kernel, twenty times a second, how much each connection has received, and resets one
that has sent far more than anybody was given. Many connections are looked at in turn, unless the
process grows: what is sent without end shows there first.
"""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import zmq

from gateway.clock import Clock
from gateway.control.told_once import ToldOnce
from gateway.counters import Counter, Counters
from gateway.errors import ConsumerEvicted
from gateway.health.verdict import Issue
from gateway.logs import get_logger
from gateway.policy.error_history import ErrorFact, fact_of
from gateway.policy.intake import TOO_MUCH, IntakeRules
from gateway.runtime.gate import Gate
from gateway.runtime.intake import IS_TOLD, Intake, Watched
from gateway.runtime.peer_sockets import PeerSockets

SECOND_NS: Final = 1_000_000_000
MINUTE_NS: Final = 60 * SECOND_NS
LOOK_S: Final = 0.05
SUSPICIOUS_LOOK_S: Final = 0.01
"""From one look to the next while a connection has sent more than any message has."""
AT_ONCE_MAX: Final = 64
"""Connections of one socket that each look comes to, and an eighth of them where there are more."""
GROWN_BYTES: Final = 1_048_576
"""Growth of the process since all were looked at, at which all are looked at again."""
JOIN_S_MAX: Final = 2.0
DATA: Final = IntakeRules(
    burst_bytes=2_097_152,
    trusted_bytes=33_554_432,
    whole_bytes=65_536,
    whole_ns=SECOND_NS // 10,
)
"""Subscriptions only, of a kilobyte at most. Who comes back with twenty thousand of them sends a
megabyte before the first is read, a relay much more; what is no subscription has no use for it."""
CONTROL: Final = IntakeRules(burst_bytes=1_572_864, whole_bytes=300_000, whole_ns=SECOND_NS // 4)
"""Six of the longest requests, of which four may wait in ZeroMQ's queue; a little more than one."""
CONTROL_TOTAL_MAX: Final = 33_554_432
"""Bytes of all requests together that may wait; beyond, whoever has sent most is cut off."""
SILENT_MAX: Final = 128
"""Connections of one socket that nothing was ever read of: nobody can say whose they are, so no
limit of a user holds for them, and each costs a descriptor that others will lack."""
SILENT_NS_MIN: Final = 3 * SECOND_NS
"""Longer than a handshake may take: whoever is about to speak is not cut."""
SILENT: Final = "it says nothing, and too many others neither"
PORT: Final = "consumers"


class IntakeGuard:
    """Looks after the connections of both sockets.

    Args:
        clock: The gateway's.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.data: Final = Intake("data", DATA)
        self.control: Final = Intake("control", CONTROL)
        self.on_cut: Callable[[ErrorFact], object] = lambda _: None
        """Told of each connection that was reset, in the guard's thread."""
        self.counters: Final = Counters()
        """The guard's own."""
        self._sockets = PeerSockets()
        self._told = ToldOnce(clock, get_logger("audit"))
        self._cuts: deque[tuple[int, str]] = deque(maxlen=1_000)
        """When, and whose connection was reset."""
        self._turns: dict[str, deque[Watched]] = {"data": deque(), "control": deque()}
        self._seen_bytes = 0
        self._swept_ns = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="intake", daemon=True)

    def start(self) -> None:
        """Begin to look; call it when both sockets are bound."""
        if not IS_TOLD:
            get_logger("security").warning(
                "this system does not tell what connections send: messages that never end are "
                "not cut off"
            )
        self._thread.start()

    def close(self) -> None:
        """End the thread and the monitors; before the sockets are closed."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(JOIN_S_MAX)
        for intake in (self.data, self.control):
            intake.close()

    def issues(self) -> Iterator[Issue]:
        """Whether connections were reset of late, or nobody looks."""
        if self._thread.ident is not None and not self._thread.is_alive():
            yield Issue(
                "intake_unguarded",
                "critical",
                "nobody looks at what connections send",
                "Restart the gateway: a message that never ends would fill its memory.",
            )
        since_ns = self._clock.monotonic_ns() - MINUTE_NS
        recent = [address for at_ns, address in list(self._cuts) if at_ns >= since_ns]
        if recent:
            yield Issue(
                "connections_flooding",
                "warning",
                f"{len(recent)} connections sent more than can be read in the last minute and "
                f"were cut off, the last one {recent[-1]}",
                "Find the program (`ss -tnp` while it is connected; the log has its address) and "
                "stop it, or revoke its key.",
            )

    def counts(self) -> Iterator[tuple[Counter, int]]:
        """What was counted here."""
        for counter in (Counter.CONNECTIONS_FLOODING, Counter.CONNECTIONS_LIMITED):
            yield counter, self.counters.value(counter)

    def _run(self) -> None:
        wait_s = LOOK_S
        while not self._stop.wait(wait_s):
            wait_s = SUSPICIOUS_LOOK_S if self.look() else LOOK_S

    def look(self) -> bool:
        """Look once.

        Returns:
            Whether somebody is suspicious.
        """
        now_ns = self._clock.monotonic_ns()
        is_sweep = now_ns - self._swept_ns >= SECOND_NS
        is_grown = self._is_grown()
        is_suspicious = False
        for intake in (self.data, self.control):
            intake.learn(now_ns)
            for watched in self._next(intake, is_all=is_grown):
                reason = intake.judge(watched, now_ns)
                if reason:
                    self._cut(intake, watched, reason)
                is_suspicious |= bool(reason) or watched.account.is_suspicious
            if is_sweep:
                intake.sweep()
                for watched in intake.too_silent(now_ns, age_ns_min=SILENT_NS_MIN):
                    self._cut_silent(intake, watched)
        self._relieve()
        if is_sweep:
            self._swept_ns = now_ns
            self._told.tell_due()
        return is_suspicious

    def _relieve(self) -> None:
        """Cut off who has sent most, if all requests together are too much."""
        watched = self.control.watched
        if sum(one.account.held for one in watched.values()) > CONTROL_TOTAL_MAX:
            self._cut(
                self.control, max(watched.values(), key=lambda one: one.account.held), TOO_MUCH
            )

    def _next(self, intake: Intake, *, is_all: bool) -> list[Watched]:
        """Whose turn it is."""
        count = max(AT_ONCE_MAX, len(intake.watched) // 8)
        if is_all or len(intake.watched) <= count:
            return list(intake.watched.values())
        turn = self._turns[intake.name]
        chosen: list[Watched] = []
        if len(turn) < count:
            turn.extend(intake.watched.values())
        while turn and len(chosen) < count:
            watched = turn.popleft()
            if intake.watched.get(watched.descriptor) is watched:
                chosen.append(watched)
        # Who was found suspicious stays under the eyes.
        known = set(map(id, chosen))
        chosen += [
            watched
            for watched in intake.watched.values()
            if watched.account.is_suspicious and id(watched) not in known
        ]
        return chosen

    def _cut(self, intake: Intake, watched: Watched, reason: str) -> None:
        address = self._sockets.address(watched.connection).text
        user = intake.user_of(watched.connection)
        is_cut = self._sockets.cut(watched.connection)
        intake.forget(watched)
        if not is_cut:
            # Gone already, and its number may be another's.
            return
        self.counters.add(Counter.CONNECTIONS_FLOODING)
        self._cuts.append((self._clock.monotonic_ns(), address))
        facts = {"address": address, "socket": intake.name, "reason": reason}
        self._told.note("evicted", user, f"{intake.name}: {reason}", **facts)
        error = ConsumerEvicted("a connection was cut off", hint=HINT, user=user or None, **facts)
        self.on_cut(fact_of(error, port=PORT, at_us=self._clock.utc_us()))

    def _cut_silent(self, intake: Intake, watched: Watched) -> None:
        """Cut a connection that only costs; its peer comes back by itself when it has a use."""
        address = self._sockets.address(watched.connection).text
        is_cut = self._sockets.cut(watched.connection)
        intake.forget(watched)
        if is_cut:
            self.counters.add(Counter.CONNECTIONS_LIMITED)
            facts = {"address": address, "socket": intake.name, "reason": SILENT}
            self._told.note("evicted", "", f"{intake.name}: {SILENT}", **facts)

    def _is_grown(self) -> bool:
        """Whether the process uses more memory than when all were looked at."""
        used_bytes = _resident_bytes()
        is_grown = used_bytes is None or used_bytes > self._seen_bytes + GROWN_BYTES
        if used_bytes is not None and (is_grown or used_bytes < self._seen_bytes):
            self._seen_bytes = used_bytes
        return is_grown


def guard_of(intake: Intake, gate: Gate | None) -> Callable[["zmq.Socket[Any]"], None]:
    """What a socket goes through before it is bound.

    Args:
        intake: Learns of its connections.
        gate: Gives it its keys, and reads its events; None without keys.
    """

    def guard(guarded: "zmq.Socket[Any]") -> None:
        if gate is None:
            intake.watch(guarded)
        else:
            intake.silent_max = SILENT_MAX
            gate.on_accepted = intake.note_accepted
            gate.guard(guarded)

    return guard


HINT: Final = "Nobody may send so much there: see which program has that address."
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4_096


def _resident_bytes() -> int | None:
    """Memory of this process; None where the system does not tell."""
    try:
        text = Path("/proc/self/statm").read_bytes()
        return int(text.split()[1]) * _PAGE_BYTES
    except (OSError, ValueError, IndexError):
        return None
