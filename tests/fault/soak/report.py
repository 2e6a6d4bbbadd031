"""The figures of a soak beside what is promised, as a table and as JSON."""

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Final

from tests.fault.soak.accounts import SoakLog
from tests.fault.soak.availability import SECOND_US, Availability, availability_of
from tests.fault.soak.cast import HEALTHY
from tests.fault.soak.run import RECOVER_S_MAX, Happened, Outcome
from tests.fault.soak.vitals import Life

AVAILABLE_MIN: Final = 0.999
LATENCY_MS_MAX: Final = 100.0
THROUGHPUT_MIN: Final = 1_000.0
ERRORS_PERCENT_MAX: Final = 1.0
SLOPE_MB_H_MAX: Final = 1.0
GROWN_MB_MAX: Final = 1.0
"""For a span shorter than an hour: a page more or less is much of its slope."""
SLOPE_JUDGED_S: Final = 600.0
"""The slope of less is shown and not judged."""
HOUR_S: Final = 3_600.0
DESCRIPTORS_MAX: Final = 0
SAMPLES_STEP: Final = 10
"""One sample of so many goes into the file."""
BLIND_SHOWN_MAX: Final = 20
QUANTILES: Final = (0.5, 0.99, 0.999, 1.0)
FAULTS_JUDGED_S: Final = 60.0
"""Ends of a life closer together than that say nothing about descriptors."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table."""

    name: str
    value: str
    target: str = ""
    """What is promised; empty where nothing is."""
    is_met: bool | None = None
    """Whether it holds; None where nothing is promised or it could not be judged."""


@dataclass(frozen=True, slots=True)
class Latency:
    """How old fresh prices were when a consumer had decoded them, ms."""

    count: int
    average: float
    quantiles: tuple[float, ...]
    """For `QUANTILES`."""

    def __str__(self) -> str:
        p50, p99, p999, worst = self.quantiles
        return (
            f"average {self.average:.2f}, p50 {p50:.2f}, p99 {p99:.2f}, p99.9 {p999:.2f}, "
            f"max {worst:.2f} ms ({self.count:,})"
        )


def latency_of(ages: Counter[int]) -> Latency:
    """Sum up ages in us.

    Raises:
        AssertionError: There are none.
    """
    total = ages.total()
    assert total, "no fresh price was received: nothing was measured"
    found = []
    wanted = iter(QUANTILES)
    share, seen, last = next(wanted), 0, max(ages)
    for age_us, count in sorted(ages.items()):
        seen += count
        while seen >= share * total or age_us == last:
            found.append(age_us / 1000)
            share = next(wanted, 2.0)
            if share > 1.0:
                break
        if share > 1.0:
            break
    average = sum(age * count for age, count in ages.items()) / total / 1000
    return Latency(total, average, tuple(found))


def ages_of(logs: Iterable[SoakLog], outcome: Outcome, *, is_calm: bool) -> Counter[int]:
    """Ages of all prices; of calm seconds only where that is wanted."""
    ages: Counter[int] = Counter()
    for log in logs:
        for second, counts in log.seconds.items():
            at_us = second * SECOND_US
            if at_us < outcome.began_us or (is_calm and not outcome.is_calm(at_us)):
                continue
            ages += counts
    return ages


class Report:
    """Judges an outcome.

    Args:
        outcome: Of a soak.
    """

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self._healthy = [outcome.logs[name] for name in HEALTHY]
        self.each = self._availability()
        self.available = sum(self.each.values(), Availability(Counter(), ()))
        self.lives = outcome.vitals.judged(outcome.is_calm)
        self.figures = [
            *self._service(),
            *self._latency(),
            *self._throughput(),
            *self._errors(),
            *self._recovery(),
            *self._process(),
        ]

    @property
    def is_met(self) -> bool:
        """Whether no promise was broken."""
        return all(figure.is_met is not False for figure in self.figures)

    def as_text(self) -> str:
        """Both tables in Markdown, and what was violated."""
        lines = ["| figure | measured | target | met |", "|---|---|---|---|"]
        words = {True: "yes", False: "NO", None: ""}
        lines += [
            f"| {f.name} | {f.value} | {f.target} | {words[f.is_met]} |" for f in self.figures
        ]
        lines += [
            "",
            "| fault | times | recovered after, s (mean, max) | not |",
            "|---|---|---|---|",
        ]
        for name, faults in self._by_kind().items():
            times = [fault.recover_s for fault in faults]
            known = [time for time in times if time is not None]
            text = f"{statistics.fmean(known):.2f}, {max(known):.2f}" if known else ""
            lines.append(f"| {name} | {len(times)} | {text} | {len(times) - len(known)} |")
        lines += [f"violation: {text}" for text in self.outcome.violations[:20]]
        lines += [f"blind: {text}" for text in self._blind()]
        return "\n".join(lines)

    def as_plain(self) -> dict[str, Any]:
        """Everything, for a file."""
        return {
            "is_met": self.is_met,
            "figures": [asdict(figure) for figure in self.figures],
            "faults": [
                {
                    "kind": fault.planned.kind.name,
                    "at_s": (fault.began_us - self.outcome.began_us) / 1e6,
                    "for_s": fault.planned.for_s,
                    "recover_s": fault.recover_s,
                    "each_s": {
                        name: (at_us - fault.ended_us) / 1e6
                        for name, at_us in fault.each_us.items()
                    },
                }
                for fault in self.outcome.faults
            ],
            "seconds": dict(self.available.seconds),
            "lives": [asdict(life) for life in self.lives],
            "samples": [
                [(sample.at_us - self.outcome.began_us) / 1e6, *sample[1:]]
                for samples in self.outcome.vitals.lives
                for sample in samples[::SAMPLES_STEP]
            ],
            "words": {
                name: [((at_us - self.outcome.began_us) / 1e6, word) for at_us, word in log.words]
                for name, log in self.outcome.logs.items()
                if name in HEALTHY
            },
            "violations": self.outcome.violations,
            "blind": self._blind(),
        }

    def _availability(self) -> dict[str, Availability]:
        """Of each consumer that nothing was done to."""
        outcome = self.outcome
        upstream = [f for f in outcome.faults if f.planned.kind.group == "upstream"]

        def is_outage(at_us: int) -> bool:
            return any(fault.covers(at_us) for fault in upstream)

        return {
            name: availability_of(
                outcome.logs[name],
                began_us=outcome.began_us,
                ended_us=outcome.ended_us,
                is_outage=is_outage,
            )
            for name in HEALTHY
        }

    def _blind(self) -> list[str]:
        """When consumers were blind, and what had been done last."""
        found = []
        for name, one in self.each.items():
            for second in one.blind_at[:BLIND_SHOWN_MAX]:
                before = [f for f in self.outcome.faults if f.began_us <= (second + 1) * SECOND_US]
                fault = before[-1].planned.kind.name if before else "nothing"
                at_s = second - self.outcome.began_us / SECOND_US
                late_ms = self.outcome.cast.host.late_ms.get(second, 0.0)
                found.append(
                    f"{name} at {at_s:.0f} s, after {fault}; this machine was {late_ms:.0f} ms late"
                )
        return found

    def _by_kind(self) -> dict[str, list[Happened]]:
        found: dict[str, list[Happened]] = defaultdict(list)
        for fault in self.outcome.faults:
            found[fault.planned.kind.name].append(fault)
        return dict(sorted(found.items()))

    def _service(self) -> Iterable[Figure]:
        available, outcome = self.available, self.outcome
        yield Figure(
            "availability (live, or the cause stated in time)",
            f"{available.share:.4%} of {available.counted:,} consumer seconds",
            "> 99.9 %",
            available.share > AVAILABLE_MIN,
        )
        yield Figure("the same, blind until told", f"{available.told_share:.4%}")
        yield Figure("live data alone", f"{available.live_share:.4%}")
        words = ", ".join(f"{count} {kind}" for kind, count in available.seconds.most_common())
        yield Figure("consumer seconds", words)
        yield Figure(
            "undeclared loss and other violations",
            str(len(outcome.violations)),
            "0",
            not outcome.violations,
        )
        for name, log in [*outcome.logs.items(), *outcome.ended]:
            yield Figure(
                f"{name}: received, declared missing, replayed after all",
                f"{log.message_count:,}, {log.declared:,}, {log.replayed:,}",
            )
        yield Figure("messages published", f"{outcome.published:,}")
        late_ms = sorted(outcome.cast.host.late_ms.values())
        if late_ms:
            p50, p99 = late_ms[len(late_ms) // 2], late_ms[len(late_ms) * 99 // 100]
            yield Figure(
                "this machine: latest waking within a second",
                f"p50 {p50:.1f}, p99 {p99:.1f}, max {late_ms[-1]:.1f} ms",
            )

    def _latency(self) -> Iterable[Figure]:
        whole = latency_of(ages_of(self._healthy, self.outcome, is_calm=False))
        yield Figure(
            "latency, all the time",
            str(whole),
            "average < 100 ms",
            whole.average < LATENCY_MS_MAX,
        )
        calm = ages_of(self._healthy, self.outcome, is_calm=True)
        if calm:
            yield Figure("latency, calm", str(latency_of(calm)))
        asked = self.outcome.cast.asker.answers_us
        if asked:
            yield Figure("answers", str(latency_of(Counter(asked))))

    def _throughput(self) -> Iterable[Figure]:
        log = self.outcome.logs["bare"]
        calm = [
            counts.total()
            for second, counts in log.seconds.items()
            if self.outcome.is_calm(second * SECOND_US)
            and self.outcome.began_us < second * SECOND_US < self.outcome.ended_us - SECOND_US
        ]
        mean = statistics.fmean(calm) if calm else 0.0
        yield Figure(
            "throughput, one consumer, calm seconds",
            f"{mean:,.0f} messages/s of {len(calm)} seconds, least {min(calm, default=0):,}",
            "> 1,000/s",
            mean > THROUGHPUT_MIN if calm else None,
        )
        seconds = (self.outcome.ended_us - self.outcome.began_us) / 1e6
        everybody = [*self.outcome.logs.values(), *(log for _, log in self.outcome.ended)]
        delivered = sum(one.message_count for one in everybody)
        yield Figure("delivered to all, faults included", f"{delivered / seconds:,.0f} messages/s")

    def _errors(self) -> Iterable[Figure]:
        asker = self.outcome.cast.asker
        if asker.error_percents:
            mean = statistics.fmean(asker.error_percents)
            yield Figure(
                "processing errors, by the gateway's own count",
                f"{mean:.4f} %, at worst {max(asker.error_percents):.4f} %",
                "< 1 %",
                mean < ERRORS_PERCENT_MAX,
            )
            yield Figure(
                "average latency, by the gateway's own count",
                f"{statistics.fmean(asker.gateway_ms):.3f} ms, half of all looks "
                f"{statistics.median(asker.gateway_ms):.3f} ms",
            )
        silent = [at for at in asker.unanswered_us if self.outcome.is_calm(at)]
        yield Figure(
            "requests: answered, refused, unanswered amid faults, unanswered in calm",
            f"{len(asker.answers_us):,}, {sum(asker.refused.values())}, "
            f"{len(asker.unanswered_us) - len(silent)}, {len(silent)}",
            "0 in calm",
            not silent,
        )

    def _recovery(self) -> Iterable[Figure]:
        times = [fault.recover_s for fault in self.outcome.faults]
        known = [time for time in times if time is not None]
        missing = len(times) - len(known)
        worst = max(known, default=0.0)
        yield Figure(
            "recovery of all symbols, worst",
            f"{worst:.2f} s of {len(times)} faults, {missing} never",
            "< 30 s",
            not missing and worst < RECOVER_S_MAX,
        )

    def _process(self) -> Iterable[Figure]:
        for number, life in enumerate(self.lives, 1):
            yield self._memory(number, life)
        if not self.lives:
            return
        longest = max(self.lives, key=lambda life: life.seconds)
        is_judged = longest.calm >= FAULTS_JUDGED_S
        for name, (first, last), most in (
            ("descriptors", longest.descriptors, DESCRIPTORS_MAX),
            ("threads", longest.threads, 0),
        ):
            yield Figure(
                f"{name} at both ends of the longest life",
                f"{first:g}, {last:g}",
                "no more",
                last <= first + most if is_judged else None,
            )

    def _memory(self, number: int, life: Life) -> Figure:
        slope = "too short" if life.slope_mb_h is None else f"{life.slope_mb_h:+.2f} MB/h"
        first, last = life.rss_mb
        target, is_met = "", None
        if life.is_settled and life.slope_mb_h is not None and life.slope_s >= SLOPE_JUDGED_S:
            hours = min(1.0, life.slope_s / HOUR_S)
            target = "< 1 MB/h" if hours == 1.0 else "grows by < 1 MB"
            is_met = life.slope_mb_h * hours < (SLOPE_MB_H_MAX if hours == 1.0 else GROWN_MB_MAX)
        return Figure(
            f"memory of life {number}",
            f"{slope} over {life.slope_s:.0f} s{'' if life.is_settled else ', not settled'}; "
            f"{first:.1f} to {last:.1f} MB in {life.seconds:.0f} s; processor {life.cpu_share:.2f}",
            target,
            is_met,
        )
