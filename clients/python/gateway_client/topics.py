"""Symbols, kinds and topics: their grammar, in one place.

A topic is `kind,symbol,`. A kind may carry a variant (`quote@250`), and a private snapshot topic is
`~<nonce>.kind,symbol,`: subscribing to it is the request for a snapshot.
"""

import re
import secrets
import string
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from gateway_client import messages
from gateway_client.errors import InvalidArgument, SecurityValidationError

STATE_KINDS: Final = frozenset(str(kind) for kind in messages.STATE_KINDS)
"""Kinds whose newest value replaces the older ones."""
BOOK_EVENT_KINDS: Final = frozenset({"depth", "order"})
"""Kinds whose snapshot is an `image` of the whole book."""
BASELINE_KINDS: Final = frozenset({"trade", "correction", "news"})
"""Kinds whose snapshot only tells where the sequence stands."""
LEVEL_KINDS: Final = {
    "l1": messages.L1_KINDS,
    "l2": messages.L2_KINDS,
}
KINDS: Final = STATE_KINDS | frozenset(str(kind) for kind in messages.EVENT_KINDS)
"""Everything a symbol can be subscribed to, without variants."""

VARIANT_KINDS: Final = frozenset(str(kind) for kind in messages.VARIANT_KINDS)
"""Kinds that may be conflated by the gateway: `quote@250` is one quote per 250 ms at most, and
`book@250x5` a book of 5 levels a side as often."""
CLIENT_NAME: Final = re.compile(r"[A-Za-z0-9._:@-]{1,64}")
"""What a client may call itself."""

_SYMBOL: Final = re.compile(r"(?! )[A-Z0-9@+#$=./!&^_%\- ]{1,48}(?<! )")
_VARIANT: Final = re.compile(r"[1-9][0-9]{0,4}")
_BOOK_VARIANT: Final = re.compile(r"[1-9][0-9]{0,4}(?:x[1-9][0-9]{0,2})?")
_TOPIC: Final = re.compile(r"([a-z]+)(?:@([1-9][0-9x]{0,8}))?,(?:[!-+\--~ ]{1,64},)?")
_NONCE_ALPHABET: Final = string.digits + string.ascii_letters
NONCE_CHARACTERS: Final = 20
"""About 119 random bits; the contract asks for 14 to 32 characters and at least 80 bits."""


def check_symbol(symbol: str) -> str:
    """Refuse a symbol that must not reach the gateway.

    Args:
        symbol: The vendor's spelling, for example `AAPL` or `@ESZ26`.

    Returns:
        The same symbol, never re-spelled.

    Raises:
        SecurityValidationError: Not 1 to 48 characters of the vendor's alphabet. For a lower-case
            spelling the hint offers the upper-case one; IQFeed's symbols are case-sensitive, so it
            is for the caller to decide.
    """
    if not isinstance(symbol, str):
        raise SecurityValidationError("symbol is not text", type=type(symbol).__name__)
    if _SYMBOL.fullmatch(symbol):
        return symbol
    upper = symbol[:200].strip().upper()
    if _SYMBOL.fullmatch(upper):
        raise SecurityValidationError(
            "symbol is not spelled as IQFeed spells it", hint=f"Try {upper!r}.", symbol=symbol
        )
    raise SecurityValidationError("symbol refused", symbol=symbol)


def expand_kinds(kinds: Iterable[str]) -> tuple[str, ...]:
    """Spell out `l1` and `l2`, and check every kind.

    Args:
        kinds: Kinds, kinds with a variant (`quote@250`, `book@1000x5`), `l1` or `l2`; not a single
            string.

    Returns:
        Each kind once, in the order asked.

    Raises:
        InvalidArgument: No kind, or one that cannot be subscribed to.
    """
    if isinstance(kinds, str):
        raise InvalidArgument("kinds is a string", hint=f"Pass a list: [{kinds!r}].", kinds=kinds)
    expanded: dict[str, None] = {}
    for kind in kinds:
        for name in LEVEL_KINDS.get(kind, (kind,)):
            base, has_variant, variant = name.partition("@")
            if base not in KINDS or (has_variant and not is_variant(base, variant)):
                names = ", ".join(sorted(KINDS))
                raise InvalidArgument(
                    "unknown kind", hint=f"Use l1, l2 or one of {names}.", kind=kind
                )
            expanded[name] = None
    if not expanded:
        raise InvalidArgument("no kinds", hint='Pass at least one, for example ["l1"].')
    return tuple(expanded)


def is_variant(kind: str, variant: str) -> bool:
    """Whether a kind may carry a variant: `250`, and for books `250x5` too.

    Args:
        kind: Without variant.
        variant: The text after `@`.
    """
    if kind not in VARIANT_KINDS:
        return False
    pattern = _BOOK_VARIANT if kind == "book" else _VARIANT
    return pattern.fullmatch(variant) is not None


def topic_of(kind: str, symbol: str) -> str:
    """Spell the topic of a kind and a symbol."""
    return f"{kind},{symbol},"


def check_topic(topic: str) -> str:
    """Refuse what is neither a complete topic (`bar,AAPL,`) nor a kind prefix (`news,`).

    Raises:
        InvalidArgument: Anything else, private topics and the empty prefix included.
    """
    match = _TOPIC.fullmatch(topic)
    if match is None or (match[2] is not None and not is_variant(match[1], match[2])):
        raise InvalidArgument(
            "not a topic", hint="Write `kind,symbol,` or the prefix `kind,`.", topic=topic
        )
    return topic


def base_kind(kind: str) -> str:
    """Strip the variant: `quote@250` becomes `quote`."""
    return kind.partition("@")[0]


def new_nonce() -> str:
    """Draw a fresh nonce; two snapshot requests must never share one."""
    return "".join(secrets.choice(_NONCE_ALPHABET) for _ in range(NONCE_CHARACTERS))


def split_private(kind: str) -> str:
    """Strip the nonce of a private kind: `~Zk3….quote` becomes `quote`; others stay as they are."""
    if kind.startswith("~"):
        return kind.partition(".")[2]
    return kind


def chunks(items: Sequence[str]) -> Iterator[Sequence[str]]:
    """Cut a list of symbols or topics into pieces that one request may carry."""
    for start in range(0, len(items), messages.SYMBOLS_MAX):
        yield items[start : start + messages.SYMBOLS_MAX]
