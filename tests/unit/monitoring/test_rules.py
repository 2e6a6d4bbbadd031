"""Rules: levels with hysteresis, so that a value at a limit does not flap."""

import pytest
from gateway_monitoring import HealthThresholds, Rule, rules_of

HIGH = Rule(code="c", metric="m", message="{value} of {limit}", hint="", warning=100, critical=500)
LOW = Rule(
    code="c", metric="m", message="", hint="", warning=100, critical=10, is_low=True
)  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "value", "current", "level"),
    [
        (HIGH, 99.9, "healthy", "healthy"),
        (HIGH, 100, "healthy", "warning"),
        (HIGH, 499, "healthy", "warning"),
        (HIGH, 500, "healthy", "critical"),
        (HIGH, 90.1, "warning", "warning"),
        (HIGH, 90, "warning", "healthy"),
        (HIGH, 450.1, "critical", "critical"),
        (HIGH, 450, "critical", "warning"),
        (HIGH, 91, "critical", "warning"),
        (HIGH, 89, "critical", "healthy"),
        (LOW, 100, "healthy", "healthy"),
        (LOW, 99.9, "healthy", "warning"),
        (LOW, 9.9, "healthy", "critical"),
        (LOW, 109.9, "warning", "warning"),
        (LOW, 110.1, "warning", "healthy"),
        (LOW, 10.9, "critical", "critical"),
        (LOW, 11.1, "critical", "warning"),
        (LOW, 200, "critical", "healthy"),
    ],
)
def test_a_level_is_left_only_with_a_margin(
    rule: Rule, value: float, current: str, level: str
) -> None:
    """Ten percent on the good side of its limit."""
    assert rule.level_of(value, current) == level


def test_a_level_that_is_off_is_never_reached() -> None:
    """Zero is no limit, in either direction."""
    quiet = HealthThresholds(**dict.fromkeys(HealthThresholds().as_map(), 0))
    for rule in rules_of(quiet):
        assert rule.level_of(1e12, "healthy") == "healthy", rule.code
        assert rule.level_of(0, "healthy") == "healthy", rule.code


def test_every_threshold_is_judged_by_a_rule() -> None:
    """A limit without a rule would be a promise that nobody keeps."""
    defaults = HealthThresholds().as_map()
    judged = {
        limit for rule in rules_of(HealthThresholds()) for limit in (rule.warning, rule.critical)
    }
    missing = {
        name
        for name, value in defaults.items()
        if name != "max_reconnections_per_hour" and value not in judged
    }
    assert missing == set()
    assert defaults["max_reconnections_per_hour"] + 1 in judged


def test_the_tenth_reconnection_is_allowed_and_the_eleventh_is_not() -> None:
    """`max` means that so many are all right."""
    (rule,) = [r for r in rules_of(HealthThresholds()) if r.code == "reconnections"]
    assert rule.level_of(10, "healthy") == "healthy"
    assert rule.level_of(11, "healthy") == "warning"


def test_words_name_the_value_and_the_limit_of_the_level() -> None:
    """The operator compares both at a glance."""
    assert HIGH.describe(600, "critical") == "600 of 500"
    assert HIGH.describe(100, "warning") == "100 of 100"
    for rule in rules_of(HealthThresholds()):
        assert "12" in rule.describe(12, "warning"), rule.code
        assert rule.hint, rule.code
