"""Strict readers and their caches."""

import pytest

from gateway.counters import Complaints, Counter, Counters
from gateway.iqfeed.values import (
    ConditionsCache,
    PriceCache,
    SizeCache,
    _ValueCache,
    parse_integer,
    parse_price,
    read_conditions,
    read_count,
    read_date,
    read_id,
    read_price,
)

PRICES = {
    "188.3500": 188.35,
    "0.0000": 0.0,
    "0": 0.0,
    "-37.6300": -37.63,
    "2938.": 2938.0,
    ".5": 0.5,
    "-.5": -0.5,
    "00012.50": 12.5,
    "9" * 40: 1e40,
}
BAD_PRICES = [
    "-0", "-0.00", "-.0", "-", ".", "-.", "+1", "1e5", "1E5", "1_0", " 1", "1 ", "1\n", "1.2.3",
    "--1", "nan", "NaN", "inf", "-inf", "1,5", "0x10", "\u0967", "\uff11",
    "9" * 41, "1e999", "MSFT", "\0",
]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), PRICES.items())
def test_price_texts_are_read(complaints: Complaints, text: str, value: float) -> None:
    """These are the spellings the vendor uses, negative oil and bare dots included."""
    assert read_price(text, complaints) == value
    assert parse_price(text) == value
    assert not complaints.samples


@pytest.mark.parametrize("text", BAD_PRICES)
def test_other_texts_are_no_prices(complaints: Complaints, counters: Counters, text: str) -> None:
    """Python's float() accepts most of these; a published NaN or 10 for 1_0 would be our lie."""
    assert read_price(text, complaints) is None
    assert counters.value(Counter.VALUES_INVALID) == 1


@pytest.mark.parametrize("text", ["0", "7", "007", str(2**63 - 1)])
def test_counts_are_read(complaints: Complaints, text: str) -> None:
    """The whole range of the wire contract's counts must survive."""
    assert read_count(text, complaints) == int(text)
    assert parse_integer(text) == int(text)


@pytest.mark.parametrize(
    "text",
    ["-1", "+1", "1.0", "1_0", " 1", "1e3", "\u00b2", "\u0967", f"{2**63}", "9" * 41, "9" * 5000],
)
def test_other_texts_are_no_counts(complaints: Complaints, counters: Counters, text: str) -> None:
    """A size beyond the contract would fail in a client of another language."""
    assert read_count(text, complaints) is None
    assert counters.value(Counter.VALUES_INVALID) == 1


def test_ids_use_all_64_bits(complaints: Complaints, counters: Counters) -> None:
    """Exchanges number orders with unsigned 64-bit integers."""
    assert read_id(str(2**64 - 1), complaints) == 2**64 - 1
    assert read_id("", complaints) is None
    assert counters.value(Counter.VALUES_INVALID) == 0
    assert read_id(str(2**64), complaints) is None
    assert counters.value(Counter.VALUES_INVALID) == 1


@pytest.mark.parametrize("text", ["01", "873D17", "AB" * 32])
def test_conditions_are_kept_verbatim(complaints: Complaints, text: str) -> None:
    """New codes appear; readers keep what they do not know."""
    assert read_conditions(text, complaints) == text


@pytest.mark.parametrize("text", ["1", "873", "8g", "3d", " 01", "01\n", "AB" * 33])
def test_corrupt_conditions_are_refused(
    complaints: Complaints, counters: Counters, text: str
) -> None:
    """An odd length is the sign of a damaged line."""
    assert read_conditions(text, complaints) is None
    assert counters.value(Counter.VALUES_INVALID) == 1


def test_dates_are_read_month_first(complaints: Complaints) -> None:
    """Month and day swapped would be wrong on 132 days of a year without any error."""
    assert read_date("07/16/2025", complaints) == (2025, 7, 16)
    assert read_date("02/29/2024", complaints) == (2024, 2, 29)


@pytest.mark.parametrize(
    "text", ["16/07/2025", "02/29/2023", "00/00/0000", "7/16/2025", "2025-07-16", "07/16/25"]
)
def test_dates_off_the_calendar_are_refused(
    complaints: Complaints, counters: Counters, text: str
) -> None:
    """The vendor sends no such dates; a damaged line does."""
    assert read_date(text, complaints) is None
    assert counters.value(Counter.VALUES_INVALID) == 1


def test_empty_texts_are_absent_without_complaint(
    complaints: Complaints, counters: Counters
) -> None:
    """Empty is how the vendor says 'no value'; it is neither zero nor an error."""
    assert read_price("", complaints) is None
    assert read_count("", complaints) is None
    assert read_conditions("", complaints) is None
    assert read_date("", complaints) is None
    assert PriceCache(complaints)[""] is None
    assert SizeCache(complaints)[""] is None
    assert ConditionsCache(complaints)[""] is None
    assert counters.value(Counter.VALUES_INVALID) == 0


def test_caches_give_values_and_remember_them(complaints: Complaints) -> None:
    """The hot path pays one look-up for a text it has seen."""
    prices, sizes, conditions = (
        PriceCache(complaints),
        SizeCache(complaints),
        ConditionsCache(complaints),
    )
    assert (prices["188.3500"], sizes["100"], conditions["3D87"]) == (188.35, 100, "3D87")
    assert set(prices) == {"", "188.3500"}
    assert prices["188.3500"] is prices["188.3500"]


def test_invalid_texts_are_complained_of_each_time(
    complaints: Complaints, counters: Counters
) -> None:
    """A remembered bad text would be counted once and then published as nil in silence."""
    prices = PriceCache(complaints)
    assert [prices["nan"], prices["nan"], prices["nan"]] == [None, None, None]
    assert counters.value(Counter.VALUES_INVALID) == 3
    assert "nan" not in prices


def test_full_cache_starts_over(complaints: Complaints, counters: Counters) -> None:
    """Memory stays bounded whatever the market, or an attacker, makes up."""
    sizes = SizeCache(complaints, entries_max=3)
    assert [sizes[str(number)] for number in range(5)] == [0, 1, 2, 3, 4]
    assert len(sizes) <= 3
    assert sizes[""] is None
    assert counters.value(Counter.CACHE_RESETS) == 2


def test_the_base_alone_reads_nothing(complaints: Complaints) -> None:
    """What a text means must be written for each kind of value."""
    with pytest.raises(NotImplementedError):
        _ValueCache[int](complaints)["1"]


def test_cache_needs_room(complaints: Complaints) -> None:
    """A cache with room for the empty text only would reset on every value."""
    with pytest.raises(ValueError, match="entries_max"):
        PriceCache(complaints, entries_max=1)
