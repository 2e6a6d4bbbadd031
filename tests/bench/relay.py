"""Frames a second and their age through a relay, beside the same without one; memory per topic.

Usage: python tests/bench/relay.py [--rounds 5] [--frames 500000] [--rate 10000] [--topics 100000]

Feeder, relay and sink are processes of their own. Every round runs both ways, in shuffled order:
only ratios within one run mean anything on a shared machine. Nothing is asserted.
"""

import argparse
import json
import random
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

import msgpack
import psutil
import zmq

SYMBOLS = 500
SECOND_NS = 1_000_000_000
HEARTBEAT = b"sys,heartbeat," + bytes(msgpack.packb([20, 1, 1, 0, 1, None, {"gateway_id": "b"}]))
END = b"quote,END,"


def quote(number: int, stamp_ns: int) -> bytes:
    """A frame as the gateway sends it, with the moment it was made as its receive time."""
    head = [1, 1_700_000_000_000, number, 0, stamp_ns, 1_700_000_000_000_000]
    body = [
        *head,
        237.97,
        1500,
        238.01,
        2947,
        1_700_000_000_000_000,
        1_700_000_000_000_000,
        26,
        5,
        1,
    ]
    return b"quote,S%05d," % (number % SYMBOLS) + bytes(msgpack.packb(body))


def feed(endpoint: str, count: int, rate: int) -> None:
    """Publish once somebody wants the end: as fast as possible, or so many a second."""
    data: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.XPUB)
    data.setsockopt(zmq.SNDHWM, 0)
    data.bind(endpoint)
    while data.recv() != b"\x01" + END:
        continue
    time.sleep(0.3)  # The way through a relay may be as long again.
    send = zmq.backend.Socket.send.__get__(data)
    frames = [] if rate else [quote(number, 0) for number in range(count)]
    started_ns = beat_ns = time.monotonic_ns()
    for number in range(count):
        if rate:
            due_ns = started_ns + number * SECOND_NS // rate
            while (left_ns := due_ns - time.monotonic_ns()) > 0:
                time.sleep(left_ns / SECOND_NS)
            send(quote(number, time.monotonic_ns()))
        else:
            send(frames[number])
        if not number % 64 and time.monotonic_ns() - beat_ns > SECOND_NS // 2:
            beat_ns = time.monotonic_ns()
            send(HEARTBEAT)
    while True:
        send(HEARTBEAT)
        send(END)
        time.sleep(0.2)


def sink(endpoint: str, rate: int) -> None:
    """Count, or take ages; print figures as JSON."""
    data: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.SUB)
    data.setsockopt(zmq.SNDHWM, 0)
    data.setsockopt(zmq.RCVHWM, 0)
    data.connect(endpoint)
    for number in range(SYMBOLS):
        data.subscribe(b"quote,S%05d," % number)
    data.subscribe(END)
    receive = zmq.backend.Socket.recv.__get__(data)
    count = 0
    ages_us: list[float] = []
    started_s = ended_s = 0.0
    while True:
        frame = receive(0)
        if frame.startswith(END):
            break
        if not count:
            started_s = time.perf_counter()
        count += 1
        if rate:
            made_ns = msgpack.unpackb(frame.split(b",", 2)[2])[4]
            ages_us.append((time.monotonic_ns() - made_ns) / 1000)
        elif not count % 1_000:
            ended_s = time.perf_counter()
    figures: dict[str, float] = {"frames": count}
    if rate:
        cut = statistics.quantiles(ages_us[len(ages_us) // 10 :], n=1000)
        figures |= {"p50_us": cut[499], "p99_us": cut[989], "p999_us": cut[998]}
    else:
        figures["per_s"] = count / (ended_s - started_s)
    print(json.dumps(figures), flush=True)


def free_endpoints() -> Iterator[str]:
    """Addresses nobody listens on."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            port = listening.getsockname()[1]
        yield f"tcp://127.0.0.1:{port}"


ENDPOINTS = free_endpoints()


def start_relay(upstream: str) -> tuple["subprocess.Popen[bytes]", str]:
    """A relay process and its data socket."""
    data = next(ENDPOINTS)
    options = ["--data", upstream, "--control", next(ENDPOINTS)]
    options += ["--bind-data", data, "--bind-control", next(ENDPOINTS)]
    environment = {"IQGW_DATA__HIGH_WATER_MARK": "10000000", "IQGW_LOG__LEVEL": "error"}
    environment["IQGW_DATA__SUBSCRIPTIONS_PER_CONNECTION_MAX"] = "1000000"
    command = [sys.executable, "-m", "gateway", "relay", *options]
    return subprocess.Popen(command, env={**dict(psutil.Process().environ()), **environment}), data


def run_once(style: str, *, count: int, rate: int) -> dict[str, float]:
    """Run feeder, perhaps relay, and sink once; the sink's figures."""
    upstream = next(ENDPOINTS)
    role = [sys.executable, __file__]
    processes = [subprocess.Popen([*role, "--feed", upstream, str(count), str(rate)])]
    data = upstream
    try:
        if style == "relay":
            relay, data = start_relay(upstream)
            processes.append(relay)
        output = subprocess.run(
            [*role, "--sink", data, str(rate)],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=180,
        ).stdout
        figures: dict[str, float] = json.loads(output)
        for relay in processes[1:]:
            cpu_s = sum(psutil.Process(relay.pid).cpu_times()[:2])
            figures["relay_cpu_us_per_frame"] = cpu_s / count * 1e6
    finally:
        for process in processes:
            process.kill()
            process.wait()
    return figures


def memory_per_topic(topics: int) -> float:
    """Bytes of a relay's memory for each topic of one consumer."""
    upstream = next(ENDPOINTS)
    feeder: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.XPUB)
    feeder.setsockopt(zmq.RCVHWM, 0)
    feeder.bind(upstream)
    relay, data = start_relay(upstream)
    consumer: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.SUB)
    consumer.setsockopt(zmq.SNDHWM, 0)
    consumer.connect(data)

    def wait_for(topic: bytes) -> None:
        consumer.subscribe(topic)
        while True:
            feeder.send(HEARTBEAT)
            while feeder.poll(50):
                if feeder.recv() == b"\x01" + topic:
                    return

    try:
        wait_for(b"quote,FIRST,")
        before = psutil.Process(relay.pid).memory_info().rss
        for number in range(topics):
            consumer.subscribe(b"quote,S%06d," % number)
        wait_for(END)
        return (psutil.Process(relay.pid).memory_info().rss - before) / topics
    finally:
        relay.kill()
        relay.wait()


def main() -> None:
    """Run all rounds and print medians with ratios."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--frames", type=int, default=500_000)
    parser.add_argument("--rate", type=int, default=10_000)
    parser.add_argument("--topics", type=int, default=100_000)
    options = parser.parse_args()
    order = random.Random(1)
    fast: dict[str, list[dict[str, float]]] = {"direct": [], "relay": []}
    paced: dict[str, list[dict[str, float]]] = {"direct": [], "relay": []}
    for number in range(options.rounds):
        for style in order.sample(sorted(fast), 2):
            fast[style].append(run_once(style, count=options.frames, rate=0))
            paced[style].append(run_once(style, count=5 * options.rate, rate=options.rate))
            print(f"round {number} {style:6} {fast[style][-1]} {paced[style][-1]}", flush=True)
    for style, rows in fast.items():
        rates = statistics.median(figures["per_s"] for figures in rows)
        ages = {k: statistics.median(f[k] for f in paced[style]) for k in ("p50_us", "p99_us")}
        print(f"{style:6} median {rates:>10,.0f} frames/s; at {options.rate}/s {ages}")
    pairs = zip(fast["relay"], fast["direct"], strict=True)
    print(f"relay/direct {statistics.median(a['per_s'] / b['per_s'] for a, b in pairs):.2f}")
    cpu = statistics.median(figures["relay_cpu_us_per_frame"] for figures in fast["relay"])
    print(f"relay: {cpu:.2f} us CPU a frame; {memory_per_topic(options.topics):,.0f} bytes a topic")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--feed"]:
        feed(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    elif sys.argv[1:2] == ["--sink"]:
        sink(sys.argv[2], int(sys.argv[3]))
    else:
        main()
