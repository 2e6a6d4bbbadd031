"""Symbols are followed: every change is told once, and nothing else is."""

import json
import random
from typing import Any

import pytest

from gateway.control.feed_commands import ReadSymbols
from gateway.control.status_symbols import WALK_SLICES, SymbolFollower
from gateway.model.enums import Cause, SymbolState
from tests.unit.control.desk_bench import Bench


class Page:
    """What a page knows that hears everything."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.follower = SymbolFollower(bench.clock)
        self.rows: dict[str, list[Any]] = {}
        self.told: list[tuple[str, dict[str, Any]]] = []

    def take(self, told: bytes) -> None:
        """Do what the page's script does with an event."""
        name, data = told.decode("ascii").removesuffix("\n\n").split("\n")
        value = json.loads(data.removeprefix("data: "))
        self.told.append((name.removeprefix("event: "), value))
        if name == "event: lines":
            for symbol, at_us in value["rows"]:
                self.rows[symbol][4] = at_us
            return
        for row in value.get("rows", []):
            self.rows[row[0]] = row
        for gone in value.get("gone", []):
            self.rows.pop(gone, None)

    def look(self, seconds: float = 1.0) -> list[tuple[str, dict[str, Any]]]:
        """One round; what was told in it."""
        self.bench.clock.advance(seconds=seconds)
        self.told = []
        self.bench.run(self.follower.round(self.take))
        return self.told

    def states(self) -> dict[str, tuple[str, str | None]]:
        """What the page shows."""
        return {name: (row[1], row[2]) for name, row in self.rows.items()}


@pytest.fixture
def bench() -> Bench:
    """A gateway with three live symbols."""
    bench = Bench()
    bench.subscribe("AAPL", "MSFT", "NVDA")
    bench.hear("AAPL", "MSFT", "NVDA")
    return bench


def test_the_first_round_tells_everything(bench: Bench) -> None:
    """A page that is opened late knows as much as one that was open all the time."""
    page = Page(bench)
    page.look()
    assert page.states() == dict.fromkeys(("AAPL", "MSFT", "NVDA"), ("live", None))
    assert page.follower.is_whole


def test_a_round_without_changes_tells_nothing(bench: Bench) -> None:
    """A quiet gateway's page costs next to nothing."""
    page = Page(bench)
    page.look()
    page.look(2.0)
    assert page.look() == []


def test_a_new_state_is_told_with_its_cause(bench: Bench) -> None:
    """And only the rows that changed."""
    page = Page(bench)
    page.look()
    page.look(2.0)
    symbol = bench.board.symbols["MSFT"]
    bench.board.change(symbol, SymbolState.STALE, Cause.SYMBOL_SILENT)
    (told,) = page.look()
    (row,) = told[1]["rows"]
    assert row[:4] == ["MSFT", "stale", "symbol_silent", symbol.since_us]
    assert page.look() == []


def test_a_new_cause_is_told_although_the_state_stays() -> None:
    """A halted symbol is live, and must not look as if it traded."""
    bench = Bench()
    names = [f"S{number}" for number in range(1_500)]
    bench.subscribe(*names)
    bench.hear(*names)
    page = Page(bench)
    page.look()
    page.look(2.0)
    # The walk has only begun: it does not come by the last symbol in this round.
    bench.board.halt(bench.board.symbols["S1499"], is_halted=True)
    page.look()
    assert page.states()["S1499"] == ("live", "halted")
    assert [row[0] for _, value in page.told for row in value["rows"]] == ["S1499"]


def test_last_lines_are_told_by_the_walk(bench: Bench) -> None:
    """They change with every price, so they are not told with each."""
    page = Page(bench)
    page.look()
    page.look(2.0)
    bench.board.symbols["AAPL"].last_line_us = 123
    assert page.look() == [("lines", {"rows": [["AAPL", 123]]})]


def test_a_symbol_that_nobody_wants_any_more_goes(bench: Bench) -> None:
    """The page shows what is watched, not what once was."""
    page = Page(bench)
    page.look()
    bench.ask("unsubscribe", client="desk", symbols=["MSFT"])
    bench.linger()
    page.look()
    assert set(page.rows) == {"AAPL", "NVDA"}
    assert page.follower.rows.keys() == page.rows.keys()


def test_a_symbol_that_vanished_unseen_goes_after_two_walks(bench: Bench) -> None:
    """One that had to make room between two looks says nothing of itself."""
    page = Page(bench)
    page.look()
    del bench.board.symbols["NVDA"]
    page.look()
    assert "NVDA" in page.rows
    page.look()
    assert set(page.rows) == {"AAPL", "MSFT"}


def test_a_symbol_wanted_for_its_book_alone_stands_as_that_does() -> None:
    """Its quotes are nobody's concern: `closed` would read as if it were gone."""
    bench = Bench()
    bench.subscribe("@ES#", kinds=("book",))
    page = Page(bench)
    page.look()
    (row,) = page.rows.values()
    assert row[0] == "@ES#"
    assert row[1] == row[5] == "pending"


def test_a_reset_begins_anew(bench: Bench) -> None:
    """The next page that opens after all were closed is told everything."""
    page = Page(bench)
    page.look()
    page.follower.reset()
    page.rows.clear()
    page.look()
    assert len(page.rows) == 3


def test_many_symbols_are_walked_a_few_slices_at_a_time() -> None:
    """No round looks at all of tens of thousands."""
    bench = Bench()
    names = [f"S{number}" for number in range(1_500)]
    bench.subscribe(*names)
    page = Page(bench)
    page.look()
    assert len(page.rows) == len(names)
    page.look(2.0)
    begun = len(bench.commands)
    page.look()
    walked = [c for c in bench.commands[begun:] if isinstance(c, ReadSymbols)]
    assert sum(1 for c in walked if c.changed_since_us == 0) == WALK_SLICES
    assert max(len(value.get("rows", [])) for _, value in page.told or [("", {})]) <= 500


@pytest.mark.parametrize("seed", range(5))
def test_a_page_knows_what_the_board_knows_after_any_changes(seed: int) -> None:
    """Whatever happens in between, in whichever order."""
    chance = random.Random(seed)
    bench = Bench()
    page = Page(bench)
    names = [f"S{number}" for number in range(40)]
    states = [
        (SymbolState.LIVE, None),
        (SymbolState.LIVE, Cause.HALTED),
        (SymbolState.STALE, Cause.LINK_SILENT),
        (SymbolState.STALE, Cause.DTN_LINK_DOWN),
        (SymbolState.REFUSED, Cause.SYMBOL_NOT_FOUND),
    ]
    for _ in range(60):
        for name in chance.sample(names, 5):
            if chance.random() < 0.2 and name in bench.board.symbols:
                bench.board.close(bench.board.symbols[name])
            else:
                bench.board.change(bench.board.open(name), *chance.choice(states))
        page.look(chance.choice((0.05, 1.0)))
        wanted = {
            symbol.name: (symbol.state.value, symbol.cause.value if symbol.cause else None)
            for symbol in bench.board.symbols.values()
            if symbol.is_wanted
        }
        assert page.states() == wanted, f"{seed=}"
