"""Replies of the admin port."""

import pytest

from gateway.iqfeed.admin import (
    AutoconnectSet,
    ClientAppRegistered,
    ClientStats,
    LoginIdSet,
    LoginInfoSaved,
    PasswordSet,
    Stats,
    parse_client_stats,
    parse_reply,
    parse_stats,
)
from gateway.iqfeed.events import SystemLine

FIELDS = [
    *("66.112.156.227", "60003", "500", "12", "8", "3", "2", "5"),
    *("Apr 01 6:48PM", "Apr 01 08:49PM", "Connected", "6.2.0.15", "497214"),
    *("3.24", "0.04", "0.05", "50.27", "1.34", "0.72"),
]


def with_field(index: int, text: str) -> Stats:
    """Statistics with one field replaced."""
    stats = parse_stats([*FIELDS[:index], text, *FIELDS[index + 1 :]])
    assert stats is not None
    return stats


def test_all_statistics_are_read() -> None:
    """They are the only view of IQConnect's own link and limits."""
    assert parse_stats([*FIELDS, ""]) == Stats(
        server_ip="66.112.156.227",
        server_port=60003,
        max_symbols=500,
        symbol_count=12,
        client_count=8,
        last_update_age_s=3,
        reconnections=2,
        reconnection_attempts=5,
        started="Apr 01 6:48PM",
        market_time="Apr 01 08:49PM",
        is_connected=True,
        version="6.2.0.15",
        login_id="497214",
        received_kb=3.24,
        received_kb_per_s=0.04,
        received_kb_per_s_average=0.05,
        sent_kb=50.27,
        sent_kb_per_s=1.34,
        sent_kb_per_s_average=0.72,
    )


@pytest.mark.parametrize("status", ["Not Connected", "connected", "", "Connected "])
def test_only_connected_means_connected(status: str) -> None:
    """'Not Connected' contains 'Connected': programs have reported a dead link as alive."""
    assert not with_field(10, status).is_connected


@pytest.mark.parametrize("text", ["474614", '"474614"', '\\"474614\\"'])
def test_login_id_loses_its_quotes(text: str) -> None:
    """IQConnect repeats the quotes of its own command line."""
    assert with_field(12, text).login_id == "474614"


def test_unreadable_statistic_is_absent() -> None:
    """A number that is not there is unknown, not zero."""
    assert with_field(3, "many").symbol_count is None
    assert with_field(15, "").received_kb_per_s_average is None
    assert with_field(0, "").server_ip is None


def test_short_statistics_are_refused() -> None:
    """Which columns are missing cannot be known."""
    assert parse_stats(FIELDS[:-1]) is None
    assert parse_stats([]) is None


def test_client_statistics_are_read() -> None:
    """Queued kilobytes are the vendor's sign that we read too slowly."""
    fields = ["1", "42", "gateway", "20260916 093000", "500", "3", "0.5", "1024.25", "0", ""]
    assert parse_client_stats(fields) == ClientStats(
        port="level1",
        client_id="42",
        name="gateway",
        started="20260916 093000",
        symbol_count=500,
        regional_symbol_count=3,
        received_kb=0.5,
        sent_kb=1024.25,
        queued_kb=0.0,
    )


def test_strange_client_statistics_stay_visible() -> None:
    """A new kind of connection keeps its number; a strange time is absent."""
    stats = parse_client_stats(["9", "42", "", "soon", "", "", "", "", ""])
    assert stats is not None
    assert (stats.port, stats.name, stats.started, stats.queued_kb) == ("9", "", None, None)
    assert parse_client_stats(["1"]) is None


@pytest.mark.parametrize(
    ("verb", "fields", "expected"),
    [
        ("REGISTER CLIENT APP COMPLETED", [], ClientAppRegistered()),
        ("CURRENT LOGINID", ['"4711"'], LoginIdSet("4711")),
        ("CURRENT LOGINID", [], LoginIdSet("")),
        ("CURRENT PASSWORD", ["(3*****2)"], PasswordSet()),
        ("AUTOCONNECT ON", [], AutoconnectSet(is_on=True)),
        ("AUTOCONNECT OFF", [], AutoconnectSet(is_on=False)),
        ("LOGIN INFO SAVED", [], LoginInfoSaved(is_saved=True)),
        ("LOGIN INFO NOT SAVED", [], LoginInfoSaved(is_saved=False)),
        ("STATS", FIELDS, parse_stats(FIELDS)),
        ("CLIENTSTATS", [], None),
        ("SOMETHING NEW", ["1"], None),
    ],
)
def test_replies_are_recognized(verb: str, fields: list[str], expected: SystemLine | None) -> None:
    """The log-in recipe waits for these."""
    assert parse_reply(verb, fields) == expected
