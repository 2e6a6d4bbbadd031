"""What `top` draws: whole lines of one width, the important first, nothing from outside trusted."""

from typing import Any

import pytest
from gateway_monitoring.alerts import ACKNOWLEDGED
from hypothesis import given
from hypothesis import strategies as st

from gateway.commands.top.panels import TABS, Look, age, clean, rows_of
from gateway.commands.top.view import everything, screen, sparkline

NOW_US = 1_700_000_000_000_000


def page(**changes: Any) -> dict[str, Any]:
    """A page as `page_of` makes it, with some parts other ones."""
    figures = {
        "throughput_msg_per_sec": 1234.5,
        "lines_per_sec": 1000,
        "average_latency_ms": 0.5,
        "p99_latency_us": 2500,
        "processing_errors": 0.0,
        "oldest_unread_ms": None,
        "reconnections_last_hour": 0,
    }
    symbol = {"since_us": NOW_US, "level2": None, "level2_cause": None, "last_line_us": NOW_US}
    return {
        "at_us": NOW_US,
        "control": "tcp://127.0.0.1:7701",
        "contact": {"is_lost": False, "heard_us": NOW_US, "error": None, "restarts": 0},
        "gateway": {
            "gateway_id": "gw", "version": "1", "uptime_s": 60, "epoch": 1, "now_us": NOW_US,
        },
        "health": {"level": "healthy", "live": True, "ready": True, "issues": []},
        "links": [
            {"port": "level1", "state": "streaming", "address": "127.0.0.1:5009", "attempts": 0,
             "held_lines": 0, "breaker": "closed", "retry_in_ms": None},
        ],
        "login": "connected",
        "figures": figures,
        "process": {"rss_mb": 80.0, "descriptors": 50},
        "symbols": {
            "counts": {"live": 2},
            "complete": True,
            "rows": [
                {"symbol": "MSFT", "state": "stale", "cause": "link_silent", **symbol},
                {"symbol": "AAPL", "state": "live", "cause": None, **symbol},
            ],
        },
        "consumers": [
            {"client": "slowpoke", "lag_us": 4_000_000, "backlog_bytes": 99_000,
             "subscriptions": 3, "address": "127.0.0.1:1", "is_slow": True, "is_relay": False},
        ],
        "alerts": {
            "active": [{"id": "latency", "level": "warning", "since_us": NOW_US, "count": 2,
                        "message": "slow", ACKNOWLEDGED[0]: NOW_US}],
            "recent": [{"id": "gone", "cleared_us": NOW_US - 5_000_000, "message": "was"}],
        },
        "errors": [{"at_us": NOW_US, "port": "level1", "code": "feed_closed", "count": 3,
                    "message": "over", "severity": "error"}],
        "trends": {"latency_ms": {"mean": 0.5, "max": 9.0}},
        "unavailable": [],
    } | changes  # fmt: skip


def text_of(drawn: list[Any]) -> str:
    """The lines as one text."""
    return "\n".join(line.plain for line in drawn)


@given(st.integers(20, 200), st.integers(3, 60), st.sampled_from(TABS), st.integers(0, 50))
def test_every_size_gives_whole_lines(width: int, height: int, tab: str, offset: int) -> None:
    """A window of any size: never a line too many, never one too wide, the way out always shown."""
    look = Look(tab=tab, offset=offset, history=[(1.0, 2.0), (3.0, 4.0)])
    lines = screen(page(), look, width=width, height=height)
    assert len(lines) == height
    assert max(line.cell_len for line in lines) <= width
    assert lines[-1].plain.startswith(" q quit"[:width])
    assert "HEALTHY" in lines[0].plain


@given(st.text(max_size=80))
def test_no_text_from_outside_leaves_its_cell(text: str) -> None:
    """Printable ASCII of a bounded length is all that a terminal is given."""
    shown = clean(text, width=40)
    assert shown.isascii()
    assert shown.isprintable()
    assert len(shown) <= 40


def test_what_is_known_is_shown() -> None:
    """Every part of the page has its place."""
    look = Look(history=[(1.0, 2.0), (3.0, 4.0)])
    text = text_of(screen(page(), look, width=150, height=30))
    for part in ("gw 1", "up 60s", "1,234 msg/s", "p99 2.50 ms", "15 min: mean 0.50, max 9.00"):
        assert part in text, part
    assert "unread ? ms" in text
    assert "link_silent" in text


def test_each_panel_has_its_rows() -> None:
    """A slow consumer, an acknowledged alert and one that is over are told apart."""
    (consumer,) = rows_of(page(), Look(tab="consumers"))
    assert consumer.cells == ("slowpoke", "4,000", "99", "3", "127.0.0.1:1", "SLOW")
    active, over = rows_of(page(), Look(tab="alerts"))
    assert active.cells == ("warning", "latency", "0s", "2", "(acknowledged) slow")
    assert over.cells[0] == "cleared"
    assert over.cells[-1] == "over since 5s: was"
    (error,) = rows_of(page(), Look(tab="errors"))
    assert error.cells == ("0s", "level1", "feed_closed", "3", "over")


def test_rows_are_filtered_by_what_they_show() -> None:
    """Symbols by their name alone: the gateway searches the same way."""
    assert [r.cells[0] for r in rows_of(page(), Look(search="ms"))] == ["MSFT"]
    assert rows_of(page(), Look(search="link_silent")) == []
    assert len(rows_of(page(), Look(tab="consumers", search="SLOWPOKE"))) == 1
    assert rows_of(page(), Look(tab="errors", search="nothing")) == []


def test_lost_contact_is_said_with_its_time() -> None:
    """What is below is old, and must not look new."""
    contact = {"is_lost": True, "heard_us": NOW_US - 9_000_000, "error": "timeout: x"}
    text = text_of(screen(page(contact=contact), Look(), width=120, height=20))
    assert "lost contact at 22:13:11 UTC, 9s ago" in text
    contact["heard_us"] = None
    text = text_of(screen(page(contact=contact), Look(), width=120, height=20))
    assert "no contact so far (timeout: x)" in text


def test_issues_are_bounded() -> None:
    """A gateway in trouble has many; the panel below must keep its room."""
    issue = {"code": "x", "level": "critical", "message": "bad", "hint": "do", "since_us": NOW_US}
    health = {"level": "critical", "issues": [issue] * 9}
    text = text_of(screen(page(health=health), Look(), width=100, height=30))
    assert text.count("critical: bad") == 3
    assert "and 6 issues more" in text


def test_a_page_shows_everything_and_says_what_it_leaves_out() -> None:
    """`--once` has no keys to scroll with."""
    text = text_of(everything(page(), Look(), width=150, rows_max=1))
    assert "symbols 2 (live 2)" in text
    assert "… and 1 more" in text
    lacking = page(unavailable=["alerts"])
    assert "alerts not available" in text_of(everything(lacking, Look(), width=90, rows_max=5))


def test_sparklines_are_drawn_in_what_the_terminal_has() -> None:
    """A single value has no course, and nothing at all has no height."""
    assert sparkline([1.0], has_unicode=True) == ""
    assert sparkline([0.0, 0.0], has_unicode=True) == "▁▁"
    assert sparkline([0.0, 4.0, 8.0], has_unicode=True) == "▁▄█"
    assert sparkline([-1.0, 8.0], has_unicode=False) == "_@"


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0s"), (119, "119s"), (120, "2m"), (7_200, "2h"), (172_800, "2d")]
)
def test_ages_are_told_in_their_largest_unit(seconds: int, shown: str) -> None:
    """A column of six characters holds any of them."""
    assert age(NOW_US - seconds * 1_000_000, NOW_US) == shown


def test_an_unknown_age_is_empty() -> None:
    """Not zero: nothing is known; and a clock that went back gives no negative age."""
    assert age(None, NOW_US) == ""
    assert age(NOW_US + 1_000_000, NOW_US) == "0s"


@pytest.mark.parametrize("width", [40, 80, 120])
def test_what_to_do_is_broken_between_words(width: int) -> None:
    """Half a word at the edge is no advice."""
    hint = "Log IQConnect in by its own window, or give the gateway the login to do it itself."
    issue = {"level": "critical", "message": "IQConnect is not logged in", "since_us": NOW_US,
             "hint": hint}  # fmt: skip
    drawn = page(health={"level": "critical", "live": True, "ready": True, "issues": [issue]})
    words = set(f"critical: IQConnect is not logged in, 0s {hint} ...".split())
    lines = [line.plain for line in everything(drawn, Look(), width=width, rows_max=5)]
    first = next(place for place, line in enumerate(lines) if line.startswith("critical: "))
    last = next(place for place, line in enumerate(lines) if line.startswith("rate"))
    assert set(" ".join(lines[first:last]).split()) <= words
    assert max(map(len, lines[first:last])) <= width
    assert (hint in " ".join(" ".join(lines[first:last]).split())) is (width > 40)


def test_without_flow_there_is_no_latency() -> None:
    """Zero would be the best value there is."""
    figures = page()["figures"] | {
        "throughput_msg_per_sec": 0.0, "average_latency_ms": 0.0, "p99_latency_us": None,
    }  # fmt: skip
    text = text_of(everything(page(figures=figures), Look(), width=120, rows_max=5))
    assert "\N{EN DASH} ms" in text
    assert "p99 \N{EN DASH} ms" in text
    plain = everything(page(figures=figures), Look(has_unicode=False), width=120, rows_max=5)
    assert "p99 - ms" in text_of(plain)
