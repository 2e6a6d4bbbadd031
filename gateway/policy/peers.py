"""The connections of the data socket: whose they are, and how they keep up.

A connection has no name of its own without keys. A client gives it one: it subscribes to a private
topic made of a token that nobody else can guess, and tells the token with its requests.
"""

from collections import OrderedDict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from gateway.errors import InvalidParams
from gateway.policy.rate_limit import TokenBucket
from gateway.policy.senders import ANYBODY, Sender
from gateway.policy.slow_consumers import Progress

NAMES_MAX: Final = 10_000
"""Tokens whose client is remembered; the one told longest ago is forgotten first."""
TOKENS_PER_PEER_MAX: Final = 5_000
"""Tokens a connection may hold: a consumer has one, and a relay one for each of its own. After a
restart all of them come before the relay has said what it is."""

USERS_NAMED_MAX: Final = 10
"""Users that are listed where a client's name is of several."""


@dataclass(frozen=True, slots=True)
class ClientName:
    """Who a token belongs to."""

    client: str
    """The name it gave itself."""
    is_relay: bool
    """Whether it stands for many consumers."""


class Peer:
    """One connection of the data socket.

    Args:
        connection: How the feed thread tells it from others.
        name: How people do, such as `tcp://127.0.0.1:45678`.
        transport: `tcp`, `ipc`, or empty.
        progress: How it keeps up.
        snapshots: How many snapshots a second it is answered.
        now_ns: Monotonic.
        sender: Whose it is, as its handshake has proven.
    """

    __slots__ = (
        "connection", "denied", "denied_topics", "is_measured", "is_relay", "name", "prefixes",
        "progress", "refused_count", "reported", "seen_ns", "sender", "snapshots", "token",
        "tokens", "transport", "warned_us",
    )  # fmt: skip

    def __init__(
        self,
        connection: Hashable,
        *,
        name: str,
        transport: str,
        progress: Progress,
        snapshots: TokenBucket,
        now_ns: int,
        sender: Sender = ANYBODY,
    ) -> None:
        self.connection: Final = connection
        self.name: Final = name
        self.transport: Final = transport
        self.progress: Final = progress
        self.snapshots = snapshots
        """What its snapshots are counted against."""
        self.sender: Final = sender
        self.seen_ns: Final = now_ns
        """When its first subscription was read, monotonic."""
        self.tokens: dict[str, None] = {}
        """Tokens whose private topic it is subscribed to, the oldest first."""
        self.token: str | None = None
        """The one of them that names it; None while its client has told none."""
        self.is_relay = False
        self.is_measured = False
        """Whether the system tells what waits for it."""
        self.warned_us: int | None = None
        """Since when everybody knows that it is slow, UTC; None while it is not."""
        self.refused_count = 0
        """Subscriptions that were one too many."""
        self.prefixes: dict[bytes, None] = {}
        """Subscriptions of it that are no whole topics, where there are keys."""
        self.denied: dict[str, int] = {}
        """Topics its user may not have, each with how often it asked; not all of them."""
        self.denied_topics: set[int] = set()
        """All of them that stand, each by its hash: ZeroMQ keeps what was denied as well."""
        self.reported: dict[str, Any] = {}
        """What its client last said of itself."""

    @property
    def user(self) -> str:
        """Whose it is; empty without keys."""
        return self.sender.user


class PeerNames:
    """Which client a token belongs to, as clients have told."""

    def __init__(self) -> None:
        self._names: OrderedDict[str, ClientName] = OrderedDict()

    def tell(self, token: str, name: ClientName) -> None:
        """Remember whose a token is."""
        self._names[token] = name
        self._names.move_to_end(token)
        if len(self._names) > NAMES_MAX:
            self._names.popitem(last=False)

    def of(self, token: str | None) -> ClientName | None:
        """Whose a token is; None when nobody has told."""
        return None if token is None else self._names.get(token)

    def client_of(self, peer: Peer) -> str | None:
        """The client a connection belongs to; None when nobody has told."""
        name = self.of(peer.token)
        return None if name is None else name.client

    def find(self, peers: Iterable[Peer], name: str, user: str | None = None) -> list[Peer]:
        """Find connections by their own name, or by their client's.

        Args:
            peers: All there are.
            name: A connection's, or a client's.
            user: Whose they have to be; None when the name says it.

        Raises:
            InvalidParams: Clients of several users have the name, and nobody said whose are meant.
        """
        asked = [peer for peer in peers if user in (None, peer.user)]
        found = [peer for peer in asked if peer.name == name]
        found = found or [peer for peer in asked if self.client_of(peer) == name]
        users = sorted({peer.user for peer in found})
        if len(users) > 1:
            raise InvalidParams(
                "clients of several users have this name",
                hint="Say whose is meant with `user`, or name one connection of `subscriptions`.",
                peer=name,
                users=", ".join(users[:USERS_NAMED_MAX]),
                count=len(users),
            )
        return found
