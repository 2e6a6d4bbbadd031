"""One subscriber that counts: reads every frame until the sentinel's, then prints figures as JSON.

Usage: sink.py ENDPOINT STYLE
With keys in BENCH_KEYS: the gateway's public one, and both halves of its own.
"""

import json
import os
import sys
import time

import zmq
from lines import SENTINEL, symbols

END = f",{SENTINEL},".encode()
TIMEOUT_MS = 120_000
WATCHES = len(symbols()) + 1
WARM_UP_FRAMES = {"gateway": 2 * WATCHES + 1, "forward": WATCHES + 1, "multipart": WATCHES + 1}
"""Snapshots (a quote and a summary, or a P line, for each watch), and one frame."""


def main() -> None:
    """Subscribe, count, print."""
    endpoint, style = sys.argv[1], sys.argv[2]
    context = zmq.Context()
    sink = context.socket(zmq.SUB)
    sink.setsockopt(zmq.SNDHWM, 0)
    sink.setsockopt(zmq.RCVHWM, 1_000_000)
    sink.setsockopt(zmq.RCVTIMEO, TIMEOUT_MS)
    if "BENCH_KEYS" in os.environ:
        server, public, secret = os.environ["BENCH_KEYS"].encode().split()
        sink.curve_serverkey, sink.curve_publickey, sink.curve_secretkey = server, public, secret
    sink.connect(endpoint)
    for symbol in [*symbols(), SENTINEL]:
        for kind in ("quote", "trade", "summary") if style == "gateway" else ("",):
            sink.subscribe(f"{kind},{symbol},".encode() if kind else f"Q,{symbol},".encode())
    receive = zmq.backend.Socket.recv.__get__(sink)
    is_multipart = style == "multipart"
    # Snapshots come while watches are opened; the run begins with the first frame after them.
    warm_up = WARM_UP_FRAMES[style]
    count = size = 0
    started_s = 0.0
    while True:
        frame = receive(0)
        if is_multipart:
            frame += receive(0)
        count += 1
        size += len(frame)
        if count == warm_up:
            started_s = time.perf_counter()
        elif END in frame[:24] and count > warm_up + 100:
            break
    elapsed_s = time.perf_counter() - started_s
    print(json.dumps({"messages": count, "bytes": size, "elapsed_s": elapsed_s}), flush=True)


main()
