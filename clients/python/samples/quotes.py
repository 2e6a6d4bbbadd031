"""The next ten quotes and trades of two symbols."""

from gateway_client import GatewayClient, Quote, Trade

with GatewayClient.from_environment() as client:
    client.subscribe_symbols(["AAPL", "MSFT"], ["l1"])
    shown = 0
    while shown < 10:
        match client.next_message():
            case Quote() as quote:
                print(quote.symbol, "bid", quote.bid, "ask", quote.ask)
                shown += 1
            case Trade() as trade:
                print(trade.symbol, "traded", trade.size, "at", trade.price)
                shown += 1
            case _:
                pass  # Summaries, states, and the client's own events.
