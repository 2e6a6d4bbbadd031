"""A gateway with keys tries its own doors before it opens them."""

from pathlib import Path
from typing import Any

import pytest
import zmq

from gateway.errors import ConfigError
from gateway.runtime.gate import Gate, Probe
from gateway.runtime.zap import ZapHandler
from tests.support.keyring import Keyring
from tests.support.stage import free_ports, open_stage

pytestmark = pytest.mark.slow


@pytest.fixture
def ring(tmp_path: Path) -> Keyring:
    """One client."""
    return Keyring(tmp_path, "alice")


BROKEN = {
    "a handler that lets everybody in": ("admitted", "a stranger was let in"),
    "no answer": ("failed", "strangers are not refused"),
}


@pytest.mark.parametrize("place", ["data", "control"])
@pytest.mark.parametrize("case", BROKEN)
def test_a_door_that_does_not_hold_is_not_opened(
    ring: Keyring, monkeypatch: pytest.MonkeyPatch, case: str, place: str
) -> None:
    """Better no gateway than one that serves strangers; and nothing is left listening."""
    outcome, words = BROKEN[case]

    def probe(_: str, name: str, **__: object) -> Probe:
        return Probe(outcome) if name == place else Probe.REFUSED

    monkeypatch.setattr("gateway.runtime.gate.probe", probe)
    if outcome == "failed":
        monkeypatch.setattr("gateway.runtime.gate.probe", lambda *_, **__: Probe.FAILED)
    else:
        # The other socket passes as if its handler had been asked.
        monkeypatch.setattr(ZapHandler, "expect", lambda self, _: self.probed.set())
    ports = free_ports(2)
    with open_stage() as stage:
        with pytest.raises(ConfigError, match=words):
            stage.start_gateway(
                level1_port=1,
                admin_port=2,
                **ring.settings
                | {
                    "data": {"bind": f"tcp://127.0.0.1:{ports[0]}"},
                    "control": {"bind": f"tcp://127.0.0.1:{ports[1]}"},
                },
            )
        for port in ports:
            with zmq.Context() as context, context.socket(zmq.ROUTER) as other:
                other.bind(f"tcp://127.0.0.1:{port}")


def test_a_refusal_that_the_handler_does_not_know_of_is_no_proof(
    ring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else's refusal says nothing about our door."""
    monkeypatch.setattr("gateway.runtime.gate.probe", lambda *_, **__: Probe.REFUSED)
    with open_stage() as stage, pytest.raises(ConfigError, match="was_asked=False"):
        stage.start_gateway(level1_port=1, admin_port=2, **ring.settings)


@pytest.mark.parametrize("name", ["data", "control"])
def test_a_socket_that_lets_anybody_in_is_seen(
    ring: Keyring, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Without a handler and without ZAP_ENFORCE_DOMAIN CURVE does just that."""
    guard = Gate.guard

    def guard_badly(gate: Gate, guarded: "zmq.Socket[Any]") -> None:
        guard(gate, guarded)
        if gate.name == name:
            guarded.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 0)
            assert gate.close()

    monkeypatch.setattr(Gate, "guard", guard_badly)
    with open_stage() as stage, pytest.raises(ConfigError, match="a stranger was let in") as caught:
        stage.start_gateway(level1_port=1, admin_port=2, **ring.settings)
    assert caught.value.facts["socket"] == name


def test_a_handler_that_says_nothing_is_seen(
    ring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It lets nobody in, clients with keys included."""
    monkeypatch.setattr(ZapHandler, "answer", lambda *_: None)
    with open_stage() as stage, pytest.raises(ConfigError, match="strangers are not refused"):
        stage.start_gateway(level1_port=1, admin_port=2, **ring.settings)
