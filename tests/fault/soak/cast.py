"""Everybody in a soak: simulator, gateway and consumers, each a process of its own."""

import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from tests.fault.soak.accounts import SoakLog
from tests.fault.soak.asker import Asker
from tests.fault.soak.host import Host
from tests.support import records
from tests.support.market import Market, Subscriber, topics_of
from tests.support.processes import READY_S_MAX
from tests.support.stage import wait_until

SYMBOLS: Final = (
    *("AAPL", "MSFT", "GOOGL", "AMZN", "TSLA", "NVDA", "META", "SPY"),
    *("BRK.B", "@ES#", "QCL#"),
)
LEASED: Final = 8
REPLAY_S_MAX: Final = 60
"""Trades are kept for a minute, not for fifteen: until they are forgotten memory grows."""
PROGRAMS: Final = {
    "bare": "tests.support.bare_subscriber",
    "client": "tests.support.client_subscriber",
    "slow": "tests.support.bare_subscriber",
    "victim": "tests.support.bare_subscriber",
    "churner": "tests.fault.soak.churner",
}
HEALTHY: Final = ("bare", "client")
"""Consumers that nothing is done to: what they see is what is promised."""


class Cast:
    """Starts and ends everybody.

    Args:
        folder: For configurations, records and output.
        rate: Events a second of the market.
        seed: Of the market.
        settings: Other settings of the gateway, by section.
    """

    def __init__(
        self,
        folder: Path,
        *,
        rate: float,
        seed: int,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self._folder = folder
        self._opened = ExitStack()
        self._count = 0
        self.market = Market(
            folder,
            rate=rate,
            seed=seed,
            settings={
                "state_dir": str(folder / "state"),
                "security": {"allow_local_admin": True},
                "replay": {"age_s_max": REPLAY_S_MAX},
                **(settings or {}),
            },
        )
        self.gateway = self.market.gateway
        self.is_up = False
        """Whether the gateway's process runs; a suspended one does."""
        self.asker = Asker(self.gateway.control, list(SYMBOLS[:LEASED]))
        self.host = Host()
        self.consumers: dict[str, Subscriber] = {}
        """Those that run, by name."""
        self.ended: list[tuple[str, SoakLog]] = []
        """Names and records of those that were killed."""

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self.market)
            self.is_up = True
            stack.callback(self._end_consumers)
            for name in PROGRAMS:
                self.start_consumer(name)
            for consumer in self.consumers.values():
                consumer.wait_for(records.READY, seconds=READY_S_MAX)
            stack.enter_context(self.host)
            stack.enter_context(self.asker)
            self._opened = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._opened.close()

    @property
    def logs(self) -> dict[str, SoakLog]:
        """The records of those that run, by name."""
        return {name: self.log(name) for name in self.consumers}

    def log(self, name: str) -> SoakLog:
        """The record of one that runs."""
        log = self.consumers[name].log
        assert isinstance(log, SoakLog)
        return log

    def read(self) -> None:
        """Take what the consumers wrote down.

        Raises:
            AssertionError: One of them has ended by itself.
        """
        for name, consumer in self.consumers.items():
            consumer.log.read()
            code = consumer.process.poll()
            assert code is None, f"consumer {name} ended with {code}: {consumer.printed()}"

    def start_consumer(self, name: str) -> None:
        """Start one of the programs."""
        self._count += 1
        topics = topics_of(SYMBOLS)
        path = self._folder / f"{name}-{self._count}.records"
        log = SoakLog(path, SYMBOLS)
        log.topics = frozenset(topics)
        command = [
            *(sys.executable, "-m", PROGRAMS[name]),
            *("--data", self.gateway.data, "--control", self.gateway.control),
            *("--record", str(path), "--name", f"{name}-{self._count}"),
            *topics,
        ]
        self.consumers[name] = Subscriber(command, path, log)

    def kill_consumer(self, name: str) -> None:
        """End one without a word."""
        consumer = self.consumers.pop(name)
        consumer.process.kill()
        consumer.close()
        log = consumer.log
        assert isinstance(log, SoakLog)
        self.ended.append((name, log))

    def begin(self, script: Path, *arguments: object) -> "subprocess.Popen[bytes]":
        """Start a program that does harm."""
        return subprocess.Popen(
            [sys.executable, str(script), *map(str, arguments)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def wait_until_level(
        self, heads: Mapping[str, tuple[int, int]], *, seconds: float
    ) -> dict[str, int]:
        """Wait until everybody has, or misses, what was published by now.

        Args:
            heads: Last message of each topic.
            seconds: How long it may take.

        Returns:
            How many topics each consumer is behind with, after that time; empty when none is.
        """
        behind: dict[str, int] = {}

        def is_level() -> bool:
            self.read()
            behind.clear()
            for name, log in self.logs.items():
                if name != "churner":
                    count = sum(log.history.last(topic) < head for topic, head in heads.items())
                    behind.update({name: count} if count else {})
            return not behind

        try:
            wait_until(is_level, what="all are level", seconds=seconds)
        except AssertionError:
            return behind
        return {}

    def _end_consumers(self) -> None:
        for consumer in self.consumers.values():
            consumer.close()
