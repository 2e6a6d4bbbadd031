"""Level 2 lines a second through the whole gateway, beside Level 1's figure.

Usage: python tests/bench/level2.py [--rounds 5] [--lines 300000] [--symbols 1 100 1000]

One subscriber gets every row; in the runs named `+book` the conflated book of every symbol too,
which with many symbols are many messages more.
Every round runs each program once, in shuffled order: only ratios within one run mean anything on
a shared machine. Nothing is asserted; figures go to tests/bench/results/.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from throughput import HERE, commit, cpu_seconds, free_ports, machine, wait_for
from throughput import run_once as run_level1_once

LEVEL1 = "level1"


def run_once(
    kind: str, *, lines: int, symbol_count: int, has_books: bool, seed: int
) -> dict[str, float]:
    """Run feeder, gateway and sink once; the sink's figures."""
    data_port, control_port = free_ports(2)
    with tempfile.TemporaryDirectory() as folder:
        ports_file = Path(folder) / "ports"
        arguments = [str(lines), str(seed), kind, str(symbol_count)]
        feeder = subprocess.Popen(
            [sys.executable, HERE / "level2_feeder.py", ports_file, *arguments]
        )
        try:
            level1_port, admin_port, level2_port = wait_for(ports_file)
            environment = {
                "IQGW_IQCONNECT__LEVEL1_PORT": str(level1_port),
                "IQGW_IQCONNECT__ADMIN_PORT": str(admin_port),
                "IQGW_IQCONNECT__LEVEL2_PORT": str(level2_port),
                "IQGW_DATA__BIND": f"tcp://127.0.0.1:{data_port}",
                "IQGW_CONTROL__BIND": f"tcp://127.0.0.1:{control_port}",
                "IQGW_HTTP__BIND": "127.0.0.1:0",
                "IQGW_DATA__HIGH_WATER_MARK": "1000000",
                "IQGW_LOG__LEVEL": "error",
            }
            program = [sys.executable, "-m", "gateway", "run"]
            server = subprocess.Popen(program, env={**os.environ, **environment})
            try:
                endpoint = f"tcp://127.0.0.1:{data_port}"
                sink = subprocess.run(
                    [
                        sys.executable,
                        HERE / "level2_sink.py",
                        endpoint,
                        kind,
                        str(symbol_count),
                        str(int(has_books)),
                    ],
                    stdout=subprocess.PIPE,
                    text=True,
                    check=True,
                    timeout=180,
                )
                cpu_s = cpu_seconds(server.pid)
            finally:
                server.terminate()
                server.wait(20)
        finally:
            feeder.kill()
            feeder.wait()
    figures: dict[str, float] = json.loads(sink.stdout.splitlines()[-1])
    figures["lines_per_s"] = lines / figures["elapsed_s"]
    figures["messages_per_s"] = figures["messages"] / figures["elapsed_s"]
    figures["server_cpu_us_per_line"] = cpu_s / lines * 1e6
    return figures


def print_medians(results: dict[str, list[dict[str, float]]]) -> None:
    """Print each program's medians, and its ratio to Level 1 in the same rounds."""
    base = results[LEVEL1]
    for name, rows in results.items():
        rate = statistics.median(row["lines_per_s"] for row in rows)
        cpu = statistics.median(row["server_cpu_us_per_line"] for row in rows)
        ratio = statistics.median(
            row["lines_per_s"] / level1["lines_per_s"]
            for row, level1 in zip(rows, base, strict=True)
        )
        sent = statistics.median(
            row.get("messages_per_s", row["messages"] / row["elapsed_s"]) for row in rows
        )
        print(
            f"{name:20} median {rate:>9,.0f} lines/s, {sent:>9,.0f} messages/s, "
            f"{cpu:.2f} us CPU a line, {ratio:.2f} of Level 1"
        )


def write_report(options: argparse.Namespace, results: dict[str, list[dict[str, float]]]) -> None:
    """Keep every round's figures with machine and commit."""
    folder = HERE / "results"
    folder.mkdir(exist_ok=True)
    path = folder / f"level2-{commit() or 'uncommitted'}.json"
    report = {
        **machine(),
        "options": vars(options),
        "rounds": results,
    }
    path.write_text(json.dumps(report, indent=2))
    print(f"written to {path}")


def main() -> None:
    """Run all rounds and print medians with ratios to Level 1."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--lines", type=int, default=300_000)
    parser.add_argument("--symbols", type=int, nargs="+", default=[1, 100, 1000])
    parser.add_argument("--kinds", nargs="+", default=["orders", "makers", "levels"])
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    order = random.Random(options.seed)
    runs = {
        f"{kind} x{count}{' +book' if has_books else ''}": (kind, count, has_books)
        for kind in options.kinds
        for count in options.symbols
        for has_books in (False, True)
    }
    names = [LEVEL1, *runs]
    results: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for number in range(options.rounds):
        for name in order.sample(names, len(names)):
            if name == LEVEL1:
                figures = run_level1_once(
                    "gateway", lines=options.lines, seed=number, trade_share=0.2
                )
            else:
                kind, count, has_books = runs[name]
                figures = run_once(
                    kind,
                    lines=options.lines,
                    symbol_count=count,
                    has_books=has_books,
                    seed=number,
                )
            results[name].append(figures)
            print(f"round {number} {name:20} {figures['lines_per_s']:>10,.0f} lines/s", flush=True)
    print_medians(results)
    write_report(options, results)


if __name__ == "__main__":
    main()
