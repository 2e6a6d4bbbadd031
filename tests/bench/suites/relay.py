"""Frames a second and their age through a relay, beside the same without one; memory per topic.

Feeder, relay and sink are processes of their own; this module is feeder (`--feed`) and sink
(`--sink`) too.
"""

import functools
import json
import statistics
import subprocess
import sys
import time
from typing import Final

import msgpack
import psutil
import zmq

from tests.bench.machine import cpu_seconds, rss_bytes
from tests.bench.plan import Cell, Figures, Options, Pair, Suite
from tests.bench.running import ROOT
from tests.support.stage import free_ports

SYMBOLS: Final = 500
RATE: Final = 10_000
MODULE: Final = "tests.bench.suites.relay"
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
        elif not count % 100:
            ended_s = time.perf_counter()
    figures: dict[str, float] = {"frames": count}
    if rate:
        cut = statistics.quantiles(ages_us[len(ages_us) // 10 :], n=1000)
        figures |= {"p50_us": cut[499], "p99_us": cut[989], "p999_us": cut[998]}
    else:
        figures["per_s"] = count / (ended_s - started_s)
    print(json.dumps(figures), flush=True)


def free_endpoint() -> str:
    """An address nobody listens on."""
    (port,) = free_ports(1)
    return f"tcp://127.0.0.1:{port}"


def start_relay(upstream: str) -> tuple["subprocess.Popen[bytes]", str]:
    """A relay process and its data socket."""
    data = free_endpoint()
    options = ["--data", upstream, "--control", free_endpoint()]
    options += ["--bind-data", data, "--bind-control", free_endpoint()]
    environment = {"IQGW_DATA__HIGH_WATER_MARK": "10000000", "IQGW_LOG__LEVEL": "error"}
    environment["IQGW_DATA__SUBSCRIPTIONS_PER_CONNECTION_MAX"] = "1000000"
    command = [sys.executable, "-m", "gateway", "relay", *options]
    inherited = psutil.Process().environ()
    return subprocess.Popen(command, cwd=ROOT, env={**inherited, **environment}), data


def run_once(style: str, *, count: int, rate: int) -> dict[str, float]:
    """Run feeder, perhaps relay, and sink once; the sink's figures."""
    upstream = free_endpoint()
    role = [sys.executable, "-m", MODULE]
    feeding = [*role, "--feed", upstream, str(count), str(rate)]
    processes = [subprocess.Popen(feeding, cwd=ROOT)]
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
            cwd=ROOT,
        ).stdout
        figures: dict[str, float] = json.loads(output)
        for relay in processes[1:]:
            figures["relay_cpu_us_per_frame"] = cpu_seconds(relay.pid) / count * 1e6
    finally:
        for process in processes:
            process.kill()
            process.wait()
    return figures


def memory_per_topic(topics: int) -> float:
    """Bytes of a relay's memory for each topic of one consumer."""
    upstream = free_endpoint()
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
        before = rss_bytes(relay.pid)
        for number in range(topics):
            consumer.subscribe(b"quote,S%06d," % number)
        wait_for(END)
        return (rss_bytes(relay.pid) - before) / topics
    finally:
        relay.kill()
        relay.wait()


def make(options: Options) -> Suite:
    """The suite."""
    frames, topics = options.lines(500_000), options.lines(100_000)
    paced = options.lines(5 * RATE)
    ways = ("direct", "relay")

    def memory() -> Figures:
        return {"bytes_per_topic": memory_per_topic(topics)}

    cells = [
        Cell(
            f"{way}, {name}",
            functools.partial(run_once, way, count=count, rate=rate),
            f"{count:,} frames of {SYMBOLS} symbols",
        )
        for way in ways
        for name, count, rate in (("full speed", frames, 0), (f"{RATE}/s", paced, RATE))
    ]
    return Suite(
        name="relay",
        title="Through a relay, and without one",
        figures=(
            "per_s", "p50_us", "p99_us", "p999_us", "relay_cpu_us_per_frame", "bytes_per_topic",
        ),
        cells=[*cells, Cell("memory", memory, f"{topics:,} topics of one consumer")],
        pairs=[
            Pair("relay, full speed", "direct, full speed", "per_s"),
            Pair(f"relay, {RATE}/s", f"direct, {RATE}/s", "p50_us"),
        ],
    )  # fmt: skip


if __name__ == "__main__":
    if sys.argv[1] == "--feed":
        feed(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    else:
        sink(sys.argv[2], int(sys.argv[3]))
