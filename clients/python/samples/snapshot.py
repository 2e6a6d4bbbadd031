"""The last known values of a symbol, by one request, and how old they are."""

import time

from gateway_client import GatewayClient, Quote, State, Summary

with GatewayClient.from_environment() as client:
    client.subscribe_symbols(["AAPL"], ["l1"], timeout_s=5.0)
    while not isinstance(client.next_message(), Quote):
        pass  # The first quote says that there are values to ask for.
    for message in client.snapshot(["quote,AAPL,", "summary,AAPL,"]):
        age_ms = (time.time_ns() // 1_000 - message.recv_us) // 1_000
        match message:
            case Quote():
                print(f"AAPL bid {message.bid} ask {message.ask}, received {age_ms} ms ago")
            case Summary():
                print(f"AAPL last {message.last} volume {message.total_volume}")
            case State():
                print(f"AAPL has no value: {message.state} {message.cause}")
            case _:
                print(f"AAPL: {message}")
