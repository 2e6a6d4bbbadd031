"""A consumer process dies without a word: what it alone wanted is given back."""

import subprocess
import sys
import time

import pytest

from tests.support import fault_table
from tests.support.fault_table import fault_row
from tests.support.processes import ROOT
from tests.support.stage import simulated, wait_until

pytestmark = pytest.mark.slow
RELEASE_S_MAX = 3.0
LINGER_S = 0.5

CONSUMER = """
import sys, zmq
socket = zmq.Context().socket(zmq.SUB)
socket.setsockopt(zmq.SNDHWM, 0)
socket.connect(sys.argv[1])
for topic in sys.argv[2:]:
    socket.subscribe(topic)
while True:
    socket.recv()
    print("heard", flush=True)
"""


HOLDER = """
import msgpack, sys, time, zmq
control = zmq.Context().socket(zmq.DEALER)
control.connect(sys.argv[1])
params = {"client": "doomed", "symbols": sys.argv[3:], "kinds": ["l1"], "lease_s": int(sys.argv[2])}
control.send(msgpack.packb({"v": 1, "id": 1, "method": "subscribe", "params": params}))
reply = msgpack.unpackb(control.recv())
print("leased" if reply["ok"] else reply, flush=True)
time.sleep(600)
"""
LEASE_S = 5
"""The shortest there is."""


@fault_row(33)
def test_its_demand_is_released_upstream_and_no_others() -> None:
    """A crash-looping strategy must not eat the symbol limit of the desk."""
    released_s = []
    with simulated(settings={"data": {"watch_linger_s": LINGER_S}}) as stage:
        staying = stage.consumer("quote,AAPL,", "state,AAPL,")
        staying.wait_for_state("AAPL", "live", None)
        topics = ["quote,AAPL,", "quote,MSFT,", "trade,MSFT,", "quote,SPY,"]
        for _ in range(2):
            child = subprocess.Popen(
                [sys.executable, "-c", CONSUMER, stage.gateway.endpoints["data"], *topics],
                stdout=subprocess.PIPE,
                cwd=ROOT,
            )
            with child:
                try:
                    assert child.stdout is not None
                    assert child.stdout.readline() == b"heard\n"
                    wait_until(lambda: stage.simulator.statistics()["watches"] == 3, what="demand")
                finally:
                    child.kill()
                    killed_s = time.monotonic()
            wait_until(
                lambda: stage.simulator.statistics()["watches"] == 1,
                what="release",
                seconds=RELEASE_S_MAX,
            )
            released_s.append(time.monotonic() - killed_s)
            print(f"released {released_s[-1]:.2f} s after the kill")
        (watch,) = stage.requester().result("subscriptions")["watches"]
        assert (watch["symbol"], watch["wishes"], watch["state"]) == ("AAPL", 2, "live")
        assert [m.values[0] for m in staying.on("state,AAPL,")][-1] == "live"
        staying.history.check()
    fault_table.note(33, "consumer killed: its subscriptions", recover_s=max(released_s))


@fault_row(33)
@fault_row(57)
def test_its_lease_ends_and_not_before() -> None:
    """A killed strategy's symbols are given back by themselves, and a restarted one finds them."""
    symbols = ["MSFT", "NVDA"]
    with simulated(settings={"data": {"watch_linger_s": 0.0}}) as stage:
        requester = stage.requester()
        requester.result("subscribe", client="staying", symbols=["NVDA"], kinds=["quote"])
        command = [sys.executable, "-c", HOLDER, stage.gateway.endpoints["control"], str(LEASE_S)]
        child = subprocess.Popen([*command, *symbols], stdout=subprocess.PIPE, cwd=ROOT)
        with child:
            try:
                assert child.stdout is not None
                assert child.stdout.readline() == b"leased\n"
                leased_s = time.monotonic()
                wait_until(lambda: stage.simulator.statistics()["watches"] == 2, what="watches")
            finally:
                child.kill()
        wait_until(
            lambda: stage.simulator.statistics()["watches"] == 1,
            what="the end of the lease",
            seconds=LEASE_S + RELEASE_S_MAX,
        )
        ended_s = time.monotonic() - leased_s
        report = requester.result("subscriptions")
    assert LEASE_S - 0.2 <= ended_s <= LEASE_S + 1.0
    assert [lease["client"] for lease in report["leases"]] == ["staying"]
    assert [watch["symbol"] for watch in report["watches"]] == ["NVDA"]
    fault_table.note(33, "consumer killed: its lease", recover_s=ended_s, more=f"{LEASE_S} s lease")
    fault_table.note(57, "lease of a killed client", recover_s=ended_s, more=f"{LEASE_S} s lease")
