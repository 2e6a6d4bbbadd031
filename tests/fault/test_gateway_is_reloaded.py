"""The configuration is read again under load: nobody loses a message, and nothing is half done."""

import json
import os
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from gateway.simulator import SimulatorOptions
from tests.support.consumer import Consumer
from tests.support.fault_table import fault_row, note
from tests.support.keyring import Keyring
from tests.support.processes import GatewayProcess
from tests.support.requester import Requester
from tests.support.slack import SLACK
from tests.support.stage import open_stage

pytestmark = pytest.mark.slow
SYMBOLS: Final = ("AAPL", "MSFT", "GOOGL", "AMZN")
TOPICS: Final = tuple(f"{kind},{symbol}," for symbol in SYMBOLS for kind in ("trade", "quote"))
STATES: Final = tuple(f"state,{symbol}," for symbol in SYMBOLS)
LINES_PER_SECOND: Final = 2_000.0
ROUNDS: Final = int(os.environ.get("RELOADS", "2"))
LISTED: Final = "NVDA"


class Files:
    """What a reload reads: thresholds, symbols, clients."""

    def __init__(self, folder: Path) -> None:
        self.ring = Keyring(folder, "alice", "bob")
        self.thresholds = folder / "thresholds.yaml"
        self.symbols = folder / "symbols.json"
        self.limit(100)
        self.list(LISTED)

    @property
    def settings(self) -> dict[str, Any]:
        """Settings of the gateway."""
        own = {
            "symbols_file": str(self.symbols),
            "health": {"thresholds_file": str(self.thresholds)},
        }
        return self.ring.settings | own

    def limit(self, latency_ms: object) -> None:
        """Write thresholds."""
        self.thresholds.write_text(yaml.safe_dump({"latency_warning_ms": latency_ms}))

    def list(self, *symbols: str) -> None:
        """Write the list of symbols."""
        one = {"name": "all", "kinds": ["l1"], "symbols": symbols}
        self.symbols.write_text(json.dumps({"lists": [one]}))


def until(consumer: Consumer, is_so: Callable[[], bool], what: str) -> float:
    """Read on until something is so; how long it took, seconds."""
    began_s = time.monotonic()
    while not is_so():
        for _ in consumer.stream(0.05):
            pass
        assert time.monotonic() - began_s < 10.0 * SLACK, f"no {what}"
    return time.monotonic() - began_s


def limit_of(requester: Requester) -> float:
    """The threshold in force."""
    thresholds: dict[str, float] = requester.result("diagnostics")["thresholds"]
    return thresholds["latency_warning_ms"]


def is_limit(requester: Requester, latency_ms: float) -> bool:
    """Whether this threshold is in force."""
    return limit_of(requester) == latency_ms


def watched(requester: Requester) -> set[str]:
    """The symbols that the gateway's own lease holds."""
    leases = requester.result("subscriptions")["leases"]
    return {s for lease in leases if lease["client"] == "(symbols_file)" for s in lease["symbols"]}


def may_snapshot(requester: Requester, symbol: str) -> bool:
    """Whether this client is entitled to a symbol's quotes."""
    (entry,) = requester.result("snapshot", topics=[f"quote,{symbol},"])
    is_refused = entry["body"][0] == 9 and entry["body"][7] == "not_entitled"
    return not is_refused


def answers(gateway: GatewayProcess, keys: tuple[str, str, str]) -> bool:
    """Whether somebody with these keys is let in."""
    with Requester(gateway.control, keys=keys) as requester:
        requester.send(b"\x80")
        return bool(requester._socket.poll(500))


def refusal_of(requester: Requester) -> str:
    """What `health` says of a configuration that was refused; empty for nothing."""
    issues = requester.result("health")["issues"]
    return next((i["message"] for i in issues if i["code"] == "configuration_refused"), "")


class Session:
    """A gateway under load, somebody who listens, and somebody who asks."""

    def __init__(self, folder: Path, opened: ExitStack) -> None:
        self.files = Files(folder)
        stage = opened.enter_context(open_stage())
        simulator = stage.start_simulator(
            SimulatorOptions(
                admin_port=0,
                level1_port=0,
                level2_port=0,
                rate=LINES_PER_SECOND,
                equity_count=20,
                trade_share=0.5,
            )
        )
        self.gateway = opened.enter_context(
            GatewayProcess(
                folder,
                level1_port=simulator.level1_port,
                admin_port=simulator.admin_port,
                settings=self.files.settings,
                keys=self.files.ring.keys("alice"),
            )
        )
        self.gateway.start()
        topics = ("sys,heartbeat,", *TOPICS, *STATES)
        self.consumer = opened.enter_context(self.gateway.consumer(*topics))
        self.alice = opened.enter_context(self.gateway.requester())
        self.consumer.wait_for_all(
            {f"trade,{symbol}," for symbol in SYMBOLS},
            lambda m: m.sequence > 20,
            what="trades under load",
            seconds=15.0 * SLACK,
        )

    def change(self, number: int) -> float:
        """Change everything that may change, and see that it did; how long it took, seconds."""
        files, ring, gateway = self.files, self.files.ring, self.gateway
        files.limit(100 + number)
        files.list(LISTED, f"SYM{number}")
        carol = ring.add(f"carol-{number}")
        allowed, denied = SYMBOLS[number % 4], SYMBOLS[(number + 1) % 4]
        ring.add("bob", ring.pairs["bob"], allow=[{"kinds": ["quote"], "symbols": [allowed]}])
        gateway.send_signal(signal.SIGHUP)
        took_s = until(self.consumer, partial(is_limit, self.alice, 100 + number), "reload")
        assert watched(self.alice) == {LISTED, f"SYM{number}"}
        assert answers(gateway, carol), "a new client is let in at once"
        # Whose own rights change comes anew, and is judged by the new ones.
        with Requester(gateway.control, keys=ring.keys("bob")) as bob:
            assert may_snapshot(bob, allowed)
            assert not may_snapshot(bob, denied)
        return took_s

    def refuse_and_recover(self) -> None:
        """One that cannot be used leaves all as it was; the next one is taken."""
        files, gateway, alice = self.files, self.gateway, self.alice
        known = (limit_of(alice), watched(alice))
        files.limit("fast")
        files.list("MSFT")
        gateway.send_signal(signal.SIGHUP)
        until(self.consumer, lambda: bool(refusal_of(alice)), "word of the refusal")
        assert str(files.thresholds) in refusal_of(alice)
        assert (limit_of(alice), watched(alice)) == known
        files.limit(100)
        files.list(LISTED)
        gateway.send_signal(signal.SIGHUP)
        until(self.consumer, lambda: not refusal_of(alice), "end of the refusal")
        assert watched(alice) == {LISTED}

    def peer(self) -> str:
        """The name of the consumer's connection: another one after each connect."""
        (peer,) = self.alice.result("subscriptions")["peers"]
        return str(peer["peer"])


@fault_row(81)
def test_reloads_under_load_lose_nothing(tmp_path: Path) -> None:
    """Keys, entitlements, thresholds and symbols change again and again while prices flow."""
    with ExitStack() as opened:
        session = Session(tmp_path, opened)
        consumer, peer = session.consumer, session.peer()
        assert watched(session.alice) == {LISTED}
        before = len(consumer.messages)
        slowest_s = max(session.change(number) for number in range(1, ROUNDS + 1))
        session.refuse_and_recover()
        for _ in consumer.stream(0.5):
            pass
        assert session.peer() == peer
        seen = consumer.messages[before:]
        printed = session.gateway.printed()
    consumer.history.check()
    trades = sum(message.kind == "trade" for message in seen)
    note(
        81,
        f"{ROUNDS + 2} SIGHUPs at {LINES_PER_SECOND:.0f} lines/s, keys and entitlements changed",
        recover_s=slowest_s,
        lost=0,
        more=f"{len(seen)} messages meanwhile, {trades} of them trades",
    )
    assert trades > 200
    assert {message.epoch for message in seen} == {seen[0].epoch}
    unlive = [m for m in seen if m.kind == "state" and m.values[0] != "live"]
    assert not unlive, "prices never stopped being live"
    assert '"health.thresholds.latency_warning_ms: 100.0 -> 101.0"' in printed
    assert "configuration not reloaded" in printed
