"""Logs: one event is one line, whatever the values in it are."""

import json
import math

import pytest

from gateway.logs import (
    CAUSES_MAX,
    FRAMES_MAX,
    VALUE_CHARACTERS_MAX,
    get_logger,
    set_up_logging,
)

pytestmark = pytest.mark.usefixtures("restored_logging")

FORMS = pytest.mark.parametrize("form", ["json", "console"])
HOSTILE = "up\r\n2026-01-01T00:00:00Z [info     ] all is well\x1b[2J\x00\x85\u2028"


def written(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines on standard error; nothing may go to standard output."""
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err.splitlines()


def test_a_json_event_carries_level_time_and_part(capsys: pytest.CaptureFixture[str]) -> None:
    """Machines that collect logs sort by these three."""
    set_up_logging(level="info", form="json")
    get_logger("feed").warning("link lost", port=5009, reason="closed")
    (line,) = written(capsys)
    event = json.loads(line)
    assert event.pop("timestamp").endswith("Z")
    assert event == {
        "event": "link lost",
        "level": "warning",
        "part": "feed",
        "port": 5009,
        "reason": "closed",
    }


def test_a_console_event_is_readable(capsys: pytest.CaptureFixture[str]) -> None:
    """People read level, text and facts in one line, without color codes in a file."""
    set_up_logging(level="info", form="console")
    get_logger("feed").warning("link lost", port=5009)
    (line,) = written(capsys)
    assert "warning" in line
    assert "link lost" in line
    assert "port=5009" in line
    assert "\x1b" not in line


def test_an_event_with_a_message_begins_with_it_for_people(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Behind ten facts nobody reads it; machines still go by the event's name."""
    facts = {"change": "raised", "code": "lag", "id": "lag", "message": "a consumer lags"}
    set_up_logging(level="info", form="console")
    get_logger("health").warning("alert", **facts)
    (line,) = written(capsys)
    assert line.split("] ", 1)[1].startswith("alert raised: a consumer lags")
    assert line.count("a consumer lags") == 1
    assert "code=lag" in line
    set_up_logging(level="info", form="json")
    get_logger("health").warning("alert", **facts)
    (line,) = written(capsys)
    assert facts.items() | {("event", "alert")} <= json.loads(line).items()


@FORMS
def test_a_hostile_value_is_still_one_line(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A client's name must not be able to write a second log line or move the cursor."""
    set_up_logging(level="debug", form=form)
    get_logger("control").info(HOSTILE, name=HOSTILE, raw=HOSTILE.encode(), names=[HOSTILE])
    (line,) = written(capsys)
    assert line.isprintable()
    assert line.isascii()


def test_a_hostile_value_is_still_valid_json(capsys: pytest.CaptureFixture[str]) -> None:
    """One event that cannot be parsed makes collectors drop lines."""
    set_up_logging(level="debug", form="json")
    get_logger("control").info(HOSTILE, name=HOSTILE, raw=b"\xff", names=[HOSTILE])
    (line,) = written(capsys)
    event = json.loads(line)
    assert "all is well" in event["event"]
    assert "\n" not in event["name"]


@FORMS
def test_a_long_value_is_cut(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A log must not grow by what a stranger chooses to send."""
    set_up_logging(level="info", form=form)
    get_logger("control").info("asked", name="x" * 100_000)
    (line,) = written(capsys)
    assert "xxx..." in line
    assert len(line) < VALUE_CHARACTERS_MAX + 200


@FORMS
def test_a_value_of_ordinary_length_is_left_as_it_is(
    form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Readers search for what they know; quoting everything would hide it."""
    set_up_logging(level="info", form=form)
    get_logger("control").info("x" * VALUE_CHARACTERS_MAX)
    (line,) = written(capsys)
    assert "x" * VALUE_CHARACTERS_MAX in line
    assert "..." not in line


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("debug", ["debug", "info", "warning", "error"]),
        ("info", ["info", "warning", "error"]),
        ("warning", ["warning", "error"]),
        ("error", ["error"]),
    ],
)
def test_the_level_decides_what_is_written(
    level: str, expected: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """An operator who asks for warnings gets those and no less."""
    set_up_logging(level=level, form="json")
    log = get_logger("test")
    log.debug("a")
    log.info("b")
    log.warning("c")
    log.error("d")
    assert [json.loads(line)["level"] for line in written(capsys)] == expected


def test_a_failure_in_json_carries_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    """The last words of a gateway that stops are all there is to find the fault with."""
    set_up_logging(level="info", form="json")
    try:
        math.sqrt(-1)
    except ValueError as error:
        get_logger("gateway").critical("part failed", exc_info=error)
    (line,) = written(capsys)
    assert json.loads(line)
    assert "test_set_up.py" in line


def test_a_failure_on_the_console_cannot_forge_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """An exception's text may quote a stranger; the local variables may hold a password."""
    set_up_logging(level="info", form="console")
    password = "let me in"  # noqa: S105 - made up, to see whether it is printed
    try:
        int(HOSTILE)
    except ValueError as error:
        error.args = (HOSTILE,)
        get_logger("gateway").critical("part failed", exc_info=error)
    (line,) = written(capsys)
    assert password not in line
    assert "ValueError" in line
    assert "test_set_up.py" in line
    assert line.isascii()
    assert line.isprintable()


def fail_deeply(levels: int) -> None:
    """Fail some calls further in."""
    if levels:
        fail_deeply(levels - 1)
    raise LookupError("x" * 100_000)


@FORMS
def test_a_failure_names_its_causes_within_bounds(
    form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first of a chain is the fault; a recursion must not become a page of it."""
    set_up_logging(level="info", form=form)
    try:
        try:
            try:
                fail_deeply(500)
            except LookupError:
                math.sqrt(-1)
        except ValueError as error:
            raise OSError("away") from error
    except OSError:
        get_logger("gateway").exception("part failed")
    (line,) = written(capsys)
    assert line.index("OSError: 'away'") < line.index("ValueError") < line.index("LookupError")
    assert line.count("fail_deeply") == FRAMES_MAX
    assert len(line) < 3_000


@FORMS
def test_a_chain_of_causes_is_cut(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A loop that keeps each failure as the next one's cause must not fill the log."""
    set_up_logging(level="info", form=form)
    failure = ValueError("0")
    for number in range(1, 100):
        later = ValueError(str(number))
        later.__cause__ = failure
        failure = later
    get_logger("gateway").error("part failed", exc_info=(ValueError, failure, None))
    (line,) = written(capsys)
    assert line.count("ValueError") == CAUSES_MAX


def test_a_failure_that_hides_its_context_hides_it_in_the_log(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`from None` says that what came before is no explanation."""
    set_up_logging(level="info", form="json")
    try:
        try:
            math.sqrt(-1)
        except ValueError:
            raise OSError("away") from None
    except OSError as error:
        get_logger("gateway").error("part failed", exc_info=error)
    (line,) = written(capsys)
    assert "ValueError" not in line


def test_no_failure_is_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    """Who logs outside of an `except` has nothing to show, and that is no error."""
    set_up_logging(level="info", form="json")
    get_logger("gateway").info("all is well", exc_info=True)
    (line,) = written(capsys)
    assert "traceback" not in json.loads(line)


@pytest.mark.parametrize("value", [math.nan, -math.inf, [math.nan], {"a": math.inf}, {(1,): 2}])
def test_a_figure_that_is_no_number_is_still_valid_json(
    value: object, capsys: pytest.CaptureFixture[str]
) -> None:
    """`NaN` is not JSON: strict readers reject the whole event."""
    set_up_logging(level="info", form="json")
    get_logger("feed").info("rate", value=value)
    (line,) = written(capsys)

    def refuse(constant: str) -> object:
        raise ValueError(constant)

    assert json.loads(line, parse_constant=refuse)


@FORMS
@pytest.mark.parametrize("value", [["x" * 100_000], ["x"] * 100_000, {"a": {"b": "x" * 100_000}}])
def test_a_long_value_inside_a_list_is_cut(
    value: object, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A list of long names floods the log as well as one long name."""
    set_up_logging(level="info", form=form)
    get_logger("control").info("asked", names=value)
    (line,) = written(capsys)
    assert len(line) < VALUE_CHARACTERS_MAX + 200


def test_a_short_list_stays_a_list(capsys: pytest.CaptureFixture[str]) -> None:
    """Machines search inside what they can read."""
    set_up_logging(level="info", form="json")
    get_logger("control").info("asked", names=["AAPL", 1, None, 0.5], where={"port": 5009})
    (line,) = written(capsys)
    assert json.loads(line)["names"] == ["AAPL", 1, None, 0.5]
    assert json.loads(line)["where"] == {"port": 5009}
