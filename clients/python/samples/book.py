"""Ten looks at the best three levels of a future's order book."""

from gateway_client import BookMirror, GatewayClient

SYMBOL = "@ESZ26"

with GatewayClient.from_environment() as client:
    book = BookMirror("order", SYMBOL)
    client.subscribe_symbols([SYMBOL], ["order", "state"])
    shown = 0
    while shown < 10:
        item = client.next_message()
        if item is not None and book.apply(item) and book.is_current and book.bids:
            bids = " ".join(f"{level.size}@{level.price}" for level in book.bids[:3])
            asks = " ".join(f"{level.size}@{level.price}" for level in book.asks[:3])
            print(f"{SYMBOL}  bids {bids}  asks {asks}{'  (stale)' if book.is_stale else ''}")
            shown += 1
