"""What a line costs with 1 to 5,000 symbols."""

from tests.bench.plan import Options, Pair, Suite
from tests.bench.running import Run
from tests.bench.suites.running_cells import suite_of


def make(options: Options) -> Suite:
    """The suite; every cell sends as many lines, shared among its symbols.

    Many, because a symbol's first lines take the longer way, until both of its sides have a moment.
    """
    counts = (10, 100) if options.is_quick else (1, 10, 100, 1_000, 5_000)
    least, most = 10, counts[-1]
    return suite_of(
        "symbols",
        "Throughput by number of symbols, one subscriber of all",
        {f"{count} symbols": Run(symbols=count, lines=options.lines(500_000)) for count in counts},
        figures=("lines_per_s", "cpu_us_per_line"),
        pairs=[
            Pair(f"{most} symbols", f"{least} symbols", "cpu_us_per_line", "<= 1.3"),
            Pair(f"{least} symbols", f"{most} symbols", "lines_per_s", "<= 1.3"),
        ],
    )
