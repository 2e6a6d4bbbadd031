"""Control requests to bytes, bytes to replies."""

from typing import Any, Final, NamedTuple

import msgpack

from gateway_client import messages
from gateway_client.errors import DecodeError, InvalidArgument, RequestRefused
from gateway_client.layouts import check_value

REPLY_BYTES_MAX: Final = 64 * 1024 * 1024
"""Longest reply that is read: 5,000 snapshots of books fit."""
RETRY_MS_MAX: Final = 3_600_000


class Reply(NamedTuple):
    """One answer of the gateway."""

    id: int
    """The request's id."""
    result: Any
    """The method's result; None when refused."""
    error: RequestRefused | None
    """The refusal; None when it succeeded."""
    epoch: int | None
    """Gateway run that answered, Unix milliseconds."""
    now_us: int | None
    """The gateway's clock, microseconds UTC."""


def encode_request(
    request_id: int, method: str, params: dict[str, Any], *, deadline_ms: int
) -> bytes:
    """Pack one request.

    Args:
        request_id: Comes back in the reply.
        method: Name of the method.
        params: Its parameters.
        deadline_ms: How long we wait, milliseconds; the gateway drops what it finds too late.

    Raises:
        InvalidArgument: The parameters cannot be packed, or are longer than the gateway reads.
    """
    request = {
        "v": messages.PROTOCOL_VERSION,
        "id": request_id,
        "method": method,
        "params": params,
        "deadline_ms": max(1, min(deadline_ms, messages.DEADLINE_MS_MAX)),
    }
    try:
        data: bytes = msgpack.packb(request)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidArgument(
            "parameters cannot be packed", method=method, cause=str(error)
        ) from error
    if len(data) > messages.REQUEST_BYTES_MAX:
        raise InvalidArgument(
            "request is too long",
            hint="Split the request.",
            method=method,
            bytes=len(data),
            bytes_max=messages.REQUEST_BYTES_MAX,
        )
    return data


def decode_reply(data: bytes) -> Reply:
    """Read one reply.

    Raises:
        DecodeError: Not a reply of the contract.
    """
    if len(data) > REPLY_BYTES_MAX:
        raise DecodeError("reply is too long", bytes=len(data))
    try:
        reply = msgpack.unpackb(data)
    except (ValueError, TypeError, OverflowError, msgpack.UnpackException) as error:
        raise DecodeError("not a reply", data=data, cause=str(error)) from error
    if not isinstance(reply, dict):
        raise DecodeError("reply is not a map", data=data)
    request_id, is_ok = reply.get("id"), reply.get("ok")
    if type(request_id) is not int or type(is_ok) is not bool:
        raise DecodeError("reply lacks id or ok", data=data)
    epoch, now_us = reply.get("epoch"), reply.get("now_us")
    return Reply(
        request_id,
        reply.get("result") if is_ok else None,
        None if is_ok else _refusal(reply.get("error")),
        epoch if type(epoch) is int else None,
        now_us if type(now_us) is int else None,
    )


def _refusal(error: object) -> RequestRefused:
    fields = error if isinstance(error, dict) else {}
    code, message, hint = (
        value if isinstance(value, str) else default
        for value, default in (
            (fields.get("code"), "internal"),
            (fields.get("message"), "the gateway refused without saying why"),
            (fields.get("hint"), "Read the gateway's log."),
        )
    )
    retry_ms, details = fields.get("retry_ms"), fields.get("details")
    return RequestRefused(
        message,
        code=code,
        hint=hint,
        retry_ms=min(max(retry_ms, 0), RETRY_MS_MAX) if type(retry_ms) is int else None,
        details=details if isinstance(details, dict) else None,
    )


def read_body(topic: str, body: object) -> tuple[Any, ...]:
    """Read a message body out of a reply, where arrays are lists.

    Raises:
        DecodeError: Not a body.
    """
    if not isinstance(body, list) or len(body) < len(messages.HEADER_FIELDS):
        raise DecodeError("body is not an array with a header", topic=topic)
    check_value(body, level=1)
    return tuple(_as_tuple(item) for item in body)


def _as_tuple(value: object) -> object:
    return tuple(_as_tuple(item) for item in value) if isinstance(value, list) else value
