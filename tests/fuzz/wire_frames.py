"""Random and mutated requests, subscriptions and raw bytes at both ports of a real gateway.

Usage: python -m tests.fuzz.wire_frames [--frames N] [--seed S] [--minutes M] [--keys]
    [--per-second N]
A consumer that also asks is beside it, in a process of its own. The gateway must live, answer it in
time, lose nothing for it, and not grow. A second gateway with such a consumer, attacked by nobody,
shows what the machine did meanwhile. With `--keys` the gateways have keys, the frames are those of
a client that may connect, and the raw bytes are a stranger's. With `--per-second N` it is no flood.
What was sent just before the gateway broke is written into `corpus/frames`.
"""

import argparse
import contextlib
import hashlib
import math
import random
import sys
import tempfile
import time
from collections import Counter as Counts
from collections import deque
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgpack
import zmq

from gateway.simulator import SimulatorOptions
from tests.fuzz.guided_corpus import read_corpus
from tests.fuzz.mutations import Mutator
from tests.fuzz.raw_bytes import RawAttack
from tests.fuzz.request_seeds import request_seeds, words
from tests.fuzz.sides import Side, open_side
from tests.fuzz.target import split_parts
from tests.support.consumer import use_keys
from tests.support.keyring import Keyring
from tests.support.processes import GatewayProcess
from tests.support.stage import open_stage

CORPUS: Final = Path(__file__).parent / "corpus" / "frames"
FRAME_BYTES_MAX: Final = 4_096
IN_FLIGHT_MAX: Final = 8
"""Requests without an answer; more would only measure the queue."""
RAW_EVERY: Final = 100
"""Every so many frames, one connection of raw bytes."""
SUBSCRIPTIONS: Final = 0.2
"""Part of the frames that are subscriptions, on the data socket."""
SUBSCRIPTIONS_MAX: Final = 5_000
"""On one connection, before it is made anew: what is over its limit is not even looked at."""
SEND_MS_MAX: Final = 1_000
"""Longer waits only a gateway that is gone, or hangs."""
KEPT: Final = 200
"""Frames that are remembered, to be written down when the gateway breaks."""
LOOK_EVERY: Final = 5_000
"""Frames between two looks at whether it lives."""
PAUSE_S: Final = 0.005
"""The least that is worth sleeping for."""
CALM_S: Final = 5.0
"""Of traffic alone, before and after."""
GROWN_MB_MAX: Final = 60.0
"""Histories, repeats and logs fill up to their bounds."""


@dataclass
class Outcome:
    """How a run went."""

    frames: int = 0
    """Sent on connections of ZeroMQ's, requests and subscriptions."""
    subscriptions: int = 0
    raw: int = 0
    """Connections of raw bytes."""
    raw_frames: int = 0
    answers: Counts[str] = field(default_factory=Counts)
    """By error code; `ok` for results."""
    seconds: float = 0.0
    is_alive: bool = False


@dataclass(frozen=True)
class Trial:
    """A run: what was sent, and what it did to whom."""

    outcome: Outcome
    attacked: Side
    calm: Side
    """Beside it, by the same simulator and as many readers, attacked by nobody."""

    @property
    def p99_ratio(self) -> float:
        """Messages' 99th percentile during the attack against that of the other gateway."""
        return self.attacked.phases["during"].age_p99_ms / self.calm.phases["during"].age_p99_ms


class Attack:
    """Sends to one gateway.

    Args:
        gateway: Which.
        seed: The same does the same.
        keys: Those of a client that may connect; None where the gateway has none.
    """

    def __init__(
        self, gateway: GatewayProcess, seed: int, keys: tuple[str, str, str] | None
    ) -> None:
        self._gateway = gateway
        self._keys = keys
        self._rng = rng = random.Random(seed)
        self._mutator = Mutator(
            rng, corpus(), bytes_max=FRAME_BYTES_MAX, tokens=words(), is_msgpack=True
        )
        topics = subscription_corpus()
        self._topics = Mutator(rng, topics, bytes_max=1_000, tokens=topics[:20], separator=b",")
        self._context: zmq.Context[Any] = zmq.Context()
        self._dealer = self._open(zmq.DEALER, gateway.control)
        self._subscriber = self._open(zmq.XSUB, gateway.data)
        self._in_flight = 0
        self._raw = RawAttack(
            (gateway.data, gateway.control),
            mutator=self._mutator,
            rng=rng,
            has_keys=keys is not None,
        )
        self.outcome = Outcome()
        self.sent: deque[bytes] = deque(maxlen=KEPT)

    def _open(self, kind: int, endpoint: str) -> "zmq.Socket[bytes]":
        socket: zmq.Socket[bytes] = self._context.socket(kind)
        socket.setsockopt(zmq.LINGER, 0)
        use_keys(socket, self._keys)
        socket.connect(endpoint)
        return socket

    def close(self) -> None:
        """Leave."""
        self._context.destroy(linger=0)

    def step(self) -> None:
        """Send one frame, and now and then some raw bytes."""
        outcome = self.outcome
        if outcome.frames % RAW_EVERY == RAW_EVERY - 1:
            self.sent.extend(self._raw.send())
            outcome.raw, outcome.raw_frames = self._raw.connections, self._raw.frames
        outcome.frames += 1
        if self._rng.random() < SUBSCRIPTIONS:
            self._subscribe()
            return
        frames = [self._request() for _ in range(1 + (self._rng.random() < 0.02))]
        self.sent.extend(frames)
        if not self._dealer.poll(SEND_MS_MAX, zmq.POLLOUT):
            return
        self._dealer.send_multipart(frames)
        self._in_flight += 1
        self._take(wait_ms=200 if self._in_flight >= IN_FLIGHT_MAX else 0)

    def _request(self) -> bytes:
        kind, mutator = self._rng.random(), self._mutator
        if kind < 0.1:
            return mutator.example()
        return mutator.mutate(mutator.example()) if kind < 0.9 else mutator.noise(256)

    def _subscribe(self) -> None:
        outcome, topics = self.outcome, self._topics
        outcome.subscriptions += 1
        if not outcome.subscriptions % SUBSCRIPTIONS_MAX:
            self._subscriber.close(linger=0)
            self._subscriber = self._open(zmq.XSUB, self._gateway.data)
        mutated = topics.mutate(topics.example())
        data = self._rng.choice([b"\x01", b"\x01", b"\x01", b"\x00"]) + mutated
        data = data if self._rng.random() < 0.9 else topics.mutate(data)
        self.sent.append(data)
        with contextlib.suppress(zmq.Again):
            self._subscriber.send(data, zmq.NOBLOCK)
            while self._subscriber.recv(zmq.NOBLOCK):
                continue

    def _take(self, *, wait_ms: int) -> None:
        while self._dealer.poll(wait_ms):
            # An empty frame that came first comes back first, as for a REQ socket.
            *_, reply = self._dealer.recv_multipart()
            answer = msgpack.unpackb(reply)
            self.outcome.answers["ok" if answer["ok"] else answer["error"]["code"]] += 1
            self._in_flight -= 1
            wait_ms = 0
        if wait_ms:
            # Not each frame has an answer: some ended their connection.
            self._in_flight = 0

    def keep(self) -> Path:
        """Write down what was sent last."""
        data = b"".join(self.sent)
        path = CORPUS / f"{hashlib.sha256(data).hexdigest()[:16]}.bin"
        path.write_bytes(data)
        return path


def corpus() -> list[bytes]:
    """Requests that are right, those that took new ways through our code, and what was found."""
    found = [path.read_bytes() for path in sorted(CORPUS.glob("*.bin"))]
    return [*request_seeds(), *read_corpus("rpc_request"), *found]


def subscription_corpus() -> list[bytes]:
    """Topics that are right, and those that took new ways."""
    right = [b"quote,AAPL,", b"trade,@ES,", b"book@250x5,@ES,", b"quote,", b"sys,heartbeat,"]
    right += [b"~0123456789abcd.quote,AAPL,", b"~0123456789abcd.sys,client,", b"quote@250,MSFT,"]
    kept = {part[1:] for data in read_corpus("subscriptions") for part in split_parts(data)}
    return right + sorted(kept)


def run(
    frames: int,
    *,
    seed: int,
    seconds_max: float = math.inf,
    has_keys: bool = False,
    per_second: float = math.inf,
) -> Trial:
    """Attack a gateway of our own with so many frames.

    Args:
        frames: How many.
        seed: The same does the same.
        seconds_max: Stop after this time, whatever was sent.
        has_keys: Whether the gateway has, and the attacker one that is let in.
        per_second: No more than so many.
    """
    options = SimulatorOptions(admin_port=0, level1_port=0, level2_port=0, rate=500.0)
    with tempfile.TemporaryDirectory() as name, open_stage() as stage, ExitStack() as sides:
        simulator, folder = stage.start_simulator(options), Path(name)
        settings: dict[str, Any] = {"log": {"level": "error"}}
        keys = watching = None
        if has_keys:
            ring = Keyring(folder)
            # Its pace is not what is tried here.
            keys = ring.add("fuzzer", role="monitor", quotas={"requests_per_second_max": 1_000_000})
            watching = ring.add("bystander")
            settings |= ring.settings
        attacked, calm = (
            sides.enter_context(
                open_side(
                    folder / part,
                    settings=settings,
                    level1_port=simulator.level1_port,
                    admin_port=simulator.admin_port,
                    keys=watching,
                )
            )
            for part in ("attacked", "calm")
        )
        attack = Attack(attacked.gateway, seed, keys)
        trial = Trial(attack.outcome, attacked, calm)
        try:
            carry_out(attack, trial, frames, seconds_max=seconds_max, per_second=per_second)
        finally:
            attack.close()
        return trial


def carry_out(
    attack: Attack, trial: Trial, frames: int, *, seconds_max: float, per_second: float
) -> None:
    """Attack, with traffic before, beside and behind it."""
    outcome, attacked, sides = attack.outcome, trial.attacked, (trial.attacked, trial.calm)
    time.sleep(1.0)  # What it takes to connect is no baseline.
    for side in sides:
        side.end_phase("")
    time.sleep(CALM_S)
    for side in sides:
        side.end_phase("before")
        side.look()
    began_s = time.monotonic()
    while outcome.frames < frames and time.monotonic() - began_s < seconds_max:
        attack.step()
        early_s = outcome.frames / per_second - (time.monotonic() - began_s)
        if early_s > PAUSE_S:
            time.sleep(early_s)
        if outcome.frames == frames // 10:
            for side in sides:
                side.look()
        if not outcome.frames % LOOK_EVERY and attacked.is_gone:
            break
    outcome.seconds = time.monotonic() - began_s
    for side in sides:
        side.end_phase("during")
        side.look()
    attack.close()
    time.sleep(CALM_S)
    for side in sides:
        side.look()
        side.end_phase("after")
    with contextlib.suppress(AssertionError), attacked.gateway.requester() as requester:
        outcome.is_alive = bool(requester.result("health", seconds=20.0)["live"])
    if not outcome.is_alive or attacked.failure:
        print("kept:", attack.keep(), attacked.failure, attacked.gateway.printed()[-2_000:])


def words_of(trial: Trial) -> str:
    """A run in words."""
    outcome = trial.outcome
    sent = f"{outcome.frames} frames ({outcome.subscriptions} subscriptions), {outcome.raw} raw"
    lines = [
        f"{sent} connections with {outcome.raw_frames} pieces in {outcome.seconds:.0f} s",
        f"answers: {dict(outcome.answers.most_common())}",
        *(f"attacked: {line}" for line in trial.attacked.words()),
        *(f"not attacked: {line}" for line in trial.calm.words()),
        f"p99 while attacked against the other's: {trial.p99_ratio:.2f}",
        f"alive: {outcome.is_alive}",
    ]
    return "\n".join(lines)


def main() -> int:
    """Run from the command line; 1 when something did not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=math.inf)
    parser.add_argument("--keys", action="store_true")
    parser.add_argument("--per-second", type=float, default=math.inf)
    options = parser.parse_args()
    trial = run(
        options.frames,
        seed=options.seed,
        seconds_max=options.minutes * 60,
        has_keys=options.keys,
        per_second=options.per_second,
    )
    print(f"seed {options.seed}{', with keys' if options.keys else ''}")
    print(words_of(trial))
    attacked = trial.attacked
    is_well = trial.outcome.is_alive and not attacked.failure and not attacked.lost
    return 0 if is_well and attacked.grown_mb < GROWN_MB_MAX else 1


if __name__ == "__main__":
    sys.exit(main())
