"""Topics as parameters of requests: taken apart, or refused with what to write instead."""

from gateway.errors import InvalidParams
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
