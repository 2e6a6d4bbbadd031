"""Log lines go out from a thread of their own, or are dropped and counted."""

import io
import threading

import pytest

from gateway.runtime import log_writer
from gateway.runtime.log_writer import LINES_MAX, LogWriter

WAIT_S = 10.0


class Pipe(io.StringIO):
    """A target whose reader has stopped until `is_read` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.is_read = threading.Event()

    def write(self, text: str, /) -> int:
        """Block as a full pipe does."""
        assert self.is_read.wait(WAIT_S)
        return super().write(text)


def test_lines_are_written_in_order() -> None:
    """A log that reorders events misleads whoever reads it."""
    target = io.StringIO()
    writer = LogWriter(target)
    for number in range(100):
        assert writer.write(f"{number}\n") == len(f"{number}\n")
    writer.flush()
    writer.close()
    assert target.getvalue() == "".join(f"{number}\n" for number in range(100))
    assert not writer.isatty()


def test_a_reader_that_stops_holds_nobody_up() -> None:
    """The feed thread logs too: a paused terminal must not hold up prices."""
    target = Pipe()
    writer = LogWriter(target)
    for _ in range(LINES_MAX + 100):
        writer.write("line\n")
    dropped = writer.dropped
    assert 99 <= dropped <= 100, "one line may be with the thread already"
    target.is_read.set()
    writer.close()
    assert f"{dropped} log texts were dropped\n" in target.getvalue()


def test_a_reader_that_is_gone_ends_nothing() -> None:
    """A closed pipe is the log's end, not the gateway's."""
    target = io.StringIO()
    target.close()
    writer = LogWriter(target)
    writer.write("line\n")
    writer.close()
    assert writer.dropped == 1


def test_the_writers_thread_has_a_turn_while_nothing_is_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is told once a minute must not wait for the next message, and may be written itself."""
    monkeypatch.setattr(log_writer, "IDLE_S", 0.01)
    target = io.StringIO()
    writer = LogWriter(target)
    turns = threading.Semaphore(0)

    def take_turn() -> None:
        if not target.getvalue():
            writer.write("told\n")
        turns.release()

    writer.on_turn = take_turn
    for _ in range(3):
        assert turns.acquire(timeout=WAIT_S)
    writer.close()
    assert set(target.getvalue().splitlines()) == {"told"}
