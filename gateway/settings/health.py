"""Health: its thresholds, how often it is looked at, and when the market is expected to trade."""

import re
from datetime import date
from pathlib import Path
from typing import Annotated, Final

from gateway_monitoring import HealthThresholds
from pydantic import AfterValidator, Field

from gateway.settings.section import Section

_DAY: Final = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_TIME: Final = "(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_SESSION: Final = re.compile(f"{_DAY}(?:-{_DAY})? ({_TIME})-({_TIME}|24:00)")


def _session(text: str) -> str:
    match = _SESSION.fullmatch(text)
    if match is None:
        raise ValueError("write trading hours such as Mon-Fri 09:30-16:00")
    if match[1] >= match[2]:
        raise ValueError("a session ends after it begins; one over midnight is two of them")
    return text


class HealthSettings(Section):
    """When the gateway is well, and when it is not."""

    thresholds: HealthThresholds = HealthThresholds()
    """Limits, each with its unit in its name; 0 turns one off."""
    thresholds_file: Path | None = None
    """YAML file of such limits, looked for beside the file that names it; `thresholds` says
    otherwise of single ones. Absent: the defaults, and what `thresholds` says."""
    check_interval_s: Annotated[float, Field(ge=0.1, le=60)] = 1.0
    """How often figures are judged, seconds; also the resolution of trends."""
    sessions: tuple[Annotated[str, AfterValidator(_session)], ...] = Field(
        ("Mon-Fri 09:30-16:00",), max_length=50
    )
    """Trading hours, US Eastern, such as `Mon-Fri 09:30-16:00`: silence and low throughput are
    judged within them only. The US stock market's holidays and early closes are known."""
    closed_days: tuple[date, ...] = Field((), max_length=1000)
    """Days without trading beside those, such as `2026-12-24`."""
