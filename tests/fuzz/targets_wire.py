"""Readers of what peers send: requests, replies, data frames, subscriptions, handshakes, HTTP."""

import asyncio
import contextlib
import functools
import random
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any, Final, NamedTuple, cast

import h11
import msgpack
import structlog
import zmq.asyncio
from gateway_client import codec as client_codec
from gateway_client.errors import DecodeError as ClientDecodeError
from gateway_client.errors import UnknownMessage
from gateway_client.rpc_codec import decode_reply, read_body

from gateway.app_options import Retries, Sessions, feed_options
from gateway.clock import FakeClock
from gateway.control.feed_commands import (
    BindClient,
    EvictPeer,
    FeedCommand,
    FindMissing,
    PeersReport,
    ReadPeers,
    ReportClient,
)
from gateway.control.upstream_requests import NOBODY
from gateway.counters import Counters
from gateway.errors import GatewayError
from gateway.model.messages import Kind
from gateway.policy.admission import Admission
from gateway.policy.client_record import ClientRecord, Quotas, Rule
from gateway.policy.curve_keys import key_bytes
from gateway.policy.entitlements import Entitlements
from gateway.policy.key_book import Grant, KeyBook
from gateway.policy.senders import Sender
from gateway.runtime.assembly import FeedAssembly
from gateway.runtime.door_log import DoorLog
from gateway.runtime.host_address import HostAddress
from gateway.runtime.http_messages import Refused, parse
from gateway.runtime.rpc_server import RpcServer
from gateway.runtime.subscription_reader import Peers, SubscriptionReader
from gateway.runtime.zap import ZapHandler
from gateway.settings import Settings
from gateway.wire.codec import find_id, unpack_frame, unpack_reply
from gateway.wire.topics import parse_topic
from tests.fuzz.request_seeds import request_seeds, words
from tests.fuzz.target import KEY_TEXT, Broken, Target, join_parts, split_parts
from tests.support.world.data_socket import WorldData
from tests.unit.control.desk_bench import EPOCH, Bench

REPLY_BYTES_MAX: Final = 4_194_304
"""More than a request of a few kilobytes may cost."""
SYMBOLS: Final = ("AAPL", "AAPLX", "MSFT", "@ES", "@ESZ26", "QCL#", "A", "hb", "status", "client")


EMPTY: Final[dict[type, Any]] = {
    ReadPeers: PeersReport([], 0, 0),
    BindClient: None,
    ReportClient: None,
    FindMissing: (),
    EvictPeer: 0,
}
"""What the feed thread answers where nobody is connected."""


@functools.cache
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.SelectorEventLoop()


def make_request_reader() -> Callable[[bytes], None]:
    """Answer a request as the control socket does, by every desk behind it."""
    bench = Bench(is_admin_allowed=True)
    bench.subscribe("AAPL", "@ES", kinds=("l1", "l2"))
    bench.hear("AAPL")
    bench.publish("AAPL")

    async def ask(command: FeedCommand) -> Any:
        return EMPTY[type(command)] if type(command) in EMPTY else bench.execute(command)

    server = RpcServer(
        cast(zmq.asyncio.Socket, None),
        desk=bench.requests,
        ask=ask,
        epoch=EPOCH,
        clock=bench.clock,
        counters=Counters(),
        requests_in_flight_max=1,
        deadline_ms_default=5_000,
    )
    return functools.partial(run_request, server)


def run_request(server: RpcServer, data: bytes) -> None:
    """Answer one."""
    reply = _loop().run_until_complete(server._reply_to([data], NOBODY, []))
    if len(reply) > REPLY_BYTES_MAX:
        raise Broken(f"a reply of {len(reply)} bytes")
    answer = msgpack.unpackb(reply)
    if type(answer.get("ok")) is not bool or answer["epoch"] != EPOCH:
        raise Broken(f"no reply of the contract: {answer!r:.300}")
    if not answer["ok"] and not (answer["error"]["code"] and answer["error"]["message"]):
        raise Broken(f"an error without a word: {answer!r:.300}")


def run_reply(data: bytes) -> None:
    """Read a reply as a relay and as a client do; what both take must have the same id."""
    found: object = None
    with contextlib.suppress(GatewayError):
        unpack_reply(data)
    with contextlib.suppress(GatewayError):
        found, place = find_id(data)
        if repr(msgpack.unpackb(data[place], strict_map_key=False)) != repr(found):
            raise Broken("the id is not where it was said to be")
    with contextlib.suppress(ClientDecodeError):
        reply = decode_reply(data)
        if found is not None and type(found) is int and reply.id != found:
            raise Broken(f"two ids: {reply.id!r} and {found!r}")
        read_body("quote,AAPL,", reply.result)


def run_data_frame(data: bytes) -> None:
    """Read a data frame as a relay and as a client do: what the client takes, the relay passes."""
    try:
        message = client_codec.decode_frame(data)
    except (ClientDecodeError, UnknownMessage):
        with contextlib.suppress(GatewayError):
            unpack_frame(data)
        return
    body = unpack_frame(data)
    if (message.epoch, message.sequence) != (body[1], body[2]):
        raise Broken("relay and client read different numbers")


class _Frame(NamedTuple):
    bytes: bytes


class FrameSocket(WorldData):
    """A data socket with one peer, who is somebody with rights.

    Args:
        sender: Who it is.
    """

    def __init__(self, sender: Sender) -> None:
        super().__init__(lambda _: None)
        self.frames: deque[_Frame] = deque()
        """What the peer sends."""
        self._sender = sender
        self.granted: set[bytes] = set()
        """What it was granted."""

    def recv(self, flags: int = 0, copy: bool = True) -> Any:
        """The next frame."""
        del flags, copy
        if not self.frames:
            raise zmq.Again
        return self.frames.popleft()

    def setsockopt(self, option: int, prefix: bytes) -> None:
        """Note what is granted."""
        if option == zmq.SUBSCRIBE:
            self.granted.add(prefix)
        else:
            self.granted.discard(prefix)

    def of(self, frame: Any) -> Hashable | None:
        """There is one."""
        del frame
        return 1

    def sender_of(self, frame: Any) -> Sender:
        """It is always the same."""
        del frame
        return self._sender

    def is_alive(self, connection: Hashable) -> bool:
        """It lives."""
        return connection == 1


ALICE: Final = ClientRecord(
    "alice",
    KEY_TEXT,
    allow=(Rule(("l1",), ("AAPL", "@ES*")), Rule(("sys",), ("hb",))),
    deny=(Rule(("trade",), ("@ESZ*",)),),
    quotas=Quotas(subscriptions_max=50),
)
BOOK: Final = KeyBook([Grant(7, ALICE)])


@functools.cache
def _settings() -> Settings:
    return Settings()


def make_subscription_reader() -> Callable[[bytes], None]:
    """Grant subscriptions, to anybody and to somebody who may not have everything."""
    desks = []
    for sender, rights in (
        (Sender(), Entitlements()),
        (Sender("alice", 7), Entitlements(lambda: BOOK)),
    ):
        desk, clock, settings = FrameSocket(sender), FakeClock(monotonic_ns=10**12), _settings()
        parts = FeedAssembly(
            feed_options(settings, host=HostAddress("127.0.0.1", clock)),
            data=cast("zmq.Socket[bytes]", desk),
            epoch=EPOCH,
            clock=clock,
            on_sample=lambda _: None,
            send=lambda _: None,
            peers=cast(Peers, desk),
            entitlements=rights,
        ).parts(
            make_session=Sessions(settings).level1,
            make_level2_session=Sessions(settings).level2,
            make_retry=Retries(settings, clock, random.Random(0)).of,
            describe=dict,
        )
        desks.append((desk, parts.subscriptions, rights))
    return functools.partial(run_subscriptions, desks)


def run_subscriptions(
    desks: Sequence[tuple[FrameSocket, SubscriptionReader, Entitlements]], data: bytes
) -> None:
    """Read some frames at each desk."""
    frames = split_parts(data)
    for desk, reader, rights in desks:
        desk.frames.extend(map(_Frame, frames))
        with structlog.testing.capture_logs():
            reader.drain()
            reader.sweep()
        if rights.are_on:
            _check_granted(desk.granted, rights)
    for frame in frames:
        name = parse_topic(frame[1:])
        if name is not None and not name.nonce and name.spelling.encode("ascii") != frame[1:]:
            raise Broken(f"taken apart and put together it is another topic: {frame[1:]!r}")


def _check_granted(granted: set[bytes], rights: Entitlements) -> None:
    """No prefix that was granted may match a topic that its peer may not hear."""
    for prefix in granted:
        if prefix == b"" or (prefix.startswith(b"~") and parse_topic(prefix) is None):
            raise Broken(f"granted others' private topics: {prefix!r}")
        for kind in Kind:
            for symbol in SYMBOLS:
                topic = f"{kind.value},{symbol},".encode("ascii")
                if topic.startswith(prefix) and not rights.may("alice", kind, symbol):
                    raise Broken(f"{prefix!r} was granted, and matches {topic!r}")


KEY: Final = key_bytes(ALICE.public_key) or b""


@functools.cache
def _zap() -> ZapHandler:
    return ZapHandler(
        zmq.Context(),
        name="fuzz",
        admission=Admission(FakeClock(), book=lambda: BOOK),
        clock=FakeClock(),
        counters=Counters(),
    )


def run_zap(data: bytes) -> None:
    """Judge a handshake; 200 is for the one key that is known, and for nothing else."""
    frames, handler = split_parts(data), _zap()
    # It is never started: only its answers are asked for, and it forgets each one.
    clock = FakeClock()
    handler._admission = Admission(clock, book=lambda: BOOK)
    handler._log = DoorLog("fuzz", clock)
    handler._told.clear()
    with structlog.testing.capture_logs() as logs:
        reply = handler.answer(frames)
    if not logs:
        raise Broken("nobody is told of a handshake")
    if reply is None:
        return
    if len(reply) != 8 or reply[4] not in {b"200", b"300", b"400", b"500"}:
        raise Broken(f"no reply of the protocol: {reply!r}")
    if [reply[0], reply[3]] != [frames[0], frames[3]]:
        raise Broken("a reply to somebody else")
    is_known = frames[2] == b"1.0" and len(frames) == 9 and frames[7:] == [b"CURVE", KEY]
    if (reply[4] == b"200") != is_known:
        raise Broken(f"{reply[4]!r} for {frames!r}")


def run_http(data: bytes) -> None:
    """Read the heads of HTTP requests."""
    parser = h11.Connection(h11.SERVER, max_incomplete_event_size=8_192)
    try:
        parser.receive_data(data)
        event = parser.next_event()
    except h11.RemoteProtocolError:
        return
    if not isinstance(event, h11.Request):
        return
    for hosts in (frozenset[str](), frozenset({"localhost", "127.0.0.1", "[::1]"})):
        with contextlib.suppress(Refused):
            request = parse(event, hosts=hosts)
            if request.method not in {"GET", "HEAD"} or not request.path.startswith("/"):
                raise Broken(f"{request!r:.300}")


def _right_frames() -> Iterator[bytes]:
    header = [1, EPOCH, 7, 0, 1_790_000_000_000_000, None]
    yield b"quote,AAPL," + msgpack.packb([*header, 1.5, 3, 1.6, 4, None, None, 11, 12, None])
    header[0] = 2
    yield b"trade,@ES," + msgpack.packb(
        [*header, 4500.25, 2, 17, 11, "01", 1, None, 100, 4500.0, 4500.5]
    )
    header[0], header[3] = 7, 1
    rows = [[100.25, 5, 2], [100.0, 7, 1]]
    yield b"~0123456789abcd.book@250x5,@ES," + msgpack.packb([*header, rows, rows, None])
    header[0] = 9
    yield b"state,AAPL," + msgpack.packb([*header, "live", None, 5, {"a": [1, {"b": 2.5}]}])
    for number in range(1, 30):
        yield b"sys,hb," + msgpack.packb([number, *header[1:], {"x": 1}, "text", [[1, 2.0]]])


TOPICS: Final = (
    *(b"quote,AAPL,", b"trade,@ESZ26,", b"quote,", b"", b"sys,hb,", b"sys,", b"book@250x5,@ES,"),
    *(b"~0123456789abcd.quote,AAPL,", b"~0123456789abcd.sys,client,", b"~", b"quote,A", b"q"),
)


def _zap_seed(*, key: bytes = KEY, mechanism: bytes = b"CURVE", address: bytes = b"::1") -> bytes:
    return join_parts(
        *(b"id", b"", b"1.0", b"1", b"gateway", address, b"", mechanism, key),
    )


WIRE_TARGETS: Final = (
    Target(
        "rpc_request",
        make_request_reader,
        tuple(request_seeds(are_admins=True)),
        tokens=words(),
        is_msgpack=True,
    ),
    Target(
        "rpc_reply",
        lambda: run_reply,
        (
            msgpack.packb({"v": 1, "id": 7, "ok": True, "result": {}, "epoch": 1, "now_us": 2}),
            msgpack.packb({"v": 1, "id": 7, "ok": True, "result": [1, 2, 3, 4, 5, None, [1.5]]}),
            msgpack.packb(
                {"ok": False, "error": {"code": "x", "message": "m", "retry_ms": 5}, "id": 3}
            ),
        ),
        tokens=(b"id", b"ok", b"result", b"error", b"code", b"retry_ms", b"details"),
        is_msgpack=True,
    ),
    Target("data_frame", lambda: run_data_frame, tuple(_right_frames()), tokens=TOPICS),
    Target(
        "subscriptions",
        make_subscription_reader,
        (
            join_parts(*(b"\x01" + topic for topic in TOPICS)),
            join_parts(b"\x01", b"\x00", b"\x01quote,AAPL,", b"\x00quote,AAPL,", b"x"),
            *(join_parts(b"\x01" + topic, b"\x00" + topic) for topic in TOPICS),
        ),
        tokens=(*TOPICS, *(kind.value.encode() for kind in Kind), b"\x00\x0c\x01quote,AAPL,"),
        bytes_max=512,
    ),
    Target(
        "zap_request",
        lambda: run_zap,
        (
            _zap_seed(),
            _zap_seed(key=bytes(32)),
            _zap_seed(mechanism=b"PLAIN"),
            _zap_seed(address=b"localhost:0:0:77"),
            join_parts(b"id", b"", b"2.0"),
            join_parts(b"id"),
        ),
        tokens=(KEY, b"CURVE", b"NULL", b"1.0", b"gateway.next", b"\x00\x20"),
        bytes_max=512,
    ),
    Target(
        "http_head",
        lambda: run_http,
        (
            b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n",
            b"HEAD http://127.0.0.1:7702/?a=%41 HTTP/1.0\r\nHost: [::1]:7702\r\nX: y\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Length: 3\r\n\r\nabc",
        ),
        tokens=(b"Host", b"Content-Length", b"Transfer-Encoding", b"chunked", b"Origin", b"\r\n"),
    ),
)
