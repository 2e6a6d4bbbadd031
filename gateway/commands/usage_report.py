"""`usage`: who consumed which symbols on one day, summed up by user."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from gateway.errors import ConfigError
from gateway.runtime.usage_files import UsageFiles

_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
_SECOND_US: Final = 1_000_000
_COLUMNS: Final = "{:<24} {:<20} {:<8} {:<8} {:>6}  {}"


def report_of(directory: Path | None, day: str | None) -> dict[str, Any]:
    """Sum up one day.

    Args:
        directory: `state_dir`.
        day: Which; the newest one when None.

    Returns:
        day; users: user, symbols (number of different ones), connections, first_us, last_us; rows
        as they were written; dropped: facts that found no room.

    Raises:
        ConfigError: There is no report, or it cannot be read.
    """
    if directory is None:
        raise ConfigError(
            "no usage is kept without a state directory",
            hint="Set state_dir, and name the file with --config.",
        )
    files = UsageFiles(directory)
    known = files.days()
    day = day if day is not None else (known[-1] if known else None)
    if day is not None and not _DAY.fullmatch(day):
        raise ConfigError("no day", hint="Write such as 2026-01-31.", day=day)
    if day is None or day not in known:
        raise ConfigError(
            "there is no report of that day",
            hint="The gateway keeps one for each day with keys; the newest is "
            f"{known[-1] if known else 'none'}.",
            directory=str(directory),
            day=day,
        )
    rows = files.read(day)
    found = [row for row in rows if "user" in row]
    return {
        "day": day,
        "users": list(_sums(found)),
        "rows": found,
        "dropped": sum(row.get("dropped", 0) for row in rows),
    }


def text_of(report: dict[str, Any]) -> str:
    """A report for people."""
    lines = [f"Usage of {report['day']} (UTC)", ""]
    lines.append(_COLUMNS.format("user", "symbol", "first", "last", "conns", "kinds"))
    lines += [
        _COLUMNS.format(
            row["user"],
            _plain(row["symbol"]),
            _time_of(row["first_us"]),
            _time_of(row["last_us"]),
            row["connections"],
            " ".join(row["kinds"]),
        )
        for row in report["rows"]
    ]
    lines.append("")
    lines += [
        f"{user['user']}: {user['symbols']} symbols, {_time_of(user['first_us'])} to "
        f"{_time_of(user['last_us'])}"
        for user in report["users"]
    ]
    if report["dropped"]:
        lines.append(f"{report['dropped']} facts are missing: there were too many.")
    return "\n".join(lines)


def _sums(rows: Iterable[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    """What each user consumed, by name."""
    by_user: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_user.setdefault(row["user"], []).append(row)
    for user, own in sorted(by_user.items()):
        yield {
            "user": user,
            "symbols": len({row["symbol"] for row in own}),
            "connections": sum(row["connections"] for row in own),
            "first_us": min(row["first_us"] for row in own),
            "last_us": max(row["last_us"] for row in own),
        }


def _plain(text: str) -> str:
    """A text that came from a network, fit for a terminal."""
    return ascii(text)[1:-1]


def _time_of(at_us: int) -> str:
    return datetime.fromtimestamp(at_us // _SECOND_US, UTC).strftime("%H:%M:%S")
