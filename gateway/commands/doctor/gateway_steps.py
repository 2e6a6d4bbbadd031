"""The steps behind IQConnect: the gateway that runs, and a consumer's way to its data."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Final

import zmq
from gateway_client import CurveKeys, DecodeError
from gateway_client.codec import split_frame
from gateway_client.rpc_codec import decode_reply

from gateway.clock import SystemClock
from gateway.commands.client_keys import use_keys
from gateway.commands.doctor.findings import Finding, ok, problem, skipped
from gateway.commands.doctor.heartbeat import HEARTBEAT, hear
from gateway.commands.doctor.visit import Visit
from gateway.commands.doctor.zmtp import Listener, Reach, look
from gateway.errors import SymbolInvalid, bounded
from gateway.iqfeed.commands import check_symbol
from gateway.model.enums import Cause, Flag, MessageType, SymbolState
from gateway.model.messages import HEADER_FIELDS
from gateway.model.protocol import PROTOCOL_VERSION
from gateway.wire.codec import pack_once

KEYS_ADVICE: Final = "Give --keys FILE, as `iqfeed-gateway keys new NAME` writes it."
FRAMES_MAX: Final = 1_000
"""Read at most so many frames while waiting: a quote may come a thousand times a second."""
_CLOCK: Final = SystemClock()


def gateway(visit: Visit, *, is_well_so_far: bool) -> Finding:
    """Does a gateway answer on the control socket, and what does it say of its health?"""
    control = control_of(visit)
    listener = look(control, seconds=visit.seconds)
    has_asked_keys = listener.reach is Reach.KEYS and visit.keys is not None
    wrong = None if has_asked_keys else _wrong_listener(visit, listener, control)
    if wrong is not None:
        return wrong
    if listener.reach is Reach.NOBODY:
        return _no_gateway(visit, control, is_well_so_far=is_well_so_far)
    hello = ask(control, "hello", seconds=visit.seconds, keys=visit.keys)
    health = (
        ask(control, "health", seconds=visit.seconds, keys=visit.keys)
        if hello is not None
        else None
    )
    if hello is None and has_asked_keys:
        return problem(
            "gateway",
            "keys_refused",
            f"the gateway at {control} does not answer with these keys",
            "See whether `keys list` on its machine has the public key, whether the file names "
            "the gateway's own key, and what its audit log says.",
        )
    if hello is None or health is None:
        return problem(
            "gateway",
            "gateway_mute",
            f"the gateway at {control} accepts and does not answer within {visit.seconds:g} s",
            "Read its log; restart it if it hangs.",
        )
    visit.hello = hello
    version = bounded(hello.get("version"), characters_max=40).strip("'")
    told = f"{bounded(hello.get('gateway_id'), characters_max=64).strip(chr(39))} {version}"
    return _verdict(visit, health, told, control)


def consumer(visit: Visit) -> Finding:
    """Does a consumer that joins the symbol get heartbeats and a snapshot?"""
    hello = visit.hello
    if hello is None:
        return skipped("consumer", "no_gateway", "no gateway answers")
    data = data_of(visit)
    listener = look(data, seconds=visit.seconds)
    endpoints = hello.get("endpoints")
    real = endpoints.get("data") if isinstance(endpoints, dict) else None
    advice = f"Connect consumers to {_plain(real)}, where the gateway says it publishes."
    if listener.reach in (Reach.NOBODY, Reach.UNUSABLE):
        told = f"nobody publishes at {bounded(data)[1:-1]} ({listener.detail})"
        return problem("consumer", "data_closed", told, advice)
    if listener.reach is Reach.KEYS:
        if visit.keys is not None:
            return _join(visit, data, hello, advice)
        told = f"the data socket at {data} asks for keys ({listener.detail})"
        return problem("consumer", "keys_needed", told, KEYS_ADVICE)
    if listener.reach is not Reach.ZEROMQ or listener.detail not in ("XPUB", "PUB"):
        told = f"what listens at {data} is not the gateway's data socket: {_kind_of(listener)}"
        return problem("consumer", "data_foreign", told, advice)
    return _join(visit, data, hello, advice)


def control_of(visit: Visit) -> str:
    """Where the gateway answers."""
    return visit.control or visit.known.control.bind


def data_of(visit: Visit) -> str:
    """Where the gateway publishes."""
    return visit.data or visit.known.data.bind


def ask(
    control: str, method: str, *, seconds: float, keys: CurveKeys | None = None
) -> dict[str, Any] | None:
    """Send one request.

    Args:
        control: The control socket.
        method: A method without parameters.
        seconds: Longest wait.
        keys: For a gateway that asks for them.

    Returns:
        Its result; None when none came in time, or something that is none.
    """
    with zmq.Context() as context, context.socket(zmq.DEALER) as dealer:
        dealer.setsockopt(zmq.LINGER, 0)
        use_keys(dealer, keys)
        dealer.connect(control)
        dealer.send(pack_once({"v": PROTOCOL_VERSION, "id": 1, "method": method}))
        if not dealer.poll(round(seconds * 1000)):
            return None
        try:
            result = decode_reply(dealer.recv_multipart()[-1]).result
        except DecodeError:
            return None
    return result if isinstance(result, dict) else None


def _verdict(visit: Visit, health: dict[str, Any], told: str, control: str) -> Finding:
    """What a gateway's own verdict means here; a warning is told and is no problem."""
    issues = [issue for issue in _list(health.get("issues")) if isinstance(issue, dict)]
    level = health.get("level")
    worst = next((issue for issue in issues if issue.get("level") == level), None)
    if level == "healthy" or worst is None:
        return ok("gateway", f"{told} at {control}: {bounded(level).strip(chr(39))}")
    said = f"{told}: {_plain(worst.get('message'))}"
    if level == "critical":
        elsewhere = _elsewhere(visit, control)
        if elsewhere is not None:
            return problem(
                "gateway",
                "gateway_looks_elsewhere",
                f"{said}; it connects to {elsewhere[0]}, this configuration says {elsewhere[1]}",
                "Start the gateway again with this configuration, or correct one of the two.",
            )
        return problem("gateway", f"gateway_{_code(worst)}", said, _plain(worst.get("hint")))
    return ok("gateway", f"{said} (a warning)", code=f"gateway_{_code(worst)}")


def _elsewhere(visit: Visit, control: str) -> tuple[str, str] | None:
    """Where the gateway's Level 1 connection goes and where it should, if these differ."""
    metrics = ask(control, "metrics", seconds=visit.seconds, keys=visit.keys)
    found: object = metrics
    for name in ("connections", "links", "level1", "address"):
        found = found.get(name) if isinstance(found, dict) else None
    configured = f"{visit.host}:{visit.number_of('level1')}"
    if not isinstance(found, str) or visit.host is None or found == configured:
        return None
    return _plain(found), configured


def _wrong_listener(visit: Visit, listener: Listener, control: str) -> Finding | None:
    """What listens on the control address and is no gateway; None when it may be one."""
    if listener.reach is Reach.UNUSABLE:
        return skipped(
            "gateway", "no_address", f"{bounded(control)} cannot be looked at; name --control"
        )
    if listener.reach is Reach.KEYS:
        told = f"the control socket at {control} asks for keys ({listener.detail})"
        return problem("gateway", "keys_needed", told, KEYS_ADVICE)
    is_zeromq = listener.reach is Reach.ZEROMQ
    if listener.reach is Reach.NOBODY or (is_zeromq and listener.detail == "ROUTER"):
        return None
    if is_zeromq and listener.detail in ("XPUB", "PUB"):
        return problem(
            "gateway",
            "control_is_data",
            f"{control} is a data socket, not the control socket",
            "Interchange the two addresses: data is 7700 and control 7701 unless configured "
            "otherwise.",
        )
    if listener.reach is Reach.MUTE:
        return problem(
            "gateway",
            "gateway_mute",
            f"something accepts at {control} and is silent: {listener.detail}",
            "If that is the gateway, it hangs or is suspended: read its log and restart it. Else "
            "end the program that has taken the port, or choose another control.bind.",
        )
    return problem(
        "gateway",
        "control_foreign",
        f"what listens at {control} is no gateway: {_kind_of(listener)}",
        "End the program that has taken the port, or choose another control.bind.",
    )


def _no_gateway(visit: Visit, control: str, *, is_well_so_far: bool) -> Finding:
    """Nobody at the control address: not wrong by itself, unless the data port is taken."""
    data = data_of(visit)
    listener = look(data, seconds=visit.seconds)
    if listener.reach is Reach.ZEROMQ and listener.detail in ("XPUB", "PUB"):
        beat = hear(data, seconds=visit.seconds)
        if beat is not None:
            return _wrong_control(visit, control, data, beat)
    if listener.reach not in (Reach.NOBODY, Reach.UNUSABLE):
        return problem(
            "gateway",
            "data_port_taken",
            f"no gateway answers at {control}, yet something listens at {data}: "
            f"{_kind_of(listener)}",
            "End the program that has taken the data port, or choose another data.bind: the "
            "gateway cannot start like this.",
        )
    config = f" --config {visit.config}" if visit.config else ""
    start = f"start the gateway: iqfeed-gateway run{config}" if is_well_so_far else ""
    return skipped("gateway", "not_running", f"no gateway runs at {control}", start)


def _wrong_control(visit: Visit, control: str, data: str, beat: Mapping[str, Any]) -> Finding:
    """A gateway lives at the data address: it must not be ended for an address mistyped here."""
    named = f"{_text(beat.get('gateway_id'))} {_text(beat.get('version'))}".strip()
    setting = "--control" if visit.control else "control.bind of this configuration"
    return problem(
        "gateway",
        "control_wrong",
        f"a gateway is live at {data} ({named}), yet nobody listens at {control}: {setting} is "
        "wrong",
        f"Leave that gateway running and correct {setting} to the control socket it was started "
        "with: tcp://127.0.0.1:7701 unless configured otherwise.",
    )


def _join(visit: Visit, data: str, hello: dict[str, Any], advice: str) -> Finding:
    """Subscribe as the contract says and read until the answer and a heartbeat are there."""
    try:
        name = check_symbol(visit.symbol)
    except SymbolInvalid as error:
        return skipped("consumer", "symbol_invalid", str(error))
    private = f"~{secrets.token_hex(10)}.quote,{name},"
    seen = _Seen(private, name)
    with zmq.Context() as context, context.socket(zmq.SUB) as sub:
        sub.setsockopt(zmq.LINGER, 0)
        sub.setsockopt(zmq.SNDHWM, 0)
        use_keys(sub, visit.keys)
        for topic in (HEARTBEAT, f"state,{name},", f"quote,{name},", private):
            sub.subscribe(topic)
        sub.connect(data)
        deadline_ns = _CLOCK.monotonic_ns() + round(visit.seconds * 1e9)
        for _ in range(FRAMES_MAX):
            left_ms = (deadline_ns - _CLOCK.monotonic_ns()) // 1_000_000
            if seen.is_complete or left_ms <= 0 or not sub.poll(left_ms):
                break
            seen.take(sub.recv())
    return _judge(seen, visit, data, hello, advice)


class _Seen:
    """What came on the data socket."""

    def __init__(self, private: str, symbol: str) -> None:
        self._private = private.encode()
        self._quote = f"quote,{symbol},".encode()
        self._state = f"state,{symbol},".encode()
        self.epoch: object = None
        """Of the heartbeat; None while none came."""
        self.answer: Sequence[Any] | None = None
        """The newest quote, or the state that came in its place."""
        self.state: tuple[str, str] = ("", "")
        """State and cause, as far as they were told."""

    @property
    def is_complete(self) -> bool:
        """Whether nothing that is still to come could change the finding."""
        is_pending = self.answer is None or (
            self.answer[0] == MessageType.STATE and self.state[0] == SymbolState.PENDING
        )
        return self.epoch is not None and not is_pending

    def take(self, frame: bytes) -> None:
        """Take one frame; what cannot be read is left to what follows it."""
        try:
            topic, body = split_frame(frame)
        except DecodeError:
            return
        if topic == HEARTBEAT.encode():
            self.epoch = body[1]
            return
        values = body[len(HEADER_FIELDS) :]
        if body[0] == MessageType.STATE and len(values) >= 2:
            self.state = (_text(values[0]), _text(values[1]))
        if topic in (self._private, self._quote):
            self.answer = body


def _judge(seen: _Seen, visit: Visit, data: str, hello: dict[str, Any], advice: str) -> Finding:
    """Tell what a consumer would have."""
    if seen.epoch is None:
        told = f"no heartbeat from {data} within {visit.seconds:g} s"
        return problem("consumer", "no_heartbeat", told, advice)
    if seen.epoch != hello.get("epoch"):
        told = f"{data} belongs to another gateway run than the control socket"
        return problem("consumer", "other_gateway", told, advice)
    name = visit.symbol
    state, cause = seen.state
    if seen.answer is None:
        told = f"no answer about {name} from {data} within {visit.seconds:g} s"
        return problem("consumer", "no_snapshot", told, "Read the gateway's log.")
    is_state = seen.answer[0] == MessageType.STATE
    if is_state and cause == Cause.NOT_SUBSCRIBED:
        return ok(
            "consumer",
            f"heartbeats and answers come; nobody has asked for {name}, and subscribing does not "
            "(auto_watch is off): take a lease",
            code="not_subscribed",
        )
    why = f"`iqfeed-gateway why {name}` tells what it follows from."
    if is_state or int(seen.answer[3]) & Flag.STALE:
        shown = f"{state or 'stale'}{f' ({cause})' if cause else ''}"
        told = f"heartbeats come, {name} is {shown}"
        return problem("consumer", f"symbol_{cause or state or 'stale'}", told, why)
    return ok("consumer", f"heartbeats and {name} come from {data}")


def _kind_of(listener: Listener) -> str:
    if listener.reach is Reach.ZEROMQ:
        return f"a ZeroMQ socket of type {bounded(listener.detail).strip(chr(39)) or 'unknown'}"
    return listener.detail


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str:
    return bounded(value, characters_max=40).strip("'") if value is not None else ""


def _plain(value: object) -> str:
    """A text of the gateway's on one line, escaped; it may be quoted from elsewhere."""
    return bounded(value, characters_max=400)[1:-1] if isinstance(value, str) else bounded(value)


def _code(issue: dict[str, Any]) -> str:
    code = issue.get("code")
    return code if isinstance(code, str) and code.replace("_", "").isalnum() else "unhealthy"
