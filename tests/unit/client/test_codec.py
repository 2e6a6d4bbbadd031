"""The client's codec: every vector, every mistake, any bytes."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgpack
import pytest
from gateway_client import codec
from gateway_client.errors import CodecError, DecodeError
from gateway_client.layouts import check_value
from gateway_client.messages import Book, DepthRow, Image, OrderRow, PriceLevel, Quote
from hypothesis import given
from hypothesis import strategies as st

VECTORS = Path(__file__).resolve().parents[3] / "schemas" / "vectors"
HEADER = [1_700_000_000_000, 7, 0, 1, None]


def frame(topic: str, number: int, *fields: Any, header: list[Any] | None = None) -> bytes:
    """One frame, packed by the library."""
    return topic.encode() + bytes(msgpack.packb([number, *(header or HEADER), *fields]))


def spelled(value: Any) -> Any:
    """A value as the vectors spell it: integers as text, because JSON loses them."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, dict):
        return {key: spelled(item) for key, item in value.items()}
    return [spelled(item) for item in value] if isinstance(value, tuple) else value


@pytest.mark.parametrize("path", sorted(VECTORS.glob("*.v1.json")), ids=lambda path: path.stem)
def test_vectors_of_the_contract_decode(path: Path) -> None:
    """Every client gives the same answer to the same bytes."""
    for test in json.loads(path.read_text(encoding="utf-8"))["tests"]:
        data = bytes.fromhex(test["frame"])
        if test.get("error") is None:
            message = codec.decode_frame(data)
            assert spelled(message._asdict()) == test["message"], test["id"]
        else:
            with pytest.raises(CodecError) as caught:
                codec.decode_frame(data)
            assert caught.value.code == test["error"], test["id"]


def test_vectors_exist() -> None:
    """An empty folder must not pass for success."""
    assert len(list(VECTORS.glob("*.v1.json"))) >= 19


def test_levels_and_rows_have_their_types() -> None:
    """Readers use names, not positions, inside arrays too."""
    book = codec.decode_frame(frame("book,A,", 7, [[1.0, 5, 2]], [[1.5, 5], [2.0, 1, None, 9]]))
    assert isinstance(book, Book)
    assert book.bids == (PriceLevel(1.0, 5, 2),)
    assert book.asks == (PriceLevel(1.5, 5, None), PriceLevel(2.0, 1, None))
    nonce = "~0123456789abcdefghij."
    for kind, row in (
        ("depth", DepthRow("add", "B", 1.0)),
        ("order", OrderRow("add", "B", 2**63)),
    ):
        image = codec.decode_frame(frame(f"{nonce}{kind},A,", 13, [list(row)]))
        assert isinstance(image, Image)
        assert image.rows == (row,)


def test_books_may_name_their_levels() -> None:
    """And nothing else may: a quote has one."""
    assert codec.decode_frame(frame("book@250x5,A,", 7, [], [])).kind == "book@250x5"
    assert codec.decode_frame(frame("book@250,A,", 7, [], [])).kind == "book@250"
    for topic in ("book@250x,A,", "book@250x1000,A,", "book@x5,A,"):
        with pytest.raises(DecodeError):
            codec.decode_frame(frame(topic, 7, [], []))
    with pytest.raises(DecodeError):
        codec.decode_frame(frame("quote@250x5,A,", 1))


@pytest.mark.parametrize(
    ("bids", "asks"),
    [
        ([[1.0, -5, 2]], []),
        ([[1.0, 5, 2**63]], []),
        ([[float("nan"), 5, 2]], []),
        ([[1.0, None, 2]], []),
        ([[1, 5, 2]], []),
        ([5], []),
        ([[1.0, 5, True]], []),
    ],
)
def test_bad_levels_are_refused(bids: list[Any], asks: list[Any]) -> None:
    """The quick path through whole columns must refuse what the slow one does."""
    with pytest.raises(DecodeError):
        codec.decode_frame(frame("book,A,", 7, bids, asks))


def test_build_adds_what_conflation_merged() -> None:
    """A message that stands for three says so, also where nothing was counted before."""
    _, items = codec.split_frame(frame("quote,A,", 1, 1.0, 1, 2.0, 1, None, None, 5, 11, None))
    built = codec.build("quote", "A", items, flags_add=codec.CONFLATED, merged_add=2)
    assert isinstance(built, Quote)
    assert (built.flags, built.merged) == (8, 3)
    _, items = codec.split_frame(frame("regional,A,", 10))
    assert codec.build("regional", "A", items, flags_add=8, merged_add=2).flags == 8


def test_layouts_learned_are_bounded() -> None:
    """A gateway that sends every mixture of nil and value must not grow us for ever."""
    for number in range(1 << 11):
        fields = [1.0 if number >> bit & 1 else None for bit in range(6)]
        sizes = [1 if number >> (6 + bit) & 1 else None for bit in range(5)]
        codec.decode_frame(frame("summary,A,", 3, None, None, None, *fields[:5], *sizes[:1]))
        codec.decode_frame(
            frame(
                "summary,A,", 3, fields[0], sizes[0], sizes[1], *fields[1:6], sizes[2], None,
                sizes[3], sizes[4],
            )
        )  # fmt: skip
    checker = codec._CHECKERS[3]
    assert len(checker._layouts) <= 1_024


@given(st.binary(max_size=200), st.sampled_from([b"", b"quote,A,", b"book,A,", b"sys,tails,"]))
def test_any_bytes_decode_or_are_refused(data: bytes, topic: bytes) -> None:
    """Nothing but the two documented errors ever comes out."""
    try:
        codec.decode_frame(topic + data)
    except CodecError:
        return


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text()
    | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)  # fmt: skip


@pytest.mark.slow
@given(
    st.sampled_from(["quote", "trade", "summary", "book", "depth", "order", "state", "news"]),
    st.integers(0, 30),
    st.lists(VALUES, max_size=20),
)
def test_any_items_decode_or_are_refused(kind: str, number: int, items: list[Any]) -> None:
    """Bodies that unpack but hold anything at all are refused in the same two ways."""
    try:
        message = codec.decode_frame(frame(f"{kind},A,", number, *items))
    except CodecError:
        return
    assert message.type == number


@given(
    st.decimals(
        min_value=-99_999_999, max_value=99_999_999, places=6, allow_nan=False,
        allow_infinity=False,
    )
)  # fmt: skip
def test_decimal_is_the_vendors_text(price: Decimal) -> None:
    """Text of up to 15 digits survives the way through a double."""
    assert codec.to_decimal(float(price)) == price
    assert not str(codec.to_decimal(float(price))).endswith(".0")


def test_decimal_of_no_number_is_refused() -> None:
    """NaN must not turn into a price."""
    with pytest.raises(DecodeError):
        codec.to_decimal(float("nan"))


def test_nesting_is_bounded() -> None:
    """A few bytes must not become a deep recursion."""
    value: Any = 1
    for _ in range(9):
        value = [value]
    with pytest.raises(DecodeError):
        check_value(value, level=1)
    with pytest.raises(DecodeError):
        check_value({1: 2})
    with pytest.raises(DecodeError):
        check_value(b"binary")
