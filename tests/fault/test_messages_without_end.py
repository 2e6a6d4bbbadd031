"""One connection sends what can never be read: its bytes are counted where nothing else sees them.

And peers that vanish while their messages wait, which ended the whole process in libzmq.
"""

import contextlib
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Final

import psutil
import pytest

from tests.support.attacked import attacked_gateway
from tests.support.fault_table import BESIDE, fault_row, note
from tests.support.innocent import Innocent, counted, p99, rss_mb
from tests.support.processes import ROOT, GatewayProcess
from tests.support.slack import FREED_MB, SLACK
from tests.support.stage import wait_until
from tests.support.zmtp import MORE, RawPeer, frame

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
ROUNDS: Final = int(os.environ.get("FLOOD_ROUNDS", "20"))
GROWN_MB_MAX: Final = 64.0 + FREED_MB
CUT_S_MAX: Final = 1.0 * SLACK
"""The table asks for 0.2 s of a fast flood; the least bytes a second take longest to be found."""
PARTS: Final = {
    "large": frame(b"x" * 900, flags=MORE) * 70,
    "small": frame(b"x", flags=MORE) * 20_000,
    "empty": frame(b"", flags=MORE) * 30_000,
}
PORTS: Final = {"data": "XSUB", "control": "DEALER"}
CAP: Final = 20_000


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """A gateway process with a market."""
    with attacked_gateway(tmp_path_factory.mktemp("endless")) as running:
        yield running


class Peak:
    """The most memory that a gateway used meanwhile."""

    def __init__(self, gateway: GatewayProcess) -> None:
        self._process = psutil.Process(gateway.pid)
        self._is_over = threading.Event()
        self.mb = 0.0
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Peak":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join(5.0)

    def _run(self) -> None:
        while not self._is_over.wait(0.01):
            self.mb = max(self.mb, self._process.memory_info().rss / 1_048_576)


def flood(gateway: GatewayProcess, port: str, data: bytes, *, seconds: float = 10.0) -> float:
    """Send something again and again until the connection is cut; how long it took."""
    endpoint = gateway.data if port == "data" else gateway.control
    began_s = time.monotonic()
    with RawPeer(endpoint, PORTS[port]) as peer:
        began_s = time.monotonic()
        try:
            while time.monotonic() - began_s < seconds:
                peer.send(data)
        except OSError:
            return time.monotonic() - began_s
    raise AssertionError(f"not cut within {seconds} s")


@fault_row(47)
@pytest.mark.parametrize("port", PORTS)
@pytest.mark.parametrize("parts", PARTS)
def test_a_message_without_an_end_is_cut(gateway: GatewayProcess, port: str, parts: str) -> None:
    """Nothing of it is ever read, and yet its sender is found, named and cut, again and again."""
    before = counted(gateway, "connections_flooding")
    before_mb = rss_mb(gateway)
    after_mb: list[float] = []
    with Peak(gateway) as peak, Innocent(gateway) as innocent:
        cut_s = flood(gateway, port, PARTS[parts])
        first_mb = max(peak.mb, before_mb)
        times = [cut_s]
        for _ in range(ROUNDS - 1):
            times.append(flood(gateway, port, PARTS[parts]))
            after_mb.append(rss_mb(gateway))
        innocent.wait(3.0)
    cuts = counted(gateway, "connections_flooding") - before
    typical_s = sorted(times)[len(times) // 2]
    grown_mb = peak.mb - before_mb
    note(
        47,
        f"endless message of {parts} parts on {port}, {ROUNDS} times",
        detect_s=typical_s,
        lost=innocent.lost,
        more=f"{first_mb - before_mb:+.0f} MB at first, {grown_mb:+.0f} MB at most, "
        f"slowest cut {max(times):.2f} s; {innocent.figures()}",
    )
    assert cuts >= ROUNDS
    assert typical_s <= CUT_S_MAX
    assert grown_mb < GROWN_MB_MAX, f"{after_mb}: it must level off"
    assert innocent.lost == 0
    printed = gateway.printed()
    assert "evicted" in printed
    assert "it sends a message without an end" in printed or "more than is read" in printed
    with gateway.requester() as requester:
        issues = {issue["code"] for issue in requester.result("health")["issues"]}
        errors = requester.result("errors", limit=5)["errors"]
    assert "connections_flooding" in issues
    assert "consumer_evicted" in {error["code"] for error in errors}


@fault_row(48)
def test_a_flood_of_messages_that_comes_back_does_not_fill_memory(gateway: GatewayProcess) -> None:
    """Cut, connected again at once, for as long as it likes: what ZeroMQ holds of it is bounded."""
    before_mb, before = rss_mb(gateway), counted(gateway, "user_messages")
    message = frame(b"x" * 900) * 10
    after_mb: list[float] = []
    cuts = 0
    with Peak(gateway) as peak, Innocent(gateway) as innocent:
        for _ in range(4):
            end_s = time.monotonic() + 2.0
            while time.monotonic() < end_s:
                try:
                    with RawPeer(gateway.data, "XSUB") as peer:
                        while time.monotonic() < end_s:
                            peer.send(message)
                except OSError:
                    cuts += 1
            after_mb.append(rss_mb(gateway) - before_mb)
    seen = counted(gateway, "user_messages") - before
    note(
        48,
        f"{seen} messages read, {cuts} cuts, its sender comes back at once for 8 s",
        lost=innocent.lost,
        more=f"{[round(mb) for mb in after_mb]} MB after 2, 4, 6, 8 s; {innocent.figures()}",
    )
    assert cuts >= 10
    assert peak.mb - before_mb < 2 * GROWN_MB_MAX, "it was 2,000 MB"
    assert innocent.lost == 0


@fault_row(44)
@pytest.mark.long
def test_who_goes_on_subscribing_beyond_the_limit_is_cut(gateway: GatewayProcess) -> None:
    """A few are refused and told, as ever; a million are not waited for."""
    first = counted(gateway, "subscribers_cut")
    with RawPeer(gateway.data, "SUB") as peer:
        for number in range(CAP):
            peer.send(frame(b"\x01news,F%d," % number))
        wait_for_pairs(gateway, CAP)
        with Innocent(gateway) as calm:
            calm.wait(5.0)
        cap_mb = rss_mb(gateway)
        with Innocent(gateway) as innocent, Peak(gateway) as peak:
            innocent.wait(1.0)
            cut_s = subscribe_without_end(peer)
            # What it leaves behind is taken back meanwhile.
            innocent.wait(9.0)
    wait_until(lambda: counted(gateway, "subscribers_cut") > first, what="it is counted")
    note(
        44,
        "1,000,000 topics of one connection",
        detect_s=cut_s,
        lost=innocent.lost,
        more=f"{peak.mb - cap_mb:+.1f} MB beyond {CAP} topics; p99 before "
        f"{p99(calm.ages_ms):.1f} ms; {innocent.figures()}",
    )
    assert cut_s <= CUT_S_MAX
    assert peak.mb - cap_mb < 20.0 + FREED_MB
    assert innocent.lost == 0
    assert p99(innocent.ages_ms) <= p99(calm.ages_ms) + 5.0 * SLACK
    assert f"it goes on asking for more than {CAP} subscriptions" in gateway.printed()


def wait_for_pairs(gateway: GatewayProcess, count: int) -> None:
    """Wait until so many subscriptions are held."""

    def are_held() -> bool:
        with gateway.requester() as requester:
            topics = requester.result("metrics", seconds=30.0)["topics"]
        return bool(topics["subscriptions"] >= count)

    wait_until(are_held, what=f"{count} subscriptions", seconds=60.0)


def subscribe_without_end(peer: RawPeer) -> float:
    """Ask for a million topics; how long until the connection is cut."""
    began_s = time.monotonic()
    try:
        for number in range(1_000_000):
            peer.send(frame(b"\x01news,S%d," % number))
    except OSError:
        return time.monotonic() - began_s
    assert peer.is_cut(30.0), "never cut"
    return time.monotonic() - began_s


OPENS: Final = """
import sys, time, zmq, zmq.asyncio
from gateway.runtime.control_socket import open_control_socket
from gateway.runtime.publisher import open_data_socket
if sys.argv[1] == "data":
    opened = open_data_socket(
        zmq.Context(), bind="tcp://127.0.0.1:*", high_water_mark=1_000, send_buffer_bytes=131_072
    )
else:
    opened = open_control_socket(zmq.asyncio.Context(), bind="tcp://127.0.0.1:*")
print(opened.getsockopt_string(zmq.LAST_ENDPOINT), flush=True)
time.sleep(8.0)
print("lives", flush=True)
"""
"""A process that opens one of the sockets and does not come to read it."""


@fault_row(BESIDE)
@pytest.mark.parametrize("port", PORTS)
def test_a_peer_that_vanishes_while_its_messages_wait_ends_nothing(port: str) -> None:
    """Libzmq aborts the process where a full queue and a heartbeat of its own meet that."""
    command = [sys.executable, "-c", OPENS, port]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        with RawPeer(process.stdout.readline().strip(), PORTS[port]) as peer:
            peer.sock.settimeout(0.5)
            with contextlib.suppress(TimeoutError):
                for _ in range(3_000):
                    peer.send(frame(b"x" * 900) * 10)
            peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        assert process.stdout.readline().strip() == "lives"
        assert process.wait(10.0) == 0
    note(BESIDE, f"a peer vanishes while its messages wait on {port}", more="the process lives")


PING: Final = frame(b"\x04PING\x00\x0ahello", flags=4)
VANISHING: Final = 300


@fault_row(BESIDE)
def test_who_pings_and_vanishes_with_requests_unread_ends_nothing(gateway: GatewayProcess) -> None:
    """Libzmq aborts the process where a full queue and a heartbeat of the peer's meet that."""
    request = frame(b"", flags=MORE) + frame(b"x" * 20)
    for _ in range(VANISHING):
        with RawPeer(gateway.control, PORTS["control"]) as peer:
            with contextlib.suppress(OSError):
                peer.send((request * 7 + PING) * 40)
            peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with gateway.requester() as requester:
        assert requester.result("health", seconds=30.0)["live"]
    note(BESIDE, f"{VANISHING} requesters ping and vanish", more="the process lives")
