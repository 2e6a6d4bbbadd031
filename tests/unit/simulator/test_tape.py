"""Tapes: which lines are rows, and what a row changes."""

import logging
from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.simulator.counts import Counts
from gateway.simulator.tape import PRICE_SCALE, Tape, parse_row, units_of

ROW = "2021-03-01 09:30:01.569496,1.6000,45291,218012,1.6100,1.6200,162,C,5,8A42,0,1,"


def test_a_row_is_read_as_it_is() -> None:
    """Texts stay the capture's own, so that nothing is rounded on the way."""
    row = parse_row(ROW)
    assert row is not None
    assert row[1:] == (
        "09:30:01.569496", "1.6000", 45_291, 218_012, "1.6100", "1.6200", "162", "C", "5", "8A42",
        "0", "1",
    )  # fmt: skip


@pytest.mark.parametrize("prefix", ["LH,", "R 1,LH,", "R 1,", "Partial day: INTC,LH,"])
def test_request_id_and_data_id_are_tolerated(prefix: str) -> None:
    """A capture may hold the reply as it came, protocol 6.2 included."""
    assert parse_row(prefix + ROW) == parse_row(ROW)


def test_the_older_form_has_no_aggressor() -> None:
    """Protocol 6.0 rows end after the conditions; the day comes from the date."""
    row = parse_row(ROW[: -len("0,1,")])
    assert row == parse_row(ROW)


@pytest.mark.parametrize(
    "line",
    [
        ROW.replace("2021-03-01", "2021-13-01"),
        ROW.replace(",C,", ",X,"),
        ROW.replace("8A42", "8A4"),
        ROW.replace("45291", "-5"),
        ROW.replace("1.6000", "abc"),
        ROW.replace("2021-03-01 ", ""),
        "E,!NO_DATA!,,",
        ROW + "1,2,",
    ],
)
def test_a_line_that_is_no_row_is_told_apart(line: str) -> None:
    """A wrong row replayed would be a wrong test."""
    assert parse_row(line) is None


def test_prices_become_exact_integers() -> None:
    """Comparing floats would make ranges depend on rounding."""
    assert units_of("1.52") == 15_200_000
    assert units_of("-37.63") == -376_300_000
    assert units_of("2938.") == 2938 * PRICE_SCALE


def test_comments_and_ends_are_skipped_and_bad_rows_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A tape cut by hand is usable, and says what was left out."""
    path = tmp_path / "tape.txt"
    path.write_text(
        f"# a comment\r\n{ROW}\r\nnonsense\r\n\r\n{ROW}\r\n!ENDMSG!,\r\nR1,!ENDMSG!,\r\n"
    )
    counts = Counts()
    with caplog.at_level(logging.WARNING):
        assert len(list(Tape(path, counts).rows())) == 2
    assert counts.tape_rows_malformed == 1
    assert "tape line 3" in caplog.text


@pytest.mark.parametrize(
    "text",
    ["", "# nothing\n", f"{ROW}\n{ROW.replace('2021-03-01', '2021-02-01')}\n"],
)
def test_an_unusable_tape_is_refused_at_the_start(tmp_path: Path, text: str) -> None:
    """No row, or newest first: better told now than replayed wrongly."""
    path = tmp_path / "tape.txt"
    path.write_text(text)
    with pytest.raises(ConfigError):
        Tape(path, Counts())


def test_a_missing_tape_is_refused(tmp_path: Path) -> None:
    """The path is in the message."""
    with pytest.raises(ConfigError, match="cannot be read"):
        Tape(tmp_path / "none.txt", Counts())
