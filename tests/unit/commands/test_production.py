"""`validate --production` when something does not hold, and what its private gateway is told."""

from pathlib import Path
from typing import Any

import msgpack
import pytest
from gateway_client import SecurityValidationError

from gateway.commands.production import proofs
from gateway.commands.production.checks import Check, as_json, ending, is_ready
from gateway.commands.production.consumer import CountingConsumer
from gateway.commands.production.stack import Child, private_settings
from gateway.errors import ProgramFailed
from gateway.settings import load_settings

PORTS = {"admin": 11, "level 1": 12, "level 2": 13, "control": 14}


def frame(topic: str, sequence: int, *, epoch: int = 7, flags: int = 0, type_: int = 1) -> bytes:
    """One frame as the wire contract lays it out."""
    body = [type_, epoch, sequence, flags, 1_700_000_000_000_000, None, 1.0]
    return topic.encode() + bytes(msgpack.packb(body))


def reading(*frames: bytes) -> CountingConsumer:
    """A consumer that has read some frames."""
    with CountingConsumer("tcp://127.0.0.1:1") as consumer:
        for one in frames:
            consumer._take(one)
        return consumer


def test_a_hole_in_a_topic_is_counted_as_lost() -> None:
    """Loss by sequence is what the contract promises to show."""
    consumer = reading(
        frame("quote,A,", 5), frame("quote,A,", 6), frame("trade,A,", 1), frame("quote,A,", 9)
    )
    assert (consumer.lost, consumer.received) == (2, 4)
    assert not proofs.loss(consumer).is_passed
    assert "2 messages lost" in proofs.loss(consumer).detail


def test_a_new_run_and_a_repeat_are_no_loss() -> None:
    """Another epoch begins anew, and a last value is repeated with its own sequence."""
    consumer = reading(
        frame("quote,A,", 5), frame("quote,A,", 5, flags=17), frame("quote,A,", 1, epoch=8)
    )
    assert consumer.lost == 0
    assert consumer.is_stale == {"A": False}


def test_what_breaks_the_contract_is_counted() -> None:
    """A frame that cannot be read may be any number of lost messages."""
    consumer = reading(b"quote,A,\xc1", b"quote,A,\x91\x01", b"nonsense")
    assert consumer.unreadable == 3
    assert not proofs.loss(consumer).is_passed


class SlowGateway:
    """Measures up to nothing."""

    def get_metrics(self) -> dict[str, Any]:
        """Every figure beyond its target."""
        return {"client_metrics": {"average_latency_ms": 150.0, "processing_errors": 2.0}}


def test_figures_beyond_their_targets_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """A report that could only pass would prove nothing."""
    monkeypatch.setattr(proofs, "WARM_UP_S_MAX", 0.0)
    monkeypatch.setattr(proofs, "MEASURED_S", 0.01)
    with CountingConsumer("tcp://127.0.0.1:1") as consumer:
        checks = list(proofs.performance(consumer, SlowGateway()))  # type: ignore[arg-type]
    assert [check.is_passed for check in checks] == [False, False, False]
    assert "0 msg/s" in checks[0].detail
    assert "150.00 ms" in checks[1].detail
    assert "2.000 %" in checks[2].detail


class Careless:
    """A client and a gateway that take every symbol."""

    def statistics(self) -> Any:
        """Nothing was sent."""
        return type("Statistics", (), {"requests": 0})

    def subscribe_symbol(self, symbol: str, kinds: list[str]) -> None:
        """Take it."""

    def call(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Reject nothing."""
        return {"rejected": []}


class Chatty(Careless):
    """Refuses, but only after it has sent; and the gateway rejects the good one as well."""

    requests = 0

    def statistics(self) -> Any:
        """One more each time."""
        self.requests += 1
        return type("Statistics", (), {"requests": self.requests})

    def subscribe_symbol(self, symbol: str, kinds: list[str]) -> None:
        """Too late."""
        raise SecurityValidationError("no")

    def call(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Reject everything."""
        return {"rejected": [{"symbol": s, "code": "symbol_invalid"} for s in params["symbols"]]}


@pytest.mark.parametrize("client", [Careless(), Chatty()])
def test_a_symbol_that_is_taken_or_sent_fails(client: Any) -> None:
    """The refusal must be before sending, and of the bad symbol alone."""
    assert [check.is_passed for check in proofs.security(client)] == [False, False]


def test_a_recovery_that_does_not_come_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time is over, and the report says how far it came."""
    monkeypatch.setattr(proofs, "RECOVERY_S_MAX", 0.02)
    monkeypatch.setattr(proofs, "exchange", lambda *_, **__: {"ok": True})
    with CountingConsumer("tcp://127.0.0.1:1") as consumer:
        consumer._take(frame("quote,AAPL,", 1, flags=17))
        check = proofs.recovery(consumer, 1)
    assert not check.is_passed
    assert "1 of 10 symbols were told as stale, 0 have live prices" in check.detail


def test_one_failure_is_not_ready() -> None:
    """And the verdict is the last thing that is read."""
    good, bad = Check("A", True, "1"), Check("B", False, "2", "do it", note="n")
    assert is_ready([good])
    assert not is_ready([good, bad])
    assert not is_ready([])
    assert ending([bad])[1] == "SYSTEM NOT READY - FIX ISSUES BEFORE DEPLOYMENT"
    assert bad.as_lines() == ["FAIL B - 2", "     what to do: do it", "     note: n"]
    assert '"is_ready": false' in as_json([bad], exit_code=1, seconds=0.5)


def test_the_private_gateway_shares_nothing_with_the_one_in_production(tmp_path: Path) -> None:
    """Ports, state, logs, IQConnect and its login are other ones; how it processes is the same."""
    overrides = {
        "gateway_id": "production",
        "state_dir": "/var/lib/gateway",
        "data": {"bind": "tcp://127.0.0.1:7700", "auto_watch": False},
        "control": {"bind": "tcp://127.0.0.1:7701"},
        "connection": {"host": "127.0.0.9", "port": 5019, "timeout_seconds": 9.0},
        "iqconnect": {"command": ["iqlink"]},
        "security": {"allow_local_admin": True},
        "book": {"levels": 7},
    }
    production = load_settings(None, overrides=overrides)
    private = load_settings(None, overrides=private_settings(production, PORTS, tmp_path / "state"))
    assert (private.iqconnect_host, private.level1_port) == ("127.0.0.1", 12)
    assert (private.iqconnect.admin_port, private.iqconnect.level2_port) == (11, 13)
    assert private.iqconnect.command == ()
    assert {private.data.bind, private.control.bind} == {"tcp://127.0.0.1:*"}
    assert private.is_auto_watch
    assert not private.http.enabled
    assert private.state_dir == tmp_path / "state"
    assert private.gateway_id == "validation"
    assert not private.security.allow_local_admin
    assert (private.connection.timeout_seconds, private.book.levels) == (9.0, 7)


@pytest.mark.slow
def test_a_process_that_ends_at_once_is_told_with_its_last_words(tmp_path: Path) -> None:
    """Waiting its whole time for a process that is gone would hide why."""
    child = Child("run", "--no-such-option", folder=tmp_path)
    with pytest.raises(ProgramFailed, match="run did not come up"):
        child.wait_for(lambda lines: False, what="miracle")
    child.stop()
