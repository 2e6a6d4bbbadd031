"""Who asks for `top`: at a bounded pace, whatever the gateway answers."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from gateway.commands.top.page import page_of
from gateway.commands.top.watcher import HISTORY_MAX, SHARE_MAX, Watcher
from tests.unit.client.fake_gateway import FakeGateway, Refusal, running

pytestmark = pytest.mark.slow


def work_until(watcher: Watcher, is_done: Callable[[], object], *, seconds: float = 8.0) -> None:
    """Let it work until something is the case."""
    deadline_s = time.monotonic() + seconds
    while not is_done():
        assert time.monotonic() < deadline_s, page_of(watcher)
        watcher.work()
        watcher.socket.poll(min(20, watcher.wait_ms()))


def asked(fake: FakeGateway, method: str) -> list[dict[str, Any]]:
    """The parameters of each request of a method."""
    return [params for name, params in list(fake.requests) if name == method]


def well(fake: FakeGateway, **handlers: Any) -> None:
    """Let a fake gateway answer everything."""
    fake.handlers |= {
        "health": lambda _: {"level": "healthy"},
        "metrics": lambda _: {
            "client_metrics": {"throughput_msg_per_sec": 5.0, "average_latency_ms": 1},
            "topics": {"symbols": {"live": 3, "stale": 1}},
        },
        "alerts": lambda _: {"active": [], "recent": []},
        "diagnostics": lambda _: {"clients": [], "client_status": {}},
        "errors": lambda _: {"errors": []},
        "trends": lambda _: {"metrics": {}},
        "symbols": lambda _: {"symbols": [], "complete": True},
    } | handlers


def test_only_states_that_symbols_are_in_are_asked_for() -> None:
    """Fifty thousand live symbols are no reason to search them five times a second."""
    with running() as fake, Watcher(fake.control_endpoint) as watcher:
        well(fake)
        work_until(watcher, lambda: watcher.is_complete)
        work_until(watcher, lambda: watcher.answer("symbols.stale") is not None)
        states = {params.get("state") for params in asked(fake, "symbols")}
        assert states == {None, "stale"}
        assert asked(fake, "subscriptions") == []


def test_a_slow_answer_is_asked_for_more_rarely() -> None:
    """Looking at a gateway must never become its load."""

    def answer_slowly(_: Any) -> Any:
        time.sleep(0.3)
        return {"errors": []}

    with running() as fake, Watcher(fake.control_endpoint) as watcher:
        well(fake, errors=answer_slowly)
        work_until(watcher, lambda: watcher.answer("errors") is not None)
        source = watcher.sources["errors"]
        left_s = (source.due_ns - time.monotonic_ns()) / 1e9
        assert left_s > 0.3 * (SHARE_MAX - 5)


def test_a_refusal_is_contact_and_an_unknown_method_is_left_alone() -> None:
    """`busy` today is an answer tomorrow; a method that does not exist is not asked each second."""

    def refuse(code: str) -> Callable[[Any], Any]:
        def handler(_: Any) -> Any:
            raise Refusal(code)

        return handler

    with running() as fake, Watcher(fake.control_endpoint) as watcher:
        well(fake, trends=refuse("busy"), alerts=refuse("unknown_method"))
        work_until(watcher, lambda: watcher.is_complete)
        assert not watcher.is_lost
        assert watcher.is_unknown("alerts")
        assert not watcher.is_unknown("trends")
        work_until(watcher, lambda: len(asked(fake, "health")) >= 3)
        assert len(asked(fake, "alerts")) == 1
        assert page_of(watcher)["unavailable"] == ["alerts"]


def test_another_run_is_asked_everything_anew() -> None:
    """It may be another version, which has what the old one had not."""
    with running() as fake, Watcher(fake.control_endpoint) as watcher:
        well(fake)
        work_until(watcher, lambda: watcher.is_complete)
        before = len(asked(fake, "trends"))
        fake.epoch += 1
        work_until(watcher, lambda: len(asked(fake, "trends")) > before)
        assert watcher.restarts == 1
        assert len(watcher.history) <= HISTORY_MAX


@pytest.mark.parametrize(
    "shape", [None, 5, "text", [], [1, None], {"client_metrics": 7, "symbols": {"a": 1}}]
)
def test_answers_of_any_shape_give_a_page(shape: Any) -> None:
    """A gateway of another version, or no gateway at all, must not end the watching."""
    with running() as fake, Watcher(fake.control_endpoint) as watcher:
        well(fake)
        for method in ("health", "metrics", "alerts", "diagnostics", "errors", "symbols"):
            fake.handlers[method] = lambda _: shape
        work_until(watcher, lambda: watcher.heard_us is not None)
        work_until(watcher, lambda: len(asked(fake, "symbols")) > 0)
        page = page_of(watcher)
        assert page["symbols"]["rows"] == []
        assert page["consumers"] == []
