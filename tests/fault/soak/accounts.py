"""What one consumer of a soak received, in memory that does not grow with messages."""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from tests.fault.soak.forgetting import Forgetting
from tests.support import records
from tests.support.history import BACKFILL, REPLAY, History
from tests.support.intervals import Intervals
from tests.support.records import SNAPSHOT_FLAG, Log

STALE: Final = 16
OLD: Final = SNAPSHOT_FLAG | REPLAY | BACKFILL | STALE
PRICES: Final = ("quote", "trade", "summary")
SILENCE: Final = "silence"
RESTART: Final = "restart"
GOODBYE: Final = "goodbye"


class SoakLog(Log):
    """A record that is counted by the second and then forgotten.

    Args:
        path: The file.
        symbols: Whose prices it is to have.
    """

    def __init__(self, path: Path, symbols: Iterable[str]) -> None:
        super().__init__(path)
        self._forgetting = Forgetting(self._file)
        self._symbols = frozenset(symbols)
        self._causes: dict[str, str] = dict.fromkeys(self._symbols, "pending")
        self._is_silent = self._is_gone = False
        self.epoch = 0
        """The latest run of the gateway that it heard of."""
        self.seconds: dict[int, Counter[int]] = {}
        """Fresh prices of each second of Unix time, by their age, us; see `coarse`."""
        self.stale: set[int] = set()
        """Seconds in which prices came that said that they are old."""
        self.away: list[tuple[int, int]] = []
        """When it did not run itself, from and to, us."""
        self.words: list[tuple[int, str]] = [(0, "pending")]
        """When what it knows about the lack of prices changed, us, and to what; empty: all live."""
        self.epochs: list[tuple[int, int]] = []
        """When it first heard of each run of the gateway, us, and that run's epoch."""
        self.whole_us: dict[int, int] = {}
        """When all symbols were live again after each fault that was awaited."""
        self._awaited: dict[int, tuple[int, int]] = {}
        self.declared = 0
        """Messages it said it missed, those that came after all included."""
        self.replayed = 0
        """Messages that came after all."""

    def read(self) -> int:
        """Take what was written since the last call, and give its room on the disk back."""
        count = super().read()
        self._forgetting.forget(self._file.tell())
        return count

    def await_whole(self, number: int, *, since_us: int, above_epoch: int) -> None:
        """Note when every symbol is live after a moment, in a later run than one.

        Args:
            number: Of the fault.
            since_us: What came before does not count.
            above_epoch: Nor do earlier runs, this one included.
        """
        self._awaited[number] = (since_us, above_epoch)

    @property
    def is_waited_for(self) -> bool:
        """Whether some fault's end was not reached yet."""
        return bool(self._awaited)

    def _take(self, kind: int, at_us: int, values: list[Any]) -> None:
        if kind == records.MESSAGE:
            # Contents cannot be kept for an hour; the checksum goes, and the answer's mark with it.
            is_client = values[5] is None
            flags = values[3]
            is_answer = flags & SNAPSHOT_FLAG and tuple(values[1:3]) <= self.history.last(values[0])
            if not (is_answer and is_client):
                self._take_message(at_us, values)
        elif kind == records.STATED:
            symbol, state, cause = values
            self._state(at_us, symbol, "" if state == "live" else cause or state)
        elif kind != records.HOLE or values[0] in self.topics:
            # A client misses messages of `sys` topics, too, and says so; none of those is counted.
            super()._take(kind, at_us, values)
            if kind != records.READY:
                self.events.pop()
            self._take_event(kind, at_us, values)

    def _take_event(self, kind: int, at_us: int, values: list[Any]) -> None:
        if kind == records.HOLE:
            self.declared += values[3] - values[2] + 1
        elif kind == records.AWAY:
            self.away.append((at_us - round(values[0] * 1e6), at_us))
        elif kind in (records.SILENT, records.BACK):
            self._is_silent = kind == records.SILENT
            self._say(at_us)
        elif kind == records.NOTICE and values[0] == "sys,goodbye,":
            self._is_gone = True
            self._say(at_us)

    def _take_message(self, at_us: int, values: list[Any]) -> None:
        topic, epoch, sequence, flags, recv_us = values[:5]
        self.message_count += 1
        if topic not in self.topics:
            self.foreign.append(topic)
        if epoch > self.epoch:
            self.epoch = epoch
            self.epochs.append((at_us, epoch))
            self._causes = dict.fromkeys(self._symbols, RESTART)
            self._is_gone = False
            self._say(at_us)
        self.history.note(topic, [0, epoch, sequence, flags])
        self.replayed += bool(flags & REPLAY)
        kind, symbol, _ = topic.split(",")
        if kind not in PRICES or epoch != self.epoch:
            return
        if flags & OLD:
            if flags & STALE:
                self.stale.add(at_us // 1_000_000)
            return
        age_us = at_us - recv_us
        counts = self.seconds.get(at_us // 1_000_000)
        if counts is None:
            counts = self.seconds[at_us // 1_000_000] = Counter()
        counts[coarse(age_us)] += 1
        if symbol in self._causes:
            self._state(at_us, symbol, "")
        if self._awaited and not self._causes:
            self._note_whole(at_us)

    def _note_whole(self, at_us: int) -> None:
        for number, (since_us, above_epoch) in list(self._awaited.items()):
            if at_us >= since_us and self.epoch > above_epoch:
                self.whole_us[number] = at_us
                del self._awaited[number]

    def _state(self, at_us: int, symbol: str, cause: str) -> None:
        if symbol not in self._symbols:
            return
        if cause:
            self._causes[symbol] = cause
        else:
            self._causes.pop(symbol, None)
        self._say(at_us)

    def _say(self, at_us: int) -> None:
        """Note what the consumer knows when that is news."""
        if self._is_silent or self._is_gone:
            word = SILENCE if self._is_silent else GOODBYE
        elif 2 * len(self._causes) > len(self._symbols):
            word = next(reversed(self._causes.values()))
        else:
            word = ""
        if word != self.words[-1][1]:
            self.words.append((at_us, word))


def coarse(age_us: int) -> int:
    """A time with the digits that matter: to 10 us below 1 ms, to 100 us below 10 ms, else 1 ms."""
    step = 10 if age_us < 1_000 else 100 if age_us < 10_000 else 1_000
    return max(0, age_us) // step * step


class Published:
    """Every message that any consumer received: what was published, as far as can be known."""

    def __init__(self, histories: Iterable[History]) -> None:
        self._received: dict[tuple[str, int], Intervals] = {}
        self._latest: dict[str, int] = {}
        for history in histories:
            for topic, epoch, run in history.runs():
                whole = self._received.setdefault((topic, epoch), Intervals())
                for first, last in run.received:
                    whole.add(first, last)
                self._latest[topic] = max(self._latest.get(topic, 0), epoch)

    @property
    def count(self) -> int:
        """How many messages."""
        return sum(whole.count for whole in self._received.values())

    def heads(self) -> dict[str, tuple[int, int]]:
        """The last message of each topic."""
        return {
            topic: (epoch, self._received[topic, epoch].last)
            for topic, epoch in self._latest.items()
            if self._received[topic, epoch]
        }

    def missed(
        self, history: History, heads: dict[str, tuple[int, int]], *, is_over: bool
    ) -> Iterator[str]:
        """What a consumer neither received nor declared, in words.

        An epoch that ended while it was away needs no declaration: the next epoch is one.

        Args:
            history: Of the consumer.
            heads: Up to where the last epoch is compared.
            is_over: Whether it was ended before the rest, so that its own last message counts.
        """
        for topic, epoch, run in history.runs():
            published = self._received[topic, epoch]
            until = run.head
            if not is_over and not run.is_left and heads.get(topic, (0, 0))[0] == epoch:
                until = max(until, heads[topic][1])
            due = published.within(run.base + 1, until)
            for first, last in due.minus(run.received, run.declared, run.unasked):
                yield f"{topic} epoch {epoch}: {first} to {last} missing"
