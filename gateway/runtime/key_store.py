"""The keys' directory: the gateway's own keys, and who else may connect; watched for changes.

What is read is believed only when nobody else could have written it. A client's file that cannot be
used changes nothing: its last good state stands, and health says which line is wrong. A file that
is gone takes effect at once, even while others may write to the directory and nothing else of it
is believed.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from gateway.clock import Clock
from gateway.errors import ConfigError
from gateway.policy.client_record import ClientRecord, parse_client
from gateway.policy.curve_keys import fingerprint, key_bytes
from gateway.policy.key_book import Grant, KeyBook, lets_live
from gateway.runtime.key_files import NEXT, SERVER, KeyPair, check_ours, read_ours, read_pair
from gateway.runtime.key_files import unusable as unusable_file

CLIENTS: Final = "clients.d"
ENDING: Final = ".yaml"
FILES_MAX: Final = 10_000
YOUNG_US: Final = 100_000
"""A file changed less than this ago may still be being written: it is read at the next look."""


class Signature(NamedTuple):
    """What tells a file from its next version."""

    changed_ns: int
    """When its contents changed, UTC."""
    touched_ns: int
    """When anything of it did."""
    size: int
    inode: int


@dataclass(frozen=True, slots=True)
class Changes:
    """What one look at the directory brought."""

    added: tuple[ClientRecord, ...] = ()
    """Clients that were not there."""
    changed: tuple[ClientRecord, ...] = ()
    """Clients whose file says something else."""
    removed: tuple[ClientRecord, ...] = ()
    """Clients whose file is gone."""
    refused: Mapping[str, str] = field(default_factory=dict)
    """Files that have become unusable, each with why."""

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed or self.refused)


class KeyStore:
    """Reads keys, and reads them again when they change.

    `book` is replaced whole, so that any thread may read it at any time; all else belongs to one
    thread at a time.

    Args:
        directory: `security.keys_dir`.
        clock: Tells a file's age.
    """

    def __init__(self, directory: Path, *, clock: Clock) -> None:
        self.directory: Final = directory
        self._clients: Final = directory / CLIENTS
        self._clock = clock
        self._signatures: dict[str, Signature] = {}
        self._last_number = 0
        self.book = KeyBook()
        """Who may connect now."""
        self.broken: Mapping[str, str] = {}
        """Files that cannot be used, each with why; their last good state stands."""
        self.untrusted = ""
        """Why nothing new is believed: others may put files there. Empty when they may not."""

    def read_server(self, *, is_next: bool = False) -> KeyPair:
        """Read the gateway's own key.

        Args:
            is_next: The one that is to replace it.

        Raises:
            ConfigError: It cannot be used.
        """
        check_ours(self.directory)
        return read_pair(self.directory, NEXT if is_next else SERVER)

    def load(self) -> None:
        """Read all clients for the first time.

        Raises:
            ConfigError: A file that cannot be used: there is no last good state to fall back on.
        """
        check_ours(self.directory)
        if not self._clients.is_dir():
            raise ConfigError(
                "there is no directory of clients",
                hint="`iqfeed-gateway keys new NAME` makes it and a client's key.",
                directory=str(self._clients),
            )
        check_ours(self._clients)
        self.look(is_hurried=True)
        for reason in self.broken.values():
            raise ConfigError(
                "a client's file cannot be used",
                hint="Correct it, or remove it: the client cannot connect then.",
                reason=reason,
            )

    def look(self, *, is_hurried: bool = False) -> Changes:
        """Read what has changed.

        Args:
            is_hurried: Read files that may still be being written, too: somebody said that they
                are whole.

        Returns:
            What has changed for clients.

        Raises:
            ConfigError: The directory itself cannot be used; everything stands as it was.
        """
        found = self._signatures_now()
        # Only after it was found to be there: what is left to be wrong is who may write there.
        self.untrusted = self._why_untrusted()
        if found == self._signatures:
            # Once a second, beside prices: what has not changed costs a look at it and no more.
            return Changes()
        before = self.book.grants
        records = {name: grant.record for name, grant in before.items() if name in found}
        broken = {name: why for name, why in self.broken.items() if name in found}
        for name, signature in found.items():
            # What is new waits until nobody else could have put it there.
            if self.untrusted or self._signatures.get(name) == signature:
                continue
            if not is_hurried and self._is_young(signature):
                continue
            broken.pop(name, None)
            self._signatures[name] = signature
            try:
                records[name] = self._read(name)
            except ConfigError as error:
                broken[name] = f"{error}: {error.hint}"
        self._signatures = {n: s for n, s in self._signatures.items() if n in found}
        broken |= self._refuse_twins(records)
        return self._replace(records, broken)

    def _why_untrusted(self) -> str:
        try:
            check_ours(self.directory)
            check_ours(self._clients)
        except ConfigError as error:
            return f"{error}: {error.hint}"
        return ""

    def _replace(self, records: Mapping[str, ClientRecord], broken: Mapping[str, str]) -> Changes:
        """Let what was read hold."""
        before = self.book.grants
        changes = Changes(
            added=tuple(r for name, r in records.items() if name not in before),
            changed=tuple(
                r for name, r in records.items() if name in before and before[name].record != r
            ),
            removed=tuple(g.record for name, g in before.items() if name not in records),
            refused={n: why for n, why in broken.items() if self.broken.get(n) != why},
        )
        if changes.added or changes.changed or changes.removed:
            self.book = KeyBook(self._grant(record) for record in records.values())
        self.broken = broken
        return changes

    def _grant(self, record: ClientRecord) -> Grant:
        known = self.book.of_user(record.name)
        if known is not None and lets_live(known.record, record):
            return Grant(known.number, record)
        self._last_number += 1
        return Grant(self._last_number, record)

    def _read(self, name: str) -> ClientRecord:
        path = self._clients / f"{name}{ENDING}"
        try:
            return parse_client(read_ours(path), name=name)
        except ConfigError as error:
            error.facts.setdefault("file", str(path))
            raise

    def _refuse_twins(self, records: dict[str, ClientRecord]) -> dict[str, str]:
        """Take back files whose key is another client's: nobody could tell the two apart."""
        owners: dict[bytes | None, str] = {}
        broken: dict[str, str] = {}
        before = self.book.grants
        # Who had a key first keeps it.
        for name in sorted(records, key=lambda name: (not self._has_had(records[name]), name)):
            key = records[name].public_key
            owner = owners.setdefault(key_bytes(key), name)
            if owner == name:
                continue
            broken[name] = (
                f"the key {fingerprint(key)} in {name}{ENDING} is {owner}'s: give each a key of "
                "its own"
            )
            # It is looked at again with every look, until one of the two is changed.
            self._signatures.pop(name, None)
            known = before.get(name)
            if known is not None and known.record.public_key != key:
                records[name] = known.record
            else:
                del records[name]
        return broken

    def _has_had(self, record: ClientRecord) -> bool:
        """Whether a key was this client's before."""
        known = self.book.of_user(record.name)
        return known is not None and known.record.public_key == record.public_key

    def _signatures_now(self) -> dict[str, Signature]:
        """The clients' files as they are, by name."""
        found: dict[str, Signature] = {}
        try:
            with os.scandir(self._clients) as entries:
                for entry in entries:
                    # What begins with a dot is an editor's, or not finished.
                    if not entry.name.endswith(ENDING) or entry.name.startswith("."):
                        continue
                    signature = _signature_of(entry.path)
                    if signature is not None:
                        found[entry.name.removesuffix(ENDING)] = signature
        except OSError as error:
            raise unusable_file(self._clients, error) from error
        if len(found) > FILES_MAX:
            raise ConfigError("too many clients", directory=str(self._clients), limit=FILES_MAX)
        return found

    def _is_young(self, signature: Signature) -> bool:
        age_us = self._clock.utc_us() - signature.changed_ns // 1000
        return 0 <= age_us < YOUNG_US


def _signature_of(path: str) -> Signature | None:
    """What a file is known by; None when it is gone."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        # A link to itself, say: reading it says what is wrong, and the other files go on.
        return Signature(-1, -1, -1, error.errno or 0)
    return Signature(status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino)
