"""Layouts of the F line."""

from gateway.iqfeed.fundamentals import COLUMNS_MAX, fundamental_fields


def test_current_layout_is_complete() -> None:
    """Every column but the symbol has a key, and none has two."""
    fields = fundamental_fields("6.2")
    assert fields is fundamental_fields("6.1")
    assert [field.column for field in fields] == list(range(2, COLUMNS_MAX + 1))
    assert len({field.key for field in fields}) == len(fields)


def test_earlier_layout_skips_what_it_reserves() -> None:
    """These columns held other things once; what is in them has no key any more."""
    columns = [field.column for field in fundamental_fields("5.2")]
    assert sorted({*range(2, COLUMNS_MAX + 1)} - {*columns}) == [14, 15, 16, 17, 18, 23, 34, 37, 38]
    assert columns == sorted(columns)
