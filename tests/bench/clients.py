"""How fast each language's client turns frames into typed messages, beside its plain library.

Usage: python tests/bench/clients.py [--rounds 5] [--frames 300000] [--only go rust]

Both read the same frames off a bare SUB socket of the same library: `plain` decodes the body into
the msgpack library's own values, `typed` decodes the frame into a message. All frames are on their
way before the clock runs: the consumer is stopped while they are published, so the publisher does
not limit anybody. Rounds are shuffled, medians are printed; nothing is asserted. POSIX only.
"""

import argparse
import json
import random
import signal
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import zmq
from throughput import HERE, commit, machine

sys.path.insert(0, str(HERE.parents[1]))

from tests.support.languages import LANGUAGES, Language, built

VECTORS = HERE.parents[1] / "schemas" / "vectors"
MODES = ("plain", "typed")
KINDS = ("quote", "quote", "quote", "quote", "trade")
"""One trade to four quotes, as on a busy feed."""


def frames() -> Iterator[bytes]:
    """Messages of everyday, for ever: those of the vectors that have every value."""
    found: dict[str, list[bytes]] = {}
    for kind in set(KINDS):
        path = VECTORS / f"{kind}.v1.json"
        cases = json.loads(path.read_text(encoding="utf-8"))["tests"]
        found[kind] = [
            bytes.fromhex(case["frame"])
            for case in cases
            if case["result"] == "valid" and case["frame"].startswith(f"{kind},".encode().hex())
        ][:1]
    return cycle(frame for kind in KINDS for frame in found[kind])


@contextmanager
def publisher() -> Iterator[tuple["zmq.Socket[bytes]", str]]:
    """A socket that queues whatever it is given."""
    with zmq.Context() as context, context.socket(zmq.XPUB) as socket:
        socket.linger = 0
        socket.sndhwm = 0
        socket.bind("tcp://127.0.0.1:*")
        yield socket, socket.getsockopt_string(zmq.LAST_ENDPOINT)


def run_once(language: Language, mode: str, count: int) -> dict[str, Any]:
    """One consumer of so many frames; returns what it says."""
    with publisher() as (socket, endpoint):
        command = [*language.program, "bench", mode, endpoint, str(count)]
        with subprocess.Popen(
            command, cwd=language.folder, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            for _ in range(2):
                socket.recv()  # Both of its subscriptions.
            process.stdout.readline()
            process.send_signal(signal.SIGSTOP)
            for frame in islice(frames(), count):
                socket.send(frame)
            process.send_signal(signal.SIGCONT)
            told: dict[str, Any] = json.loads(process.stdout.readline())
    return told


def main() -> None:
    """Run all rounds and print medians with ratios."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--frames", type=int, default=300_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="*", default=[language.name for language in LANGUAGES])
    options = parser.parse_args()
    order = random.Random(options.seed)
    languages = [built(language) for language in LANGUAGES if language.name in options.only]
    rates: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for _ in range(options.rounds):
        cells = [(language, mode) for language in languages for mode in MODES]
        order.shuffle(cells)
        for language, mode in cells:
            told = run_once(language, mode, options.frames)
            if told["messages"] != options.frames:
                raise SystemExit(f"{language.name} {mode} lost frames: {told}")
            rates[language.name, mode].append(told["per_second"])
    print("| language | plain library, messages/s | typed, messages/s | ratio |\n|---|---|---|---|")
    medians = {key: statistics.median(found) for key, found in rates.items()}
    for language in languages:
        plain, typed = (medians[language.name, mode] for mode in MODES)
        print(f"| {language.name} | {plain:,.0f} | {typed:,.0f} | {typed / plain:.2f} |")
    path = Path(HERE / "results" / "clients.json")
    path.parent.mkdir(exist_ok=True)
    figures = {f"{name} {mode}": found for (name, mode), found in rates.items()}
    path.write_text(json.dumps({"machine": machine(), "commit": commit(), "rates": figures}))


if __name__ == "__main__":
    main()
