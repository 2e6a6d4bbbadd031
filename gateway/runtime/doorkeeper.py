"""The doorkeeper: the gates before both sockets, and the eye on the files that open them."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from gateway.clock import Clock
from gateway.counters import Counter, Counters
from gateway.errors import ConfigError, Overloaded
from gateway.health.verdict import Issue
from gateway.logs import get_logger
from gateway.policy.client_record import ClientRecord
from gateway.policy.curve_keys import fingerprint
from gateway.policy.key_book import KeyBook
from gateway.runtime.gate import Gate
from gateway.runtime.key_files import KeyPair, check_curve
from gateway.runtime.key_store import Changes, KeyStore
from gateway.runtime.senders import Senders

WATCH_S: Final = 1.0
LATE_NS: Final = 10_000_000_000
"""Files that were last looked at longer ago are not watched any more."""
NAMED_MAX: Final = 20
"""Clients that one line of the audit log names."""


class Doorkeeper:
    """Lets in whose key is known, for both sockets of one process.

    Args:
        store: The keys' directory.
        next_binds: Addresses, of data and control, where the next key holds; None without one.
        clock: The gateway's.

    Raises:
        ConfigError: Keys that cannot be used, or no CURVE in libzmq.
    """

    def __init__(
        self, store: KeyStore, *, next_binds: tuple[str, str] | None, clock: Clock
    ) -> None:
        check_curve()
        server = store.read_server()
        next_server = store.read_server(is_next=True) if next_binds is not None else None
        store.load()
        self._store = store
        self._audit = get_logger("audit")
        self.next_binds: Final = next_binds
        self.senders: Final = Senders(lambda: store.book)
        """Reads whose frames are."""
        self.data: Final = self._gate("data", server, next_server, clock)
        self.control: Final = self._gate("control", server, next_server, clock)
        self.on_revoked: Callable[[], object] = lambda: None
        """Told, in the control loop, that grants have ended: their connections are to be cut.
        May raise Overloaded, and is told again then."""
        self._counters = Counters()
        self._hurry = asyncio.Event()
        self._waiting: list[asyncio.Event] = []
        """Those who wait for the next look."""
        self._failure = ""
        self._clock = clock
        self._looked_ns = clock.monotonic_ns()
        self._untrusted = ""
        self._must_cut = False
        self.fingerprint: Final = fingerprint(server.public)
        """Of the gateway's own key."""

    @property
    def book(self) -> KeyBook:
        """Who may connect now, and what their files say; may be read from any thread."""
        return self._store.book

    def look_now(self) -> None:
        """Read what has changed at once, however young: somebody said that it is whole."""
        self._hurry.set()

    async def look_and_wait(self) -> str:
        """Read what has changed at once, and wait until it is read.

        Returns:
            Why nothing could be read; empty when it could.

        Cancel safety: it is read all the same.
        """
        is_done = asyncio.Event()
        self._waiting.append(is_done)
        self.look_now()
        await is_done.wait()
        return self._failure

    @property
    def refused(self) -> Mapping[str, str]:
        """Clients' files that cannot be used, each with why; what they said before still holds."""
        return self._store.broken

    @property
    def untrusted(self) -> str:
        """Why nothing new is believed, but what is taken away; empty when it is."""
        return self._untrusted

    async def run(self) -> None:
        """Watch the files until cancelled.

        Cancel safety: what was read holds; the next run reads the rest.
        """
        self._looked_ns = self._clock.monotonic_ns()
        self._audit.info("keys_load", clients=len(self._store.book), fingerprint=self.fingerprint)
        while True:
            try:
                async with asyncio.timeout(WATCH_S):
                    await self._hurry.wait()
            except TimeoutError:
                is_hurried = False
            else:
                is_hurried = True
            self._hurry.clear()
            waiting, self._waiting = self._waiting, []
            await self._look(is_hurried=is_hurried)
            for is_done in waiting:
                is_done.set()

    async def _look(self, *, is_hurried: bool) -> None:
        # Before the files, which may not be there to be read: who is to be cut is known already.
        self._cut()
        try:
            changes = await asyncio.to_thread(self._store.look, is_hurried=is_hurried)
        except ConfigError as error:
            if str(error) != self._failure:
                self._failure = str(error)
                self._audit.error("keys_reload", outcome="failed", reason=self._failure)
            return
        finally:
            self._looked_ns = self._clock.monotonic_ns()
        self._failure = ""
        self._tell_untrusted()
        if changes:
            self._counters.add(Counter.KEY_LOOKS_CHANGED)
            self._tell(changes)
            self._must_cut = True
            self._cut()

    def _cut(self) -> None:
        """Let connections be cut whose grants have ended, if there are any."""
        if not self._must_cut:
            return
        try:
            self.on_revoked()
        except Overloaded:
            # Nothing is granted to them any more; the connections themselves a look later.
            self._audit.warning("keys_reload", outcome="cutting is put off")
        else:
            self._must_cut = False

    def issues(self) -> Iterator[Issue]:
        """What is wrong with gates and files."""
        yield from self.data.issues()
        yield from self.control.issues()
        if self._failure:
            yield Issue(
                "keys_unreadable",
                "critical",
                f"the files of keys cannot be read: {self._failure}",
                "Make security.keys_dir readable again: until then no key is added or revoked.",
            )
        if self._untrusted:
            yield Issue(
                "keys_untrusted",
                "critical",
                f"no new key is believed: {self._untrusted}",
                "Let nobody else write to security.keys_dir, and look who has been put there: what "
                "is new is read then. Until then keys are only revoked.",
            )
        late_ns = self._clock.monotonic_ns() - self._looked_ns
        if late_ns > LATE_NS:
            yield Issue(
                "keys_unwatched",
                "critical",
                f"the files of keys were last looked at {late_ns // 1_000_000_000} s ago",
                "Until they are, no key is added or revoked: see whether the disk of "
                "security.keys_dir answers, and restart the gateway.",
            )
        broken = self._store.broken
        if broken:
            first = next(iter(broken.values()))
            yield Issue(
                "client_files_refused",
                "warning",
                f"{len(broken)} files of clients cannot be used, such as: {first}",
                "Correct or remove them: what they said before still holds.",
            )

    def counts(self) -> Iterator[tuple[Counter, int]]:
        """What was counted at the gates and about the files."""
        for counters in (self._counters, self.data.counters, self.control.counters):
            for counter in COUNTED:
                yield counter, counters.value(counter)

    def close(self) -> bool:
        """Close both gates; before the sockets behind them are closed.

        Returns:
            Whether both have ended; contexts of others must not be waited for.
        """
        return all([self.data.close(), self.control.close()])

    def _tell_untrusted(self) -> None:
        if self._store.untrusted == self._untrusted:
            return
        self._untrusted = self._store.untrusted
        if self._untrusted:
            self._audit.error(
                "keys_reload", outcome="what is new is refused", reason=self._untrusted
            )
        else:
            self._audit.info("keys_reload", outcome="what is new is believed again")

    def _tell(self, changes: Changes) -> None:
        self._audit.warning(
            "keys_reload",
            outcome="done",
            added=_names(changes.added),
            changed=_names(changes.changed),
            removed=_names(changes.removed),
            refused=list(changes.refused.values())[:NAMED_MAX],
            clients=len(self._store.book),
        )

    def _gate(self, name: str, server: KeyPair, next_server: KeyPair | None, clock: Clock) -> Gate:
        return Gate(
            name,
            server=server,
            next_server=next_server,
            book=lambda: self._store.book,
            clock=clock,
        )


COUNTED: Final = (
    Counter.HANDSHAKES_ADMITTED,
    Counter.HANDSHAKES_REFUSED,
    Counter.HANDSHAKES_LIMITED,
    Counter.HANDSHAKES_FAILED,
    Counter.KEY_LOOKS_CHANGED,
)
"""What is counted outside the feed thread and the requests."""


def _names(records: tuple[ClientRecord, ...]) -> list[str]:
    """Clients with their keys' fingerprints, not too many of them."""
    named = [f"{record.name} {fingerprint(record.public_key)}" for record in records[:NAMED_MAX]]
    more = len(records) - len(named)
    return [*named, f"and {more} more"] if more else named
