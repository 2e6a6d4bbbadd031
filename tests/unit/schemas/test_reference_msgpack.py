"""The independent msgpack codec agrees with the library that everybody uses."""

import msgpack
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.reference_msgpack import MalformedFrame, decode_value, encode_value

STEADY = settings(
    deadline=None,
    derandomize=True,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow],
)
"""A busy machine must not fail a test, and a failure must come back when it is run again."""
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | TEXTS
    | st.binary(max_size=300)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(TEXTS, inner, max_size=20),
    max_leaves=20,
)
EDGES = [0, 127, 128, 255, 256, 65535, 65536, 2**32 - 1, 2**32, 2**63, 2**64 - 1]
EDGES += [-1, -32, -33, -128, -129, -32768, -32769, -(2**31), -(2**31) - 1, -(2**63)]


@STEADY
@given(VALUES)
def test_encoding_equals_the_library(value: object) -> None:
    """Both write the shortest form, so equal values give equal bytes."""
    assert encode_value(value) == msgpack.packb(value)


@STEADY
@given(VALUES)
def test_values_survive_a_round_trip(value: object) -> None:
    """What was written is what is read, whichever of the two reads it."""
    data = encode_value(value)
    assert decode_value(data, nesting_levels_max=64) == value
    assert msgpack.unpackb(data) == value


@settings(STEADY, max_examples=500)
@given(st.binary(max_size=40))
def test_any_bytes_decode_alike_or_are_refused(data: bytes) -> None:
    """Whatever arrives gives the library's value or MalformedFrame, and never another error."""
    try:
        value = decode_value(data)
    except MalformedFrame:
        return
    try:
        again = msgpack.unpackb(data)
    except ValueError as error:
        # The library also limits what the specification leaves open.
        pytest.fail(f"only the library refuses: {error}")
    # repr, because NaN is not equal to itself.
    assert repr(value) == repr(again)


@pytest.mark.parametrize("number", EDGES)
def test_integers_take_the_shortest_form_at_every_edge(number: int) -> None:
    """Off by one at a width's edge corrupts one value in billions."""
    assert encode_value(number) == msgpack.packb(number)
    assert decode_value(encode_value(number)) == number


@pytest.mark.parametrize("size", [0, 15, 16, 31, 32, 255, 256, 65535, 65536])
def test_sizes_take_the_shortest_form_at_every_edge(size: int) -> None:
    """Texts, binaries, arrays and maps each have their own edges."""
    for value in (
        "x" * size,
        b"x" * size,
        [None] * size,
        {str(i): 1 for i in range(min(size, 300))},
    ):
        assert encode_value(value) == msgpack.packb(value)
        assert decode_value(encode_value(value)) == value


@pytest.mark.parametrize("number", [2**64, -(2**63) - 1])
def test_integers_beyond_64_bits_are_refused(number: int) -> None:
    """The format ends there; a wrapped value would be worse than none."""
    with pytest.raises(OverflowError):
        encode_value(number)


def test_values_without_a_form_are_refused() -> None:
    """A set has no order, so no bytes could be the right ones."""
    with pytest.raises(TypeError, match="set"):
        encode_value({1, 2})


@pytest.mark.parametrize("first", [0xC1, 0xC7, 0xC8, 0xC9, 0xD4, 0xD5, 0xD6, 0xD7, 0xD8])
def test_extensions_and_the_unused_byte_are_refused(first: int) -> None:
    """The contract has no extension types; readers need none either."""
    with pytest.raises(MalformedFrame, match="first byte"):
        decode_value(bytes([first]) + b"\x01\x02\x03\x04\x05\x06")


@pytest.mark.parametrize(
    ("first", "what"), [(0xC6, "bytes"), (0xDB, "bytes"), (0xDD, "values"), (0xDF, "values")]
)
def test_claimed_sizes_are_checked_before_anything_is_built(first: int, what: str) -> None:
    """Five bytes that claim four billion items must cost nothing."""
    with pytest.raises(MalformedFrame, match=rf"\d{{10}} {what} claimed, 0"):
        decode_value(bytes([first]) + b"\xff\xff\xff\xff")


def test_nesting_is_bounded() -> None:
    """A thousand brackets must not become a thousand stack frames."""
    assert decode_value(b"\x91" * 8 + b"\x01") == [[[[[[[[1]]]]]]]]
    with pytest.raises(MalformedFrame, match="deeply"):
        decode_value(b"\x91" * 9 + b"\x01")


@pytest.mark.parametrize(
    ("data", "match"),
    [(b"\xa1\xff", "UTF-8"), (b"\x81\x01\x01", "key"), (b"\x01\x01", "after"), (b"", "claimed")],
)
def test_bytes_that_are_no_value_are_refused(data: bytes, match: str) -> None:
    """Each of these is one value in a careless decoder."""
    with pytest.raises(MalformedFrame, match=match):
        decode_value(data)
