"""Random and mutated requests and raw bytes at both ports of a real gateway, traffic alongside.

Usage: python -m tests.fuzz.wire_frames [--frames N] [--seed S] [--minutes M]
The gateway must live, answer everybody else in time, lose nothing for a consumer beside it, and
not grow. What was sent just before it broke is written into `corpus/frames`.
"""

import argparse
import contextlib
import hashlib
import math
import random
import socket
import sys
import tempfile
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgpack
import psutil
import zmq

from gateway.model.methods import METHODS
from gateway.simulator import SimulatorOptions
from tests.fuzz.mutations import Mutator
from tests.support.consumer import SNAPSHOT
from tests.support.processes import GatewayProcess
from tests.support.stage import open_stage
from tests.support.zmtp import GREETING, RawPeer, frame

CORPUS: Final = Path(__file__).parent / "corpus" / "frames"
FRAME_BYTES_MAX: Final = 4_096
IN_FLIGHT_MAX: Final = 64
"""Requests without an answer; more would only measure the queue."""
RAW_EVERY: Final = 200
"""Every so many frames, one connection of raw bytes."""
KEPT: Final = 200
"""Frames that are remembered, to be written down when the gateway breaks."""
TEXTS: Final = ("AAPL", "quote,AAPL,", "level1", "x", "", "l1", "\u2028", "A" * 300, "reason")
MIB: Final = 1_048_576
GROWN_MB_MAX: Final = 60.0
"""Histories, repeats and logs fill up to their bounds."""


@dataclass
class Traffic:
    """What a consumer and a requester beside it saw."""

    ages_ms: list[float] = field(default_factory=list)
    pings_ms: list[float] = field(default_factory=list)
    lost: int = 0
    failure: str = ""

    def words(self) -> str:
        """In words."""
        return (
            f"beside it {len(self.ages_ms)} messages, p99 {_p99(self.ages_ms):.1f} ms, lost "
            f"{self.lost}; {len(self.pings_ms)} pings, p99 {_p99(self.pings_ms):.1f} ms"
        )


@dataclass
class Outcome:
    """How a run went."""

    frames: int = 0
    raw: int = 0
    answers: int = 0
    seconds: float = 0.0
    grown_mb: float = 0.0
    traffic: Traffic = field(default_factory=Traffic)
    is_alive: bool = False


def corpus() -> list[bytes]:
    """Requests that are right, and what was found."""
    rng = random.Random(0)
    requests = [
        msgpack.packb({"v": 1, "id": number, "method": method, "params": _params(rng, method)})
        for number, method in enumerate(METHODS)
        for _ in range(3)
        if not method.startswith("admin.")
    ]
    return requests + [path.read_bytes() for path in sorted(CORPUS.glob("*.bin"))]


def _params(rng: random.Random, method: str) -> dict[str, Any]:
    """Parameters that fit, more or less."""
    schema = METHODS[method].params.model_json_schema()
    params: dict[str, Any] = {}
    for name, spec in schema.get("properties", {}).items():
        kinds = [spec.get("type")] + [one.get("type") for one in spec.get("anyOf", [])]
        if "array" in kinds:
            params[name] = [rng.choice(TEXTS) for _ in range(rng.randint(0, 3))]
        elif "integer" in kinds or "number" in kinds:
            params[name] = rng.choice([0, 1, 5, 30, 2_000, -1, 2**63 - 1])
        elif "string" in kinds:
            params[name] = rng.choice(TEXTS)
    return params


class Attack:
    """Sends to one gateway.

    Args:
        gateway: Which.
        seed: The same does the same.
    """

    def __init__(self, gateway: GatewayProcess, seed: int) -> None:
        self._gateway = gateway
        self._rng = random.Random(seed)
        self._mutator = Mutator(self._rng, corpus(), bytes_max=FRAME_BYTES_MAX)
        self._context: zmq.Context[Any] = zmq.Context()
        self._dealer = self._open()
        self._in_flight = 0
        self.outcome = Outcome()
        self.sent: deque[bytes] = deque(maxlen=KEPT)

    def _open(self) -> "zmq.Socket[bytes]":
        dealer: zmq.Socket[bytes] = self._context.socket(zmq.DEALER)
        dealer.setsockopt(zmq.LINGER, 0)
        dealer.connect(self._gateway.control)
        return dealer

    def close(self) -> None:
        """Leave."""
        self._context.destroy(linger=0)

    def step(self) -> None:
        """Send one frame, or some raw bytes."""
        if self.outcome.frames % RAW_EVERY == RAW_EVERY - 1:
            self._send_raw()
        frames = [self._request() for _ in range(1 + (self._rng.random() < 0.02))]
        self.sent.extend(frames)
        self._dealer.send_multipart(frames)
        self.outcome.frames += 1
        self._in_flight += 1
        self._take(wait_ms=200 if self._in_flight >= IN_FLIGHT_MAX else 0)

    def _request(self) -> bytes:
        kind, mutator = self._rng.random(), self._mutator
        if kind < 0.1:
            return mutator.example()
        return mutator.mutate(mutator.example()) if kind < 0.9 else mutator.noise(256)

    def _take(self, *, wait_ms: int) -> None:
        while self._dealer.poll(wait_ms):
            self._dealer.recv_multipart()
            self.outcome.answers += 1
            self._in_flight -= 1
            wait_ms = 0
        if wait_ms:
            # Not each frame has an answer: some ended their connection.
            self._in_flight = 0

    def _send_raw(self) -> None:
        """Bytes of any kind at either port: before, within and after the greeting."""
        self.outcome.raw += 1
        rng, mutator = self._rng, self._mutator
        endpoint, kind = rng.choice(
            [(self._gateway.control, "DEALER"), (self._gateway.data, "SUB")]
        )
        with contextlib.suppress(OSError, AssertionError):
            if rng.random() < 0.3:
                self._send_ungreeted(endpoint)
                return
            with RawPeer(endpoint, kind) as peer:
                peer.sock.settimeout(0.5)
                for _ in range(rng.randint(1, 20)):
                    right = rng.choice([b"\x01quote,AAPL,", b"\x00", mutator.example()])
                    body = mutator.mutate(right)
                    data = frame(body, flags=rng.choice([0, 0, 0, 1, 4, 2, 0xF8]))
                    data = data if rng.random() < 0.7 else mutator.mutate(data)
                    self.sent.append(data)
                    peer.send(data)

    def _send_ungreeted(self, endpoint: str) -> None:
        host, _, port = endpoint.removeprefix("tcp://").rpartition(":")
        data = self._mutator.mutate(GREETING)
        self.sent.append(data)
        with socket.create_connection((host, int(port)), 1.0) as sock:
            sock.sendall(data)

    def keep(self) -> Path:
        """Write down what was sent last."""
        data = b"".join(self.sent)
        path = CORPUS / f"{hashlib.sha256(data).hexdigest()[:16]}.bin"
        path.write_bytes(data)
        return path


def watch(gateway: GatewayProcess, traffic: Traffic, is_over: threading.Event) -> None:
    """Consume and ping until it is over, as somebody who does nothing wrong."""
    last: dict[str, int] = {}
    try:
        with (
            gateway.consumer("quote,AAPL,", "trade,AAPL,") as consumer,
            gateway.requester() as asks,
        ):
            while not is_over.is_set():
                began_s = time.monotonic()
                asks.result("ping", seconds=20.0)
                traffic.pings_ms.append((time.monotonic() - began_s) * 1000)
                for message in consumer.stream(0.1):
                    if not message.flags & SNAPSHOT:
                        traffic.ages_ms.append(time.time_ns() / 1e6 - message.body[4] / 1e3)
                        gap = message.sequence - last.get(message.topic, message.sequence - 1) - 1
                        traffic.lost += gap
                        last[message.topic] = message.sequence
                consumer.messages.clear()
    except AssertionError as error:
        traffic.failure = str(error)[:500]


def run(frames: int, *, seed: int, seconds_max: float = math.inf) -> Outcome:
    """Attack a gateway of our own with so many frames."""
    options = SimulatorOptions(admin_port=0, level1_port=0, level2_port=0, rate=500.0)
    with tempfile.TemporaryDirectory() as folder, open_stage() as stage:
        simulator = stage.start_simulator(options)
        with GatewayProcess(
            Path(folder),
            level1_port=simulator.level1_port,
            admin_port=simulator.admin_port,
            settings={"log": {"level": "error"}},
        ) as gateway:
            gateway.start()
            return attack(gateway, frames, seed=seed, seconds_max=seconds_max)


def attack(gateway: GatewayProcess, frames: int, *, seed: int, seconds_max: float) -> Outcome:
    """Attack one gateway, with traffic beside it."""
    one, is_over = Attack(gateway, seed), threading.Event()
    outcome, process = one.outcome, psutil.Process(gateway.pid)
    beside = threading.Thread(target=watch, args=(gateway, outcome.traffic, is_over), daemon=True)
    beside.start()
    began_s, base = time.monotonic(), 0
    while outcome.frames < frames and time.monotonic() - began_s < seconds_max:
        one.step()
        if outcome.frames % 1_000 == 0 and (not process.is_running() or outcome.traffic.failure):
            break
        if not base and outcome.frames >= frames // 10:
            base = process.memory_info().rss
    outcome.seconds = time.monotonic() - began_s
    is_over.set()
    beside.join(40.0)
    with contextlib.suppress(psutil.Error, AssertionError):
        outcome.grown_mb = (process.memory_info().rss - base) / MIB
        with gateway.requester() as requester:
            outcome.is_alive = bool(requester.result("health", seconds=20.0)["live"])
    if not outcome.is_alive or outcome.traffic.failure:
        print("kept:", one.keep(), outcome.traffic.failure)
    one.close()
    return outcome


def _p99(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.99)] if values else math.nan


def main() -> int:
    """Run from the command line; 1 when something did not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=math.inf)
    options = parser.parse_args()
    outcome = run(options.frames, seed=options.seed, seconds_max=options.minutes * 60)
    print(
        f"seed {options.seed}: {outcome.frames} frames and {outcome.raw} raw connections in "
        f"{outcome.seconds:.0f} s, {outcome.answers} answers, {outcome.grown_mb:+.1f} MB; "
        f"{outcome.traffic.words()}; alive: {outcome.is_alive}"
    )
    is_well = outcome.is_alive and not outcome.traffic.failure and not outcome.traffic.lost
    return 0 if is_well and outcome.grown_mb < GROWN_MB_MAX else 1


if __name__ == "__main__":
    sys.exit(main())
