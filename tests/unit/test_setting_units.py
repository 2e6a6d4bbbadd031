"""Units: read from names, and what to write in place of a value that brings its own."""

import pytest

from gateway.settings.units import advice, stem_of, unit_of


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("interval_ms", "milliseconds"),
        ("deadline_ms_default", "milliseconds"),
        ("watch_linger_s", "seconds"),
        ("age_s_max", "seconds"),
        ("message_gap_warning_seconds", "seconds"),
        ("keepalive_interval", "seconds"),
        ("retry_backoff_max", "seconds"),
        ("receive_buffer_bytes", "bytes"),
        ("memory_mb_max", "megabytes"),
        ("replay_mb_per_minute_max", "megabytes"),
        ("error_rate_warning_pct", "percent"),
        ("jump_percent_max", "percent"),
        ("requests_per_second_max", None),
        ("max_reconnections_per_hour", None),
        ("high_water_mark", None),
        ("levels", None),
        ("bind", None),
    ],
)
def test_the_unit_is_in_the_name(name: str, words: str | None) -> None:
    """What a number is per is not its unit."""
    unit = unit_of(name)
    assert (unit.words if unit is not None else None) == words


def test_names_that_differ_in_their_unit_have_one_stem() -> None:
    """People remember what is limited better than in what."""
    assert stem_of("watch_linger_s") == stem_of("watch_linger_ms") == "watch_linger"
    assert stem_of("memory_mb_max") == stem_of("memory_bytes_max")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("timeout_seconds", "500 ms", "write 0.5: it is in seconds, without the unit"),
        ("timeout_seconds", "2 Minutes", "write 120: "),
        ("interval_ms", "1s", "write 1000: it is in milliseconds"),
        ("interval_ms", "1.5h", "write 5400000: "),
        ("receive_buffer_bytes", "4MiB", "write 4194304: "),
        ("memory_mb_max", "1gb", "write 1024: "),
        ("error_rate_warning_pct", "5%", "write 5: it is in percent"),
        ("interval_ms", "5 parsecs", "write a plain number: it is in milliseconds"),
        ("interval_ms", "5%", "write a plain number: it is in milliseconds"),
        ("high_water_mark", "100k", "write a plain number, without a unit"),
        ("interval_ms", "soon", ""),
        ("interval_ms", "", ""),
        ("interval_ms", 5, ""),
        ("interval_ms", None, ""),
        ("interval_ms", "9" * 400 + "ms", ""),
    ],
)
def test_a_value_with_a_unit_is_told_what_to_write(name: str, value: object, said: str) -> None:
    """The number itself, so that nobody has to convert it in a hurry."""
    assert advice(name, value).startswith(said)
    assert bool(advice(name, value)) is bool(said)
