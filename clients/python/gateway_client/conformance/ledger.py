"""What was delivered of a topic's events, repeated, or told to be lost for good."""

from collections import Counter, defaultdict

from gateway_client.base import StreamItem
from gateway_client.events import Gap
from gateway_client.messages import Correction, Flag, News, Trade

EVENTS = (Trade, Correction, News)
"""What is to come once, or to be named as lost."""


class Ledger:
    """Counts everything consumed, by topic and run of the gateway."""

    def __init__(self) -> None:
        self._delivered: defaultdict[tuple[str, int], Counter[int]] = defaultdict(Counter)
        self._lost: defaultdict[tuple[str, int], set[int]] = defaultdict(set)

    def note(self, item: StreamItem) -> None:
        """Count one item, if it is an event or tells of lost ones."""
        if isinstance(item, Gap):
            if item.is_final:
                missing = range(item.first_missing, item.last_missing + 1)
                self._lost[item.topic, item.epoch].update(missing)
        elif isinstance(item, EVENTS) and not item.flags & Flag.SNAPSHOT:
            # The answer that only tells where the sequence stands is no event.
            topic = f"{item.kind},{item.symbol},"
            self._delivered[topic, item.epoch][item.sequence] += 1

    def of(self, topic: str) -> dict[str, str]:
        """Sum up one topic."""
        runs = {run for run in (*self._delivered, *self._lost) if run[0] == topic}
        sums: Counter[str] = Counter(delivered=0, repeated=0, lost=0, holes=0)
        for run in runs:
            delivered, lost = self._delivered.get(run, Counter()), self._lost.get(run, set())
            known = set(delivered) | lost
            sums["delivered"] += len(delivered)
            sums["repeated"] += sum(count > 1 for count in delivered.values())
            sums["lost"] += len(lost)
            sums["holes"] += max(known) - min(known) + 1 - len(known) if known else 0
        return {name: str(count) for name, count in sums.items()}
