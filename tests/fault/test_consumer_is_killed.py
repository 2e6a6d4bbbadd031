"""A consumer process dies without a word: what it alone wanted is given back."""

import subprocess
import sys
import time

import pytest

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


def test_its_demand_is_released_upstream_and_no_others() -> None:
    """A crash-looping strategy must not eat the symbol limit of the desk."""
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
            print(f"released {time.monotonic() - killed_s:.2f} s after the kill")
        (watch,) = stage.requester().result("subscriptions")["watches"]
        assert (watch["symbol"], watch["wishes"], watch["state"]) == ("AAPL", 2, "live")
        assert [m.values[0] for m in staying.on("state,AAPL,")][-1] == "live"
        staying.history.check()
