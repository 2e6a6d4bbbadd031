"""Values for any text: exact when valid, absent and counted when not."""

import datetime
import math
import string
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from gateway.counters import Complaints, Counter, Counters
from gateway.iqfeed.values import (
    ConditionsCache,
    PriceCache,
    SizeCache,
    parse_price,
    read_count,
    read_date,
    read_id,
    read_price,
)

TEXTS = st.one_of(st.text(max_size=50), st.text(string.digits + ".-+e_ /ABCDEFabcn", max_size=45))


@st.composite
def price_texts(draw: st.DrawFn) -> str:
    """Prices as the vendor writes them, of at most 15 significant digits."""
    digits = draw(st.text(string.digits, min_size=1, max_size=15))
    point = draw(st.integers(0, len(digits)))
    zeros = draw(st.text("0", max_size=6))
    text = f"{digits[:point]}.{digits[point:]}" if draw(st.booleans()) else digits
    text = draw(st.sampled_from(["", "0", "00"])) + text + (zeros if "." in text else "")
    is_negative = draw(st.booleans()) and any(digit in "123456789" for digit in digits)
    return "-" + text if is_negative else text


@given(price_texts())
def test_price_text_survives_as_a_double(text: str) -> None:
    """The shortest form of the published double is the vendor's price, digit for digit."""
    value = parse_price(text)
    assert value is not None
    assert Decimal(repr(value)) == Decimal(text)


@given(TEXTS)
def test_no_text_gives_anything_but_a_finite_price(text: str) -> None:
    """NaN, infinity and negative zero must not exist behind this point."""
    counters = Counters()
    value = read_price(text, Complaints(counters))
    if value is None:
        assert counters.value(Counter.VALUES_INVALID) == bool(text)
    else:
        assert math.isfinite(value)
        assert math.copysign(1, value) == 1 or value < 0
        assert set(text) <= set(string.digits + ".-")


@given(TEXTS)
def test_no_text_gives_an_integer_outside_its_range(text: str) -> None:
    """Clients of other languages read these as 64-bit integers."""
    complaints = Complaints(Counters())
    count, identity = read_count(text, complaints), read_id(text, complaints)
    assert count is None or 0 <= count < 2**63
    assert identity is None or 0 <= identity < 2**64
    assert count is None or count == identity == int(text)


@given(st.integers(0, 2**64 - 1))
def test_every_id_is_read(identity: int) -> None:
    """An id that loses a bit belongs to another order."""
    assert read_id(str(identity), Complaints(Counters())) == identity


@given(st.dates())
def test_every_date_is_read(date: datetime.date) -> None:
    """The calendar has no exceptions."""
    text = f"{date.month:02}/{date.day:02}/{date.year:04}"
    assert read_date(text, Complaints(Counters())) == (date.year, date.month, date.day)


@given(TEXTS)
def test_no_text_makes_a_date_reader_raise(text: str) -> None:
    """Whatever the vendor sends, one column may be lost, never the feed."""
    read_date(text, Complaints(Counters()))


@given(st.lists(TEXTS, max_size=40), st.integers(2, 6))
def test_caches_are_readers_that_remember(texts: list[str], entries_max: int) -> None:
    """A cache may be fast; it may not be different, nor grow."""
    counters, plain = Counters(), Counters()
    prices = PriceCache(Complaints(counters), entries_max=entries_max)
    for text in texts:
        assert prices[text] == read_price(text, Complaints(plain))
        assert len(prices) <= entries_max
    invalid = Counter.VALUES_INVALID
    assert counters.value(invalid) == plain.value(invalid)


@given(TEXTS)
def test_no_text_makes_a_cache_raise(text: str) -> None:
    """The hot path has no handler of its own."""
    complaints = Complaints(Counters())
    assert SizeCache(complaints)[text] == read_count(text, complaints)
    conditions = ConditionsCache(complaints)[text]
    assert conditions is None or conditions == text
