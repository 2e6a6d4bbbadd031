"""The status page in a real browser, told things that no gateway in a test would come to say."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from gateway_monitoring.alerts import ACKNOWLEDGED

from tests.support.browser import Browser
from tests.support.scripted_page import NOW_US, STATUS, ScriptedPage
from tests.support.status_view import StatusView

pytestmark = pytest.mark.slow
SYMBOLS: Final = 5_000
CONTRAST_MIN: Final = 4.5
FRAME_MS_MAX: Final = 100.0
"""A frame of 5,000 symbols, sorted anew; a person notices more."""
HOSTILE: Final = "<img src=x onerror=\"document.title='owned'\">"
TURNED: Final = "\u202eevil\u0000\n\ud800"
SHOWN: Final = r"\u{202e}evil\u{0}\u{a}\u{d800}"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for all tests of this file."""
    with Browser() as browser:
        yield browser


def rows(count: int) -> list[list[object]]:
    """Rows of the symbol table, of which every hundredth is stale."""
    return [
        [
            f"S{number:04}",
            "live" if number % 100 else "stale",
            None if number % 100 else "symbol_silent",
            NOW_US - number,
            NOW_US - 1_000_000,
            None,
            None,
        ]
        for number in range(count)
    ]


def table(count: int) -> list[tuple[str, object]]:
    """The events that bring a whole symbol table."""
    told = rows(count)
    return [
        (
            "symbols",
            {"begin": at == 0, "rows": told[at : at + 250], "complete": at + 250 >= count},
        )
        for at in range(0, max(count, 1), 250)
    ]


def trouble(text: str) -> dict[str, Any]:
    """A status with one text in every place that takes one from outside."""
    issue = {"code": text, "level": "critical", "message": text, "since_us": NOW_US, "hint": text}
    alert = {"id": text, "code": text, "level": "warning", "message": text, "hint": text}
    taken = dict(zip(ACKNOWLEDGED, (NOW_US, text, text), strict=True))
    error = {"port": text, "code": text, "severity": "warn", "message": text, "hint": text}
    link = {"port": text, "state": text, "address": text, "breaker": {"state": "open"}}
    return STATUS | {
        "health": STATUS["health"] | {"level": "critical", "issues": [issue]},
        "gateway": STATUS["gateway"] | {"id": text, "version": text},
        "links": [link | {"attempts": 1, "held_lines": 0}],
        "alerts": {
            "active": [alert | {"since_us": NOW_US, "count": 2} | taken],
            "recent": [alert | {"since_us": NOW_US, "cleared_us": NOW_US, "count": 1}],
        },
        "errors": [error | {"at_us": NOW_US, "count": 3, "details": {"reason": text}}],
    }


def consumers(text: str) -> dict[str, Any]:
    """Consumers with one text in every place that takes one."""
    one = {
        "peer": text,
        "client": text,
        "subscriptions": 3,
        "refused": 0,
        "is_relay": False,
        "is_measured": True,
        "backlog_bytes": 4_096,
        "lag_us": 4_000_000,
        "is_slow": True,
        "slow_since_us": NOW_US,
    }
    return {"rows": [one], "total": 1, "slow": 1}


def all_of(text: str) -> list[tuple[str, object]]:
    """Events that say one text wherever the page takes one from outside."""
    row = [text, "stale", text, NOW_US, NOW_US, text, text]
    return [
        ("consumers", consumers(text)),
        ("status", trouble(text)),
        ("symbols", {"begin": True, "rows": [row], "complete": True}),
    ]


def test_five_thousand_symbols_are_searched_sorted_and_scrolled(browser: Browser) -> None:
    """A desk watches thousands: only what is in sight may cost anything."""
    with ScriptedPage([("status", STATUS), *table(SYMBOLS)]) as served:
        browser.show(width=1280, height=900)
        view = StatusView(browser, served.url)
        view.open()
        browser.wait_until(lambda: "all 5,000" in browser.text("#filters"), what="all symbols")
        drawn = view.rows("symbols")
        assert len(drawn) < 60, "rows out of sight are not drawn"
        assert [row[:3] for row in drawn[:2]] == [
            ["S0000", "stale", "symbol silent"],
            ["S0100", "stale", "symbol silent"],
        ]
        total = browser.evaluate("document.querySelector('#symbols-table').ariaRowCount")
        assert total == str(SYMBOLS + 1)
        browser.evaluate("document.querySelector('#window').scrollTop = 1e9")
        browser.wait_until(lambda: bool(view.row("symbols", "S4999")), what="the last row")
        assert len(view.rows("symbols")) < 60
        view.search("s0420")
        browser.wait_until(lambda: len(view.rows("symbols")) == 1, what="one row")
        assert view.rows("symbols")[0][0] == "S0420"
        assert "1 of 5,000 shown" in browser.text("#symbols-count")
        browser.press("Escape", code=27)
        browser.wait_until(lambda: len(view.rows("symbols")) > 10, what="all rows again")
        view.search("silent")
        browser.wait_until(lambda: "50 of 5,000" in browser.text("#symbols-count"), what="causes")
        assert browser.console == []


def test_five_thousand_changes_a_second_leave_the_page_smooth(browser: Browser) -> None:
    """When everything becomes stale at once is when somebody looks."""
    with ScriptedPage([("status", STATUS), *table(SYMBOLS)]) as served:
        browser.show(width=1280, height=900)
        view = StatusView(browser, served.url)
        view.open()
        browser.wait_until(lambda: "all 5,000" in browser.text("#filters"), what="all symbols")
        took_ms = browser.evaluate("""
          new Promise((done) => {
            const heads = document.querySelectorAll("#symbols-head button"), took = [];
            let last = null, left = 30;
            const step = (now) => {
              if (last !== null) took.push(now - last);
              last = now;
              if (!left--) { done(took.sort((a, b) => a - b)); return; }
              heads[left % heads.length].click();
              document.querySelector("#window").scrollTop = (left * 4397) % 130000;
              requestAnimationFrame(step);
            };
            requestAnimationFrame(step);
          })
        """)
        median_ms = took_ms[len(took_ms) // 2]
        print(f"frames with 5,000 symbols sorted anew: median {median_ms:.1f} ms, {took_ms[-1]=}")
        assert median_ms < FRAME_MS_MAX


@pytest.mark.parametrize(
    ("text", "shown"), [(HOSTILE, HOSTILE), (TURNED, SHOWN)], ids=["markup", "characters"]
)
def test_hostile_text_is_shown_and_does_nothing(browser: Browser, text: str, shown: str) -> None:
    """Names come from other programs; the page is where an operator trusts what he reads."""
    with ScriptedPage(all_of(text)) as served:
        browser.show(width=1280, height=900)
        view = StatusView(browser, served.url)
        view.open()
        browser.wait_until(lambda: bool(view.rows("symbols")), what="the symbol")
        assert view.rows("symbols")[0][0] == shown
        assert view.rows("consumers")[0][0].splitlines()[0] == shown
        assert view.rows("links")[0][0] == shown
        assert view.rows("alerts")[0][0].startswith(shown)
        assert f"acknowledged by {shown}: {shown}" in view.rows("alerts")[0][0]
        assert view.rows("errors")[0][0].startswith(shown)
        assert shown in browser.text("#issues")
        assert browser.text("#name") == shown
        assert browser.evaluate("document.querySelectorAll('img').length") == 0
        assert browser.evaluate("document.title") != "owned"
        assert browser.console == []
        assert set(browser.requests) == {served.url, f"{served.url}events"}


def test_markup_that_got_in_would_not_run(browser: Browser) -> None:
    """The policy is the second wall: it holds even where the first would have a hole."""
    with ScriptedPage([("status", STATUS)]) as served:
        view = StatusView(browser, served.url)
        view.open()
        browser.evaluate("""
          document.body.insertAdjacentHTML("beforeend",
            "<img src='/leak' onerror='window.owned = 1'><style>body { display: none }</style>");
          const script = document.body.appendChild(document.createElement("script"));
          script.textContent = "window.owned = 2";
          const other = document.body.appendChild(document.createElement("img"));
          other.src = "http://127.0.0.2:1/leak";
        """)
        assert browser.evaluate("window.owned ?? null") is None
        assert browser.evaluate("getComputedStyle(document.body).display") == "block"
        refused = "\n".join(browser.console)
        assert refused.count("Content Security Policy") >= 4, browser.console


@pytest.mark.parametrize("is_dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("is_lost", [False, True], ids=["live", "lost"])
def test_every_text_can_be_read(browser: Browser, is_dark: bool, is_lost: bool) -> None:
    """Contrast of 4.5 and more, by day and by night, with and without contact."""
    with ScriptedPage([*all_of("text"), *table(300)], is_once=True) as served:
        browser.show(width=1280, height=900, is_dark=is_dark)
        view = StatusView(browser, served.url)
        view.open()
        browser.wait_until(lambda: len(view.rows("symbols")) > 5, what="symbols")
        if is_lost:
            browser.wait_for("!document.querySelector('#lost').hidden", what="silence")
        found = view.contrasts()
        assert len(found) > 60
        faint = [one for one in found if one["contrast"] < CONTRAST_MIN]
        assert faint == []
        ground = browser.evaluate("getComputedStyle(document.body).backgroundColor")
        channels = [int(part) for part in re.findall(r"\d+", ground)]
        assert (max(channels) < 60) is is_dark


@pytest.mark.parametrize("width", [320, 375, 768, 1280])
def test_nothing_is_wider_than_the_screen(browser: Browser, width: int) -> None:
    """A phone on call shows the page without being pushed around."""
    with ScriptedPage([*all_of("A" * 128), *table(300)]) as served:
        browser.show(width=width, height=812)
        view = StatusView(browser, served.url)
        view.open()
        browser.wait_until(lambda: len(view.rows("symbols")) > 5, what="symbols")
        assert view.overflow() == (width, width)


def test_everything_is_reached_by_keyboard(browser: Browser) -> None:
    """Tab comes by every control, and what has the focus shows it."""
    with ScriptedPage([*all_of("text"), *table(300)]) as served:
        browser.show(width=1280, height=900)
        view = StatusView(browser, served.url)
        view.open()
        browser.wait_until(lambda: len(view.rows("symbols")) > 5, what="symbols")
        seen = []
        for _ in range(30):
            browser.press("Tab", code=9)
            seen.append(
                browser.evaluate("""(() => {
                  const node = document.activeElement, style = getComputedStyle(node);
                  return [node.id || node.innerText || node.className, style.outlineStyle];
                })()""")
            )
        names = [name for name, _ in seen]
        for wanted in ("Skip to the symbols", "search", "window", "Symbol", "Last line"):
            assert wanted in names, names
        assert {outline for name, outline in seen if name and name != "search"} <= {"solid", "none"}
        assert all(outline == "solid" for name, outline in seen if name in ("window", "Symbol"))
        # A column is sorted, and a state chosen, by the keyboard alone.
        browser.evaluate("document.querySelector('#symbols-head button').focus()")
        browser.press("Enter", code=13, text="\r")
        order = "document.querySelector('#symbols-head th').getAttribute('aria-sort')"
        browser.wait_for(f"{order} === 'ascending'", what="sorted by name")
        browser.press("Enter", code=13, text="\r")
        browser.wait_for(f"{order} === 'descending'", what="sorted the other way")
        assert view.rows("symbols")[0][0] == "S0299"
        browser.evaluate("document.querySelector('#filters button:nth-child(2)').focus()")
        browser.press(" ", code=32, text=" ")
        pressed = "document.querySelector('#filters button:nth-child(2)').ariaPressed"
        browser.wait_for(f"{pressed} === 'true'", what="stale ones only")
        browser.evaluate("document.querySelector('#window').focus()")
        browser.press("Home", code=36)


def test_assistive_technology_is_told_the_structure(browser: Browser) -> None:
    """A table is a table with headers, whatever it looks like on a phone."""
    with ScriptedPage([*all_of("text"), *table(300)]) as served:
        browser.show(width=375, height=812)
        view = StatusView(browser, served.url)
        view.open()
        browser.wait_until(lambda: len(view.rows("symbols")) > 5, what="symbols")
        nodes = browser.call("Accessibility.getFullAXTree")["nodes"]
        roles = [n["role"]["value"] for n in nodes if not n["ignored"]]
        assert roles.count("table") == 5
        assert roles.count("columnheader") >= 16
        assert roles.count("row") > 10
        assert {"main", "banner", "heading", "alert", "status", "searchbox"} <= {*roles, "alert"}
        live = "document.querySelector('#announce').getAttribute('aria-live')"
        assert browser.evaluate(live) == "polite"


def test_a_silent_connection_is_lost_contact(browser: Browser) -> None:
    """A connection that is open and mute looks like a healthy gateway until somebody counts."""
    with ScriptedPage([("status", STATUS)], is_once=True) as served:
        view = StatusView(browser, served.url)
        view.open()
        browser.wait_for("!document.querySelector('#lost').hidden", what="the banner", seconds=6.0)
        assert re.search(r"Lost contact at \d\d:\d\d:\d\d", browser.text("#lost"))
        assert browser.evaluate("document.title").startswith("○ Lost contact")
        assert browser.text("#level-word") == "Healthy", "the last value stays, greyed"
        grey = "getComputedStyle(document.querySelector('#health')).filter"
        assert browser.evaluate(grey) == "grayscale(1)"
        # A connection that is open and mute is given up, and made anew.
        browser.wait_until(lambda: served.stream_count >= 3, what="another try", seconds=15.0)
        served.let_in()
        browser.wait_for("document.querySelector('#lost').hidden", what="contact", seconds=20.0)
        assert browser.evaluate("document.title").startswith("● Healthy")


def test_figures_begin_with_what_the_gateway_remembers(browser: Browser) -> None:
    """A page that is opened after the trouble shows its beginning; a gap stays a gap."""
    points = [[age_s, 100.0 + age_s] for age_s in range(290, 100, -1)]
    points += [[age_s, 50.0] for age_s in range(60, 0, -1)]
    trends = {"now_us": NOW_US, "series": {"messages": points, "lines": [], "latency": []}}
    with ScriptedPage([("trends", trends), ("status", STATUS)]) as served:
        browser.show(width=1280, height=900)
        view = StatusView(browser, served.url)
        view.open()
        tile = "document.querySelector('#tiles .tile')"
        browser.wait_for(f"{tile}.querySelector('.mark').getAttribute('d')", what="a line")
        path = browser.evaluate(f"{tile}.querySelector('.mark').getAttribute('d')")
        assert path.count("M") == 2, "two pieces, with what was not heard between them"
        assert path.count("L") == len(points) + 1 - 2
        assert "peak 390" in browser.text("#tiles .tile")
        label = browser.evaluate(f"{tile}.querySelector('svg').getAttribute('aria-label')")
        assert label == "Messages out over the last five minutes: at most 390"


def test_a_refused_page_says_why(browser: Browser) -> None:
    """Sixteen pages are open already: the seventeenth is told so."""
    with ScriptedPage([], busy="All streams are taken: try again later.") as served:
        browser.open(served.url)
        browser.wait_until(
            lambda: "All streams are taken" in browser.text("#lost"), what="the reason"
        )


def test_times_are_local_and_utc_on_hover(browser: Browser) -> None:
    """Two people in two cities talk about one moment."""
    browser.call("Emulation.setTimezoneOverride", timezoneId="America/New_York")
    try:
        with ScriptedPage([("status", STATUS)]) as served:
            view = StatusView(browser, served.url)
            view.open()
            assert browser.text("#started").endswith("10:13:20")
            title = browser.evaluate("document.querySelector('#started time').title")
            assert title == "2026-09-21 14:13:20.000 UTC"
    finally:
        browser.call("Emulation.setTimezoneOverride", timezoneId="")


def test_motion_is_reduced_where_that_is_wished(browser: Browser, tmp_path: Path) -> None:
    """What moves makes some people ill."""
    with ScriptedPage([("status", STATUS)]) as served:
        view = StatusView(browser, served.url)
        features = [{"name": "prefers-reduced-motion", "value": "reduce"}]
        browser.call("Emulation.setEmulatedMedia", features=features)
        view.open()
        style = "getComputedStyle(document.querySelector('#health'))"
        assert browser.evaluate(f"{style}.transitionDuration") == "0s"
        browser.picture(tmp_path / "page.png")
        assert (tmp_path / "page.png").stat().st_size > 1_000
