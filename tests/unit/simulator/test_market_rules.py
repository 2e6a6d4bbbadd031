"""The seeded market obeys the rules found in captured tapes, over more than 50,000 trades."""

import re
from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from itertools import pairwise

import pytest

from tests.unit.simulator.market_run import Row, Run, run_market

pytestmark = pytest.mark.slow  # A day and a half of market takes seconds, once per seed.

SEEDS = (1, 20260916)
EQUITIES = ("AAPL", "MSFT", "TSLA", "SPY", "NIO", "BRK.A", "F")
FUTURES = ("@ES#", "QCL#")
# Written down from the captures, not taken from the code under test.
QUALIFIED = {"01", "3D", "47", "8A42", "4042"}
EXTENDED = {"17", "173D", "1747"}
OTHER = {"4706", "19", "193E", "3E", "39", "2E", "3A", "8944", "05", "1317"}


@pytest.fixture(scope="module", params=SEEDS)
def run(request: pytest.FixtureRequest) -> Run:
    """A day and a half of market; its seed is in the test's id."""
    return run_market(request.param)


@pytest.fixture(autouse=True)
def _show_seed(run: Run) -> None:
    print(f"seed={run.seed}")


def session_days(run: Run, symbol: str) -> list[list[Row]]:
    """A symbol's trades cut where its day code changes."""
    days: list[list[Row]] = []
    code = ""
    for row in run.trades_of(symbol):
        if row.day_code != code:
            days.append([])
            code = row.day_code
        days[-1].append(row)
    return days


def symbols_of(rows: Iterable[Row]) -> set[str]:
    """Every symbol that occurs."""
    return {row.symbol for row in rows}


def basis_of(row: Row) -> str:
    """The basis letter among the contents."""
    (letter,) = [letter for letter in row.contents if letter in "CEO"]
    return letter


def test_the_run_is_long_enough(run: Run) -> None:
    """A rule that holds for a few trades proves little."""
    assert len(run.trades) >= 50_000
    assert {"AAPL", "@ES#", "EURUSD.FXCM", "VIX.XO", "TST$Y"} <= symbols_of(run.trades)


def test_volume_grows_by_the_size_and_starts_again_each_day(run: Run) -> None:
    """Consumers check for lost trades by this sum; it must hold over all bases."""
    for symbol in symbols_of(run.trades):
        for number, day in enumerate(session_days(run, symbol)):
            # Round-the-clock symbols were already trading when the run began.
            is_under_way = number == 0 and symbol not in (*EQUITIES, "VIX.XO")
            total = day[0].volume - day[0].size if is_under_way else 0
            for row in day:
                total += row.size
                assert row.volume == total, (run.seed, row)


def test_tick_ids_count_from_one_per_day_and_center(run: Run) -> None:
    """Gaps per market center are found by these ids."""
    for symbol in EQUITIES:
        for day in session_days(run, symbol):
            seen: dict[str, int] = defaultdict(int)
            for row in day:
                seen[row.center] += 1
                assert row.tick_id == seen[row.center], (run.seed, row)


def test_tick_ids_never_skip_for_symbols_under_way(run: Run) -> None:
    """A symbol first watched in mid-session continues an earlier count without a hole."""
    for symbol in ("@ES#", "QCL#", "EURUSD.FXCM", "TST$Y"):
        for day in session_days(run, symbol):
            for before, row in pairwise(day):
                assert row.tick_id == before.tick_id + 1, (run.seed, before, row)


def test_basis_follows_the_conditions(run: Run) -> None:
    """The verified table has no exception in 60,613 captured trades."""
    for row in run.trades:
        codes = re.findall("..", row.conditions)
        if "87" in codes or row.conditions in OTHER:
            expected = "O"
        elif row.conditions in EXTENDED:
            expected = "E"
        elif row.conditions in QUALIFIED:
            expected = "C"
        else:
            expected = "O" if row.conditions == "114717" else "?"
        assert basis_of(row) == expected, (run.seed, row)


def test_equities_print_qualified_trades_only_in_the_regular_session(run: Run) -> None:
    """High, low and last of the day depend on where C trades may stand."""
    rows = [row for symbol in EQUITIES for row in run.trades_of(symbol)]
    for row in rows:
        is_regular = "09:30:00" <= row.time < "16:00:01"
        if basis_of(row) == "C":
            assert is_regular, (run.seed, row)
        if basis_of(row) == "E":
            assert not "09:30:00" <= row.time < "16:00:00", (run.seed, row)
        assert "04:00:00" <= row.time < "20:00:00", (run.seed, row)
    inside = {basis_of(row) for row in rows if "10:00:00" <= row.time < "15:00:00"}
    outside = {basis_of(row) for row in rows if row.time < "09:30:00"}
    assert inside == {"C", "O"}
    assert outside == {"E", "O"}


def test_only_futures_name_the_aggressor(run: Run) -> None:
    """US equities never carry it; a consumer must not learn to trust it there."""
    for row in run.trades:
        if row.symbol in FUTURES:
            expected = "1" if row.price == row.ask else "2"
            assert row.aggressor == expected, (run.seed, row)
        else:
            assert row.aggressor == "0", (run.seed, row)


def test_prices_have_the_digits_of_their_market(run: Run) -> None:
    """Precision is a property of the instrument, and texts are compared as they are."""
    for row in run.rows:
        digits = (
            4 if row.symbol in (*EQUITIES, "ZYRX") else 5 if row.symbol.endswith(".FXCM") else 2
        )
        for price in (row.price, row.bid, row.ask, row.open, row.high, row.low, row.last):
            assert not price or re.fullmatch(rf"\d+\.\d{{{digits}}}", price), (run.seed, row)


def test_times_have_microseconds_and_never_go_back(run: Run) -> None:
    """Captured tapes never step back; a date rule that saw it would be wrong."""
    for symbol in symbols_of(run.trades):
        stamps = [(row.date[6:] + row.date[:5], row.time) for row in run.trades_of(symbol)]
        assert all(re.fullmatch(r"\d\d:\d\d:\d\d\.\d{6}", time) for _, time in stamps)
        assert stamps == sorted(stamps), (run.seed, symbol)


def test_prices_stay_on_the_tick_grid_inside_an_uncrossed_quote(run: Run) -> None:
    """A crossed quote or an off-grid price must not come by accident."""
    for row in run.rows:
        tick = Decimal("0.25") if row.symbol == "@ES#" else Decimal("0.01")
        if row.symbol.endswith(".FXCM"):
            tick = Decimal("0.00001")
        if row.symbol != "ZYRX":
            for price in (row.bid, row.ask):
                assert Decimal(price) % tick == 0, (run.seed, row)
        assert Decimal(row.bid) < Decimal(row.ask), (run.seed, row)
        assert Decimal(row.ask) - Decimal(row.bid) <= 40 * tick, (run.seed, row)
        if row.is_trade:
            assert row.price in (row.bid, row.ask), (run.seed, row)


def test_range_follows_qualified_trades(run: Run) -> None:
    """Daily bars are made of C trades only; the streamed range must agree with them."""
    for symbol in EQUITIES:
        for day in session_days(run, symbol):
            qualified: list[Decimal] = []
            for row in day:
                if basis_of(row) == "C":
                    qualified.append(Decimal(row.price))
                    assert row.last == row.price
                if not qualified:
                    assert (row.open, row.high, row.low) == ("", "", ""), (run.seed, row)
                    continue
                assert Decimal(row.open) == qualified[0]
                assert Decimal(row.high) == max(qualified[-1], Decimal(row.high))
            assert not qualified or Decimal(day[-1].high) == max(qualified)
            assert not qualified or Decimal(day[-1].low) == min(qualified)


def test_letters_announce_exactly_what_changed(run: Run) -> None:
    """A trade is a line with C, E or O; open, high and low come with the trade that sets them."""
    before: dict[str, Row] = {}
    for row in run.rows:
        assert row.is_trade == any(letter in "CEO" for letter in row.contents)
        assert ("v" in row.contents) == (row.is_trade or "c" in row.contents)
        last = before.get(row.symbol)
        if last is not None and row.contents != "cv":
            for letter, one, two in (
                ("o", last.open, row.open),
                ("h", last.high, row.high),
                ("l", last.low, row.low),
            ):
                assert (letter in row.contents) == (one != two), (run.seed, last, row)
            if "b" not in row.contents:
                assert (last.bid, last.bid_size) == (row.bid, row.bid_size)
            if "a" not in row.contents:
                assert (last.ask, last.ask_size) == (row.ask, row.ask_size)
        before[row.symbol] = row


def test_count_and_average_follow_all_trades(run: Run) -> None:
    """Number of trades and VWAP count odd lots too."""
    for symbol in EQUITIES:
        for day in session_days(run, symbol):
            value = Decimal(0)
            for number, row in enumerate(day, 1):
                value += Decimal(row.price) * row.size
                assert row.trade_count == number, (run.seed, row)
                expected = value / row.volume if row.volume else Decimal(0)
                assert abs(Decimal(row.vwap) - expected) < Decimal("0.0002"), (run.seed, row)


def test_both_crosses_print_once_a_day_on_their_center(run: Run) -> None:
    """The crosses are the biggest prints of the day and carry two condition codes."""
    for symbol in EQUITIES:
        rows = [row for row in run.trades_of(symbol) if row.date == "09/16/2026"]
        for code, official, at in (("8A42", "39", "09:30:00"), ("4042", "2E", "16:00:00")):
            (cross,) = [row for row in rows if row.conditions == code]
            (price,) = [row for row in rows if row.conditions == official]
            assert (cross.center, basis_of(cross), cross.time[:8]) == ("5", "C", at)
            assert (price.size, price.price, basis_of(price)) == (0, cross.price, "O")
            assert price.tick_id == cross.tick_id + 1
        first_qualified = next(row for row in rows if basis_of(row) == "C")
        assert first_qualified.conditions == "8A42", (run.seed, first_qualified)


def test_the_close_is_declared_by_the_closing_cross(run: Run) -> None:
    """Until then Close is the day before's."""
    for symbol in EQUITIES:
        rows = [row for row in run.rows if row.symbol == symbol]
        (cross,) = [row for row in rows if row.is_trade and row.conditions == "4042"]
        at = rows.index(cross)
        assert "c" in cross.contents
        assert cross.close == cross.price
        assert {row.close for row in rows[:at]} == {rows[0].close}


def test_odd_lots_are_below_a_hundred_and_marked(run: Run) -> None:
    """Odd lots move no bar; their mark is condition 87."""
    for symbol in EQUITIES:
        for row in run.trades_of(symbol):
            if "87" in re.findall("..", row.conditions):
                assert row.size < 100, (run.seed, row)
            elif row.size:
                assert row.size >= 100, (run.seed, row)


def test_futures_change_days_at_six_in_the_evening(run: Run) -> None:
    """The session's date is a day ahead of the calendar after 18:00."""
    for symbol in FUTURES:
        rows = run.trades_of(symbol)
        assert not [row for row in rows if "17:00:00" <= row.time < "18:00:00"]
        for row in rows:
            is_ahead = row.time >= "18:00:00"
            assert int(row.day_code) == int(row.date[3:5]) + is_ahead, (run.seed, row)
        first = next(row for row in rows if row.time >= "18:00:00")
        assert (first.volume, first.tick_id) == (first.size, 1)


def test_equity_day_codes_are_the_day_of_the_month(run: Run) -> None:
    """The day code dates a time that carries none."""
    for symbol in EQUITIES:
        for row in run.trades_of(symbol):
            assert int(row.day_code) == int(row.date[3:5]), (run.seed, row)


def test_an_index_has_neither_sizes_nor_volume(run: Run) -> None:
    """Empty is not zero; an index shows quotes without sizes."""
    for row in run.rows:
        if row.symbol == "VIX.XO":
            assert (row.bid_size, row.ask_size) == ("", "")
            assert (row.size, row.volume) == (0, 0)


def test_nothing_happens_to_the_quiet_symbol(run: Run) -> None:
    """Its last trade is days old: a snapshot is no fresh event."""
    rows = [row for row in run.rows if row.symbol == "ZYRX"]
    assert {row.contents for row in rows} <= {"cv"}
    state = run.market.state("ZYRX")
    assert state is not None
    assert state.trade_units is not None


def test_a_new_day_keeps_the_last_trade_and_empties_the_range(run: Run) -> None:
    """After midnight a snapshot shows yesterday's last trade beside a volume of zero."""
    for symbol in EQUITIES:
        rows = [row for row in run.rows if row.symbol == symbol]
        (roll,) = [row for row in rows if row.contents == "cv"]
        before = rows[rows.index(roll) - 1]
        assert (roll.volume, roll.open, roll.high, roll.low) == (0, "", "", "")
        assert (roll.price, roll.time) == (before.price, before.time)
        assert roll.close == before.last
