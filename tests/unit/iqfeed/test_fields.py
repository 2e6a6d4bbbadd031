"""Vendor field names."""

from gateway.iqfeed.fields import DEFAULT_FIELDS, GATEWAY_FIELDS, LEGACY_DEFAULT_FIELDS, Field


def test_names_are_the_vendors() -> None:
    """IQConnect refuses a whole selection for one name spelled differently."""
    names = [Field.TICK_ID, Field.SEVEN_DAY_YIELD, Field.PRICE_EARNINGS_RATIO]
    assert ",".join(names) == "TickID,7 Day Yield,Price-Earnings Ratio"


def test_field_sets_have_the_documented_sizes() -> None:
    """A forgotten name shifts every column behind it."""
    assert len(DEFAULT_FIELDS) == 16
    assert len(GATEWAY_FIELDS) == 31
    assert len(LEGACY_DEFAULT_FIELDS) == 66
    assert len(Field) == 71


def test_no_name_is_listed_twice() -> None:
    """Two columns of one name could not be told apart in the acknowledgement."""
    for names in (DEFAULT_FIELDS, GATEWAY_FIELDS, LEGACY_DEFAULT_FIELDS):
        assert len(set(names)) == len(names)


def test_gateway_never_selects_the_symbol() -> None:
    """It is always first, and a selection that names it is ignored by recent versions."""
    assert Field.SYMBOL not in GATEWAY_FIELDS
    assert DEFAULT_FIELDS[0] == LEGACY_DEFAULT_FIELDS[0] == Field.SYMBOL
