"""The configuration is read again under load: nobody loses a message, and nothing is half done."""

import json
import signal
import time
from collections.abc import Callable
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
ROUNDS: Final = 5
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


@fault_row(81)
def test_reloads_under_load_lose_nothing(tmp_path: Path) -> None:
    """Keys, entitlements, thresholds and symbols change five times while prices flow."""
    files = Files(tmp_path)
    ring = files.ring
    options = SimulatorOptions(
        admin_port=0,
        level1_port=0,
        level2_port=0,
        rate=LINES_PER_SECOND,
        equity_count=20,
        trade_share=0.5,
    )
    slowest_s = 0.0
    with open_stage() as stage:
        simulator = stage.start_simulator(options)
        with (
            GatewayProcess(
                tmp_path,
                level1_port=simulator.level1_port,
                admin_port=simulator.admin_port,
                settings=files.settings,
                keys=ring.keys("alice"),
            ) as gateway,
        ):
            gateway.start()
            with (
                gateway.consumer("sys,heartbeat,", *TOPICS, *STATES) as consumer,
                gateway.requester() as alice,
            ):
                consumer.wait_for_all(
                    {f"trade,{symbol}," for symbol in SYMBOLS},
                    lambda m: m.sequence > 20,
                    what="trades under load",
                    seconds=15.0 * SLACK,
                )
                assert watched(alice) == {LISTED}
                (peer,) = alice.result("subscriptions")["peers"]
                before = len(consumer.messages)
                for number in range(1, ROUNDS + 1):
                    files.limit(100 + number)
                    files.list(LISTED, f"SYM{number}")
                    carol = ring.add(f"carol-{number}")
                    only = {"kinds": ["quote"], "symbols": [f"{SYMBOLS[number % 4]}"]}
                    ring.add("bob", ring.pairs["bob"], allow=[only])
                    gateway.send_signal(signal.SIGHUP)
                    took_s = until(consumer, partial(is_limit, alice, 100 + number), "reload")
                    slowest_s = max(slowest_s, took_s)
                    assert watched(alice) == {LISTED, f"SYM{number}"}
                    assert answers(gateway, carol), "a new client is let in at once"
                    # Whose own rights change comes anew, and is judged by the new ones.
                    with Requester(gateway.control, keys=ring.keys("bob")) as bob:
                        assert may_snapshot(bob, SYMBOLS[number % 4])
                        assert not may_snapshot(bob, SYMBOLS[(number + 1) % 4])
                # One that cannot be used: everything in it is left.
                files.limit("fast")
                files.list("MSFT")
                gateway.send_signal(signal.SIGHUP)
                until(consumer, lambda: bool(refusal_of(alice)), "word of the refusal")
                assert str(files.thresholds) in refusal_of(alice)
                assert limit_of(alice) == 100 + ROUNDS
                assert watched(alice) == {LISTED, f"SYM{ROUNDS}"}
                # All is well again after the next.
                files.limit(100)
                files.list(LISTED)
                gateway.send_signal(signal.SIGHUP)
                until(consumer, lambda: not refusal_of(alice), "end of the refusal")
                assert watched(alice) == {LISTED}
                for _ in consumer.stream(0.5):
                    pass
                assert alice.result("subscriptions")["peers"][0]["peer"] == peer["peer"]
                seen = consumer.messages[before:]
                printed = gateway.printed()
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
    assert '"health.thresholds.latency_warning_ms: 100 -> 101"' in printed.replace(".0", "")
    assert "configuration not reloaded" in printed


def refusal_of(requester: Requester) -> str:
    """What `health` says of a configuration that was refused; empty for nothing."""
    issues = requester.result("health")["issues"]
    return next((i["message"] for i in issues if i["code"] == "configuration_refused"), "")
