"""Columns are found by name, in whatever order and number they were acknowledged."""

from gateway.iqfeed.fields import DEFAULT_FIELDS, GATEWAY_FIELDS, Field
from gateway.normalize.columns import MISSING_AT, USED_FIELDS, Columns
from tests.unit.normalize.line_desk import GATEWAY_NAMES


def test_own_field_set_is_what_the_tests_spell() -> None:
    """The vendor's names are written out by hand once, so that a typing error is seen."""
    assert ("Symbol", *(field.value for field in GATEWAY_FIELDS)) == GATEWAY_NAMES
    assert {field.value for field in USED_FIELDS} == set(GATEWAY_NAMES) - {"Symbol"}


def test_position_is_behind_letter_and_symbol() -> None:
    """Column 0 is the line's letter; a field that was not selected has no column."""
    columns = Columns(["Symbol", "Ask", "Bid"])
    assert [columns.at(Field.SYMBOL), columns.at(Field.ASK), columns.at(Field.BID)] == [1, 2, 3]
    assert columns.at(Field.VWAP) == MISSING_AT
    assert columns.part_count == 5


def test_set_is_complete_only_with_every_field_that_is_read() -> None:
    """A missing field is read from an added empty column, which a complete set has no need of."""
    assert Columns(GATEWAY_NAMES).is_complete
    assert not Columns(GATEWAY_NAMES[:-1]).is_complete
    assert not Columns(DEFAULT_FIELDS).is_complete
    assert Columns([*GATEWAY_NAMES, "Delay"]).is_complete


def test_quote_comes_first_only_in_exactly_that_order() -> None:
    """The short cut reads columns by place, so the places must be proved."""
    names = list(GATEWAY_NAMES)
    assert Columns(names).has_quote_first
    names[2], names[6] = names[6], names[2]
    assert not Columns(names).has_quote_first
    assert not Columns(DEFAULT_FIELDS).has_quote_first
    assert not Columns(GATEWAY_NAMES[:5]).has_quote_first
