"""Settings of health: thresholds by their promised names, hours as people write them."""

from pathlib import Path
from typing import Any

import pytest
from gateway_monitoring import HealthThresholds

from gateway.errors import ConfigError
from gateway.settings import load_settings, masked


def load(tmp_path: Path, text: str) -> Any:
    """The section `health` of a configuration."""
    config = tmp_path / "gateway.yaml"
    config.write_text(text)
    return load_settings(config).health


def test_defaults_are_the_engines(tmp_path: Path) -> None:
    """One place says where trouble begins."""
    assert load(tmp_path, "{}").thresholds == HealthThresholds()


def test_a_threshold_can_be_set_in_file_and_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment wins, as everywhere."""
    text = "health: {thresholds: {latency_warning_ms: 50, memory_warning_mb: 500}}"
    assert load(tmp_path, text).thresholds.latency_warning_ms == 50
    monkeypatch.setenv("IQGW_HEALTH__THRESHOLDS__LATENCY_WARNING_MS", "77")
    thresholds = load(tmp_path, text).thresholds
    assert (thresholds.latency_warning_ms, thresholds.memory_warning_mb) == (77, 500)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "thresholds: {memory_warn_mb: 3}",
            "did you mean health.thresholds.memory_warning_mb?",
        ),
        ("thresholds: {latency_warning_ms: 5000}", "latency_critical_ms: 500 is below"),
        ("thresholds: {latency_warning_ms: much}", "health.thresholds.latency_warning_ms"),
        ("thresholds: 5", "health.thresholds"),
        ("sessions: [nine to five]", "write trading hours such as Mon-Fri 09:30-16:00"),
        ("sessions: [Sun 18:00-17:00]", "one over midnight is two of them"),
        ("closed_days: ['2026-13-01']", "health.closed_days.0"),
        ("check_interval_s: 0", "health.check_interval_s"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(tmp_path: Path, text: str, said: str) -> None:
    """With what to write instead, where that can be guessed."""
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, f"health: {{{text}}}")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "text", ["health: {closed_days: [2026-13-01]}", "log: {level: 2026-99-99}"]
)
def test_a_day_that_is_none_is_refused_quoted_or_not(tmp_path: Path, text: str) -> None:
    """YAML takes it for a date before we see it."""
    config = tmp_path / "gateway.yaml"
    config.write_text(text)
    with pytest.raises(ConfigError, match="month must be in"):
        load_settings(config)


def test_settings_are_shown_without_secrets(tmp_path: Path) -> None:
    """`diagnostics` goes to whoever may monitor: arguments of commands may be passwords."""
    config = tmp_path / "gateway.yaml"
    config.write_text("iqconnect: {command: [iqconnect, -x, y]}\nstate_dir: /tmp/state\n")
    shown = masked(load_settings(config))
    assert shown["iqconnect"]["command"] == ["iqconnect", "***", "***"]
    assert shown["data"]["high_water_mark"] == 100_000
    assert shown["state_dir"] == "/tmp/state"  # noqa: S108 - only a text here
    assert shown["health"]["thresholds"]["latency_warning_ms"] == 100
