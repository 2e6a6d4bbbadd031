"""Where a relay keeps its report of usage, and how it is read."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli import app
from gateway.commands.relay import held, relay_options
from gateway.errors import ConfigError
from gateway.runtime.usage_files import RELAY_FOLDER, UsageFiles
from gateway.settings import Settings

ROW = {
    "user": "bob",
    "symbol": "AAPL",
    "kinds": ["quote"],
    "first_us": 1,
    "last_us": 2,
    "connections": 1,
}


def test_a_relay_reports_where_it_has_keys_and_a_directory(tmp_path: Path) -> None:
    """Apart from its gateway, whose configuration it may share."""
    keys = {"keys_dir": tmp_path}
    both = Settings.model_validate({"state_dir": tmp_path, "security": keys})
    assert relay_options(both).usage_dir == tmp_path / RELAY_FOLDER
    for values in ({"state_dir": tmp_path}, {"security": keys}):
        assert relay_options(Settings.model_validate(values)).usage_dir is None


def test_two_relays_do_not_write_one_report(tmp_path: Path) -> None:
    """Each would replace what the other has written."""
    folder = tmp_path / "state" / RELAY_FOLDER
    with held(folder), pytest.raises(ConfigError, match="another relay"), held(folder):
        raise AssertionError("both have it")
    with held(folder), held(None):
        assert folder.is_dir()


def test_a_directory_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    """At the start, not after the first minute."""
    (tmp_path / "state").write_text("a file")
    with pytest.raises(ConfigError, match="usage cannot be kept"), held(tmp_path / "state" / "x"):
        raise AssertionError("it was made")


def test_the_command_sums_a_relays_report_up(tmp_path: Path) -> None:
    """And not the gateway's."""
    (tmp_path / RELAY_FOLDER).mkdir()
    UsageFiles(tmp_path / RELAY_FOLDER).write("2026-01-31", [ROW])
    config = tmp_path / "relay.yaml"
    config.write_text(json.dumps({"state_dir": str(tmp_path)}))
    told = CliRunner().invoke(app, ["usage", "--config", str(config), "--relay", "--json"])
    assert told.exit_code == 0
    assert json.loads(told.stdout)["rows"] == [ROW]
    assert CliRunner().invoke(app, ["usage", "--config", str(config), "--json"]).exit_code != 0
