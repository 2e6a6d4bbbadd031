"""What keys, entitlements, watchers and conflated topics cost: the same lines with each.

Entitlements are judged when a consumer subscribes, not with each message, so judging is measured
alone, too: 20,000 subscriptions against a file that names 4,000 symbols.
"""

import tempfile
import time
from pathlib import Path
from typing import Any, Final

from gateway.control.rights import granted_as
from gateway.policy.client_record import parse_client
from gateway.policy.entitlements import UserRights
from tests.bench import lines
from tests.bench.observers import quantiles
from tests.bench.plan import Cell, Figures, Options, Pair, Suite
from tests.bench.running import Run, prepared, run_once, scratch
from tests.bench.suites.latency import watch
from tests.support.keyring import EVERYTHING, Keyring

JUDGED: Final = 20_000
OTHERS: Final = 4_000
PLAIN: Final = "plain"


def entitled(names: list[str]) -> dict[str, Any]:
    """A long file: the benchmark's symbols one by one among many others, and some denied."""
    return {
        "role": "consumer",
        "allow": [
            {
                "kinds": ["l1", "fundamental"],
                "symbols": [*(f"X{number}" for number in range(OTHERS)), *names],
            }
        ],
        "deny": [{"kinds": ["*"], "symbols": [f"Y{number}*" for number in range(500)]}],
    }


class Keys:
    """Keys of one gateway and two clients, made when they are first needed."""

    def __init__(self, names: list[str]) -> None:
        self._names = names
        self._ring: Keyring | None = None

    @property
    def ring(self) -> Keyring:
        """All of them."""
        if self._ring is None:
            self._ring = Keyring(Path(tempfile.mkdtemp(dir=scratch())))
            self._ring.add("curve", role="consumer", allow=EVERYTHING)
            self._ring.add("entitled", **entitled(self._names))
        return self._ring

    def environment(self, client: str) -> dict[str, str]:
        """What gateway and subscribers need."""
        return {
            "IQGW_SECURITY__KEYS_DIR": str(self.ring.directory),
            "IQGW_DATA__AUTO_WATCH": "true",
            "BENCH_KEYS": " ".join(self.ring.keys(client)),
        }

    def judge(self) -> Figures:
        """How long one subscription is judged, microseconds."""
        path = self.ring.path("entitled")
        rights = UserRights(parse_client(path.read_text(), name="entitled"))
        topics = [f"quote,X{number % OTHERS},".encode() for number in range(JUDGED)]
        started_s = time.process_time()
        granted = sum(len(granted_as(rights, topic)) for topic in topics)
        elapsed_s = time.process_time() - started_s
        if granted != JUDGED:
            raise SystemExit(f"{granted} of {JUDGED} granted")
        return {"cpu_us_per_subscription": elapsed_s / JUDGED * 1e6}


def make(options: Options) -> Suite:
    """The suite."""
    count, symbols = options.lines(150_000), 20 if options.is_quick else 300
    keys = Keys([*lines.symbols(symbols), lines.START, lines.END])
    base = Run(mix=lines.MIXED, lines=count, symbols=symbols)

    def measure(name: str) -> Figures:
        run = base
        if name in {"curve", "entitled"}:
            run = Run(
                mix=lines.MIXED, lines=count, symbols=symbols, environment=keys.environment(name)
            )
        elif name == "watched":
            run = Run(mix=lines.MIXED, lines=count, symbols=symbols, watch=watch)
        elif name == "variants":
            run = Run(
                mix=lines.MIXED,
                lines=count,
                symbols=symbols,
                more_topics=("quote@250", "quote@1000", "summary@1000"),
            )
        figures: dict[str, Any] = run_once(run)
        waits_ms = figures.pop("health_ms", None)
        scrapes_ms = figures.pop("scrape_ms", None)
        figures.pop("events", None)
        if waits_ms:
            figures["health_p99_ms"] = quantiles(waits_ms)["p99"]
        if scrapes_ms:
            figures["scrape_p99_ms"] = quantiles(scrapes_ms)["p99"]
        return figures

    names = (PLAIN, "curve", "entitled", "watched", "variants")

    def cell(name: str) -> Cell:
        return Cell(name, lambda: measure(name), str(base))

    def prepare() -> None:
        prepared(base)

    return Suite(
        name="cost",
        title="What keys, entitlements, watchers and variants cost, one subscriber",
        figures=(
            "lines_per_s", "cpu_us_per_line", "cpu_us_per_subscription", "health_p99_ms",
            "scrape_p99_ms",
        ),
        cells=[*map(cell, names), Cell("judging a subscription", keys.judge)],
        pairs=[
            Pair(name, PLAIN, figure)
            for name in names[1:]
            for figure in ("lines_per_s", "cpu_us_per_line")
        ],
        prepare=prepare,
    )  # fmt: skip
