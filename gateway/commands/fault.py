"""`fault`: one fault for a running simulator, and its answer."""

import json
import socket
import sys
from typing import Any, Final

from gateway.errors import bounded
from gateway.simulator.control import HOST
from gateway.simulator.verbs import VERBS, Kind

ANSWER_BYTES_MAX: Final = 1 << 20


def list_verbs() -> int:
    """Print every fault with its parameters and what it does.

    Returns:
        The exit code, 0.
    """
    for verb in VERBS.values():
        print(f"{verb.signature()}\n    {verb.sentence}")
    return 0


def send_fault(name: str, params: list[str], *, control_port: int, timeout_s: float) -> int:
    """Send one fault and print the answer.

    Args:
        name: The fault; `fault --list` tells which there are.
        params: `key=value` each.
        control_port: The simulator's control port.
        timeout_s: Longest wait.

    Returns:
        0 when it happened, 1 when it did not, 2 when the arguments cannot be used.
    """
    try:
        command = {"do": name, **parse_params(name, params)}
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    try:
        answer = exchange(command, control_port=control_port, timeout_s=timeout_s)
    except (OSError, ValueError) as error:
        sys.stderr.write(
            f"no answer from port {control_port}: {error}\n"
            "  what to do: start a simulator with --control-port and name the same port here.\n"
        )
        return 1
    if answer.pop("ok", False) is not True:
        sys.stderr.write(f"{answer.get('error')}\n  what to do: {answer.get('hint')}\n")
        return 1
    print(json.dumps(answer, indent=2))
    return 0


def parse_params(name: str, params: list[str]) -> dict[str, Any]:
    """Read `key=value` arguments; what is no text by the table is read as JSON.

    Raises:
        ValueError: One has no `=`; it is quoted.
    """
    verb = VERBS.get(name)
    kinds = {} if verb is None else {one.name: one.kind for one in verb.parameters}
    values: dict[str, Any] = {}
    for param in params:
        key, separator, text = param.partition("=")
        if not separator or not key:
            raise ValueError(f"write key=value, not {bounded(param)}")
        is_text = kinds.get(key, Kind.TEXT) in (Kind.TEXT, Kind.NAMES)
        values[key] = text if is_text else _value_of(text)
    return values


def _value_of(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def exchange(command: dict[str, Any], *, control_port: int, timeout_s: float) -> dict[str, Any]:
    """Send a simulator one command and read its answer: one line out, one line in.

    Args:
        command: `do`, and the fault's parameters.
        control_port: The simulator's control port.
        timeout_s: Longest wait for each of both.

    Returns:
        The answer; `ok` says whether it was done.

    Raises:
        OSError: Nobody answers there.
        ValueError: What came is no answer.
    """
    with socket.create_connection((HOST, control_port), timeout_s) as peer:
        peer.sendall(json.dumps(command).encode() + b"\n")
        with peer.makefile("rb") as reader:
            line = reader.readline(ANSWER_BYTES_MAX)
    if not line.startswith(b"{") or not line.endswith(b"\n"):
        raise ValueError(f"not an answer: {bounded(line)}")
    answer: dict[str, Any] = json.loads(line)
    return answer
