"""Peers that break the rules, on either socket: bounded, counted, cut off, unnoticed by others."""

import os
import statistics
import time
from collections.abc import Iterator
from typing import Final

import msgpack
import pytest

from gateway.errors import OutOfRange
from gateway.wire.codec import unpack_request
from tests.support.attacked import attacked_gateway
from tests.support.consumer import Consumer
from tests.support.fault_table import fault_row, note
from tests.support.innocent import Innocent, counted, p99, rss_mb
from tests.support.processes import GatewayProcess
from tests.support.slack import FREED_MB, SLACK
from tests.support.stage import Stage, simulated, wait_until
from tests.support.zmtp import RawPeer, frame, lying_frame

pytestmark = pytest.mark.slow
STORMS: Final = int(os.environ.get("STORMS", "15"))
TOPICS: Final = 2_000
LAG_MS_MAX: Final = 20.0 * SLACK
"""The table's figure; others use the same two processors meanwhile."""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """A gateway process with a market, which all of them are let loose on, one after another."""
    with attacked_gateway(tmp_path_factory.mktemp("hostile")) as running:
        yield running


@fault_row(46)
@pytest.mark.long
def test_many_subscriptions_that_end_at_once_hold_nobody_up(gateway: GatewayProcess) -> None:
    """A consumer with two thousand topics dies, again and again."""
    before = counted(gateway, "subscriptions_seen")
    with Innocent(gateway) as innocent:
        for storm in range(STORMS):
            with Consumer(gateway.data, "sys,heartbeat,") as consumer:
                # Not of symbols that IQFeed is then asked for.
                consumer.subscribe(*(f"news,S{storm}.{number}," for number in range(TOPICS)))
                consumer.wait_for_topic("sys,heartbeat,")
    wait_until(
        lambda: counted(gateway, "subscriptions_seen") >= before + STORMS * TOPICS // 2,
        what="they were seen",
    )
    note(46, f"{STORMS} consumers of {TOPICS} topics die", more=innocent.figures())
    assert innocent.lost == 0
    assert p99(innocent.ages_ms) <= LAG_MS_MAX


@fault_row(48)
def test_messages_up_the_data_socket_are_dropped_and_their_sender_cut(
    gateway: GatewayProcess,
) -> None:
    """Nobody has anything to say there: unread, libzmq would keep them all."""
    before_mb, before = rss_mb(gateway), counted(gateway, "user_messages")
    message = frame(b"x" * 900)
    began_s = time.monotonic()
    cuts = 0
    with Innocent(gateway) as innocent:
        while time.monotonic() - began_s < 3.0:
            with RawPeer(gateway.data, "XSUB") as peer:
                try:
                    for _ in range(2_000):
                        peer.send(message * 10)
                except OSError:
                    cuts += 1
            innocent.wait(0.05)
    assert cuts >= 1, "whoever goes on is cut off"
    with RawPeer(gateway.data, "XSUB") as slip:
        slip.send(frame(b"\x01sys,heartbeat,") + message * 3)
        assert not slip.is_cut(1.5), "a slip is borne"
    grown_mb = rss_mb(gateway) - before_mb
    seen = counted(gateway, "user_messages") - before
    note(48, f"{seen} messages, {cuts} cuts", more=f"{innocent.figures()}; {grown_mb:+.1f} MB")
    assert seen >= 10
    assert grown_mb < 5.0 * SLACK + FREED_MB
    assert innocent.lost == 0


MALFORMED: Final = {
    "nothing": b"",
    "a reserved byte": b"\xc1",
    "a lying array": b"\xdd\x00\x00\x10\x00",
    "a lying text": b"\xdb\x7f\xff\xff\xff",
    "a lying map": b"\xdf\xff\xff\xff\xff",
    "lying bytes": b"\xc6\xff\xff\xff\xff",
    "an extension": b"\xc7\x01\x05x",
    "a time": b"\xd6\xff\x00\x00\x00\x00",
    "text that is not UTF-8": b"\x81\xa1v\xa2\xff\xfe",
    "two objects": msgpack.packb({"v": 1}) * 2,
    "numbers as keys": msgpack.packb({1: 2}),
    "bytes as keys": msgpack.packb({b"v": 1}),
    "an array as a key": b"\x81\x90\x01",
    "no map": msgpack.packb([1, 2, 3]),
    "not a number": msgpack.packb({"v": float("nan"), "id": 1, "method": "ping"}),
    "nested": b"\x91" * 1_000 + b"\xc0",
    "HTTP": b"GET / HTTP/1.1\r\n\r\n",
}


@fault_row(49)
def test_what_is_no_request_gets_a_numbered_error(gateway: GatewayProcess) -> None:
    """A reply for each, never a hang, and the next request is served."""
    codes: dict[str, str] = {}
    with gateway.requester() as requester:
        for name, data in MALFORMED.items():
            requester.send(data)
            reply = requester.receive()
            assert reply["ok"] is False, name
            codes[name] = reply["error"]["code"]
            assert reply["error"]["hint"], name
        assert requester.result("ping") == {}
    assert set(codes.values()) <= {"bad_request", "out_of_range", "unsupported_version"}, codes
    note(49, f"{len(MALFORMED)} malformed requests", more="an error each")


@fault_row(50)
@pytest.mark.parametrize("port", ["data", "control"])
def test_a_frame_that_claims_four_gigabytes_is_cut_at_once(
    gateway: GatewayProcess, port: str
) -> None:
    """Nothing is reserved for it, and nothing more is read."""
    before_mb = rss_mb(gateway)
    endpoint, kind = (gateway.data, "SUB") if port == "data" else (gateway.control, "DEALER")
    slowest_s = 0.0
    for size in (4 * 1024**3, 2**62, 2**63 - 1, 300_000):
        with RawPeer(endpoint, kind) as peer:
            began_s = time.monotonic()
            peer.send(lying_frame(size))
            assert peer.is_cut(), f"{size} bytes on {port}"
            slowest_s = max(slowest_s, time.monotonic() - began_s)
    grown_mb = rss_mb(gateway) - before_mb
    note(50, f"4 GiB claimed on {port}", detect_s=slowest_s, more=f"{grown_mb:+.1f} MB")
    assert grown_mb < 5.0
    with gateway.requester() as requester:
        assert requester.result("ping") == {}


def bombs() -> dict[str, bytes]:
    """Requests that are small to send and large to unpack."""
    deep = b"\x91" * 60_000 + b"\xc0"
    return {
        "empty maps": b"\xdd\x00\x00\xfa\x00" + b"\x80" * 64_000,
        "empty arrays": b"\xdd\x00\x00\xfa\x00" + b"\x90" * 64_000,
        "nested": deep,
        "a large map": b"\xdf\x00\x00\x40\x00" + b"".join(b"\xa1a\xc0" for _ in range(16_384)),
        "a long text": b"\xdb\x00\x03\x00\x00" + b"x" * 0x30000,
    }


def is_refused(data: bytes) -> bool:
    """Whether a request is too large to be unpacked."""
    try:
        unpack_request(data)
    except OutOfRange:
        return True
    return False


@fault_row(51)
@pytest.mark.parametrize("bomb", bombs())
def test_a_bomb_of_containers_is_not_unpacked(bomb: str) -> None:
    """With limits a hundredth of a millisecond, without them forty and megabytes of maps."""
    data = bombs()[bomb]
    times: list[float] = []
    for _ in range(20):
        began_s = time.perf_counter()
        assert is_refused(data)
        times.append((time.perf_counter() - began_s) * 1000)
    with simulated(rate=50.0) as stage:
        prove_bomb(stage, data)
    note(51, bomb, more=f"refused in {statistics.median(times):.3f} ms")
    assert statistics.median(times) <= 1.0 * SLACK


def prove_bomb(stage: Stage, data: bytes) -> None:
    """The requester learns what is wrong, and the next request is served."""
    requester = stage.requester()
    requester.send(data)
    reply = requester.receive()
    assert (reply["ok"], reply["error"]["code"]) == (False, "out_of_range")
    assert requester.result("ping") == {}
    requester.close()


@fault_row(54)
def test_a_requester_that_never_reads_costs_nothing_and_holds_nobody_up(
    gateway: GatewayProcess,
) -> None:
    """Its replies are dropped and counted once its queue is full."""
    request = msgpack.packb({"v": 1, "id": 1, "method": "describe", "params": {}})
    before_mb, before = rss_mb(gateway), counted(gateway, "rpc_replies_lost")
    deaf = [RawPeer(gateway.control, "DEALER", buffer_bytes=4_096) for _ in range(3)]
    sent = 0
    with Innocent(gateway) as innocent:
        end_s = time.monotonic() + 6.0
        while time.monotonic() < end_s:
            # Not a flood, which is another fault: what matters is that nobody reads.
            innocent.wait(0.005)
            for peer in deaf:
                peer.sock.settimeout(0.05)
                try:
                    peer.send(frame(request))
                    sent += 1
                except OSError:
                    continue
    grown_mb = rss_mb(gateway) - before_mb
    for peer in deaf:
        peer.sock.close()
    lost = counted(gateway, "rpc_replies_lost") - before
    more = f"{innocent.figures()}; lost {lost}; {grown_mb:+.1f} MB"
    note(54, f"{sent} requests, nothing read", more=more)
    assert lost > 0
    assert p99(innocent.pings_ms) <= 50.0 * SLACK
    assert innocent.lost == 0
    assert grown_mb < 5.0 * len(deaf)


@fault_row(55)
def test_a_reply_to_somebody_who_is_gone_is_counted(gateway: GatewayProcess) -> None:
    """He asked for much, and did not wait for it."""
    before = counted(gateway, "rpc_replies_lost")
    request = frame(msgpack.packb({"v": 1, "id": 7, "method": "describe", "params": {}}))
    for _ in range(20):
        with RawPeer(gateway.control, "DEALER") as peer:
            peer.send(request * 50)
    wait_until(lambda: counted(gateway, "rpc_replies_lost") > before, what="they are counted")
    with gateway.requester() as requester:
        assert requester.result("health")["live"] is True
    note(55, "20 requesters vanish", lost=None, more="counted, nothing raised")
