"""What it costs to be watched: throughput with and without, and how soon health is answered.

Usage: python tests/bench/monitoring.py [--rounds 9] [--lines 600000]

Each round runs the same lines at full speed through a gateway that nobody watches, and through one
with a client that asks for health ten times a second, a scrape a second and an open status page, in
shuffled order. Nothing is asserted; figures go to tests/bench/results/.
"""

import argparse
import json
import random
import statistics
import subprocess
import sys
from pathlib import Path

from observers import quantiles
from throughput import HERE, commit, machine, run_once

STYLES = ("alone", "watched")


def watch(control: str, http_port: int) -> "subprocess.Popen[str]":
    """Begin to watch a gateway."""
    return subprocess.Popen(
        [sys.executable, HERE / "observers.py", control, str(http_port)],
        stdout=subprocess.PIPE,
        text=True,
    )


def main() -> None:
    """Run all rounds and print medians with their ratio."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--lines", type=int, default=600_000)
    parser.add_argument("--trade-share", type=float, default=0.2)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    order = random.Random(options.seed)
    rates: dict[str, list[float]] = {style: [] for style in STYLES}
    cpu_us: dict[str, list[float]] = {style: [] for style in STYLES}
    health_ms: list[float] = []
    scrape_ms: list[float] = []
    for number in range(options.rounds):
        for style in order.sample(STYLES, len(STYLES)):
            figures = run_once(
                "gateway",
                lines=options.lines,
                seed=number,
                trade_share=options.trade_share,
                watch=watch if style == "watched" else None,
            )
            rates[style].append(float(figures["lines_per_s"]))
            cpu_us[style].append(float(figures["server_cpu_us_per_line"]))
            health_ms += figures.get("health_ms", [])
            scrape_ms += figures.get("scrape_ms", [])
            print(f"round {number} {style:8} {rates[style][-1]:>10,.0f} lines/s", flush=True)
    ratios = [b / a for a, b in zip(rates["alone"], rates["watched"], strict=True)]
    for style in STYLES:
        cpu = statistics.median(cpu_us[style])
        median = statistics.median(rates[style])
        print(f"{style:8} median {median:>10,.0f} lines/s, {cpu:.2f} us of processor a line")
    print(
        f"watched/alone median {statistics.median(ratios):.3f}, {min(ratios):.3f}-{max(ratios):.3f}"
    )
    for name, waits_ms in (("health", health_ms), ("scrape", scrape_ms)):
        told = quantiles(waits_ms)
        print(
            f"{name}: {told['count']} answers, p50 {told['p50']:.1f} ms, p99 {told['p99']:.1f} ms, "
            f"longest {told['max']:.1f} ms"
        )
    report = {
        **machine(),
        "options": vars(options),
        "lines_per_s": rates,
        "ratios": ratios,
        "server_cpu_us_per_line": cpu_us,
        "health_ms": quantiles(health_ms),
        "scrape_ms": quantiles(scrape_ms),
    }
    folder = Path(HERE) / "results"
    folder.mkdir(exist_ok=True)
    path = folder / f"monitoring-{commit() or 'uncommitted'}.json"
    path.write_text(json.dumps(report, indent=2))
    print(f"written to {path}")


if __name__ == "__main__":
    main()
