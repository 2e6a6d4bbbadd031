"""Control requests and replies as bytes."""

from typing import Any

import msgpack
import pytest
from gateway_client.errors import DecodeError, InvalidArgument
from gateway_client.rpc_codec import decode_reply, encode_request, read_body
from hypothesis import given
from hypothesis import strategies as st


def reply(**fields: Any) -> bytes:
    """A reply with the fields given."""
    return bytes(msgpack.packb({"v": 1, "id": 7, "epoch": 1, "now_us": 2, **fields}))


def test_request_is_the_contracts_map() -> None:
    """What the gateway reads."""
    data = encode_request(7, "ping", {"a": [1]}, deadline_ms=90_000)
    assert msgpack.unpackb(data) == {
        "v": 1,
        "id": 7,
        "method": "ping",
        "params": {"a": [1]},
        "deadline_ms": 60_000,
    }


@pytest.mark.parametrize("params", [{"a": object()}, {"a": 2**65}, {"a": "x" * 262_144}])
def test_unsendable_request_is_refused_here(params: dict[str, Any]) -> None:
    """The gateway would drop the connection without a word."""
    with pytest.raises(InvalidArgument):
        encode_request(1, "ping", params, deadline_ms=1)


def test_result_and_refusal() -> None:
    """A refusal carries everything the gateway says."""
    assert decode_reply(reply(ok=True, result={"a": 1})) == (7, {"a": 1}, None, 1, 2)
    error = {"code": "busy", "message": "full", "hint": "wait", "retry_ms": 5, "details": {"q": 1}}
    refusal = decode_reply(reply(ok=False, error=error)).error
    assert refusal is not None
    assert (refusal.code, refusal.message, refusal.hint) == ("busy", "full", "wait")
    assert (refusal.retry_ms, refusal.details) == (5, {"q": 1})


def test_refusal_without_words_is_still_one() -> None:
    """Nothing is assumed of the error but that there is one."""
    refusal = decode_reply(reply(ok=False, error=None)).error
    assert refusal is not None
    assert (refusal.code, refusal.retry_ms, refusal.details) == ("internal", None, {})


@pytest.mark.parametrize(
    "data", [b"", b"\xc1", b"\x01", msgpack.packb({"ok": True}), msgpack.packb({"id": 1, "ok": 1})]
)
def test_what_is_no_reply_is_refused(data: bytes) -> None:
    """The reader counts it and goes on."""
    with pytest.raises(DecodeError):
        decode_reply(data)


@given(st.binary(max_size=100))
def test_any_bytes_are_a_reply_or_refused(data: bytes) -> None:
    """Only the documented error comes out."""
    try:
        decode_reply(data)
    except DecodeError:
        return


def test_body_out_of_a_reply_is_like_one_off_the_wire() -> None:
    """Arrays are tuples at every depth."""
    assert read_body("t", [7, 1, 2, 3, 4, None, [[1.0]]]) == (7, 1, 2, 3, 4, None, ((1.0,),))
    for body in ([1], None, [1, 2, 3, 4, 5, float("nan")]):
        with pytest.raises(DecodeError):
            read_body("t", body)
