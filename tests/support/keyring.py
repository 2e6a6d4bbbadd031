"""A directory of keys for tests, made with pyzmq alone, and what clients need of it."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml
import zmq
from gateway_client import CurveKeys

EVERYTHING = [{"kinds": ["*"], "symbols": ["*"]}]
"""All that can be allowed, or denied."""


class Pair(NamedTuple):
    """Both halves of a key."""

    public: str
    """Z85 text."""
    secret: str
    """Z85 text."""


def new_pair() -> Pair:
    """A key that nobody knows."""
    public, secret = zmq.curve_keypair()
    return Pair(public.decode(), secret.decode())


class Keyring:
    """`security.keys_dir`, with the secrets of everybody in it.

    Args:
        folder: Where it is made.
        clients: Who may connect from the beginning.
    """

    def __init__(self, folder: Path, *clients: str) -> None:
        self.directory = folder / "keys"
        self._clients = self.directory / "clients.d"
        self._clients.mkdir(parents=True, mode=0o700)
        self.directory.chmod(0o700)
        self.server = self.add_server("server")
        self.pairs: dict[str, Pair] = {}
        for client in clients:
            self.add(client)

    def add_server(self, name: str) -> Pair:
        """Write a server's key."""
        pair = new_pair()
        (self.directory / f"{name}.key").write_text(f"{pair.public}\n", encoding="ascii")
        secret = self.directory / f"{name}.key_secret"
        secret.write_text(f"{pair.secret}\n", encoding="ascii")
        secret.chmod(0o600)
        return pair

    def add(self, client: str, pair: Pair | None = None, **values: Any) -> CurveKeys:
        """Let a client in, with a new key or a given one; its file is replaced in one step.

        It may do everything, unless it is said what.
        """
        self.pairs[client] = pair if pair is not None else new_pair()
        known: dict[str, Any] = {
            "public_key": self.pairs[client].public,
            "role": "admin",
            "allow": EVERYTHING,
        }
        if client.startswith("relay"):
            known["relay"] = True
        self.write(client, {**known, **values})
        return self.keys(client)

    def write(self, client: str, values: Mapping[str, Any] | str) -> None:
        """Write a client's file as it is given."""
        text = values if isinstance(values, str) else yaml.safe_dump(dict(values))
        beside = self._clients / f".{client}.new"
        beside.write_text(text, encoding="utf-8")
        # Older than what may still be being written.
        os.utime(beside, (1_700_000_000, 1_700_000_000))
        beside.replace(self.path(client))

    def path(self, client: str) -> Path:
        """A client's file."""
        return self._clients / f"{client}.yaml"

    def remove(self, client: str) -> None:
        """Take a client's file away."""
        self.path(client).unlink()

    def keys(self, client: str, *, server: Pair | None = None) -> CurveKeys:
        """What a client connects with."""
        pair = self.pairs[client]
        return CurveKeys((server or self.server).public, pair.public, pair.secret)

    def stranger(self) -> CurveKeys:
        """A key that nobody knows, for this gateway."""
        return CurveKeys(self.server.public, *new_pair())

    @property
    def settings(self) -> dict[str, Any]:
        """Settings of a gateway with these keys."""
        return {"security": {"keys_dir": str(self.directory)}, "data": {"auto_watch": True}}
