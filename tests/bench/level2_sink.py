"""One subscriber that counts Level 2 messages between the start's and the end's row.

Usage: level2_sink.py ENDPOINT KIND SYMBOLS WITH_BOOKS
"""

import json
import sys
import time

import zmq
from level2_lines import END, START, symbols

TIMEOUT_MS = 120_000


def main() -> None:
    """Subscribe, count, print."""
    endpoint, kind, symbol_count, with_books = sys.argv[1:5]
    rows = "depth" if kind == "levels" else "order"
    sink = zmq.Context().socket(zmq.SUB)
    sink.setsockopt(zmq.SNDHWM, 0)
    sink.setsockopt(zmq.RCVHWM, 1_000_000)
    sink.setsockopt(zmq.RCVTIMEO, TIMEOUT_MS)
    sink.connect(endpoint)
    for symbol in [*symbols(int(symbol_count)), START, END]:
        for subscribed in (rows, "book") if with_books == "1" else (rows,):
            sink.subscribe(f"{subscribed},{symbol},".encode())
    receive = zmq.backend.Socket.recv.__get__(sink)
    begin, end = f"{rows},{START},".encode(), f"{rows},{END},".encode()
    begun = 0
    while begun < 2:  # The first row of the start is its summary.
        begun += receive(0).startswith(begin)
    started_s = time.perf_counter()
    count = books = 0
    while True:
        frame = receive(0)
        count += 1
        books += frame[:5] == b"book,"
        if frame.startswith(end):
            break
    elapsed_s = time.perf_counter() - started_s
    print(json.dumps({"messages": count, "books": books, "elapsed_s": elapsed_s}), flush=True)


main()
