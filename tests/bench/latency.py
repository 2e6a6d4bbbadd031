"""How old a price is when a consumer has it, at a steady rate: from bytes read to message decoded.

Usage: python tests/bench/latency.py [--rate 10000] [--seconds 15]

Simulator, gateway and one bare consumer, each a process of its own, on one machine and so on one
clock. `recv_us` is stamped once a chunk, so a message's age includes its chunk's processing.
"""

import argparse
import os
import subprocess
import sys
import time

import msgpack
import zmq
from throughput import free_ports

SYMBOLS = ("AAPL", "MSFT", "NVDA", "AMZN", "GOOGL", "TSLA", "BRK.B", "@ES#", "QCL#", "EURUSD.FXCM")
WARM_UP_S = 3.0
SNAPSHOT = 1


def measure(endpoint: str, seconds: float) -> list[int]:
    """Ages of live messages in microseconds, in the order they came."""
    sub = zmq.Context().socket(zmq.SUB)
    sub.setsockopt(zmq.SNDHWM, 0)
    sub.setsockopt(zmq.RCVTIMEO, 20_000)
    sub.connect(endpoint)
    for symbol in SYMBOLS:
        for kind in ("quote", "trade"):
            sub.subscribe(f"{kind},{symbol},")
    ages: list[int] = []
    started_s = None
    while started_s is None or time.monotonic() - started_s < WARM_UP_S + seconds:
        body = msgpack.unpackb(sub.recv().split(b",", 2)[2])
        started_s = started_s or time.monotonic()
        if time.monotonic() - started_s > WARM_UP_S and not body[3] & SNAPSHOT:
            ages.append(time.time_ns() // 1000 - body[4])
    return ages


def main() -> None:
    """Run and print quantiles."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rate", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=15.0)
    options = parser.parse_args()
    level1, admin, data, control = free_ports(4)
    ports = ["--level1-port", str(level1), "--admin-port", str(admin), "--level2-port", "0"]
    environment = {
        **os.environ,
        "IQGW_IQCONNECT__LEVEL1_PORT": str(level1),
        "IQGW_IQCONNECT__ADMIN_PORT": str(admin),
        "IQGW_DATA__BIND": f"tcp://127.0.0.1:{data}",
        "IQGW_CONTROL__BIND": f"tcp://127.0.0.1:{control}",
        "IQGW_HTTP__BIND": "127.0.0.1:0",
        "IQGW_LOG__LEVEL": "error",
    }
    command = [sys.executable, "-m", "gateway"]
    simulator = subprocess.Popen([*command, "simulate", "--rate", str(options.rate), *ports])
    gateway = subprocess.Popen([*command, "run"], env=environment)
    try:
        ages = sorted(measure(f"tcp://127.0.0.1:{data}", options.seconds))
    finally:
        gateway.terminate()
        simulator.terminate()
        gateway.wait(20)
        simulator.wait(20)
    quantiles = {share: ages[min(len(ages) - 1, int(share * len(ages)))] for share in (0.5, 0.99)}
    print(
        f"{len(ages) / options.seconds:,.0f} messages/s, age when decoded: "
        f"p50 {quantiles[0.5]} us, p99 {quantiles[0.99]} us, mean {sum(ages) / len(ages):.0f} us"
    )


if __name__ == "__main__":
    main()
