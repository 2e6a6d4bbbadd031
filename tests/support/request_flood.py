"""Many connections of one user that ask as fast as they can, from a process of their own.

python request_flood.py ENDPOINT CONNECTIONS SECONDS SERVER_KEY PUBLIC_KEY SECRET_KEY
"""

import json
import sys
import time
from collections import Counter
from typing import Final

import msgpack
import zmq

REQUESTS_PER_SECOND: Final = 10_000
BATCH: Final = 100
REQUEST: Final = msgpack.packb({"v": 1, "id": 1, "method": "health", "params": {}})


def flood(endpoint: str, connections: int, seconds: float, keys: tuple[str, str, str]) -> None:
    """Ask, and print what was answered."""
    found: Counter[str] = Counter()
    with zmq.Context() as context:
        poller = zmq.Poller()
        peers = []
        for _ in range(connections):
            peer = context.socket(zmq.DEALER)
            peer.setsockopt(zmq.LINGER, 0)
            server, public, secret = keys
            peer.setsockopt(zmq.CURVE_SERVERKEY, server.encode())
            peer.setsockopt(zmq.CURVE_PUBLICKEY, public.encode())
            peer.setsockopt(zmq.CURVE_SECRETKEY, secret.encode())
            peer.connect(endpoint)
            poller.register(peer, zmq.POLLIN)
            peers.append(peer)
        started_s = time.monotonic()
        sent = 0
        while (spent_s := time.monotonic() - started_s) < seconds:
            if sent < spent_s * REQUESTS_PER_SECOND:
                for number in range(BATCH):
                    try:
                        peers[number % connections].send(REQUEST, zmq.NOBLOCK)
                    except zmq.Again:
                        found["held up"] += 1
                sent += BATCH
            for peer, _ in poller.poll(1):
                reply = msgpack.unpackb(peer.recv())
                found["ok" if reply["ok"] else reply["error"]["code"]] += 1
        for peer in peers:
            peer.close(linger=0)
    print(json.dumps({"sent": sent, **found}))


if __name__ == "__main__":
    flood(
        sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), (sys.argv[4], sys.argv[5], sys.argv[6])
    )
