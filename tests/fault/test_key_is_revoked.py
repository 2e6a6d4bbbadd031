"""A key is revoked while its holder is connected, under traffic."""

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest
import zmq
from zmq.utils.monitor import parse_monitor_message

from tests.support import fault_table
from tests.support.consumer import use_keys
from tests.support.fault_table import fault_row
from tests.support.keyring import Keyring
from tests.support.slack import SLACK
from tests.support.stage import simulated
from tests.support.watcher import Watcher

pytestmark = pytest.mark.slow
CUT_S_MAX: Final = 2.0


@fault_row(65)
def test_a_revoked_key_is_cut_and_nobody_else_notices(tmp_path: Path) -> None:
    """Refusing the key from now on would leave the thief connected for ever."""
    ring = Keyring(tmp_path, "alice", "thief")
    with simulated(settings=ring.settings, rate=2_000.0) as stage, ExitStack() as opened:
        endpoint = stage.gateway.endpoints["data"]
        watcher = Watcher(endpoint, ring.keys("alice"))
        opened.callback(watcher.close)
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        opened.callback(context.destroy, linger=0)
        sub = context.socket(zmq.SUB)
        # One that reads nothing would notice its end only when it reads again.
        sub.setsockopt(zmq.RCVHWM, 0)
        use_keys(sub, ring.keys("thief"))
        events: zmq.Socket[bytes] = sub.get_monitor_socket(
            zmq.Event.DISCONNECTED | zmq.Event.HANDSHAKE_FAILED_AUTH
        )
        opened.callback(events.close, linger=0)
        opened.callback(sub.disable_monitor)
        sub.connect(endpoint)
        sub.subscribe(b"quote,")
        sub.subscribe(b"sys,heartbeat,")
        assert sub.poll(5_000)
        watcher.watch(1.0)
        ring.remove("thief")
        began_s = time.monotonic()
        assert events.poll(round(CUT_S_MAX * SLACK * 1000)), "not cut"
        cut_s = time.monotonic() - began_s
        first = parse_monitor_message(events.recv_multipart())["event"]
        seen = watcher.watch(2.0)
        assert events.poll(5_000), "it tries again, and is refused"
        second = parse_monitor_message(events.recv_multipart())["event"]
        while sub.poll(0):
            sub.recv()
        assert not sub.poll(1_500), "nothing comes any more"
    fault_table.note(
        65,
        "a connected client's key is revoked",
        detect_s=cut_s,
        lost=seen.lost,
        more=f"{len(seen.ages_us)} messages to the other consumer meanwhile",
    )
    assert first == zmq.Event.DISCONNECTED
    assert second == zmq.Event.HANDSHAKE_FAILED_AUTH
    assert seen.lost == 0
    assert len(seen.ages_us) > 100
    assert cut_s <= CUT_S_MAX * SLACK
