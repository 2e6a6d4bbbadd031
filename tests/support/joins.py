"""Judges joins: what a consumer got that subscribed to a topic and then asked for its snapshot."""

import contextlib
import itertools
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgpack
import zmq

from tests.support.market import end, start
from tests.support.processes import READY_S_MAX, ROOT, clean_environment
from tests.support.requester import Requester
from tests.support.stage import wait_until

SNAPSHOT_FLAG: Final = 1
TYPE_OF_KIND: Final = {"quote": 1, "trade": 2, "summary": 3}
NODE_FOLDER: Final = ROOT / "tests" / "e2e" / "node"
POLL_MS: Final = 50
Values = tuple[Any, Any]


class Published:
    """Receives everything on some topics in a thread, from before the first join to after the last.

    Args:
        endpoint: The gateway's data socket.
        topics: What is joined.
    """

    def __init__(self, endpoint: str, topics: list[str]) -> None:
        self.values: dict[tuple[str, int], Values] = {}
        """The first two values of each message, by topic and sequence."""
        self._is_over = threading.Event()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.SUB)
        self._socket.setsockopt(zmq.RCVHWM, 0)
        self._socket.connect(endpoint)
        for topic in topics:
            self._socket.subscribe(topic)
        self._heard: set[str] = set()
        self._all = set(topics)
        self._has_all = threading.Event()
        self._thread = threading.Thread(target=self._read, name="published")

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._has_all.wait(20.0):
            missing = self._all - self._heard
            self._end()
            raise AssertionError(f"nothing on {sorted(missing)[:5]}")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def wait_for(self, joins: list[dict[str, Any]]) -> None:
        """Wait until the last message of every join was received here too."""
        lasts = {(join["topic"], join["after"][-1][1]) for join in joins if join["after"]}
        wait_until(lambda: lasts <= self.values.keys(), what="the last messages of all joins")

    def _end(self) -> None:
        self._is_over.set()
        self._thread.join()
        self._context.destroy(linger=0)

    def _read(self) -> None:
        while not self._is_over.is_set():
            if not self._socket.poll(POLL_MS):
                continue
            kind, symbol, data = self._socket.recv().split(b",", 2)
            topic = f"{kind.decode('latin-1')},{symbol.decode('latin-1')},"
            body = msgpack.unpackb(data)
            self.values[topic, body[2]] = (body[6], body[7])
            if topic not in self._heard:
                self._heard.add(topic)
                if self._heard == self._all:
                    self._has_all.set()


@dataclass(frozen=True, slots=True)
class Figures:
    """What a run of joins showed."""

    joins: int
    """Joins that were complete, without hole and without repetition."""
    updates: int
    """Messages behind the snapshots, all of them contiguous."""
    raced: int
    """Joins that had messages before their snapshot: the moment that a race would lose."""
    broken_before: int
    """Joins through a relay that had a hole before their snapshot."""
    ms: tuple[float, ...]
    """From the subscription to the snapshot, sorted."""

    def __str__(self) -> str:
        p50, p99 = (self.ms[int(len(self.ms) * share)] for share in (0.5, 0.99))
        return (
            f"{self.joins:,} joins, {self.raced:,} with updates before the snapshot "
            f"({self.broken_before} with holes there), "
            f"{self.updates:,} updates behind; snapshot p50 {p50:.1f} ms, p99 {p99:.1f} ms"
        )


def judge(join: dict[str, Any], *, is_relayed: bool = False) -> str:
    """What is wrong with one join, in words; empty when nothing is.

    Args:
        join: As the programs print it.
        is_relayed: Whether it was made through a relay. One that takes a topic back when its last
            consumer leaves may have a hole in what a newcomer gets before the snapshot: nobody
            applies that, so it only has to be older and in order.
    """
    if join["answers"] != 1:
        return f"{join['answers']} answers"
    if len(join["epochs"]) != 1:
        return f"epochs {join['epochs']}"
    number, sequence, flags, *_ = join["snapshot"]
    if number != TYPE_OF_KIND[join["topic"].split(",")[0]] or not flags & SNAPSHOT_FLAG:
        return f"no snapshot but type {number}, flags {flags}"
    before = [number for run in join["before"] for number in run]
    # Nothing is lost on a direct way: the message before the snapshot is the one it shows.
    is_exact = not before or (len(join["before"]) == 1 and before[-1] == sequence)
    is_older = (
        before == sorted(before)
        and all(a[1] < b[0] for a, b in itertools.pairwise(join["before"]))
        and (not before or before[-1] <= sequence)
    )
    if not (is_older and (is_exact or is_relayed)):
        return f"{join['before']} came before snapshot {sequence}"
    if not (len(join["after"]) == 1 and join["after"][0][0] == sequence + 1):
        return f"{join['after']} came behind snapshot {sequence}"
    return ""


def summarize(
    joins: list[dict[str, Any]],
    published: dict[tuple[str, int], Values],
    *,
    is_relayed: bool = False,
) -> Figures:
    """Fail unless every join is right and every snapshot shows what was published.

    Args:
        joins: As the programs print them.
        published: The first two values of each message of the time of the joins.
        is_relayed: Whether they were made through a relay.
    """
    wrong = [
        f"{join['topic']}: {words}"
        for join in joins
        if (words := judge(join, is_relayed=is_relayed))
    ]
    assert not wrong, (len(wrong), wrong[:5])
    for join in joins:
        _, sequence, _, *values = join["snapshot"]
        if sequence:
            assert tuple(values) == published[join["topic"], sequence], join
        _, last = join["after"][0]
        assert (join["topic"], last) in published, f"{join['topic']} {last} was never published"
    return Figures(
        joins=len(joins),
        updates=sum(join["after"][0][1] - join["after"][0][0] + 1 for join in joins),
        raced=sum(bool(join["before"]) for join in joins),
        broken_before=sum(bool(judge(join)) for join in joins),
        ms=tuple(sorted(join["ms"] for join in joins)),
    )


def python_command(options: dict[str, Any]) -> list[str]:
    """The command line of the joining program in Python."""
    return [sys.executable, "-m", "tests.support.joiner", json.dumps(options)]


def node_command(options: dict[str, Any]) -> list[str]:
    """The command line of the joining program in Node."""
    return [shutil.which("node") or "node", str(NODE_FOLDER / "joins.js"), json.dumps(options)]


def run(command: list[str], *, seconds: float) -> list[dict[str, Any]]:
    """Run a joining program to its end.

    Returns:
        The joins it printed.
    """
    finished = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        cwd=ROOT,
        env=clean_environment(),
        timeout=seconds,
        check=False,
    )
    errors = finished.stderr.decode("utf-8", "replace")
    assert finished.returncode == 0, errors[-2_000:]
    return [json.loads(line) for line in finished.stdout.splitlines()]


@contextlib.contextmanager
def plain_relay(upstream: str, folder: Path) -> Iterator[str]:
    """Run the plain relay, and give the endpoint it listens on."""
    endpoint = f"ipc://{folder / 'relay'}"
    command = [sys.executable, "-m", "tests.support.plain_relay", upstream, endpoint]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, cwd=ROOT) as process:
        try:
            yield endpoint
        finally:
            process.kill()


@contextlib.contextmanager
def gateway_relay(data: str, control: str, folder: Path) -> Iterator[str]:
    """Run the gateway's own relay before a gateway, and give the endpoint it listens on."""
    endpoint, own_control = f"ipc://{folder / 'relay'}", f"ipc://{folder / 'relay-control'}"
    process = start(
        [
            *(sys.executable, "-m", "gateway", "relay", "--data", data, "--control", control),
            *("--bind-data", endpoint, "--bind-control", own_control, "--name", "joins"),
        ],
        folder / "relay.log",
    )
    try:
        with Requester(own_control) as requester:
            requester.result("ping", seconds=READY_S_MAX)
        yield endpoint
    finally:
        end(process)
