"""What judges handshakes dies, hangs or is slow: the door is shut, who is inside stays."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from gateway.policy.admission import Admission, Attempt, Verdict
from tests.support import fault_table
from tests.support.consumer import Consumer
from tests.support.fault_table import fault_row
from tests.support.keyring import Keyring
from tests.support.slack import SLACK
from tests.support.stage import Stage, simulated, wait_until

pytestmark = pytest.mark.slow
CLIENTS: Final = 20
SLOW_S: Final = 0.2
HEALTH_S_MAX: Final = 5.0
IN_S_MAX: Final = 15.0


@contextmanager
def guarded(folder: Path) -> Iterator[tuple[Stage, Keyring, Consumer, Any]]:
    """A gateway with keys, somebody inside, and somebody who asks."""
    ring = Keyring(folder, "alice", "bob")
    # Room for all consumers of one user.
    security = {**ring.settings["security"], "connections_per_user_max": 2 * CLIENTS}
    with simulated(settings={**ring.settings, "security": security}) as stage:
        inside = stage.consumer("sys,heartbeat,", "quote,AAPL,", keys=ring.keys("alice"))
        inside.wait_for_beats(1)
        requester = stage.requester(keys=ring.keys("bob"))
        requester.result("ping")
        yield stage, ring, inside, requester


Judge = Callable[[Admission, Attempt], Verdict]


def set_judge(judge: Judge) -> None:
    """Let handshakes be judged by something else, in the handlers that run."""
    setattr(Admission, "judge", judge)  # noqa: B010 - methods are not to be assigned otherwise


def hears(stage: Stage, keys: tuple[str, str, str] | None, *, seconds: float) -> bool:
    """Whether a new consumer with these keys hears anything."""
    with Consumer(stage.gateway.endpoints["data"], "sys,heartbeat,", keys=keys) as consumer:
        return consumer.receive(seconds) is not None


def codes_of(requester: Any) -> set[str]:
    """What `health` says is wrong."""
    return {issue["code"] for issue in requester.result("health")["issues"]}


def check_inside(inside: Consumer) -> None:
    """Who was inside goes on, and nothing is lost to it."""
    inside.wait_for_beats(2)
    beats = [message.sequence for message in inside.on("sys,heartbeat,")]
    assert beats == list(range(beats[0], beats[0] + len(beats)))
    assert inside.history.violations == []


@fault_row(64)
def test_a_dead_handler_lets_nobody_in(tmp_path: Path) -> None:
    """CURVE without a handler would let everybody in: that is what the enforced domain is for."""
    judge = Admission.judge
    with guarded(tmp_path) as (stage, ring, inside, requester):
        try:
            set_judge(failing)
            assert not hears(stage, ring.keys("bob"), seconds=0.5)
            began_s = time.monotonic()
            wait_until(
                lambda: "handshakes_data_stopped" in codes_of(requester),
                what="health to say so",
                seconds=HEALTH_S_MAX,
            )
            told_s = time.monotonic() - began_s
        finally:
            set_judge(judge)
        for keys in (ring.stranger(), None, ring.keys("bob")):
            assert not hears(stage, keys, seconds=1.5)
        health = requester.result("health")
        check_inside(inside)
        assert requester.result("ping") == {}, "the other socket's handler lives"
    fault_table.note(
        64,
        "the handler of handshakes dies",
        detect_s=told_s,
        lost=0,
        cause="handshakes_data_stopped",
        more="nobody new let in; who was inside went on",
    )
    assert health["level"] == "critical"
    assert told_s < HEALTH_S_MAX * SLACK


def failing(admission: Admission, attempt: Attempt) -> Verdict:
    """A judge out of order."""
    raise RuntimeError(f"out of order: {admission} {attempt.address}")


@fault_row(64)
def test_a_handler_that_hangs_lets_nobody_in_until_it_goes_on(tmp_path: Path) -> None:
    """The handshakes that it does not answer end by their own time limit."""
    judge, release = Admission.judge, threading.Event()

    def hang(admission: Admission, attempt: Attempt) -> Verdict:
        release.wait(30.0)
        return judge(admission, attempt)

    with guarded(tmp_path) as (stage, ring, inside, requester):
        try:
            set_judge(hang)
            waiting = stage.consumer("sys,heartbeat,", keys=ring.keys("bob"))
            wait_until(
                lambda: "handshakes_data_stopped" in codes_of(requester),
                what="health to say so",
                seconds=HEALTH_S_MAX,
            )
            assert not hears(stage, ring.stranger(), seconds=1.0)
            assert waiting.receive(0.0) is None
            check_inside(inside)
        finally:
            set_judge(judge)
            release.set()
        began_s = time.monotonic()
        wait_until(
            lambda: "handshakes_data_stopped" not in codes_of(requester), what="all well again"
        )
        assert waiting.receive(8.0 * SLACK) is not None, "who waited comes in by itself"
        back_s = time.monotonic() - began_s
    fault_table.note(
        64,
        "the handler of handshakes hangs",
        recover_s=back_s,
        lost=0,
        cause="handshakes_data_stopped",
        more="nobody new let in meanwhile",
    )


@fault_row(64)
def test_a_slow_handler_lets_all_in_one_after_the_other(tmp_path: Path) -> None:
    """Slowness is no reason to refuse anybody, and none to be less strict."""
    judge = Admission.judge

    def slow(admission: Admission, attempt: Attempt) -> Verdict:
        time.sleep(SLOW_S)
        return judge(admission, attempt)

    with guarded(tmp_path) as (stage, ring, inside, _):
        try:
            set_judge(slow)
            began_s = time.monotonic()
            clients = [
                stage.consumer("sys,heartbeat,", keys=ring.keys("bob")) for _ in range(CLIENTS)
            ]
            stranger = stage.consumer("sys,heartbeat,", keys=ring.stranger())
            waiting = clients
            # All are read in turn: a socket that nobody reads does not subscribe again.
            while waiting and time.monotonic() - began_s < IN_S_MAX * SLACK:
                waiting = [client for client in waiting if client.receive(0.01) is None]
            assert not waiting
            took_s = time.monotonic() - began_s
            assert stranger.receive(0.5) is None
            check_inside(inside)
        finally:
            set_judge(judge)
    fault_table.note(
        64,
        f"the handler of handshakes takes {SLOW_S} s for each",
        recover_s=took_s,
        lost=0,
        more=f"{CLIENTS} clients in, the stranger not",
    )
