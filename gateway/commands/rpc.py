"""`rpc`: one request to a running gateway, its result as JSON."""

import json
import sys
from typing import Any

import zmq
from gateway_client import CurveKeys

from gateway.commands.client_keys import use_keys
from gateway.commands.endpoints import HINT, KEYS_HINT, refusal_of
from gateway.commands.rpc_arguments import check_names, method_lines, parse_params
from gateway.errors import bounded
from gateway.model.protocol import PROTOCOL_VERSION
from gateway.wire.codec import pack_once, unpack_body


def list_methods() -> int:
    """Print every method with who may call it and what it does.

    Returns:
        The exit code, 0.
    """
    print("\n".join(method_lines()))
    return 0


def request(
    method: str,
    params: list[str],
    *,
    control: str,
    timeout_s: float,
    keys: CurveKeys | None = None,
) -> int:
    """Send one request and print the result.

    Args:
        method: The method's name.
        params: `key=value` each; values are JSON where they parse, text otherwise.
        control: The control socket.
        timeout_s: Longest wait.
        keys: For a gateway that asks for them.

    Returns:
        0 with a result, 1 with an error, 2 when the arguments cannot be used.
    """
    try:
        values = parse_params(params)
        check_names(method, values)
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    result = fetch(method, values, control=control, timeout_s=timeout_s, keys=keys)
    if result is None:
        return 1
    print(json.dumps(result, indent=2, ensure_ascii=False, default=_jsonable))
    return 0


def fetch(
    method: str,
    values: dict[str, Any],
    *,
    control: str,
    timeout_s: float,
    keys: CurveKeys | None = None,
) -> Any:
    """Send one request.

    Args:
        method: The method's name.
        values: Its parameters.
        control: The control socket.
        timeout_s: Longest wait.
        keys: For a gateway that asks for them.

    Returns:
        The result, never None; None when there is none, and standard error says why.
    """
    refusal = refusal_of(control)
    if refusal:
        sys.stderr.write(refusal)
        return None
    reply = _exchange(control, method, values, timeout_s=timeout_s, keys=keys)
    if reply is None:
        sys.stderr.write(
            f"no answer from {control} within {timeout_s:g} s\n  what to do: {KEYS_HINT} {HINT}\n"
        )
        return None
    if not reply["ok"]:
        why = reply["error"]
        sys.stderr.write(f"{why['code']}: {why['message']}\n  what to do: {why['hint']}\n")
        return None
    return reply["result"]


def _exchange(
    control: str,
    method: str,
    values: dict[str, Any],
    *,
    timeout_s: float,
    keys: CurveKeys | None,
) -> dict[str, Any] | None:
    """Send one request; the reply, or None when none came in time."""
    with zmq.Context() as context, context.socket(zmq.DEALER) as dealer:
        dealer.setsockopt(zmq.LINGER, 0)
        use_keys(dealer, keys)
        try:
            dealer.connect(control)
        except zmq.ZMQError as error:
            sys.stderr.write(f"{bounded(control)} is no address: {error}\n")
            return None
        request = {"v": PROTOCOL_VERSION, "id": 1, "method": method, "params": values}
        dealer.send(pack_once(request | {"deadline_ms": int(timeout_s * 1000)}))
        if not dealer.poll(int(timeout_s * 1000)):
            return None
        reply: dict[str, Any] = unpack_body(dealer.recv())
        return reply


def _jsonable(value: object) -> object:
    return value.hex() if isinstance(value, bytes) else str(value)
