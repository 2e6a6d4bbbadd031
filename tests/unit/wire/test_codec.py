"""Requests from anybody are unpacked within bounds or refused with a documented error."""

import math
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import DecodeError, OutOfRange
from gateway.model.protocol import ARRAY_ITEMS_MAX, NESTING_LEVELS_MAX, REQUEST_BYTES_MAX
from gateway.wire.codec import (
    MAP_ITEMS_MAX,
    TEXT_BYTES_MAX,
    Encoded,
    find_id,
    make_pack,
    pack_image,
    pack_once,
    pack_reply,
    unpack_body,
    unpack_frame,
    unpack_reply,
    unpack_request,
)
from schemas.reference_msgpack import decode_value

REQUEST = {
    "v": 1,
    "id": [1, None, -(2**63), 2**64 - 1, 1.5, "\xe4", b"\x00\xff", True],
    "method": "ping",
    "params": {"deep": {"er": []}},
}


def test_a_request_arrives_as_it_was_sent() -> None:
    """Every msgpack library's ordinary values are understood."""
    assert unpack_request(msgpack.packb(REQUEST)) == REQUEST


def test_a_kept_packer_writes_what_msgpack_writes() -> None:
    """The fast way to pack must not be another format; bytes and text stay apart."""
    pack = make_pack()
    body = (1, 2**63, None, 0.1, "AAPL", b"raw", {"key": [1.0]})
    for packed in (pack(body), pack(body), pack_once(body)):
        assert msgpack.unpackb(packed) == [1, 2**63, None, 0.1, "AAPL", b"raw", {"key": [1.0]}]
    assert unpack_body(pack(body)) == msgpack.unpackb(pack(body))


def test_a_packer_survives_a_value_it_cannot_pack() -> None:
    """One message that fails must not leave its first half in front of the next."""
    pack = make_pack()
    with pytest.raises(TypeError):
        pack((1, 2, object()))
    assert msgpack.unpackb(pack((3,))) == [3]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        b"\x92\x01",
        b"\xa5abc",
        b"\x01\x01",
        b"\xa2\xff\xfe",
        msgpack.packb({1: 2}),
        msgpack.packb({None: 2}),
        b"\x81\x90\x01",
        msgpack.packb({"a": {2: 1}}),
        b"\xdd\x00\x00\x10\x00",
        b"\xdb\x7f\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
        b"GET / HTTP/1.1\r\n\r\n",
    ],
    ids=[
        "nothing",
        "reserved byte",
        "short array",
        "short text",
        "trailing bytes",
        "text that is not UTF-8",
        "number as key",
        "nil as key",
        "array as key",
        "number as key inside",
        "lying array",
        "lying text",
        "lying bytes",
        "another protocol",
    ],
)
def test_what_is_not_one_whole_object_with_text_keys_is_refused(data: bytes) -> None:
    """Whatever a stranger sends, the answer is a documented error and never a crash."""
    with pytest.raises(DecodeError):
        unpack_request(data)


@pytest.mark.parametrize(
    "data",
    [
        b"\x90" * (REQUEST_BYTES_MAX + 1),
        msgpack.packb([0] * (ARRAY_ITEMS_MAX + 1)),
        msgpack.packb({str(n): n for n in range(MAP_ITEMS_MAX + 1)}),
        msgpack.packb("a" * (TEXT_BYTES_MAX + 1)),
        msgpack.packb(b"a" * (TEXT_BYTES_MAX + 1)),
        msgpack.packb({"a" * (TEXT_BYTES_MAX + 1): 1}),
        b"\xdd\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff",
        b"\xd6\xff\x00\x00\x00\x01",
        b"\x91" * NESTING_LEVELS_MAX + b"\x90",
        b"\x81\xa1a" * NESTING_LEVELS_MAX + b"\x80",
    ],
    ids=[
        "frame",
        "array",
        "map",
        "text",
        "bytes",
        "key",
        "lying array of 4 billion",
        "lying map of 4 billion",
        "extension",
        "nested arrays",
        "nested maps",
    ],
)
def test_what_is_larger_than_a_limit_is_out_of_range(data: bytes) -> None:
    """The requester can tell "too much" from "broken", and split the request."""
    with pytest.raises(OutOfRange):
        unpack_request(data)


@pytest.mark.parametrize(
    "value",
    [
        [0] * ARRAY_ITEMS_MAX,
        {str(n): n for n in range(MAP_ITEMS_MAX)},
        "a" * TEXT_BYTES_MAX,
        b"a" * TEXT_BYTES_MAX,
    ],
    ids=["array", "map", "text", "bytes"],
)
def test_what_is_exactly_a_limit_is_accepted(value: object) -> None:
    """A limit that `hello` states is usable to the last item."""
    assert unpack_request(msgpack.packb(value)) == value


def test_eight_nested_arrays_are_accepted() -> None:
    """The deepest nesting that the contract allows is allowed."""
    data = b"\x91" * (NESTING_LEVELS_MAX - 1) + b"\x90"
    assert unpack_request(data) == msgpack.unpackb(data)


@pytest.mark.parametrize("opening", [b"\x91", b"\x81\xa1a"], ids=["arrays", "maps"])
def test_eight_nested_levels_with_a_number_inside_are_accepted(opening: bytes) -> None:
    """The limit counts arrays and maps; what the innermost holds is not another level."""
    data = opening * NESTING_LEVELS_MAX + b"\x01"
    assert unpack_request(data) == msgpack.unpackb(data)


@pytest.mark.parametrize("opening", [b"\x91", b"\x81\xa1a"], ids=["arrays", "maps"])
def test_nesting_beyond_what_msgpack_reads_is_out_of_range_too(opening: bytes) -> None:
    """How far a request exceeds a limit must not change the error's meaning."""
    with pytest.raises(OutOfRange):
        unpack_request(opening * 2_000 + b"\xc0")


@pytest.mark.parametrize("opening", [b"\x91", b"\x81\xa1a"], ids=["arrays", "maps"])
def test_a_frame_full_of_nesting_is_refused(opening: bytes) -> None:
    """A stack overflow would end the gateway; a quarter of a megabyte of brackets must not."""
    with pytest.raises((DecodeError, OutOfRange)):
        unpack_request((opening * REQUEST_BYTES_MAX)[:REQUEST_BYTES_MAX])


@pytest.mark.parametrize("value", [{b"v": 1}, {"v": {b"a": 1}}, [[[[[[[{b"a": 1}]]]]]]]])
def test_bytes_as_keys_are_refused(value: object) -> None:
    """The function promises text keys; `{b"v": 1}` is not a request in any client."""
    with pytest.raises(DecodeError):
        unpack_request(msgpack.packb(value))


@pytest.mark.parametrize("data", [b"\xc7\x00\x05", b"\xc7\x00\xff", b"\x91\xc7\x00\x00"])
def test_an_empty_extension_is_refused(data: bytes) -> None:
    """The function promises plain values; an ExtType would travel on into the echoed id."""
    with pytest.raises(DecodeError):
        unpack_request(data)


def test_many_empty_maps_are_only_many_empty_maps() -> None:
    """The most objects that fit a frame are bounded by its size, and so is the work."""
    row = b"\xdc\x13\x88" + b"\x80" * 5_000
    data = b"\xdc\x00\x34" + row * 52
    assert len(data) < REQUEST_BYTES_MAX
    value = unpack_request(data)
    assert sum(len(part) for part in value) == 260_000


def test_not_a_number_is_a_number() -> None:
    """The format can spell it; judging it is the business of each method's parameters."""
    assert math.isnan(unpack_request(msgpack.packb(float("nan"))))


def test_a_refusal_quotes_a_bounded_reason() -> None:
    """The text goes to the requester and to the log: its length must not be theirs to choose."""
    with pytest.raises(OutOfRange) as caught:
        unpack_request(msgpack.packb("a" * 200_000))
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("count", [0, 1, 15, 16, 70_000])
def test_an_image_is_one_body_around_packed_rows(count: int) -> None:
    """Rows are packed once a change; the length in front of them has three spellings."""
    pack = make_pack()
    row = ("add", "B", 2**64 - 1, None, 0.1, 5, None, 2)
    head = (13, 2**41, 7, 1, 2**50, None)
    body = pack_image(head, count, pack(row) * count)
    assert decode_value(body.data) == [*head, [list(row)] * count]


def test_a_reply_takes_what_is_packed_already_as_it_is() -> None:
    """An image inside an answer must not be packed a second time, nor as a byte string."""
    image = pack_image((13, 1, 2, 3, 4, None), 0, b"")
    answer = {"a": [{"topic": "order,A,", "body": image}, None, (1, image)], "b": 1.5, "c": {}}
    assert decode_value(pack_reply(answer)) == {
        "a": [
            {"topic": "order,A,", "body": [13, 1, 2, 3, 4, None, []]},
            None,
            [1, [13, 1, 2, 3, 4, None, []]],
        ],
        "b": 1.5,
        "c": {},
    }
    assert pack_reply(Encoded(b"\x07")) == b"\x07"
    assert pack_reply({"plain": [1]}) == pack_once({"plain": [1]})


def test_what_cannot_be_packed_is_our_own_mistake() -> None:
    """A reply that lost a value in silence would be worse than an error."""
    with pytest.raises(TypeError):
        pack_reply({"a": [object()]})


REPLY_IDS: Any = st.one_of(
    st.integers(-(2**63), 2**64 - 1), st.text(max_size=70), st.binary(max_size=40), st.none()
)


@given(
    reply_id=REPLY_IDS,
    before=st.dictionaries(st.text(max_size=5).filter(lambda key: key != "id"), REPLY_IDS),
    result=st.lists(st.binary(max_size=200), max_size=20),
)
def test_an_id_is_found_and_can_be_replaced_in_place(
    reply_id: object, before: dict[str, object], result: list[bytes]
) -> None:
    """A relay gives a reply of megabytes back under the caller's id without unpacking it."""
    reply = {**before, "id": reply_id, "result": result}
    data = msgpack.packb(reply)
    found, place = find_id(data)
    assert found == reply_id
    assert type(found) is type(reply_id)
    changed = data[: place.start] + msgpack.packb("mine") + data[place.stop :]
    assert msgpack.unpackb(changed) == {**reply, "id": "mine"}


@pytest.mark.parametrize(
    "data",
    [b"", b"\xc1", b"\x05", b"\x80", b"\x81\xa2id", b"\xdf\xff\xff\xff\xff", b"\x82\xa1v\x01",
     msgpack.packb([1]), msgpack.packb({"v": 1}), msgpack.packb({"v": "x" * 2_000})],
)  # fmt: skip
def test_a_reply_without_an_id_is_refused(data: bytes) -> None:
    """What is no reply cannot be given to anybody."""
    with pytest.raises(DecodeError):
        find_id(data)


@given(st.binary(max_size=300))
def test_bytes_of_others_are_read_or_refused(data: bytes) -> None:
    """A relay reads what another process sends: nothing but the documented error may come of it."""
    for read in (find_id, unpack_reply, unpack_frame):
        try:
            read(data)
        except DecodeError as error:
            assert error.hint  # noqa: PT017 - any other exception is the failure


def test_a_reply_says_whether_it_is_one() -> None:
    """`ok` decides what of it is read."""
    assert unpack_reply(msgpack.packb({"ok": True}))["ok"] is True
    for other in ({}, {"ok": 1}, [True], None):
        with pytest.raises(DecodeError):
            unpack_reply(msgpack.packb(other))
