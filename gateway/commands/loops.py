"""Running an asyncio program until it ends or a signal asks it to."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any

STOP_SIGNALS = ("SIGINT", "SIGTERM", "SIGBREAK")
"""Those a platform lacks are left out."""


def run_program(main: Callable[[], Coroutine[Any, Any, int]]) -> int:
    """Run a coroutine on a selector loop, which ZeroMQ needs on Windows.

    Args:
        main: Makes the program; its result is the exit code.

    Returns:
        The exit code.
    """
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        return runner.run(main())


class ReloadSignal:
    """SIGHUP, where there is such a signal: what comes before somebody listens is remembered.

    Without a handler it would end the process, which a gateway that is just starting does not
    deserve.
    """

    def __init__(self) -> None:
        self._is_asked = False

    def catch(self) -> None:
        """Remember it from now on; in the main thread."""
        number = getattr(signal, "SIGHUP", None)
        if number is not None:
            signal.signal(number, lambda *_: self._remember())

    def _remember(self) -> None:
        self._is_asked = True

    def tell(self, loop: asyncio.AbstractEventLoop, reload: Callable[[], object]) -> None:
        """Call `reload` at each from now on, and once if there was one before.

        Args:
            loop: Where it is called.
            reload: Reads again what can be read again.
        """
        number = getattr(signal, "SIGHUP", None)
        if number is not None:
            loop.add_signal_handler(number, reload)
        if self._is_asked:
            reload()


def on_stop_signal(loop: asyncio.AbstractEventLoop, stop: Callable[[], object]) -> None:
    """Call `stop` at the first signal that asks to end; the second one ends at once.

    Args:
        loop: Where `stop` is called.
        stop: Begins an orderly end.
    """
    is_asked = False

    def ask() -> None:
        nonlocal is_asked
        if is_asked:
            sys.stderr.write("second signal: ending at once\n")
            sys.stderr.flush()
            # The orderly end was given its chance; an exception would only unwind into it again.
            # 130 is what shells report for an interrupt.
            os._exit(130)
        is_asked = True
        stop()

    for name in STOP_SIGNALS:
        number = getattr(signal, name, None)
        if number is None:
            continue
        try:
            loop.add_signal_handler(number, ask)
        except NotImplementedError:
            # Windows: handlers run in the main thread, between bytecodes.
            with contextlib.suppress(ValueError, OSError):
                signal.signal(number, lambda *_: loop.call_soon_threadsafe(ask))
