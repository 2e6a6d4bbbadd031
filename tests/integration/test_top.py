"""`top` in a real terminal and as one page, at a real gateway that goes away and comes back."""

import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.support.processes import GatewayProcess, run_command
from tests.support.stage import Stage, free_ports, open_stage, simulated, wait_until
from tests.support.terminal import TerminalProgram
from tests.unit.client.fake_gateway import Refusal, running

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal"),
]

NUMBER = {"type": ["number", "null"]}
TEXT = {"type": ["string", "null"]}
MAPS = {"type": "array", "items": {"type": "object"}}


def closed(**properties: Any) -> dict[str, Any]:
    """A JSON object with exactly these keys."""
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(properties),
        "properties": properties,
    }


PAGE_SCHEMA = closed(
    at_us={"type": "integer"},
    control={"type": "string"},
    contact=closed(
        is_lost={"type": "boolean"}, heard_us=NUMBER, error=TEXT, restarts={"type": "integer"}
    ),
    gateway=closed(gateway_id=TEXT, version=TEXT, uptime_s=NUMBER, epoch=NUMBER, now_us=NUMBER),
    health=closed(
        level={"enum": ["healthy", "warning", "critical", None]},
        live={"type": ["boolean", "null"]},
        ready={"type": ["boolean", "null"]},
        issues=MAPS,
    ),
    links={
        "type": "array",
        "items": closed(
            port={"type": "string"},
            state=TEXT,
            address=TEXT,
            attempts=NUMBER,
            held_lines=NUMBER,
            breaker=TEXT,
            retry_in_ms=NUMBER,
        ),
    },
    login=TEXT,
    figures={
        "type": "object",
        "additionalProperties": NUMBER,
        "required": ["throughput_msg_per_sec", "average_latency_ms", "processing_errors"],
    },
    process={"type": "object", "additionalProperties": NUMBER, "required": ["rss_mb"]},
    symbols=closed(
        counts={"type": "object", "additionalProperties": {"type": "integer"}},
        complete={"type": "boolean"},
        rows={
            "type": "array",
            "items": closed(
                symbol={"type": "string"},
                state=TEXT,
                cause=TEXT,
                since_us=NUMBER,
                level2=TEXT,
                level2_cause=TEXT,
                last_line_us=NUMBER,
            ),
        },
    ),
    consumers=MAPS,
    alerts=closed(active=MAPS, recent=MAPS),
    errors=MAPS,
    trends={"type": "object"},
    unavailable={"type": "array", "items": {"type": "string"}},
)
"""What `top --once --json` promises to every script."""


@pytest.fixture
def stage() -> Iterator[Stage]:
    """A simulator and a gateway with a few symbols."""
    with simulated() as stage:
        symbols = ["AAPL", "MSFT", "NOPE"]
        stage.requester().result(
            "subscribe", client="demo", symbols=symbols, kinds=["l1"], lease_s=600, wait_ms=2000
        )
        stage.requester().result(
            "subscribe", client="late", symbols=["TSLA"], kinds=["l1"], lease_s=600, wait_ms=2000
        )
        requester = stage.requester()

        def is_streaming() -> bool:
            links = requester.result("metrics")["connections"]["links"]
            return bool(links["level1"]["state"] == "streaming")

        # Symbols may be live before all of them were asked for.
        wait_until(is_streaming, what="all symbols are asked for")
        yield stage


def page_of(control: str, *arguments: str, code: int = 0) -> dict[str, Any]:
    """The page for machines, checked against its schema."""
    ended, text = run_command("top", "--once", "--json", "--control", control, *arguments)
    assert ended == code, text
    page: dict[str, Any] = json.loads(text)
    jsonschema.validate(page, PAGE_SCHEMA)
    return page


def test_one_page_for_machines_has_what_the_gateway_says(stage: Stage) -> None:
    """A script must not need to know the requests behind it."""
    page = page_of(stage.gateway.endpoints["control"])
    assert page["gateway"]["gateway_id"] == "test"
    assert page["gateway"]["epoch"] == stage.gateway.epoch
    assert not page["contact"]["is_lost"]
    states = {row["symbol"]: row["state"] for row in page["symbols"]["rows"]}
    assert states.items() >= {"AAPL": "live", "MSFT": "live", "TSLA": "live"}.items()
    assert {link["port"]: link["state"] for link in page["links"]}["level1"] == "streaming"
    assert page["unavailable"] == []


def test_symbols_are_filtered_by_the_gateway(stage: Stage) -> None:
    """Of fifty thousand symbols only those that are looked for travel."""
    page = page_of(stage.gateway.endpoints["control"], "--filter", "sl")
    assert [row["symbol"] for row in page["symbols"]["rows"]] == ["TSLA"]


def test_one_page_for_people_shows_every_panel(stage: Stage) -> None:
    """What is pasted into a ticket."""
    code, text = run_command("top", "--once", "--control", stage.gateway.endpoints["control"])
    lines = text.splitlines()
    assert code == 0
    assert " test " in lines[0]
    starts = [line.split(" ", 1)[0] for line in lines]
    for name in ("rate", "latency", "level1", "symbols", "consumers", "alerts", "errors", "AAPL"):
        assert name in starts, text
    assert max(map(len, lines)) <= 120


@pytest.mark.long
def test_without_a_gateway_one_page_fails_and_says_what_to_do() -> None:
    """A script gets an object all the same; a person gets a sentence."""
    nobody = f"tcp://127.0.0.1:{free_ports(1)[0]}"
    page = page_of(nobody, code=1)
    assert page["contact"]["is_lost"]
    assert page["contact"]["heard_us"] is None
    assert page["health"]["level"] is None
    code, text = run_command("top", "--once", "--control", nobody)
    assert code == 1
    assert "iqfeed-gateway doctor" in text
    assert run_command("top", "--json")[0] == 2
    assert run_command("top", "--once", "--control", "nonsense")[0] == 2


def test_a_gateway_without_the_newer_methods_is_shown_by_the_older_ones() -> None:
    """Watching must work through an upgrade, in whichever order it is done."""
    with running() as fake:
        level = {"level": "healthy", "live": True, "ready": True, "issues": []}
        symbols = {"live": 1, "stale": 1}
        fake.handlers |= {
            "health": lambda _: level,
            "metrics": lambda _: {"topics": {"symbols": symbols}},
            "errors": lambda _: {"errors": []},
            "subscriptions": lambda _: {
                "watches": [
                    {"symbol": "AAPL", "service": "level1", "state": "live"},
                    {"symbol": "MSFT", "service": "level1", "state": "stale"},
                ],
                "peers": [{"client": "demo", "lag_us": 5}],
                "complete": True,
            },
        }

        def unknown(_: object) -> object:
            raise Refusal("unknown_method")

        for method in ("alerts", "diagnostics", "symbols", "trends"):
            fake.handlers[method] = unknown
        page = page_of(fake.control_endpoint)
    assert page["unavailable"] == ["alerts", "diagnostics", "symbols", "trends"]
    assert [row["symbol"] for row in page["symbols"]["rows"]] == ["MSFT", "AAPL"]
    assert [row["client"] for row in page["consumers"]] == ["demo"]


def test_hostile_texts_cannot_write_on_the_screen() -> None:
    """An error may quote what a stranger sent; a terminal obeys escape sequences."""
    evil = "\x1b[2J\x1b[31mred\x07\r\nFORGED LINE [bold]markup[/bold] \u202egnirts \x9b2J"
    with running() as fake:
        issue = {"code": evil, "level": "critical", "message": evil, "hint": evil, "since_us": 1}
        fake.handlers |= {
            "health": lambda _: {"level": evil, "issues": [issue]},
            "metrics": lambda _: {
                "topics": {"symbols": {"stale": 1, evil: 2}},
                "connections": {"links": {evil: {"state": evil, "address": evil}}, "login": evil},
            },
            "alerts": lambda _: {"active": [{"id": evil, "message": evil}], "recent": [issue]},
            "errors": lambda _: {"errors": [{"port": evil, "code": evil, "message": evil}]},
            "symbols": lambda _: {"symbols": [{"symbol": evil, "state": evil, "cause": evil}]},
            "diagnostics": lambda _: {
                "clients": [{"client": evil, "address": evil}],
                "client_status": {"gateway_id": evil, "version": evil},
            },
            "trends": lambda _: {"metrics": {"latency_ms": {"mean": evil}}},
        }
        arguments = ("top", "--control", fake.control_endpoint)
        with TerminalProgram(*arguments, columns=180, rows=40) as program:
            for _ in range(4):
                program.wait_for(lambda text: "\\x1b[2J" in text, what="the escaped text")
                assert "FORGED LINE" not in [line.strip() for line in program.lines]
                program.press("\t")
            program.press("q")
            assert program.wait_for_end() == 0
            for sequence in (b"\x1b[2Jx", b"\x1b[31mred", b"\x07", b"\xc2\x9b", b"\xe2\x80\xae"):
                assert sequence not in program.output
        code, text = run_command("top", "--once", "--control", fake.control_endpoint)
        assert code == 0
        assert "\x1b" not in text
        assert "[bold]markup[/bold]" in text


def test_keys_move_filter_and_end(stage: Stage) -> None:
    """All of it works with the keyboard, and the terminal is given back as it was."""
    arguments = ("top", "--control", stage.gateway.endpoints["control"])
    with TerminalProgram(*arguments) as program:
        # A screen is read while it is drawn, and each answer comes by itself: wait for all of it.
        program.wait_for(
            lambda t: all(part in t for part in ("TSLA", "live", " test ", "level1   streaming")),
            what="symbols and links",
        )
        program.press("/ms")
        program.wait_for(
            lambda t: "filter: ms_" in t and "TSLA" not in t and "MSFT" in t, what="the filter"
        )
        program.press("q")
        program.wait_for(lambda t: "filter: msq_" in t and "MSFT" not in t, what="q as text")
        program.press("\x7f\r")
        program.wait_for(lambda t: "filter: ms\n" in t and "MSFT" in t, what="what is kept")
        program.press("\x1b")
        program.wait_for(lambda t: "filter" not in t.split("quit")[0] and "TSLA" in t, what="all")
        program.press("\t")
        program.wait_for(lambda t: "backlog kB" in t, what="consumers")
        program.press(b"\x1b[Z")
        program.wait_for(lambda t: "last line" in t, what="symbols again")
        program.press("q")
        assert program.wait_for_end() == 0
        assert program.lines_scrolled == 0, "each picture must lie on the last one"
        assert b"\x1b[?1049h" in program.output
        assert program.output.rstrip().endswith(b"\x1b[?25h")
        assert program.settings == program.before


def test_the_screen_follows_the_terminals_size(stage: Stage) -> None:
    """A narrow window shows whole lines, the most important first."""
    arguments = ("top", "--control", stage.gateway.endpoints["control"])
    with TerminalProgram(*arguments, columns=100, rows=30) as program:
        program.wait_for(lambda text: "level1   streaming" in text, what="links")
        program.resize(44, 9)
        program.wait_for(
            lambda text: "streaming" not in text and "symbol " in text and " test " in text,
            what="a small screen",
        )
        assert "q quit" in program.lines[-1]
        assert program.lines[0].split()[1] == "test"
        program.resize(150, 45)
        program.wait_for(
            lambda t: "level1   streaming" in t and "q quit" in t.splitlines()[-1],
            what="a big screen",
        )
        program.press("q")
        assert program.wait_for_end() == 0


def test_rows_beyond_the_screen_are_scrolled_to() -> None:
    """Stale symbols come first, and the last one can be reached."""
    names = [f"S{number:03}" for number in range(200)]
    with running() as fake:
        stale = [{"symbol": "ZZZ", "state": "stale", "cause": "gap"}]
        alive = [{"symbol": name, "state": "live"} for name in names]
        fake.handlers |= {
            "health": lambda _: {"level": "healthy", "issues": []},
            "metrics": lambda _: {"topics": {"symbols": {"stale": 1, "live": 200}}},
            "symbols": lambda p: {"symbols": stale if p.get("state") else [*alive, *stale]},
        }
        with TerminalProgram("top", "--control", fake.control_endpoint) as program:
            program.wait_for(lambda t: "ZZZ" in t and "S001" in t, what="the first rows")
            assert program.text.index("ZZZ") < program.text.index("S000")
            program.press(b"\x1b[B")
            program.wait_for(lambda t: "ZZZ" not in t and "S001" in t, what="one row down")
            program.press(b"\x1b[F")
            program.wait_for(lambda t: "S199" in t and "S000" not in t, what="the last row")
            program.press(b"\x1b[5~")
            program.wait_for(lambda t: "S199" not in t, what="a page up")
            program.press(b"\x1b[H")
            program.wait_for(lambda t: "ZZZ" in t, what="the first row")
            program.press(b"\x03")
            assert program.wait_for_end() == 0


def test_a_signal_ends_it_and_gives_the_screen_back(stage: Stage) -> None:
    """A terminal without echo, in another screen, is what a killed program leaves."""
    arguments = ("top", "--control", stage.gateway.endpoints["control"])
    with TerminalProgram(*arguments) as program:
        program.wait_for(lambda text: "TSLA" in text, what="symbols")
        program.send_signal(signal.SIGTERM)
        assert program.wait_for_end() == 0
        assert b"\x1b[?1049l" in program.output
        assert program.settings == program.before


@pytest.mark.long
def test_contact_is_lost_with_its_time_and_comes_back_by_itself(tmp_path: Path) -> None:
    """Whoever watches an outage must not have to start the watching anew."""
    admin, level1 = free_ports(2)
    with (
        open_stage(),
        GatewayProcess(tmp_path, level1_port=level1, admin_port=admin) as gateway,
        TerminalProgram("top", "--control", gateway.control, columns=140) as program,
    ):
        program.wait_for(lambda t: "no contact so far" in t, what="that nobody answers")
        gateway.start()
        program.wait_for(
            lambda t: "CRITICAL" in t and "no contact" not in t and "iqconnect_down" in t,
            what="the gateway's verdict",
            seconds=20,
        )
        gateway.kill()
        program.wait_for(lambda t: "lost contact at " in t, what="that it is gone", seconds=15)
        assert "iqconnect_down" in program.text
        gateway.start()
        program.wait_for(lambda t: "lost contact" not in t, what="that it is back", seconds=20)
        program.press("q")
        assert program.wait_for_end() == 0
