"""What security costs: no keys, CURVE, and CURVE with a long list of entitlements.

Usage: python tests/bench/security.py [--rounds 5] [--lines 300000]

Every round sends the same lines at full speed through each, in shuffled order. Entitlements are
judged when a consumer subscribes, not with each message; so what judging costs is measured alone,
too: a consumer that subscribes to 20,000 topics, by a file that names 4,000 symbols. Nothing is
asserted; figures go to tests/bench/results/.
"""

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from lines import SENTINEL, symbols
from throughput import HERE, commit, machine, run_once

sys.path.insert(0, str(HERE.parents[1]))

from gateway.control.rights import granted_as
from gateway.policy.client_record import ClientRecord, parse_client
from gateway.policy.entitlements import UserRights
from tests.support.keyring import EVERYTHING, Keyring

STYLES = ("null", "curve", "entitled")
JUDGED = 20_000


def entitled() -> dict[str, Any]:
    """A long file: the benchmark's symbols one by one among many others, and some denied."""
    others = [f"X{number}" for number in range(4_000)]
    named = [*others, *symbols(), SENTINEL]
    return {
        "role": "consumer",
        "allow": [{"kinds": ["l1", "fundamental"], "symbols": named}],
        "deny": [{"kinds": ["*"], "symbols": [f"Y{number}*" for number in range(500)]}],
    }


def environment(ring: Keyring, client: str) -> dict[str, str]:
    """What gateway and sink need for keys."""
    return {
        "IQGW_SECURITY__KEYS_DIR": str(ring.directory),
        "IQGW_DATA__AUTO_WATCH": "true",
        "BENCH_KEYS": " ".join(ring.keys(client)),
    }


def judge_us(record: ClientRecord) -> float:
    """How long one subscription is judged, microseconds."""
    rights = UserRights(record)
    topics = [f"quote,X{number % 4_000},".encode() for number in range(JUDGED)]
    started_s = time.perf_counter()
    granted = sum(len(granted_as(rights, topic)) for topic in topics)
    elapsed_s = time.perf_counter() - started_s
    if granted != JUDGED:
        raise SystemExit(f"{granted} of {JUDGED} granted")
    return elapsed_s / JUDGED * 1e6


def main() -> None:
    """Run all rounds and print medians with ratios."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--lines", type=int, default=300_000)
    parser.add_argument("--trade-share", type=float, default=0.2)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    order = random.Random(options.seed)
    results: dict[str, list[dict[str, Any]]] = {style: [] for style in STYLES}
    with tempfile.TemporaryDirectory() as folder:
        ring = Keyring(Path(folder))
        ring.add("curve", role="consumer", allow=EVERYTHING)
        ring.add("entitled", **entitled())
        record = parse_client(ring.path("entitled").read_text(), name="entitled")
        for number in range(options.rounds):
            for style in order.sample(STYLES, len(STYLES)):
                figures = run_once(
                    "gateway",
                    lines=options.lines,
                    seed=number,
                    trade_share=options.trade_share,
                    more=None if style == "null" else environment(ring, style),
                )
                results[style].append(figures)
                rate = figures["lines_per_s"]
                print(f"round {number} {style:8} {rate:>10,.0f} lines/s", flush=True)
    for style in STYLES:
        rates = [row["lines_per_s"] for row in results[style]]
        cpu = statistics.median(row["server_cpu_us_per_line"] for row in results[style])
        ratios = [
            row["lines_per_s"] / base["lines_per_s"]
            for row, base in zip(results[style], results["null"], strict=True)
        ]
        print(
            f"{style:8} median {statistics.median(rates):>10,.0f} lines/s, {cpu:.2f} us of "
            f"processor a line, {statistics.median(ratios):.2f} of null "
            f"({min(ratios):.2f}-{max(ratios):.2f})"
        )
    judged = [judge_us(record) for _ in range(5)]
    print(f"judging one subscription: {statistics.median(judged):.2f} us")
    report = {
        **machine(),
        "options": vars(options),
        "rounds": results,
        "judge_us": judged,
    }
    path = HERE / "results" / f"security-{commit() or 'uncommitted'}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(report, indent=2))
    print(f"written to {path}")


if __name__ == "__main__":
    main()
