"""Topics and symbols as consumers spell them: taken apart, or refused with what to write."""

from collections.abc import Iterable

from gateway.errors import InvalidParams, SymbolInvalid
from gateway.iqfeed.commands import check_symbol
from gateway.wire.topics import TopicName, parse_topic


def public_topic(topic: str) -> TopicName:
    """Take a topic apart.

    Raises:
        InvalidParams: Not a complete public topic.
        SymbolInvalid: Its symbol is none.
    """
    # UTF-8, so that a character the vendor has not is no other symbol's spelling.
    name = parse_topic(topic.encode())
    if name is None or name.nonce:
        raise InvalidParams(
            "not a complete public topic",
            hint="Write kind,SYMBOL, with both commas, such as quote,AAPL,",
            topic=topic,
        )
    check_symbol(name.symbol)
    return name


def is_symbol(text: str) -> bool:
    """Whether the vendor could be asked for a symbol of this spelling."""
    try:
        check_symbol(text)
    except SymbolInvalid:
        return False
    return True


def check_symbols(symbols: Iterable[str]) -> tuple[list[str], list[SymbolInvalid]]:
    """Sort symbols into those that may reach the vendor and those that may not.

    Returns:
        The good ones, each once, in order; and an error for each bad one.
    """
    good: dict[str, None] = {}
    bad: list[SymbolInvalid] = []
    for symbol in symbols:
        try:
            good[check_symbol(symbol)] = None
        except SymbolInvalid as refused:
            bad.append(refused)
    return list(good), bad
