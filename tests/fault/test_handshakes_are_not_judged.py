"""What judges handshakes dies, hangs or is slow: the door is shut, who is inside stays."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgpack
import pytest

from gateway.policy.admission import Admission, Attempt, Verdict
from tests.support import fault_table
from tests.support.consumer import Consumer
from tests.support.fault_table import fault_row
from tests.support.keyring import Keyring
from tests.support.requester import Requester
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


def is_answered(stage: Stage, keys: tuple[str, str, str] | None, *, seconds: float) -> bool:
    """Whether a new client with these keys gets an answer on the control socket."""
    with Requester(stage.gateway.endpoints["control"], keys=keys) as requester:
        requester.send(msgpack.packb({"v": 1, "id": 1, "method": "ping", "params": {}}))
        try:
            return requester.receive(seconds)["ok"] is True
        except AssertionError:
            return False


KNOCKS: Final = {"data": hears, "control": is_answered}
"""How a new client finds out whether it is let in, by socket."""


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
@pytest.mark.parametrize("door", KNOCKS)
@pytest.mark.long
def test_a_dead_handler_lets_nobody_in(tmp_path: Path, door: str) -> None:
    """CURVE without a handler would let everybody in: that is what the enforced domain is for."""
    judge, knock, code = Admission.judge, KNOCKS[door], f"handshakes_{door}_stopped"
    with guarded(tmp_path) as (stage, ring, inside, requester):
        try:
            set_judge(failing)
            assert not knock(stage, ring.keys("bob"), seconds=0.5)
            began_s = time.monotonic()
            wait_until(
                lambda: code in codes_of(requester), what="health to say so", seconds=HEALTH_S_MAX
            )
            told_s = time.monotonic() - began_s
        finally:
            set_judge(judge)
        for keys in (ring.stranger(), None, ring.keys("bob")):
            assert not knock(stage, keys, seconds=1.5)
        (other,) = KNOCKS.keys() - {door}
        assert KNOCKS[other](stage, ring.keys("bob"), seconds=8.0), "the other handler lives"
        assert not KNOCKS[other](stage, ring.stranger(), seconds=1.0)
        health = requester.result("health")
        check_inside(inside)
        assert requester.result("ping") == {}
    fault_table.note(
        64,
        f"the handler of handshakes dies ({door})",
        detect_s=told_s,
        lost=0,
        cause=code,
        more="nobody new let in; who was inside went on",
    )
    assert (health["level"], health["is_healthy"]) == ("critical", False)
    assert told_s < HEALTH_S_MAX * SLACK


def failing(admission: Admission, attempt: Attempt) -> Verdict:
    """A judge out of order."""
    raise RuntimeError(f"out of order: {admission} {attempt.address}")


@fault_row(64)
@pytest.mark.long
def test_handlers_that_hang_let_nobody_in_until_they_go_on(tmp_path: Path) -> None:
    """The handshakes that it does not answer end by their own time limit."""
    judge, release = Admission.judge, threading.Event()

    def hang(admission: Admission, attempt: Attempt) -> Verdict:
        release.wait(30.0)
        return judge(admission, attempt)

    with guarded(tmp_path) as (stage, ring, inside, requester):
        try:
            set_judge(hang)
            waiting = stage.consumer("sys,heartbeat,", keys=ring.keys("bob"))
            asking = stage.requester(keys=ring.keys("bob"))
            asking.send(msgpack.packb({"v": 1, "id": 1, "method": "ping", "params": {}}))
            both = {f"handshakes_{door}_stopped" for door in KNOCKS}
            wait_until(
                lambda: both <= codes_of(requester), what="health to say so", seconds=HEALTH_S_MAX
            )
            for knock in KNOCKS.values():
                for keys in (ring.stranger(), None, ring.keys("bob")):
                    assert not knock(stage, keys, seconds=1.0)
            assert waiting.receive(0.0) is None
            assert requester.result("health")["is_healthy"] is False
            check_inside(inside)
        finally:
            set_judge(judge)
            release.set()
        began_s = time.monotonic()
        wait_until(lambda: not both & codes_of(requester), what="all well again")
        assert asking.receive(8.0 * SLACK)["ok"], "what was asked meanwhile is answered"
        assert waiting.receive(8.0 * SLACK) is not None, "who waited comes in by itself"
        back_s = time.monotonic() - began_s
    fault_table.note(
        64,
        "the handler of handshakes hangs",
        recover_s=back_s,
        lost=0,
        cause="handshakes_data_stopped, handshakes_control_stopped",
        more="nobody new let in meanwhile",
    )


@fault_row(64)
@pytest.mark.long
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
            assert is_answered(stage, ring.keys("bob"), seconds=5.0 * SLACK)
            for keys in (ring.stranger(), None):
                assert not is_answered(stage, keys, seconds=1.5)
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
