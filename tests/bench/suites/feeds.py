"""Lines a second by what they are: Level 1 mixes, Level 2 by kind with and without books, both."""

from typing import Final

from tests.bench import lines
from tests.bench.plan import Options, Pair, Suite
from tests.bench.running import Run
from tests.bench.suites.baselines import split
from tests.bench.suites.running_cells import suite_of

DEPTH_KINDS: Final = ("orders", "makers", "levels")


def make(options: Options) -> Suite:
    """The suite as far as this machine can run it."""
    publishers, skipped = split(("c1",))
    symbols, depth_symbols = (20, 5) if options.is_quick else (300, 100)
    count = options.lines(100_000)
    runs = {
        f"level1 {mix.name}": Run(mix=mix, lines=count, symbols=symbols)
        for mix in lines.MIXES.values()
    }
    kinds = DEPTH_KINDS[:1] if options.is_quick else DEPTH_KINDS
    for kind in kinds:
        run = Run(kind=kind, lines=count, symbols=depth_symbols)
        runs[f"level2 {kind}"] = run
        runs[f"level2 {kind} + book"] = Run(
            kind=kind, lines=count, symbols=depth_symbols, more_topics=("book",)
        )
    runs["level1 mixed and level2 orders at once"] = Run(
        mix=lines.MIXED, lines=count, symbols=symbols, also="orders", also_symbols=depth_symbols
    )
    pairs = [Pair(name, "level1 quotes", "lines_per_s") for name in runs if name != "level1 quotes"]
    pairs += [Pair(f"level2 {kind} + book", f"level2 {kind}", "lines_per_s") for kind in kinds]
    if publishers:
        runs["c1 level2 orders"] = Run(
            publisher="c1", kind="orders", lines=options.lines(300_000), symbols=depth_symbols
        )
        pairs.append(Pair("level2 orders", "c1 level2 orders", "lines_per_s"))
    return suite_of(
        "feeds",
        "Lines a second by what they are, one subscriber of everything",
        runs,
        figures=("lines_per_s", "messages_per_s", "messages_per_line", "cpu_us_per_line"),
        pairs=pairs,
        skipped=skipped,
    )
