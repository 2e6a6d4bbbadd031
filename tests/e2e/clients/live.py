"""One client of any language, told what to do, and the transcript of its answers."""

import json
import queue
import signal
import subprocess
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Self

from tests.support.languages import Language
from tests.support.slack import SLACK

ANSWER_S_MAX: Final = 30.0
END_S_MAX: Final = 15.0
NEXT_S: Final = 15.0
"""What is awaited comes within this time, on a slow machine as well."""
SHOWN: Final = ("where", "fields", "symbols", "kinds", "topics", "topic", "method", "seconds")
"""What a transcript shows of a command; the rest differs from run to run."""

Answer = dict[str, Any]


class LiveClient:
    """A conformance program in its live mode.

    Args:
        language: Built already.
        transcript: Gets a line for every command that is to be compared.
    """

    def __init__(self, language: Language, transcript: list[str]) -> None:
        self._transcript = transcript
        self._ids = 0
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._process = subprocess.Popen(
            [*language.program, "live"],
            cwd=language.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, name="live", daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.do("close")
            assert self._process.wait(END_S_MAX * SLACK) == 0
        self._process.kill()
        self._process.wait()
        self._reader.join(END_S_MAX)
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    def do(self, name: str, *, is_told: bool = False, **values: object) -> Answer:
        """Have a command done, and its answer.

        Args:
            name: What to do.
            is_told: Whether the answer is part of the transcript.
            values: Of the command.
        """
        self._ids += 1
        stdin = self._process.stdin
        assert stdin is not None
        stdin.write(json.dumps({"id": self._ids, "do": name, **values}) + "\n")
        stdin.flush()
        try:
            line = self._lines.get(timeout=ANSWER_S_MAX * SLACK)
        except queue.Empty:
            raise AssertionError(f"no answer to {name} {values}") from None
        assert line, f"the program ended at {name} {values} with {self._process.wait(END_S_MAX)}"
        # Integers are texts: a number is a double, however a language writes it.
        answer: Answer = json.loads(line, parse_int=float)
        assert answer.pop("id") == self._ids, line
        if is_told:
            self._transcript.append(_spelled(name, values, answer))
        return answer

    def tell(self, name: str, **values: object) -> Answer:
        """The same, and the transcript has it."""
        return self.do(name, is_told=True, **values)

    def next(self, item: str, *fields: str, **where: object) -> Answer:
        """The next item with these values; the transcript shows the fields.

        Args:
            item: What it is, such as `quote` or `gap`.
            fields: Its values to show.
            where: What it must have; two underscores stand for a dot.
        """
        wanted = {"item": item} | {name.replace("__", "."): is_ for name, is_ in where.items()}
        answer = self.tell("next", where=wanted, fields=list(fields), timeout_s=NEXT_S * SLACK)
        assert answer.get("item") is not None, (wanted, answer, self._transcript[-5:])
        return answer

    def send_signal(self, number: signal.Signals) -> None:
        """Send the process a signal, such as SIGSTOP."""
        self._process.send_signal(number)

    @property
    def is_running(self) -> bool:
        """Whether the process lives."""
        return self._process.poll() is None

    def _read(self) -> None:
        stdout = self._process.stdout
        assert stdout is not None
        for line in stdout:
            self._lines.put(line)
        self._lines.put("")


def _spelled(name: str, values: Mapping[str, object], answer: Answer) -> str:
    shown = {key: values[key] for key in SHOWN if key in values}
    return f"{name} {json.dumps(shown)}\n  {json.dumps(answer, sort_keys=True)}"
