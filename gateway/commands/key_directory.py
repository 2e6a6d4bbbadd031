"""The keys' directory as the operator's commands use it; nothing they print is a secret."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from gateway.clock import SystemClock
from gateway.commands.client_keys import read_client_keys
from gateway.errors import ConfigError
from gateway.model.methods import Role
from gateway.policy.client_record import NAME, parse_client
from gateway.policy.curve_keys import fingerprint
from gateway.runtime.key_files import (
    NEXT,
    SECRET_MODE,
    SERVER,
    check_curve,
    check_ours,
    make_directory,
    new_pair,
    public_half,
    read_pair,
    read_text,
    unusable,
    write_new,
)
from gateway.runtime.key_store import CLIENTS, ENDING

PUBLIC_MODE: Final = 0o644
CLIENT_FILE: Final = """\
# Who may connect as {name}. What else may stand here: deny, addresses, quotas.
public_key: "{public}"
role: {role}{relay}
since: "{since}"
allow:
  - kinds: ["*"]
    symbols: ["*"]
"""
KEY_FILE: Final = """\
# Keys of {name} for {gateway}. Who has this file is {name}: keep it secret.
name: "{name}"
server_public_key: "{server}"
public_key: "{public}"
secret_key: "{secret}"
"""
REVOKED: Final = "revoked.d"
"""Beside the clients: files of those who were revoked, so that a fingerprint can be looked up."""


class KeyDirectory:
    """Makes, lists and revokes keys.

    Args:
        directory: `security.keys_dir`.
    """

    def __init__(self, directory: Path) -> None:
        check_curve()
        self._directory = directory
        self._clients = directory / CLIENTS

    def make_server(self, *, is_next: bool) -> str:
        """Make the gateway's own key, or the next one.

        Returns:
            What was done, in words.

        Raises:
            ConfigError: There is one already, or it cannot be written.
        """
        make_directory(self._directory)
        make_directory(self._clients)
        name = NEXT if is_next else SERVER
        pair = new_pair()
        secret = self._directory / f"{name}.key_secret"
        write_new(secret, f"{pair.secret}\n", mode=SECRET_MODE)
        try:
            write_new(self._directory / f"{name}.key", f"{pair.public}\n", mode=PUBLIC_MODE)
        except ConfigError:
            secret.unlink()
            raise
        return f"{self._directory / name}.key  {fingerprint(pair.public)}"

    def ensure_server(self) -> str:
        """Make the gateway's own key unless there is one, and complete one whose making was cut.

        Returns:
            What was done, in words.

        Raises:
            ConfigError: What is there cannot be used, or nothing can be written.
        """
        public = self._directory / f"{SERVER}.key"
        secret = self._directory / f"{SERVER}.key_secret"
        if not public.exists() and not secret.exists():
            return self.make_server(is_next=False)
        make_directory(self._clients)
        if not public.exists():
            # The secret half is written first: the other one follows from it.
            write_new(public, f"{public_half(self._directory, SERVER)}\n", mode=PUBLIC_MODE)
        pair = read_pair(self._directory, SERVER)
        return f"{public}  {fingerprint(pair.public)}  is there"

    def has_given(self, path: Path, *, is_next: bool) -> bool:
        """Whether a client's file is there and is for this gateway's key.

        One who was revoked since has it, too: what was taken back is not given again.

        Raises:
            ConfigError: The file, or the gateway's key, cannot be used.
        """
        server = read_pair(self._directory, NEXT if is_next else SERVER)
        keys = read_client_keys(path if path.exists() else None)
        return keys is not None and keys.server_public_key == server.public

    def withdraw(self, name: str, path: Path) -> None:
        """Make room for new keys of a client whose file is lost, or is for another gateway's key.

        Raises:
            ConfigError: What is there cannot be moved.
        """
        if NAME.fullmatch(name) and (self._clients / f"{name}{ENDING}").exists():
            self.revoke(name)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise unusable(path, error) from error

    def promote(self) -> str:
        """Put the next key in the place of the present one, which is kept as `server-old`.

        Returns:
            What was done, in words.

        Raises:
            ConfigError: There is no next key that could be used, or files cannot be moved.
        """
        pair = read_pair(self._directory, NEXT)
        # The public halves last: a gateway that starts in between refuses, and says why.
        for ending in (".key_secret", ".key"):
            present = self._directory / f"{SERVER}{ending}"
            try:
                if present.exists():
                    present.replace(self._directory / f"{SERVER}-old{ending}")
                (self._directory / f"{NEXT}{ending}").replace(present)
            except OSError as error:
                raise unusable(present, error) from error
        return (
            f"{self._directory / SERVER}.key  {fingerprint(pair.public)}\n"
            "the key before it is server-old: remove it when no client has it any more"
        )

    def add(self, name: str, *, role: str, out: Path, is_next: bool, is_relay: bool = False) -> str:
        """Make a client's key.

        Args:
            name: Of the client.
            role: What it may ask for.
            out: Where both of its halves go, for the client alone.
            is_next: Whether it is to connect where the gateway's next key holds.
            is_relay: Whether it stands for consumers of its own.

        Returns:
            What was done, in words.

        Raises:
            ConfigError: A name or role that is none, a file that exists, or no server key.
        """
        if not NAME.fullmatch(name):
            raise ConfigError(
                "not a name for a client",
                hint="Use 1 to 64 letters, digits and ._:@- and no dot at the beginning.",
                name=name,
            )
        if role not in list(Role):
            raise ConfigError("no such role", hint=f"Known are {', '.join(Role)}.", role=role)
        server = read_pair(self._directory, NEXT if is_next else SERVER)
        make_directory(self._clients)
        pair = new_pair()
        since = datetime.fromtimestamp(SystemClock().utc_us() / 1e6, UTC)
        text = CLIENT_FILE.format(
            name=name,
            public=pair.public,
            role=role,
            relay="\nrelay: true" if is_relay else "",
            since=f"{since:%Y-%m-%dT%H:%M:%SZ}",
        )
        keys = KEY_FILE.format(
            name=name,
            gateway=f"the gateway with key {fingerprint(server.public)}",
            server=server.public,
            public=pair.public,
            secret=pair.secret,
        )
        write_new(out, keys, mode=SECRET_MODE)
        try:
            self._publish(name, text)
        except ConfigError:
            out.unlink()
            raise
        return f"{name} ({role})  {fingerprint(pair.public)}  its keys are in {out}"

    def clients(self) -> tuple[list[str], list[str]]:
        """Tell who may connect.

        Returns:
            A line for each client, and one for each file that cannot be used.
        """
        lines, problems = [], []
        check_ours(self._directory)
        for path in self._files():
            name = path.name.removesuffix(ENDING)
            try:
                record = parse_client(read_text(path), name=name)
            except ConfigError as error:
                problems.append(f"{path}: {error}\n  what to do: {error.hint}")
                continue
            since = record.since or "-"
            print_ = fingerprint(record.public_key)
            lines.append(f"{name:<24} {record.role:<9} {print_:<9} {since}")
        head = f"{'NAME':<24} {'ROLE':<9} {'KEY':<9} SINCE"
        return [head, *lines], problems

    def revoke(self, name: str) -> str:
        """Take a client's key back.

        Returns:
            What was done, in words.

        Raises:
            ConfigError: There is no such client.
        """
        path = self._clients / f"{name}{ENDING}"
        if not NAME.fullmatch(name) or not path.is_file():
            known = ", ".join(file.name.removesuffix(ENDING) for file in self._files()[:20])
            raise ConfigError("no such client", hint=f"There are: {known or 'none'}.", name=name)
        stamp = f"{datetime.fromtimestamp(SystemClock().utc_us() / 1e6, UTC):%Y%m%dT%H%M%S%fZ}"
        kept = self._directory / REVOKED / f"{name}-{stamp}{ENDING}"
        make_directory(kept.parent)
        try:
            path.replace(kept)
        except OSError as error:
            raise unusable(path, error) from error
        return f"{name} is revoked: a running gateway cuts its connections within two seconds"

    def _files(self) -> list[Path]:
        try:
            found = sorted(self._clients.iterdir())
        except OSError as error:
            raise unusable(self._clients, error) from error
        return [p for p in found if p.suffix == ENDING and not p.name.startswith(".")]

    def _publish(self, name: str, text: str) -> None:
        """Write a client's file in one step: a gateway never reads half of it."""
        path = self._clients / f"{name}{ENDING}"
        beside = self._clients / f".{name}.{os.getpid()}.new"
        write_new(beside, text, mode=PUBLIC_MODE)
        try:
            # Unlike a mere rename this fails where there is one already.
            os.link(beside, path)
        except FileExistsError as error:
            raise ConfigError(
                "there is such a client already",
                hint=f"Choose another name, or `iqfeed-gateway keys revoke {name}` first.",
                file=str(path),
            ) from error
        except OSError as error:
            raise unusable(path, error) from error
        finally:
            beside.unlink()
