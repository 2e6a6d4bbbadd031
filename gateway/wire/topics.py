"""The spelling of topics: the only place that builds or takes one apart.

A topic is `kind,symbol,` with both commas; it is *terminated*, so that a subscription to
`quote,A,` never matches `quote,AAPL,`. A private topic is `~nonce.` before a topic.
"""

import re
from dataclasses import dataclass
from typing import Final

from gateway.model.messages import SYS_NAMES, Kind
from gateway.model.protocol import SYMBOL_BYTES_MAX

PUBLIC_KINDS: Final = tuple(kind for kind in Kind if kind is not Kind.IMAGE)
"""Kinds that have public topics; images travel on private topics and at a rebuild only."""

_VARIANT = rb"(@[1-9][0-9]{0,4}(?:x[1-9][0-9]{0,2})?)?"
_PRIVATE = re.compile(rb"~([0-9a-zA-Z]{14,32})\.([a-z]+)" + _VARIANT + rb",([^,]{1,64}),")
_HEAD = re.compile(rb"([a-z]+)" + _VARIANT)
_PUBLIC = re.compile(rb"([a-z]+)" + _VARIANT + rb",([^,]{1,64}),")
_KINDS: Final[dict[bytes, Kind]] = {kind.value.encode(): kind for kind in Kind}


@dataclass(frozen=True, slots=True)
class TopicName:
    """One complete topic, taken apart."""

    kind: Kind
    """The base kind; `quote` for `quote@250` too."""
    variant: str
    """The text after `@`, empty for a base topic: `250`, or for books `250x5` too."""
    symbol: str
    """The vendor's symbol, a distributor for news, a name for sys."""
    nonce: str
    """The private prefix's random part, empty for a public topic."""

    @property
    def spelling(self) -> str:
        """The public topic's text, without any private prefix."""
        variant = f"@{self.variant}" if self.variant else ""
        return f"{self.kind}{variant},{self.symbol},"


def topic_bytes(kind: Kind, symbol: str, variant: str = "", nonce: str = "") -> bytes:
    """Spell a topic.

    Args:
        kind: One of the wire contract's kinds.
        symbol: The vendor's string, verbatim; ASCII without a comma.
        variant: The text after `@`; empty for the base topic.
        nonce: Of a private topic; empty for a public one.

    Returns:
        The prefix of every frame of that topic, second comma included.
    """
    mark = f"@{variant}" if variant else ""
    private = f"~{nonce}." if nonce else ""
    return f"{private}{kind}{mark},{symbol},".encode("ascii")


def parse_topic(topic: bytes) -> TopicName | None:
    """Take a complete topic apart.

    Args:
        topic: What a subscriber asked for, at most a kilobyte (the data socket's limit).

    Returns:
        The parts; None when it is a prefix or not a topic at all.
    """
    match = _PRIVATE.fullmatch(topic)
    if match is not None:
        nonce, kind_bytes, variant, symbol = match.groups()
    else:
        match = _PUBLIC.fullmatch(topic)
        if match is None:
            return None
        nonce = b""
        kind_bytes, variant, symbol = match.groups()
    kind = _KINDS.get(kind_bytes)
    if kind is None or not symbol.isascii():
        return None
    return TopicName(
        kind=kind,
        variant=variant[1:].decode("ascii") if variant else "",
        symbol=symbol.decode("ascii"),
        nonce=nonce.decode("ascii"),
    )


@dataclass(frozen=True, slots=True)
class Reach:
    """Which public topics a subscription matches: of each kind, the symbols that begin so."""

    kinds: tuple[Kind, ...]
    """One or more."""
    symbol: str
    """The symbol, or how it begins; empty for all symbols."""
    is_whole: bool
    """Whether it is one symbol, and not all that begin so."""


def reach_of(topic: bytes) -> Reach | None:
    """Say which public topics a subscription matches.

    Args:
        topic: As the peer sent it, not empty.

    Returns:
        None for one that matches none, or private ones too.
    """
    head, comma, rest = topic.partition(b",")
    symbol, end, _ = rest.partition(b",")
    if not topic or is_private(topic) or not symbol.isascii() or len(symbol) > SYMBOL_BYTES_MAX:
        return None
    if not comma:
        kinds = tuple(kind for kind in Kind if _may_begin(kind.value.encode(), head))
    else:
        match = _HEAD.fullmatch(head)
        kind = None if match is None else _KINDS.get(match[1])
        kinds = () if kind is None else (kind,)
    if not kinds or (end and not symbol):
        return None
    return Reach(kinds, symbol.decode("ascii"), bool(end))


def _may_begin(kind: bytes, head: bytes) -> bool:
    """Whether a topic of a kind, or of one of its variants, may begin so."""
    return kind.startswith(head) or head.startswith(kind + b"@")


def is_private(topic: bytes) -> bool:
    """Whether a subscription asks for the private space, completely spelled or not."""
    return topic.startswith(b"~")


def grants_of(topic: bytes) -> tuple[bytes, ...]:
    """Say which prefixes a subscription request is granted as.

    Args:
        topic: The subscription as the peer sent it.

    Returns:
        Prefixes to grant. The empty subscription is granted as all public kinds, so that nobody
        can listen to private topics; a private one only when it is complete. Empty when refused.
    """
    if not topic:
        return tuple(
            f"{kind}{mark}".encode("ascii") for kind in PUBLIC_KINDS for mark in (",", "@")
        )
    if is_private(topic) and parse_topic(topic) is None:
        return ()
    return (topic,)


def sys_topic(name: str) -> bytes:
    """Spell a system topic, such as `sys,heartbeat,`."""
    if name not in SYS_NAMES:
        raise KeyError(name)
    return topic_bytes(Kind.SYS, name)
