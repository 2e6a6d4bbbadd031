"""What differs between two configurations: named, shown without secrets, and live or not."""

from gateway.settings import Settings, load_settings
from gateway.settings.changes import LIVE, changes_between, with_live_of
from tests.unit.test_production_files import LIMITS, MODELS

URL = "https://hooks.example/T0000/abcdefghijklmnop"


def given(**overrides: object) -> Settings:
    """Settings that say so."""
    return load_settings(None, overrides=overrides)


def test_a_change_is_named_with_both_values() -> None:
    """The log of a reload is what is read when something went wrong after it."""
    old = given(log={"level": "info"}, state_dir="/a")
    new = given(log={"level": "debug"}, health={"thresholds": {"latency_warning_ms": 7}})
    assert [str(change) for change in changes_between(old, new)] == [
        "state_dir: /a -> (none)",
        "health.thresholds.latency_warning_ms: 100.0 -> 7.0",
        "log.level: info -> debug",
    ]
    assert changes_between(old, old) == []


def test_a_secret_that_changed_is_named_and_not_shown() -> None:
    """Two webhooks of one host differ in nothing but what nobody may see."""
    old = given(alerts={"webhook_url": URL})
    (change,) = changes_between(old, given(alerts={"webhook_url": URL + "x"}))
    assert change.name == "alerts.webhook_url"
    assert "abcdef" not in str(change)


def test_a_long_value_is_cut() -> None:
    """A list of a thousand days must not become the log line."""
    days = [f"20{year:02}-12-{day:02}" for year in range(30, 60) for day in range(1, 29)]
    (change,) = changes_between(given(), given(health={"closed_days": days}))
    assert len(str(change)) < 300


def test_live_settings_are_taken_over_and_the_rest_stays() -> None:
    """What needs a restart must still be told at the next reload."""
    running = given()
    new = given(
        log={"level": "debug", "files_max": 9},
        health={"thresholds": {"latency_warning_ms": 7}, "check_interval_s": 2},
        leases={"client_count_max": 5},
        data={"watch_linger_s": 1},
    )
    after = with_live_of(running, new)
    assert [c.name for c in changes_between(after, new)] == [
        "data.watch_linger_s",
        "health.check_interval_s",
        "log.files_max",
    ]
    told = changes_between(running, new)
    assert {c.name for c in told if c.is_live} == {
        "log.level",
        "health.thresholds.latency_warning_ms",
        "leases.client_count_max",
    }
    assert with_live_of(after, new) == after


def test_what_is_called_live_exists() -> None:
    """A name that was renamed would be called a matter of a restart, silently."""
    assert set(LIVE) <= set(MODELS)
    assert LIMITS


def test_exactly_what_is_called_live_is_taken_over() -> None:
    """The answer says which settings took effect: that list and the deed must be one."""
    new = given(
        symbols_file="/s.json",
        health={
            "thresholds": {"latency_warning_ms": 7},
            "sessions": ["Mon-Fri 10:00-11:00"],
            "closed_days": ["2026-12-24"],
            "check_interval_s": 5,
        },
        leases={"leases_per_client_max": 1, "symbols_per_client_max": 1, "client_count_max": 1},
        log={"level": "error", "repeats_per_minute_max": 1, "format": "json"},
    )
    running = given()
    taken = {c.name for c in changes_between(running, with_live_of(running, new))}
    called = {c.name for c in changes_between(running, new) if c.is_live}
    assert taken == called
    for name in set(LIVE) - {"health.thresholds", "health.thresholds_file"}:
        assert name in taken
