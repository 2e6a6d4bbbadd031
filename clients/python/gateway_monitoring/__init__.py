"""Thresholds, alerts and trends as pure code: values and times in, findings out; no I/O."""

from gateway_monitoring.alerts import AlertBook, Finding
from gateway_monitoring.monitor import Monitor, Reading, Source
from gateway_monitoring.rules import Rule, rules_of
from gateway_monitoring.thresholds import LEVELS, HealthThresholds, worst_of
from gateway_monitoring.trends import Steps as TrendSteps
from gateway_monitoring.trends import Trends

__all__ = [
    "LEVELS",
    "AlertBook",
    "Finding",
    "HealthThresholds",
    "Monitor",
    "Reading",
    "Rule",
    "Source",
    "TrendSteps",
    "Trends",
    "rules_of",
    "worst_of",
]
