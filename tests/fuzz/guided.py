"""Fuzzing by coverage: an input that takes a new way through our code is kept, and changed further.

Usage: python -m tests.fuzz.guided [READER ...] [--seconds N | --inputs N] [--seed S] [--keep]
Readers are those of `targets.py`, all of them when none is named; the time or number is for each.
Nothing may be raised that a reader does not promise, and nothing may take seconds. With `--keep`,
inputs that took new ways are cut down as far as they take them still, and written into
`corpus/guided`. What broke a reader is written into `corpus/broken`, where a test replays it.
"""

import argparse
import hashlib
import math
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.fuzz.edges import EdgeTracer
from tests.fuzz.guided_corpus import read_corpus, write_corpus
from tests.fuzz.mutations import Mutator
from tests.fuzz.target import Broken, Target
from tests.fuzz.targets import TARGETS

BROKEN: Final = Path(__file__).parent / "corpus" / "broken"
SLOW_S: Final = 2.0
"""Processor time of one input, traced; more is a way to hold up everybody."""
KEPT_BYTES_MAX: Final = 20_000
"""Of one reader, under version control."""
TRIES_MAX: Final = 60
"""Attempts to make one input shorter."""
SECONDS: Final = 60.0
"""For each reader, when nothing is said."""
NOISE: Final = 0.02
"""Part of the inputs that have nothing to do with any other."""


@dataclass
class Findings:
    """How one reader did."""

    inputs: int = 0
    seconds: float = 0.0
    first_edges: int = 0
    """Edges of what it began with."""
    edges: set[int] = field(default_factory=set)
    corpus: list[bytes] = field(default_factory=list)
    """Everything that took a way of its own when it came."""
    slowest_s: float = 0.0
    failure: str = ""
    """What broke it, and the file; empty when nothing did."""


class GuidedFuzzer:
    """Tries one reader.

    Args:
        target: The reader.
        seed: Together with the corpus it decides everything.
        tracer: Follows our own code unless it is told otherwise.
        broken: Where what breaks the reader is written down; nowhere when left out.
    """

    def __init__(
        self,
        target: Target,
        *,
        seed: int,
        tracer: EdgeTracer | None = None,
        broken: Path | None = None,
    ) -> None:
        self._target = target
        self._rng = random.Random(f"{target.name}/{seed}")
        self._tracer = EdgeTracer() if tracer is None else tracer
        self._broken = broken
        self.findings: Final = Findings()

    def run(self, *, inputs: float = math.inf, seconds: float = math.inf) -> Findings:
        """Try inputs until there were so many, the time is over, or one breaks the reader."""
        found, end_s = self.findings, time.monotonic() + seconds
        began_s = time.monotonic()
        for data in dict.fromkeys((*self._target.seeds, *read_corpus(self._target.name), b"")):
            self.attempt(data)
        found.first_edges = len(found.edges)
        while found.inputs < inputs and time.monotonic() < end_s and not found.failure:
            self.attempt(self._next())
        found.seconds = time.monotonic() - began_s
        return found

    def _next(self) -> bytes:
        target, corpus, rng = self._target, self.findings.corpus, self._rng
        mutator = Mutator(
            rng,
            corpus,
            bytes_max=target.bytes_max,
            tokens=target.tokens,
            separator=target.separator,
            is_msgpack=target.is_msgpack,
        )
        if rng.random() < NOISE:
            return mutator.noise()
        # What came last has been changed least often yet.
        is_late = rng.random() < 0.4
        start = max(0, len(corpus) - 20) if is_late else 0
        return mutator.mutate(corpus[rng.randrange(start, len(corpus))])

    def attempt(self, data: bytes) -> None:
        """Try one input; what takes a new way is kept, what breaks the reader is written down."""
        found, read = self.findings, self._target.make()
        found.inputs += 1
        began_s = time.process_time()
        try:
            edges = self._tracer.follow(read, data)
        except Exception as error:
            self._note_failure(data, error)
            return
        took_s = time.process_time() - began_s
        found.slowest_s = max(found.slowest_s, took_s)
        if took_s > SLOW_S:
            self._note_failure(data, Broken(f"took {took_s:.1f} s"))
        elif not edges <= found.edges:
            found.edges |= edges
            found.corpus.append(data)

    def _note_failure(self, data: bytes, error: Exception) -> None:
        digest = hashlib.sha256(data).hexdigest()[:12]
        name = f"{self._target.name}-{digest}.bin"
        if self._broken is not None:
            self._broken.mkdir(parents=True, exist_ok=True)
            (self._broken / name).write_bytes(data)
        self.findings.failure = f"{name}: {error!r:.300}"

    def minimized(self, *, bytes_max: int = KEPT_BYTES_MAX) -> list[bytes]:
        """As few and as short inputs as take the same ways.

        An input is not kept when it takes no way that shorter ones do not; what is kept loses every
        part that its own ways do not need. Over the bound the longest are left out.
        """
        covered: set[int] = set()
        kept: list[bytes] = []
        size = 0
        for data in sorted(set(self.findings.corpus), key=len):
            own = self._tracer.follow(self._target.make(), data) - covered
            if not own:
                continue
            short = self._shortened(data, own)
            size += len(short)
            if size > bytes_max:
                break
            covered |= self._tracer.follow(self._target.make(), short)
            kept.append(short)
        return kept

    def _shortened(self, data: bytes, own: frozenset[int]) -> bytes:
        """Drop whatever an input does not need to take its own ways."""
        step, tries = len(data) // 2, TRIES_MAX
        while step and tries > 0:
            start = 0
            while start < len(data) and tries > 0:
                tries -= 1
                shorter = data[:start] + data[start + step :]
                if own <= self._tracer.follow(self._target.make(), shorter):
                    data = shorter
                else:
                    start += step
            step //= 2
        return data


def replay(target: Target) -> int:
    """Give a reader everything that is kept for it; returns how many inputs those were.

    Raises:
        Exception: What broke it.
    """
    broken = [path.read_bytes() for path in sorted(BROKEN.glob(f"{target.name}-*.bin"))]
    inputs = [*target.seeds, *read_corpus(target.name), *broken]
    for data in inputs:
        target.make()(data)
    return len(inputs)


def fuzz(target: Target, *, seed: int, inputs: float, seconds: float, is_kept: bool) -> bool:
    """Try one reader and print what came of it; returns whether nothing broke it."""
    fuzzer = GuidedFuzzer(target, seed=seed, broken=BROKEN)
    found = fuzzer.run(inputs=inputs, seconds=seconds)
    kept = fuzzer.minimized() if is_kept and not found.failure else read_corpus(target.name)
    if is_kept and not found.failure:
        write_corpus(target.name, kept)
    print(
        f"{target.name}: seed {seed}, {found.inputs} inputs in {found.seconds:.0f} s "
        f"({found.inputs / found.seconds:.0f}/s), edges {found.first_edges} -> {len(found.edges)}, "
        f"{len(found.corpus)} inputs took new ways, kept {len(kept)} "
        f"({sum(map(len, kept))} bytes), slowest {found.slowest_s * 1000:.0f} ms"
        + (f"\n  BROKEN {found.failure}" if found.failure else ""),
        flush=True,
    )
    return not found.failure


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; 1 when something broke."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("readers", nargs="*", metavar="READER", help=", ".join(TARGETS))
    parser.add_argument("--inputs", type=float, default=math.inf)
    parser.add_argument("--seconds", type=float, default=math.inf)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="write corpus/guided anew")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.readers if name not in TARGETS]
    if unknown:
        parser.error(f"no such reader: {', '.join(unknown)}; there are {', '.join(TARGETS)}")
    is_endless = math.isinf(options.seconds) and math.isinf(options.inputs)
    seconds = SECONDS if is_endless else options.seconds
    results = [
        fuzz(
            TARGETS[name],
            seed=options.seed,
            inputs=options.inputs,
            seconds=seconds,
            is_kept=options.keep,
        )
        for name in options.readers or TARGETS
    ]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
