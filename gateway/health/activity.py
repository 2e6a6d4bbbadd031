"""Activity: how much market data is expected at this hour, judged by what came before.

A quiet night is no trouble, and neither is a symbol that trades twice a day. So low throughput and
silence are judged within trading hours only, and only against a pace that the same symbols have
shown: throughput once it was above its limit for a minute, a gap once data would have come in
twenty of its seconds.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final

from gateway.health.facts import FeedReport
from gateway.health.sessions import TradingHours

SECOND_NS: Final = 1_000_000_000
MARKET_LABELS: Final = (
    "trades_published",
    "quotes_published",
    "quotes_merged",
    "summaries_published",
    "orders_published",
    "depths_published",
)
"""Counters of what the market's own lines publish."""
ARM_S: Final = 60
"""How long throughput must have been good before its fall is one."""
FEWER_SYMBOLS: Final = 0.9
"""With fewer live symbols than this share of those then, it must be good once more, and the pace
is measured anew."""
PACES_S: Final = (300, 1_800)
"""How far back the pace before a gap is looked for; the slower one counts: a symbol in the news
trades each second for a minute or two, and then as rarely as before."""
FALL: Final = 0.2
"""Throughput has fallen when it is less than this share of what it was for a minute."""
SETTLE_S: Final = 30
"""After a link was down its symbols are live one after the other."""
MANY_SYMBOLS: Final = 100
"""So many live symbols are never silent together in trading hours, whatever their pace was."""
EXPECTED_MIN: Final = 20
"""Seconds of a gap in which data would have come: by chance it then happens once in 500 million.
Seconds, not messages: a burst of them tells nothing of the time after it."""


@dataclass(frozen=True, slots=True)
class Activity:
    """What is judged now; None for what does not apply."""

    expected_msg_per_sec: float | None = None
    """Throughput, where it may be expected to be good."""
    message_gap_seconds: float | None = None
    """Seconds without market data, where that is improbable; 0 while data comes."""


class ActivityWatch:
    """Follows reports, one a second.

    Args:
        hours: When the market is expected to trade.
    """

    def __init__(self, hours: TradingHours) -> None:
        self._hours = hours
        self._active_ns: dict[int, deque[int]] = {
            seconds: deque(maxlen=seconds) for seconds in PACES_S
        }
        """By window: moments of the reports that told of new data, oldest first."""
        self._count: int | None = None
        self._good_since_ns: int | None = None
        self._armed_symbols = 0
        self._silent_since_ns = 0
        self._pace = 0.0
        self._pace_symbols = 0
        self._settling_until_ns = 0
        self._rates: deque[float] = deque(maxlen=ARM_S)
        self._usual_rate = 0.0

    def set_hours(self, hours: TradingHours) -> None:
        """Expect trading at other times from now on."""
        self._hours = hours

    def follow(self, report: FeedReport, *, throughput: float, throughput_min: float) -> Activity:
        """Take the next report.

        Args:
            report: The newest.
            throughput: Messages a second.
            throughput_min: The limit it is judged by; 0 for none.

        Returns:
            What is judged now.
        """
        clock_us = report.market_clock_us
        live = report.symbols.get("live", 0)
        is_open = clock_us is not None and self._hours.is_open(clock_us)
        if is_open and report.cause is not None:
            # A link that is down is told by name: its silence is no second trouble. The pace of the
            # day is still that of its symbols, which will be live one after the other.
            self._count = self._good_since_ns = None
            self._settling_until_ns = report.at_ns + SETTLE_S * SECOND_NS
            return Activity()
        if not is_open or not live:
            self._forget()
            return Activity()
        return Activity(
            expected_msg_per_sec=self._judge_throughput(
                report.at_ns, throughput, throughput_min, live
            ),
            message_gap_seconds=self._judge_gap(report, live),
        )

    def _forget(self) -> None:
        self._forget_pace()
        self._count = None
        self._good_since_ns = None
        self._armed_symbols = 0
        self._usual_rate = 0.0
        self._rates.clear()

    def _forget_pace(self) -> None:
        for moments in self._active_ns.values():
            moments.clear()
        self._pace, self._pace_symbols = 0.0, 0

    def _judge_throughput(
        self, at_ns: int, throughput: float, throughput_min: float, live: int
    ) -> float | None:
        self._rates.append(throughput)
        if self._armed_symbols and live >= FEWER_SYMBOLS * self._armed_symbols:
            self._armed_symbols = max(self._armed_symbols, live)
            if len(self._rates) == ARM_S:
                self._usual_rate = max(self._usual_rate, min(self._rates))
            # Noon is slower than the open, by less than this: that is no fall.
            return throughput if throughput < FALL * self._usual_rate else None
        self._armed_symbols = 0
        self._usual_rate = 0.0
        if not throughput_min or throughput < throughput_min:
            self._good_since_ns = None
            return None
        if self._good_since_ns is None:
            self._good_since_ns = at_ns
        if at_ns - self._good_since_ns >= ARM_S * SECOND_NS:
            self._armed_symbols, self._good_since_ns = live, None
            self._usual_rate = min(self._rates)
        return None

    def _judge_gap(self, report: FeedReport, live: int) -> float | None:
        is_settling = report.at_ns < self._settling_until_ns
        if live < FEWER_SYMBOLS * self._pace_symbols and not is_settling:
            # The pace of those that are gone is not that of those that are left.
            self._forget_pace()
        self._pace_symbols = max(self._pace_symbols, live)
        count = sum(report.counters[label] for label in MARKET_LABELS)
        at_ns = report.at_ns
        if count == self._count:
            gap_s = (at_ns - self._silent_since_ns) / SECOND_NS
            is_improbable = gap_s * self._pace >= EXPECTED_MIN or live >= MANY_SYMBOLS
            return gap_s if is_improbable else None
        self._count = count
        self._silent_since_ns = at_ns
        self._pace = min(
            _pace_of(moments, at_ns, seconds) for seconds, moments in self._active_ns.items()
        )
        return 0.0


def _pace_of(moments: deque[int], at_ns: int, seconds: int) -> float:
    """Take one more moment into a window; in what share of its seconds data came.

    0 while the window is too young to say.
    """
    moments.append(at_ns)
    while at_ns - moments[0] > seconds * SECOND_NS:
        moments.popleft()
    elapsed_s = (at_ns - moments[0]) / SECOND_NS
    return len(moments) / elapsed_s if elapsed_s >= ARM_S else 0.0
