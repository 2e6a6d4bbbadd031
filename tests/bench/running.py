"""One run: feeder, publisher and subscribers, each a process of its own, and what they did."""

import functools
import json
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from tests.bench import level2_lines, lines
from tests.bench.feeder import FeedOptions
from tests.bench.machine import cpu_seconds
from tests.bench.publishers import FIRST_LETTERS, LEVEL1
from tests.bench.sink import SinkOptions
from tests.support.stage import free_ports

ROOT: Final = Path(__file__).resolve().parents[2]
RUN_S_MAX: Final = 90.0
END_S_MAX: Final = 20.0
START_S_MAX: Final = 60.0
DEPTH_SETTLE_S: Final = 1.5
"""Pause before Level 2 lines: a book is live when its rows have paused."""
BROKERS: Final = {
    "redis": ("redis-server", "--save", "", "--appendonly", "no", "--loglevel", "warning",
              "--client-output-buffer-limit", "pubsub 0 0 0", "--bind", "127.0.0.1", "--port"),
    "nats": ("nats-server", "-a", "127.0.0.1", "-c", "{configuration}", "-p"),
}  # fmt: skip
"""Commands, the port left out. Neither may cut a subscriber off that is behind for a moment."""
NATS_CONFIGURATION: Final = 'max_pending: 2147483648\nwrite_deadline: "60s"\n'

Watch = Callable[[str, int], "subprocess.Popen[str]"]


@dataclass(frozen=True, slots=True)
class Run:
    """What is run once."""

    publisher: str = "gateway"
    """`gateway`, or a style of `publishers.py`."""
    kind: str = LEVEL1
    """Which lines: `level1`, or a kind of Level 2."""
    mix: lines.Mix = lines.QUOTES
    """Of Level 1 lines."""
    symbols: int = 300
    lines: int = 100_000
    also: str = ""
    """A kind of Level 2 lines that is fed at the same time, as many of them."""
    also_symbols: int = 100
    subscribers: int = 1
    is_disjoint: bool = False
    schedule: tuple[tuple[float, float], ...] = ()
    """Lines a second and seconds, one after the other; full speed without."""
    more_topics: tuple[str, ...] = ()
    """Kinds that are subscribed to beside, for each symbol."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """For the gateway and the subscribers."""
    module: str = "gateway"
    """What is run as the gateway."""
    watch: Watch | None = None
    """Begins to watch the gateway, given its control endpoint and HTTP port."""

    def __str__(self) -> str:
        share = "topics shared out" if self.is_disjoint else "all topics each"
        mix = str(self.mix) if self.kind == LEVEL1 else f"Level 2 by {self.kind}, a message a line"
        also = f"; and as many of Level 2 by {self.also}" if self.also else ""
        return f"{self.lines:,} lines, {self.symbols:,} symbols, {share}; {mix}{also}"

    @property
    def other(self) -> "Run":
        """The run of what is fed at the same time."""
        return replace(self, kind=self.also, symbols=self.also_symbols, also="")


@functools.cache
def scratch() -> Path:
    """A folder for what is made once, lines above all, until `forget_all`."""
    return Path(tempfile.mkdtemp(prefix="bench-"))


def forget_all() -> None:
    """Delete what was made."""
    if scratch.cache_info().currsize:
        shutil.rmtree(scratch(), ignore_errors=True)
        scratch.cache_clear()


def prepared(run: Run) -> Path:
    """The file with a run's lines, made once: each program gets the same bytes."""
    mix = run.mix.name if run.kind == LEVEL1 else ""
    path = scratch() / f"{run.kind}-{mix}-{run.symbols}-{run.lines}"
    if not path.exists():
        if run.kind == LEVEL1:
            data = lines.updates(run.lines, mix=run.mix, symbol_count=run.symbols, seed=1)
        else:
            data = level2_lines.updates(run.lines, kind=run.kind, symbol_count=run.symbols, seed=1)
        path.write_bytes(data)
    return path


def start(*arguments: str, **more: Any) -> "subprocess.Popen[str]":
    """Start a module of ours."""
    return subprocess.Popen(
        [sys.executable, "-m", *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True, **more
    )


@contextmanager
def ending(process: "subprocess.Popen[str]", *, is_killed: bool = True) -> Iterator[Any]:
    """A process until the block ends."""
    try:
        yield process
    finally:
        (process.kill if is_killed else process.terminate)()
        try:
            process.wait(END_S_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def line_of(process: "subprocess.Popen[str]", *others: "subprocess.Popen[str]") -> str:
    """The next line that a process prints.

    Args:
        process: Whose.
        others: Without whom it would wait for ever.

    Raises:
        SystemExit: One of them ended instead, or nothing was printed for long.
    """
    assert process.stdout is not None
    deadline_s = time.monotonic() + START_S_MAX
    while not select.select([process.stdout], [], [], 0.2)[0]:
        if time.monotonic() > deadline_s:
            raise SystemExit(f"{process.args!r} says nothing")
        for other in others:
            if other.poll() is not None:
                raise SystemExit(f"{other.args!r} ended with {other.returncode}")
    line = process.stdout.readline()
    if not line:
        raise SystemExit(f"{process.args!r} ended without a word")
    return line.strip()


def await_port(port: int) -> None:
    """Wait until somebody listens."""
    deadline_s = time.monotonic() + START_S_MAX
    while time.monotonic() < deadline_s:
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise SystemExit(f"nobody listens on port {port}")


def gateway_environment(level1: int, admin: int, level2: int) -> tuple[dict[str, str], list[int]]:
    """Settings of a gateway that counts every line, and its data, control and HTTP port."""
    ports = free_ports(3)
    data, control, http = ports
    return {
        "IQGW_IQCONNECT__LEVEL1_PORT": str(level1),
        "IQGW_IQCONNECT__ADMIN_PORT": str(admin),
        "IQGW_IQCONNECT__LEVEL2_PORT": str(level2),
        "IQGW_DATA__BIND": f"tcp://127.0.0.1:{data}",
        "IQGW_CONTROL__BIND": f"tcp://127.0.0.1:{control}",
        "IQGW_HTTP__BIND": f"127.0.0.1:{http}",
        "IQGW_DATA__HIGH_WATER_MARK": "10000000",
        "IQGW_DATA__SUBSCRIPTIONS_PER_CONNECTION_MAX": "200000",
        "IQGW_CONNECTION__MESSAGE_QUEUE_SIZE": "10000000",  # Every line is to be counted.
        "IQGW_LOG__LEVEL": "error",
    }, ports


@contextmanager
def broker(name: str) -> Iterator[int]:
    """A broker of its own, in its own folder; its port."""
    with tempfile.TemporaryDirectory() as folder:
        configuration = Path(folder) / "nats.conf"
        configuration.write_text(NATS_CONFIGURATION)
        (port,) = free_ports(1)
        command = [part.format(configuration=configuration) for part in BROKERS[name]]
        with (
            Path(folder, "log").open("w") as log,
            ending(
                subprocess.Popen(
                    [*command, str(port)], cwd=folder, stdout=log, stderr=log, text=True
                )
            ),
        ):
            await_port(port)
            yield port


def run_once(run: Run) -> dict[str, Any]:
    """Run feeder, publisher and subscribers once.

    Returns:
        `lines_per_s`, `messages_per_s` of one subscriber and `delivered_per_s` of all,
        `cpu_us_per_line` of the publisher; with a schedule `ages_us`, line by line; what a watcher
        saw.

    Raises:
        SystemExit: A process failed, or messages were lost.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        options = _feed_options(run, folder)
        feeder = start("tests.bench.feeder", json.dumps(asdict(options)))
        stack.enter_context(ending(feeder))
        ports = [int(port) for port in line_of(feeder).split()]
        publisher, sinks, watcher = _start_all(stack, run, ports, folder)
        sending_ns = int(line_of(feeder, publisher, *sinks).split()[1])
        before_s = cpu_seconds(publisher.pid)
        told = [json.loads(_output(sink)) for sink in sinks]
        cpu_s = cpu_seconds(publisher.pid) - before_s
        seen: dict[str, Any] = {}
        if watcher is not None:
            watcher.terminate()
            seen = json.loads(_output(watcher))
        figures = _figures(run, told, sending_ns, cpu_s) | seen
        if run.schedule:
            figures["ages_us"] = _ages_us(folder / "sent", folder / "received")
    return figures


def _feed_options(run: Run, folder: Path) -> FeedOptions:
    """What the feeder is to do."""
    options = FeedOptions(
        schedule=[list(step) for step in run.schedule], stamps=str(folder / "sent")
    )
    for one in (run, run.other) if run.also else (run,):
        path, count = str(prepared(one)), one.symbols + 2
        if one.kind == LEVEL1:
            options = replace(options, level1=path, level1_symbols=count)
        else:
            options = replace(
                options,
                level2=path,
                level2_kind=one.kind,
                level2_symbols=count,
                settle_s=DEPTH_SETTLE_S,
            )
    return options


def _output(process: "subprocess.Popen[str]") -> str:
    """The last line that a process prints before it ends."""
    try:
        told, _ = process.communicate(timeout=RUN_S_MAX)
    except subprocess.TimeoutExpired as error:
        raise SystemExit(f"process {process.pid} does not end") from error
    if process.returncode or not told:
        raise SystemExit(f"{process.args!r} failed")
    return told.splitlines()[-1]


def _start_all(
    stack: ExitStack, run: Run, ports: list[int], folder: Path
) -> tuple[Any, list[Any], Any]:
    """Start publisher, subscribers, and perhaps a watcher."""
    environment = {**os.environ, **run.environment}
    feed_port = ports[0] if run.kind == LEVEL1 else ports[2]
    if run.publisher in BROKERS:
        port = stack.enter_context(broker(run.publisher))
        arguments = (run.publisher, str(port), str(run.subscribers), str(run.symbols))
        sink = stack.enter_context(ending(start("tests.bench.broker_sink", *arguments)))
        if line_of(sink) != "ready":
            raise SystemExit("the subscribers are not ready")
        return _start_publisher(stack, run, feed_port, port), [sink], None
    watcher = None
    if run.publisher == "gateway":
        settings, (port, control, http) = gateway_environment(*ports)
        publisher = start(run.module, "run", env=environment | settings)
        stack.enter_context(ending(publisher, is_killed=False))
        if run.watch is not None:
            await_port(http)
            watcher = stack.enter_context(ending(run.watch(f"tcp://127.0.0.1:{control}", http)))
    else:
        (port,) = free_ports(1)
        publisher = _start_publisher(stack, run, feed_port, port)
    sinks = []
    for one in (run, run.other) if run.also else (run,):
        options = _sink_options(one, f"tcp://127.0.0.1:{port}", folder)
        sink = start("tests.bench.sink", json.dumps(asdict(options)), env=environment)
        sinks.append(stack.enter_context(ending(sink)))
    return publisher, sinks, watcher


def _start_publisher(stack: ExitStack, run: Run, feed_port: int, port: int) -> Any:
    numbers = map(str, (feed_port, port, run.subscribers, run.symbols))
    started = start("tests.bench.publishers", run.publisher, *numbers, run.kind)
    return stack.enter_context(ending(started))


def _sink_options(run: Run, endpoint: str, folder: Path) -> SinkOptions:
    """What is subscribed to, by publisher and kind of lines."""
    names = lines.symbols(run.symbols)
    is_depth = run.kind != LEVEL1
    options = SinkOptions(
        endpoint=endpoint,
        topics=[f"{FIRST_LETTERS[run.kind]},{name}," for name in names],
        kind=f"{FIRST_LETTERS[run.kind]},",
        count=run.subscribers,
        is_disjoint=run.is_disjoint,
        frames=2 if run.publisher in {"c2", "json"} else 1,
        is_gateway=False,
        stamps=str(folder / "received") if run.schedule else "",
        stamps_max=run.lines + 1 if run.schedule else 0,
    )
    if run.publisher != "gateway":
        # A Level 2 topic of a forwarder's is a letter and a symbol, and a row may have any letter.
        return replace(options, topics=[""]) if is_depth else options
    rows = "quote" if not is_depth else "depth" if run.kind == "levels" else "order"
    kinds = (rows,) if is_depth else run.mix.kinds
    kinds = (*kinds, *run.more_topics)
    return replace(
        options,
        topics=[f"{kind},{name}," for name in names for kind in kinds],
        kind=f"{rows},",
        is_gateway=True,
    )


def _figures(run: Run, told: list[dict[str, Any]], sending_ns: int, cpu_s: float) -> dict[str, Any]:
    counts = [sum(subscriber) for subscriber in zip(*(one["counts"] for one in told), strict=True)]
    elapsed_s = (max(one["last_ns"] for one in told) - sending_ns) / 1e9
    fed = run.lines * len(told)
    is_one_a_line = run.kind == LEVEL1 and run.mix is lines.QUOTES and not run.more_topics
    expected = run.lines + (run.subscribers if run.is_disjoint else 1)
    total = sum(counts) if run.is_disjoint else min(counts)
    if is_one_a_line and total != expected:
        raise SystemExit(f"{run.publisher} lost messages: {total} of {expected} came")
    return {
        "lines_per_s": fed / elapsed_s,
        "messages_per_s": max(counts) / elapsed_s,
        "delivered_per_s": sum(counts) / elapsed_s,
        "messages_per_line": sum(counts) / fed / (1 if run.is_disjoint else len(counts)),
        "cpu_us_per_line": cpu_s / fed * 1e6,
    }


def _ages_us(sent: Path, received: Path) -> list[float]:
    """How long each line took from the feeder's hand to a subscriber's, in order, microseconds.

    The first line is the start's, and its message is not among those that were stamped.
    """
    pairs, stamps = array("q", sent.read_bytes()), array("q", received.read_bytes())
    ages, place = [], 1
    for until, sent_ns in zip(pairs[::2], pairs[1::2], strict=True):
        while place < until and place <= len(stamps):
            ages.append((stamps[place - 1] - sent_ns) / 1000)
            place += 1
    return ages
