"""Which file an event goes to, and what is shown where people look."""

import io
import json
from collections.abc import Sequence
from typing import Any

import pytest

from gateway.logs import Stream, get_logger, set_up_logging

pytestmark = pytest.mark.usefixtures("restored_logging")


class Files:
    """Keeps what is written, by stream."""

    def __init__(self) -> None:
        self.lines: dict[str, list[dict[str, Any]]] = {stream.value: [] for stream in Stream}

    def write(self, streams: Sequence[Stream], line: str) -> None:
        """Keep one line."""
        for stream in streams:
            self.lines[stream.value].append(json.loads(line))

    def events(self) -> dict[str, list[str]]:
        """The texts, by stream."""
        return {name: [line["event"] for line in lines] for name, lines in self.lines.items()}


class Terminal(io.StringIO):
    """A file that people read."""

    def isatty(self) -> bool:
        """Whether people read along."""
        return True


def log_everything() -> None:
    """One event of each kind."""
    for part in ("gateway", "health", "errors", "audit"):
        log = get_logger(part)
        log.info("%s info", part)
        log.warning("%s warning", part)
        log.error("%s error", part)


def test_every_event_finds_its_files() -> None:
    """Who looks for one thing need not read everything."""
    files, file = Files(), io.StringIO()
    set_up_logging(level="info", form="json", file=file, streams=files)
    log_everything()
    events = files.events()
    assert len(events["production"]) == 12
    assert events["health"] == ["health info", "health warning", "health error"]
    assert events["audit"] == ["audit info", "audit warning", "audit error"]
    assert events["errors"] == [
        "gateway error",
        "health error",
        "errors info",
        "errors warning",
        "errors error",
        "audit error",
    ]
    shown = [json.loads(line)["event"] for line in file.getvalue().splitlines()]
    assert len(shown) == 9
    assert not any(event.startswith("errors") for event in shown), "logged where it was noticed"


def test_a_high_level_loses_no_audit_and_no_health() -> None:
    """A quiet terminal must not mean that nobody knows who did what."""
    files, file = Files(), io.StringIO()
    set_up_logging(level="error", form="json", file=file, streams=files)
    log_everything()
    events = files.events()
    assert events["audit"] == ["audit info", "audit warning", "audit error"]
    assert events["health"] == ["health info", "health warning", "health error"]
    assert "errors warning" in events["errors"]
    assert "gateway warning" not in events["production"]
    assert "audit info" in events["production"]
    shown = [json.loads(line)["event"] for line in file.getvalue().splitlines()]
    assert shown == ["gateway error", "health error", "audit warning", "audit error"]


@pytest.mark.parametrize(("file", "is_text"), [(Terminal(), True), (io.StringIO(), False)])
def test_auto_is_text_for_people_and_json_for_machines(file: io.StringIO, is_text: bool) -> None:
    """Nobody configures the form of a log before something is wrong."""
    set_up_logging(level="info", form="auto", file=file)
    get_logger("feed").warning("link lost", port=5009)
    (line,) = file.getvalue().splitlines()
    assert line.startswith("{") is not is_text
    assert "\x1b" in line if is_text else json.loads(line)["port"] == 5009


def test_files_are_json_whatever_the_terminal_shows() -> None:
    """One event a line, control characters from outside escaped."""
    files = Files()
    set_up_logging(level="info", form="console", file=Terminal(), streams=files)
    get_logger("control").info("a\r\nb\x1b[2J", **{"odd\nname": "\x00\u2028"}, raw=b"\n")
    (event,) = files.lines["production"]
    assert all(text.isprintable() for text in [*event, *map(str, event.values())])


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_value_that_no_renderer_knows_is_one_line(form: str) -> None:
    """An object whose own words hold a line end must not forge a line."""

    class Odd:
        def __repr__(self) -> str:
            return "odd\r\n2026 all is well\x1b[2J"

    file = io.StringIO()
    set_up_logging(level="info", form=form, file=file)
    get_logger("a").info("x", odd=Odd(), many={"a": [Odd()], Odd(): 1}, big=10**5000, s={"é\n"})
    (line,) = file.getvalue().splitlines()
    assert line.isprintable()
    assert line.isascii()
