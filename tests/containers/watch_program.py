"""What a consumer does in a container of its own: it prints what it hears, a JSON object a line.

It is handed to the interpreter of the image as text, and needs nothing but the client.
"""

import json
import sys
import time

from gateway_client import GatewayClient, Goodbye, Quote, Trade, load_keys

client = GatewayClient(
    "tcp://gateway:7700", "tcp://gateway:7701", curve=load_keys("/keys/client/consumer.key")
)
if not client.connect():
    sys.exit(f"no gateway: {client.last_error}")
for result in client.subscribe_symbols(sys.argv[1:], ["quote", "trade", "state"]).values():
    if not result.is_accepted:
        sys.exit(f"{result.symbol}: {result.code}")
for item in client:
    told = {"at_s": time.time(), "what": type(item).__name__}
    if isinstance(item, Goodbye):
        told["details"] = item.details
    elif isinstance(item, Quote | Trade):
        told |= {"symbol": item.symbol, "epoch": item.epoch}
        told |= {"sequence": item.sequence, "flags": item.flags}
    print(json.dumps(told), flush=True)
