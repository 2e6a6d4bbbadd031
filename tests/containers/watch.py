"""A consumer in a container, and what it has heard so far."""

import json
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from tests.containers.engine import PYTHON, Project

PROGRAM: Final = (Path(__file__).parent / "watch_program.py").read_text(encoding="utf-8")
STALE: Final = 16
HEARD_S_MAX: Final = 60.0
Told = dict[str, Any]


class Watch:
    """Runs `watch_program.py` beside a gateway.

    Args:
        project: Whose service `consumer` lends it image, network and key.
        name: Of its container.
        symbols: What it subscribes to.
    """

    def __init__(self, project: Project, name: str, symbols: Sequence[str]) -> None:
        self._engine, self._name, self.symbols = project.engine, name, tuple(symbols)
        self._engine.run("rm", "--force", name, is_checked=False)
        self._process = project.start(
            *("run", "--rm", "--no-deps", "-T", "--name", name, "--entrypoint", PYTHON),
            *("consumer", "-u", "-c", PROGRAM, *symbols),
        )
        self.told: list[Told] = []
        """What it printed, in order."""
        self._said: list[str] = []
        self._thread = threading.Thread(target=self._read, name=name, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._engine.run("rm", "--force", self._name, is_checked=False)
        self._process.wait(HEARD_S_MAX)
        self._thread.join(HEARD_S_MAX)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):
                self.told.append(json.loads(line))
            else:
                self._said.append(line)

    def wait(self, is_so: Callable[[list[Told]], bool], *, what: str) -> None:
        """Wait until what was heard is enough."""
        end_s = time.monotonic() + HEARD_S_MAX
        while not is_so(self.told):
            if time.monotonic() > end_s or self._process.poll() is not None:
                tail = "".join(self._said[-20:])
                raise AssertionError(f"{what}: not heard; {self.told[-5:]}\n{tail}")
            time.sleep(0.05)

    def wait_live(self, *, after_s: float = 0.0) -> float:
        """Wait until every symbol has had a quote that is live.

        Args:
            after_s: Unix time, seconds: those of a run that began later are meant.

        Returns:
            When the last symbol had its first, Unix time, seconds.
        """

        def first_live(symbol: str) -> float | None:
            return next(
                (
                    told["at_s"]
                    for told in list(self.told)
                    if told["what"] == "Quote"
                    and told["symbol"] == symbol
                    and not told["flags"] & STALE
                    and told["epoch"] >= after_s * 1000
                ),
                None,
            )

        self.wait(
            lambda _: all(first_live(symbol) is not None for symbol in self.symbols),
            what="live quotes of every symbol",
        )
        return max(first_live(symbol) or 0.0 for symbol in self.symbols)

    def names(self) -> list[str]:
        """The kinds of everything heard, in order."""
        return [told["what"] for told in list(self.told)]
