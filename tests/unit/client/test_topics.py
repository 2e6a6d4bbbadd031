"""The grammar of symbols, kinds and topics."""

import pytest
from gateway_client import topics
from gateway_client.errors import InvalidArgument, SecurityValidationError
from hypothesis import given
from hypothesis import strategies as st

GOOD = ["AAPL", "@ESZ26", "BRK.B", "QGC#", "A", "A B", "XAUUSD.FXCM", "-SPX=", "X" * 48, "%&^_!/+$"]
BAD = [
    "", " ", "INVALID;SYMBOL", "A,B", "A\n", "A\r\nS,CMD", " A", "A ", "X" * 49, "Ä", "A\x00", "~A",
    "a b;c",
]  # fmt: skip


@pytest.mark.parametrize("symbol", GOOD)
def test_vendor_spellings_pass(symbol: str) -> None:
    """A symbol is never re-spelled."""
    assert topics.check_symbol(symbol) == symbol


@pytest.mark.parametrize("symbol", BAD)
def test_anything_else_is_refused(symbol: str) -> None:
    """What could forge a command line never leaves the client."""
    with pytest.raises(SecurityValidationError) as caught:
        topics.check_symbol(symbol)
    assert isinstance(caught.value, ValueError)
    assert "\n" not in str(caught.value)


def test_lower_case_is_refused_with_the_upper_case_offered() -> None:
    """The caller decides: symbols are case-sensitive to the vendor."""
    with pytest.raises(SecurityValidationError) as caught:
        topics.check_symbol("aapl")
    assert caught.value.hint == "Try 'AAPL'."
    with pytest.raises(SecurityValidationError):
        topics.check_symbol(5)  # type: ignore[arg-type]


@given(st.text(max_size=60))
def test_whatever_passes_is_safe_in_a_topic(symbol: str) -> None:
    """No comma, no control character, no blank at the ends, ASCII only."""
    try:
        topics.check_symbol(symbol)
    except SecurityValidationError:
        return
    assert symbol.isascii()
    assert symbol.isprintable()
    assert symbol == symbol.strip()
    assert "," not in symbol
    assert 1 <= len(symbol) <= 48


def test_levels_expand_once() -> None:
    """`state` is in both levels, and still one topic."""
    assert topics.expand_kinds(["l1", "l2"]) == (
        "quote", "trade", "summary", "state", "depth", "order", "book",
    )  # fmt: skip
    kinds = ("quote@250", "bar", "book@250", "book@99999x999")
    assert topics.expand_kinds(kinds) == kinds


@pytest.mark.parametrize(
    "kinds",
    [
        [], ["l3"], ["image"], ["sys"], ["trade@250"], ["quote@"], ["quote@0"], "l1",
        ["quote@250x5"], ["book@x5"], ["book@250x"], ["book@250x0"], ["book@250x1000"],
    ],
)  # fmt: skip
def test_unknown_kinds_are_refused(kinds: list[str]) -> None:
    """A kind that cannot come must not wait for ever."""
    with pytest.raises(InvalidArgument):
        topics.expand_kinds(kinds)


@pytest.mark.parametrize(
    "topic",
    ["", "quote", "~x.quote,A,", "quote,A", "quote,A,B,", "Q,A,", "quote@250x5,A,", "trade@250,"],
)
def test_malformed_topics_are_refused(topic: str) -> None:
    """The empty prefix would be everything, a private one somebody else's."""
    with pytest.raises(InvalidArgument):
        topics.check_topic(topic)


def test_nonces_are_fresh_and_long() -> None:
    """Two consumers behind one relay must never share one."""
    nonces = {topics.new_nonce() for _ in range(1_000)}
    assert len(nonces) == 1_000
    assert all(len(nonce) == 20 and nonce.isalnum() for nonce in nonces)
    assert topics.split_private(f"~{nonces.pop()}.quote@250") == "quote@250"
    assert topics.check_topic("book@250x5,A,") == "book@250x5,A,"
    assert topics.topic_of("quote", "A") == topics.check_topic("quote,A,")
