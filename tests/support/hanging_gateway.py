"""`python -m tests.support.hanging_gateway run …`: its feed thread hangs after SIGUSR1."""

import signal
import threading
from collections.abc import Callable
from types import FrameType

import pytest

from gateway.cli import main
from gateway.runtime.feed import FeedThread


def hang_when_told() -> None:
    """Let the feed thread stand still for ever from its next tick on, once SIGUSR1 has come."""
    told = threading.Event()
    usual: Callable[[FeedThread, int], None] = FeedThread._tick

    def tick(thread: FeedThread, now_ns: int) -> None:
        if told.is_set():
            threading.Event().wait()
        usual(thread, now_ns)

    def tell(_: int, __: FrameType | None) -> None:
        told.set()

    pytest.MonkeyPatch().setattr(FeedThread, "_tick", tick)
    signal.signal(signal.SIGUSR1, tell)


if __name__ == "__main__":
    hang_when_told()
    main()
