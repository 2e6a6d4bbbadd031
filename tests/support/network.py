"""Two network namespaces joined by a link that can be slow, lossy, or cut in either direction.

The near end is for the gateway and what feeds it, the far end for consumers. Both ends have
addresses of 127/8, which the gateway may listen on; so its own TCP connection runs over the link,
and nothing between it and the consumer answers in its place.
"""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import pytest

from tests.support import namespaces
from tests.support.emulator import ADDRESSES, DIRECTIONS, Conditions

ROOT: Final = Path(__file__).resolve().parents[2]
NEAR, FAR = ADDRESSES
END_S_MAX: Final = 10.0


def require() -> None:
    """Skip the test where namespaces cannot be made; continuous integration must not skip it."""
    reason = namespaces.missing()
    if reason and os.environ.get("CI") == "true":
        pytest.fail(f"CI=true, but tests of a faulty network {reason}")
    if reason:
        pytest.skip(f"a test of a faulty network {reason}")


class Network:
    """Both namespaces and the emulator's process between them.

    Args:
        seed: Decides every packet's fate.
    """

    def __init__(self, *, seed: int = 1) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.emulator", str(os.getpid()), str(seed)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            cwd=ROOT,
        )
        try:
            self.near, self.far = self._read()
            """The namespaces' names."""
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the emulator, and with it the namespaces."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(END_S_MAX)
        finally:
            self._process.kill()
            self._process.wait(END_S_MAX)
            self._process.stdout.close()
            namespaces.remove_stale()

    @property
    def pid(self) -> int:
        """The emulator's process."""
        return self._process.pid

    def _read(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"the emulator ended with {self._process.wait(END_S_MAX)}"
        return json.loads(line)

    def _order(self, order: Mapping[str, Mapping[str, object]]) -> dict[str, dict[str, Any]]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        return dict(self._read())

    def change(self, *directions: str, **changes: object) -> None:
        """Change conditions; in force when this returns.

        Args:
            directions: `to_far`, `to_near`; both when left out.
            changes: Fields of `Conditions`; the others stay as they are.
        """
        self._order(dict.fromkeys(directions or DIRECTIONS, changes))

    def cut(self, *directions: str) -> None:
        """Let nothing through any more."""
        self.change(*directions, is_cut=True)

    def heal(self) -> None:
        """Make both directions perfect again."""
        self.change(**asdict(Conditions()))

    def figures(self, direction: str) -> dict[str, int]:
        """What became of the packets of one direction, counted by fate."""
        return dict(self._order({})[direction]["figures"])

    @contextlib.contextmanager
    def inside(self, name: str) -> Iterator[None]:
        """Be in a namespace with this thread: sockets made here use the link."""
        with namespaces.inside(name):
            yield

    def command(self, name: str, *arguments: str) -> list[str]:
        """A command line that runs a command in a namespace, as a process with the same number."""
        return ["ip", "netns", "exec", name, *arguments]
