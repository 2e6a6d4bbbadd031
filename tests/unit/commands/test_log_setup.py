"""The logs of a process: standard error, files, repeats told, everything counted."""

import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.commands import log_setup
from gateway.commands.log_setup import RunningLog
from gateway.counters import Counter
from gateway.errors import ConfigError
from gateway.logs import get_logger
from gateway.settings import Credentials, Settings, load_settings
from tests.support.stage import wait_until

pytestmark = pytest.mark.usefixtures("restored_logging")


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What goes to standard error."""
    file = io.StringIO()
    # Not in sys itself, which pytest exchanges between the phases of a test.
    monkeypatch.setattr(log_setup, "sys", SimpleNamespace(stderr=file))
    return file


def settings_of(**log: Any) -> Settings:
    """Settings that differ from the defaults in their log."""
    return load_settings(None, overrides={"log": log})


def test_everything_that_was_left_out_is_told_at_the_end(
    tmp_path: Path, shown: io.StringIO
) -> None:
    """The files are complete when the process ends, with what was suppressed."""
    log = RunningLog(settings_of(directory=str(tmp_path / "logs")), Credentials.none())
    for _ in range(20):
        get_logger("feed").warning("vendor error")
    get_logger("audit").warning("deed")
    assert log.counts() == {
        Counter.LOG_TEXTS_DROPPED: 0,
        Counter.LOG_REPEATS_SUPPRESSED: 15,
        Counter.LOG_LINES_LOST: 0,
        Counter.AUDIT_LINES_LOST: 0,
        Counter.AUDIT_SYNCS_FAILED: 0,
        Counter.LOG_ROTATIONS_FAILED: 0,
    }
    log.close()
    written = (tmp_path / "logs" / "production.log").read_text().splitlines()
    assert written == shown.getvalue().splitlines(), "JSON where nobody reads along"
    events = [json.loads(line) for line in written]
    assert len(events) == 7
    assert events[-1]["repeated"] == 15
    assert (tmp_path / "logs" / "audit.log").read_text().count('"deed"') == 1


def test_repeats_are_told_while_nothing_else_is_logged(
    monkeypatch: pytest.MonkeyPatch, shown: io.StringIO
) -> None:
    """The line that says how many there were comes by itself, within a second of the minute."""
    monkeypatch.setattr("gateway.logs.repeats.WINDOW_NS", 200_000_000)
    log = RunningLog(settings_of(format="json"), Credentials.none())
    for _ in range(8):
        get_logger("feed").warning("vendor error")
    wait_until(lambda: '"repeated": 3' in shown.getvalue(), what="it is told")
    log.close()


def test_without_a_directory_there_are_no_files(tmp_path: Path, shown: io.StringIO) -> None:
    """The default: whoever starts it keeps what it prints."""
    log = RunningLog(settings_of(), Credentials.none())
    get_logger("audit").warning("deed")
    assert Counter.LOG_LINES_LOST not in log.counts()
    log.close()
    assert "deed" in shown.getvalue()
    assert list(tmp_path.iterdir()) == []


def test_a_relay_writes_beside_its_gateway(tmp_path: Path, shown: io.StringIO) -> None:
    """Both may be started with one configuration file."""
    settings = settings_of(directory=str(tmp_path))
    gateway = RunningLog(settings, Credentials.none())
    relay = RunningLog(settings, Credentials.none(), is_relay=True)
    with pytest.raises(ConfigError, match="in use"):
        RunningLog(settings, Credentials.none(), is_relay=True)
    gateway.close()
    relay.close()
    assert (tmp_path / log_setup.RELAY_FOLDER / "audit.log").exists()
    assert shown.getvalue() == ""


def test_no_credential_is_written(tmp_path: Path, shown: io.StringIO) -> None:
    """Wherever it appears."""
    credentials = Credentials(login="123456", password="hunter22", product_id="MY_PROD")  # noqa: S106
    log = RunningLog(settings_of(directory=str(tmp_path), level="debug"), credentials)
    get_logger("a").debug("S,CONNECT 123456", line=b"hunter22", more=["MY_PROD"])
    log.close()
    for text in (shown.getvalue(), (tmp_path / "production.log").read_text()):
        assert text.count("***") == 3
        assert not [secret for secret in ("123456", "hunter22", "MY_PROD") if secret in text]


def test_level_and_repeats_change_while_loggers_are_in_use(shown: io.StringIO) -> None:
    """A reload asks for debug at the worst moment; a restart would end what is to be seen."""
    log = RunningLog(settings_of(level="warning", repeats_per_minute_max=1), Credentials.none())
    logger = get_logger("feed")
    logger.debug("unseen")
    logger.info("unseen as well")
    logger.warning("first")
    log.apply(settings_of(level="debug", repeats_per_minute_max=2).log)
    logger.debug("seen")
    for _ in range(5):
        logger.warning("again")
    log.apply(settings_of(level="error").log)
    logger.warning("unseen again")
    logger.error("last")
    log.close()
    events = [json.loads(line)["event"] for line in shown.getvalue().splitlines()]
    assert [event for event in events if "unseen" in event] == []
    assert [e for e in events if e in ("first", "seen", "again", "last")] == [
        "first",
        "seen",
        "again",
        "again",
        "last",
    ]
