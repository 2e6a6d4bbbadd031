"""The status page of a real gateway before a real simulator, in a real browser, in real trouble."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from gateway.simulator import SimulatorOptions
from tests.support.browser import Browser
from tests.support.consumer import Consumer
from tests.support.incident import equities
from tests.support.processes import GatewayProcess
from tests.support.reading import reader
from tests.support.simulators import SimulatorProcess
from tests.support.slack import SLACK
from tests.support.stage import open_stage
from tests.support.status_view import StatusView

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
SHOWN_S_MAX: Final = 2.0
"""From the moment the gateway tells anybody to the moment the page shows it."""
CLEARED_S_MAX: Final = 5.0
LINES_PER_SECOND: Final = 4_000.0
SYMBOLS: Final = ("AAPL", "MSFT", "NVDA", "TSLA", "AMD", "AMZN", "META", "GOOGL", "NFLX", "INTC")
MANY: Final = 5_000


class Scene(NamedTuple):
    """Everything that runs."""

    simulator: SimulatorProcess
    gateway: GatewayProcess
    consumer: Consumer
    view: StatusView

    @property
    def browser(self) -> Browser:
        """Shows the page."""
        return self.view.browser

    def is_issue(self, code: str) -> bool:
        """Whether the page shows an issue."""
        return code in self.browser.text("#issues")

    def shown_within(
        self,
        is_told: Callable[[], bool],
        is_shown: Callable[[], bool],
        *,
        what: str,
        seconds: float = SHOWN_S_MAX,
    ) -> float:
        """Wait for both, looking at each in turn.

        Returns:
            How long after the gateway told it the page showed it, seconds; below 0 for before.
        """
        told_s: float | None = None
        shown_s: float | None = None
        end_s = time.monotonic() + 20.0 * SLACK
        while told_s is None or shown_s is None:
            assert time.monotonic() < end_s, f"{what}: {told_s=} {shown_s=}"
            if told_s is None and is_told():
                told_s = time.monotonic()
            if shown_s is None and is_shown():
                shown_s = time.monotonic()
        print(f"{what}: shown {shown_s - told_s:+.2f} s after it was told")
        assert shown_s - told_s < seconds * SLACK, what
        return shown_s - told_s

    def take(self) -> None:
        """Read what consumers were told so far."""
        for _ in self.consumer.stream(0.02):
            continue


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for all tests of this file."""
    with Browser() as browser:
        browser.show(width=1280, height=900)
        yield browser


@pytest.fixture
def scene(browser: Browser, tmp_path: Path) -> Iterator[Scene]:
    """A gateway with live prices of a few symbols, and its page."""
    with SimulatorProcess(tmp_path, rate=LINES_PER_SECOND) as simulator:
        gateway = GatewayProcess(
            tmp_path,
            level1_port=simulator.level1_port,
            admin_port=simulator.admin_port,
            settings={"iqconnect": {"level2_port": simulator.level2_port}},
        )
        with gateway:
            gateway.start()
            topics = [f"state,{symbol}," for symbol in SYMBOLS]
            with gateway.requester() as requester, gateway.consumer("sys,", *topics) as consumer:
                requester.result("subscribe", client="desk", symbols=list(SYMBOLS), kinds=["l1"])
                view = StatusView(browser, url_of(gateway))
                view.open()
                browser.wait_until(
                    lambda: "10 of 10 symbols live" in browser.text("#summary"), what="prices"
                )
                browser.wait_until(lambda: view.level == "healthy", what="health")
                yield Scene(simulator, gateway, consumer, view)


def url_of(gateway: GatewayProcess) -> str:
    """Where a gateway's page is."""
    return f"http://127.0.0.1:{gateway.http_port}/"


def test_live_prices_are_shown_as_such(scene: Scene) -> None:
    """The page of a gateway without trouble: figures that move, and nothing in red."""
    browser, view = scene.browser, scene.view
    assert browser.text("#level-word") == "Healthy"
    assert "prices are live" in browser.text("#summary")
    assert [row[1] for row in view.rows("links")] == ["streaming", "streaming", "not wanted yet"]
    assert view.row("symbols", "AAPL")[1] == "live"
    assert len(view.rows("symbols")) == len(SYMBOLS)
    assert len(view.rows("consumers")) == 1
    with scene.gateway.requester() as requester:
        hello = requester.result("hello")
    assert browser.text("#epoch") == str(hello["epoch"])
    assert browser.text("#name") == hello["gateway_id"]
    figure = "#tiles .tile:nth-child(2) .now"
    before = browser.text(figure)
    browser.wait_until(lambda: browser.text(figure) != before, what="a figure that moves")
    line = view.row("symbols", "AAPL")[4]
    browser.wait_until(lambda: view.row("symbols", "AAPL")[4] != line, what="a newer last line")
    assert browser.console == []
    assert set(browser.requests) == {scene.view.url, f"{scene.view.url}events"}


def test_a_breaker_that_opens_is_shown_and_cleared(scene: Scene) -> None:
    """Somebody who looks must not wait for what every program can ask."""
    browser, view = scene.browser, scene.view
    with scene.gateway.requester() as requester:

        def breaker() -> str:
            links = requester.result("metrics")["connections"]["links"]
            return str(links["level1"]["breaker"]["state"])

        def shown() -> str:
            return view.row("links", "level1")[3]

        scene.simulator.act("refuse", port="level1", on=True)
        scene.simulator.act("close", port="level1")
        scene.shown_within(
            lambda: breaker() == "open", lambda: shown().startswith("open"), what="breaker opens"
        )
        browser.wait_until(lambda: "next attempt in" in shown(), what="the next attempt")
        browser.wait_until(lambda: scene.is_issue("level1_breaker_open"), what="the issue")
        browser.wait_until(
            lambda: bool(view.row("alerts", "the circuit breaker of level1")), what="the alert"
        )
        assert view.level == "critical"
        announced = browser.evaluate("document.querySelector('#announce').textContent")
        assert announced.startswith("Health is now Critical: "), "who listens is told, too"
        assert view.rows("errors")[0][1] in ("level1", "admin")
        scene.simulator.act("refuse", port="level1", on=False)
        scene.shown_within(
            lambda: breaker() == "closed",
            lambda: shown().startswith("closed"),
            what="breaker closes",
        )
        browser.wait_until(lambda: view.level == "healthy", what="health again", seconds=20.0)
        assert not scene.is_issue("level1_breaker_open")
        browser.wait_until(
            lambda: all(row[3] != "active" for row in view.rows("alerts")), what="alerts cleared"
        )


def test_a_stale_symbol_is_shown_with_its_cause(scene: Scene) -> None:
    """Why a price cannot be trusted is the first question of whoever trades on it."""
    view = scene.view

    def told(state: str, cause: str | None) -> bool:
        scene.take()
        found = scene.consumer.on("state,AAPL,")
        return bool(found) and found[-1].values[:2] == [state, cause]

    def shown(state: str, cause: str) -> bool:
        return view.row("symbols", "AAPL")[1:3] == [state, cause]

    scene.simulator.act("dtn", up=False)
    scene.shown_within(
        lambda: told("stale", "dtn_link_down"),
        lambda: shown("stale", "dtn link down"),
        what="symbol becomes stale",
    )
    assert view.level == "critical"
    scene.simulator.act("dtn", up=True)
    scene.shown_within(
        lambda: told("live", None), lambda: shown("live", ""), what="symbol is live again"
    )


def test_a_halted_symbol_is_shown_as_live_with_its_cause(scene: Scene) -> None:
    """A new cause without a new state must not be missed."""
    view = scene.view
    scene.simulator.act("halt", symbol="AAPL")
    scene.consumer.wait_for_state("AAPL", "live", "halted")
    scene.browser.wait_until(
        lambda: view.row("symbols", "AAPL")[1:3] == ["live", "halted"], what="halted", seconds=2.0
    )
    assert view.rows("symbols")[0][0] == "AAPL", "what is not as it should be comes first"
    scene.simulator.act("resume", symbol="AAPL")
    scene.browser.wait_until(
        lambda: view.row("symbols", "AAPL")[1:3] == ["live", ""], what="resumed", seconds=10.0
    )


def test_a_slow_consumer_is_shown_and_cleared(scene: Scene) -> None:
    """Which program falls behind, before it is cut off."""
    view = scene.view

    def alerts(event: str) -> list[str]:
        scene.take()
        told = (message.values[0] for message in scene.consumer.on("sys,alert,"))
        slow = [one for one in told if one["code"] == "slow_consumer"]
        return [str(one["peer"]) for one in slow if one["event"] == event]

    def slow_rows() -> list[list[str]]:
        return [row for row in view.rows("consumers") if row[1].startswith("slow")]

    with reader(scene.gateway.data) as child:
        child.send_signal(signal.SIGSTOP)
        scene.shown_within(
            lambda: bool(alerts("raised")), lambda: bool(slow_rows()), what="consumer is slow"
        )
        (peer,) = alerts("raised")
        assert slow_rows()[0][0] == peer
        assert view.rows("consumers")[0][0] == peer, "the slowest comes first"
        scene.browser.wait_until(lambda: scene.is_issue("slow_consumers"), what="the issue")
        assert view.level == "warning"
        child.send_signal(signal.SIGCONT)
        scene.shown_within(
            lambda: bool(alerts("cleared")),
            lambda: not slow_rows(),
            what="consumer keeps up",
            # It is fed seconds of data at once, and the machine with it.
            seconds=CLEARED_S_MAX,
        )
    scene.browser.wait_until(lambda: view.level == "healthy", what="health", seconds=10.0)


def test_a_gateway_that_is_killed_is_lost_and_found_again(scene: Scene) -> None:
    """A page that goes on showing the last good value is worse than none."""
    browser = scene.browser
    epoch = browser.text("#epoch")
    scene.gateway.kill()
    browser.wait_until(
        lambda: "Lost contact at" in browser.text("#lost"), what="lost contact", seconds=3.0
    )
    assert browser.text("#level-word") == "Healthy"
    assert browser.evaluate("document.body.className") == "lost"
    scene.gateway.start()
    browser.wait_until(lambda: not browser.text("#lost"), what="contact again", seconds=10.0)
    browser.wait_until(lambda: browser.text("#epoch") != epoch, what="the new epoch")
    assert "Gateway restarted at" in browser.text("#restarted")
    assert f"new epoch {browser.text('#epoch')}" in browser.text("#restarted")
    # The new run knows nothing of leases that were not kept: their symbols are gone from the page.
    browser.wait_until(lambda: "No symbol" in browser.text("#symbols-none"), what="no symbols")


def test_a_gateway_that_is_suspended_is_lost_although_its_connection_stands(scene: Scene) -> None:
    """A stopped process keeps its sockets open: only silence tells."""
    browser = scene.browser
    stopped_s = time.monotonic()
    scene.gateway.send_signal(signal.SIGSTOP)
    try:
        lost_s = browser.wait_until(
            lambda: "Lost contact at" in browser.text("#lost"), what="lost contact", seconds=6.0
        )
    finally:
        scene.gateway.send_signal(signal.SIGCONT)
    print(f"a suspended gateway is lost after {lost_s - stopped_s:.2f} s")
    browser.wait_until(lambda: not browser.text("#lost"), what="contact again", seconds=20.0)
    assert not browser.text("#restarted"), "it is the same run"


@pytest.mark.long
def test_five_thousand_symbols_of_a_real_gateway(browser: Browser, tmp_path: Path) -> None:
    """All of them arrive, are counted, and each is found."""
    options = SimulatorOptions(
        admin_port=0, level1_port=0, level2_port=0, equity_count=MANY, symbol_limit=MANY + 500
    )
    with open_stage() as stage:
        simulator = stage.start_simulator(options)
        symbols = equities(simulator, MANY - 10)
        gateway = GatewayProcess(
            tmp_path, level1_port=simulator.level1_port, admin_port=simulator.admin_port
        )
        with gateway, browser_page(browser, gateway) as view, gateway.requester() as requester:
            for begin in range(0, len(symbols), 1_000):
                part = symbols[begin : begin + 1_000]
                requester.result("subscribe", client="all", symbols=part, kinds=["l1"])
            count = f"{len(symbols):,}"
            browser.wait_until(
                lambda: f"{count} of {count} symbols live" in browser.text("#summary"),
                what="all live",
                seconds=30.0,
            )
            browser.wait_until(lambda: f"live {count}" in browser.text("#filters"), what="chips")
            last = max(symbols)
            view.search(last)
            browser.wait_until(lambda: bool(view.row("symbols", last)), what=last)
            assert view.row("symbols", last)[1] == "live"
            assert browser.console == []


@contextmanager
def browser_page(browser: Browser, gateway: GatewayProcess) -> Iterator[StatusView]:
    """Start a gateway and open its page."""
    gateway.start()
    view = StatusView(browser, url_of(gateway))
    view.open()
    yield view
