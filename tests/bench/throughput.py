"""Lines a second through the whole gateway to one subscriber, beside two baselines.

Usage: python tests/bench/throughput.py [--rounds 5] [--lines 300000] [--trade-share 0.2]

Every round runs each program once, in shuffled order: only ratios within one run mean anything on
a shared machine. Nothing is asserted; figures go to tests/bench/results/.
"""

import argparse
import json
import os
import platform
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

HERE = Path(__file__).parent
STYLES = ("gateway", "forward", "json")
SINK_STYLES = {"gateway": "gateway", "forward": "forward", "json": "multipart"}


def free_ports(count: int) -> list[int]:
    """Find ports nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listening.getsockname()[1] for listening in sockets]
    for listening in sockets:
        listening.close()
    return ports


def wait_for(path: Path) -> list[int]:
    """Read the ports the feeder wrote."""
    deadline_s = time.monotonic() + 60
    while time.monotonic() < deadline_s:
        if path.exists() and (text := path.read_text()):
            return [int(port) for port in text.split()]
        time.sleep(0.01)
    raise SystemExit("the feeder did not start")


@dataclass(frozen=True, slots=True)
class Ports:
    """Where one run's programs listen."""

    level1: int
    admin: int
    data: int
    control: int
    http: int


@contextmanager
def feeding(lines: int, seed: int, trade_share: float) -> Iterator[Ports]:
    """A feeder, until the block ends; and ports for the others."""
    with tempfile.TemporaryDirectory() as folder:
        ports_file = Path(folder) / "ports"
        options = [str(lines), str(seed), str(trade_share)]
        feeder = subprocess.Popen([sys.executable, HERE / "feeder.py", ports_file, *options])
        try:
            level1, admin = wait_for(ports_file)
            yield Ports(level1, admin, *free_ports(3))
        finally:
            feeder.kill()
            feeder.wait()


@contextmanager
def serving(
    style: str, ports: Ports, more: Mapping[str, str]
) -> Iterator["subprocess.Popen[bytes]"]:
    """The gateway or a baseline, until the block ends."""
    program = [sys.executable, "-m", "gateway", "run"]
    if style != "gateway":
        arguments = [style, str(ports.level1), str(ports.data)]
        program = [sys.executable, str(HERE / "baselines.py"), *arguments]
    environment = {
        "IQGW_IQCONNECT__LEVEL1_PORT": str(ports.level1),
        "IQGW_IQCONNECT__ADMIN_PORT": str(ports.admin),
        "IQGW_DATA__BIND": f"tcp://127.0.0.1:{ports.data}",
        "IQGW_CONTROL__BIND": f"tcp://127.0.0.1:{ports.control}",
        "IQGW_HTTP__BIND": f"127.0.0.1:{ports.http}",
        "IQGW_DATA__HIGH_WATER_MARK": "1000000",
        "IQGW_CONNECTION__MESSAGE_QUEUE_SIZE": "10000000",  # Every line is to be counted.
        "IQGW_LOG__LEVEL": "error",
    }
    server = subprocess.Popen(program, env={**os.environ, **environment, **more})
    try:
        yield server
    finally:
        server.terminate()
        server.wait(20)


def run_once(
    style: str,
    *,
    lines: int,
    seed: int,
    trade_share: float,
    watch: Callable[[str, int], "subprocess.Popen[str]"] | None = None,
    more: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Run feeder, program and sink once.

    Args:
        style: One of `STYLES`.
        lines: How many are sent.
        seed: Of the lines.
        trade_share: Share of them that are trades.
        watch: Begins to watch the program, given its control endpoint and HTTP port.
        more: What is added to the environment of the program and the sink.

    Returns:
        The sink's figures, and the watcher's.
    """
    watched: dict[str, Any] = {}
    with feeding(lines, seed, trade_share) as ports, serving(style, ports, more or {}) as server:
        watcher = None
        if watch is not None:
            await_port(ports.http)
            watcher = watch(f"tcp://127.0.0.1:{ports.control}", ports.http)
        try:
            endpoint = f"tcp://127.0.0.1:{ports.data}"
            sink = subprocess.run(
                [sys.executable, HERE / "sink.py", endpoint, SINK_STYLES[style]],
                stdout=subprocess.PIPE,
                text=True,
                check=True,
                timeout=180,
                env={**os.environ, **(more or {})},
            )
            cpu_s = cpu_seconds(server.pid)
            watched = end_of(watcher) if watcher is not None else {}
        finally:
            if watcher is not None:
                watcher.kill()
    figures: dict[str, Any] = json.loads(sink.stdout.splitlines()[-1]) | watched
    figures["lines_per_s"] = lines / figures["elapsed_s"]
    figures["server_cpu_us_per_line"] = cpu_s / lines * 1e6
    return figures


def await_port(port: int) -> None:
    """Wait until somebody listens."""
    deadline_s = time.monotonic() + 20
    while time.monotonic() < deadline_s:
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(f"nobody listens on port {port}")


def end_of(watcher: "subprocess.Popen[str]") -> dict[str, Any]:
    """Let a watcher stop; what it saw."""
    watcher.terminate()
    told, _ = watcher.communicate(timeout=20)
    figures: dict[str, Any] = json.loads(told)
    return figures


def cpu_seconds(pid: int) -> float:
    """Processor time a process has used so far."""
    return sum(psutil.Process(pid).cpu_times()[:2])


def commit() -> str:
    """The commit that is measured."""
    return subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],  # noqa: S607 - whichever git is there
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()


def machine() -> dict[str, Any]:
    """What figures were measured on."""
    return {
        "machine": platform.platform(),
        "processors": os.cpu_count(),
        "python": platform.python_version(),
        "commit": commit(),
    }


def main() -> None:
    """Run all rounds and print medians with ratios."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--lines", type=int, default=300_000)
    parser.add_argument("--trade-share", type=float, default=0.2)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    order = random.Random(options.seed)
    results: dict[str, list[dict[str, float]]] = {style: [] for style in STYLES}
    for number in range(options.rounds):
        for style in order.sample(STYLES, len(STYLES)):
            figures = run_once(
                style, lines=options.lines, seed=number, trade_share=options.trade_share
            )
            results[style].append(figures)
            print(f"round {number} {style:8} {figures['lines_per_s']:>10,.0f} lines/s", flush=True)
    medians = {s: statistics.median(r["lines_per_s"] for r in rows) for s, rows in results.items()}
    ratios = {
        s: statistics.median(
            a["lines_per_s"] / b["lines_per_s"]
            for a, b in zip(results["gateway"], results[s], strict=True)
        )
        for s in STYLES
    }
    for style in STYLES:
        cpu = statistics.median(r["server_cpu_us_per_line"] for r in results[style])
        print(
            f"{style:8} median {medians[style]:>10,.0f} lines/s, {cpu:.2f} us CPU a line, "
            f"gateway/{style} {ratios[style]:.2f}"
        )
    report = {
        **machine(),
        "options": vars(options),
        "medians_lines_per_s": medians,
        "median_ratio_gateway_to": ratios,
        "rounds": results,
    }
    folder = HERE / "results"
    folder.mkdir(exist_ok=True)
    path = folder / f"throughput-{commit() or 'uncommitted'}.json"
    path.write_text(json.dumps(report, indent=2))
    print(f"written to {path}")


if __name__ == "__main__":
    main()
