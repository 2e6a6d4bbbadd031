"""What is known of one symbol on the Level 2 port."""

from dataclasses import replace

import pytest

from gateway.model.enums import SymbolState
from gateway.model.messages import Kind
from gateway.normalize.depths import Depth
from gateway.normalize.symbols import BookSource
from tests.support.depth_bench import OPTIONS, DepthBench


@pytest.fixture(name="depth")
def live_depth(pipeline_name: str) -> Depth:
    """A live symbol of which nothing is asked."""
    options = replace(OPTIONS, row_count_max=2)
    depth = DepthBench(options=options, pipeline=pipeline_name).depths.open("@ES")
    depth.standing.state = SymbolState.LIVE
    return depth


def test_kinds_are_awaited_in_the_order_in_which_they_were_asked_for(depth: Depth) -> None:
    """The vendor's `q` names no kind: it answers the oldest question."""
    depth.await_summaries((Kind.DEPTH,), until_us=1)
    depth.await_summaries((Kind.ORDER,), until_us=2)
    assert list(depth.expected) == [Kind.DEPTH, Kind.ORDER]
    assert depth.cleared_until_us == 2


@pytest.mark.parametrize("kind", [Kind.ORDER, Kind.DEPTH])
@pytest.mark.parametrize("name", ["expected", "renewed", "arriving", "released"])
def test_rows_of_which_nothing_is_open_need_nothing_beside_the_book(
    depth: Depth, name: str, kind: Kind
) -> None:
    """They are not judged one by one; what is open of one kind holds up that kind only."""

    def taken() -> set[Kind]:
        depth.note_steady()
        takes = {Kind.ORDER: depth.takes_orders, Kind.DEPTH: depth.takes_levels}
        return {kind for kind, is_taken in takes.items() if is_taken}

    both = {Kind.ORDER, Kind.DEPTH}
    assert taken() == both
    held = getattr(depth, name)
    if isinstance(held, set):
        held.add(kind)
    else:
        held[kind] = BookSource.ORDERS
    assert taken() == both - {kind}
    depth.stop(kind)
    assert taken() == (both - {kind} if name == "released" else both)
    depth.forget_answers()
    assert taken() == both
    depth.standing.state = SymbolState.STALE
    assert taken() == set()


def test_levels_that_come_instead_of_orders_are_not_released(depth: Depth) -> None:
    """The request for orders brings them, whoever gives levels back."""
    depth.released.add(Kind.DEPTH)
    depth.has_level_orders = True
    depth.note_steady()
    assert depth.takes_levels


@pytest.mark.parametrize("kind", [Kind.ORDER, Kind.DEPTH])
def test_a_row_proves_that_the_vendor_has_its_kind(depth: Depth, kind: Kind) -> None:
    """A `q` may have been for a watch before; what comes is not refused for it."""
    depth.has_no_orders = depth.has_no_levels = True
    assert depth.accepts(kind)
    assert kind in depth.asked
    assert (depth.has_no_orders, depth.has_no_levels) == (kind is Kind.DEPTH, kind is Kind.ORDER)


def test_a_row_of_what_was_given_back_is_too_late(depth: Depth) -> None:
    """It would be the only row of its book."""
    depth.released.add(Kind.ORDER)
    assert not depth.accepts(Kind.ORDER)
    depth.released.add(Kind.DEPTH)
    assert not depth.accepts(Kind.DEPTH)
    depth.has_level_orders = True
    assert depth.accepts(Kind.DEPTH), "the request for orders brings them"
    assert Kind.DEPTH not in depth.asked


def test_levels_answer_a_request_for_orders_only_when_there_is_one(depth: Depth) -> None:
    """Otherwise they answer the request for levels, and orders may still come."""
    depth.note_level_orders()
    assert not depth.has_level_orders
    depth.asked.update((Kind.ORDER, Kind.DEPTH))
    depth.note_level_orders()
    assert not depth.has_level_orders, "orders have come, levels are asked for"
    depth.asked.discard(Kind.DEPTH)
    depth.orders.put(1, "B", 1, None, 1.0, 1, None, None, 0)
    depth.note_level_orders()
    assert not depth.has_level_orders, "there are orders"
    depth.expected[Kind.ORDER] = None
    depth.note_level_orders()
    depth.note_level_orders()
    assert depth.has_level_orders
    assert not depth.expected


def test_the_gravest_reason_is_told(depth: Depth) -> None:
    """One word has to be enough; missing rows make every other check void."""
    assert depth.find_reason() is None
    depth.orders.put(1, "B", 1, None, 1.0, 0, None, None, 0)
    assert depth.find_reason() == "implausible"
    depth.orders.put(2, "A", 2, None, 1.0, 5, None, None, 0)
    assert depth.find_reason() == "locked"
    depth.orders.put(2, "A", 2, None, 0.5, 5, None, None, 0)
    assert depth.find_reason() == "crossed"
    depth.standing.source = BookSource.PRICE_LEVELS
    assert depth.find_reason() is None, "another book is shown"
    depth.is_full = True
    assert depth.find_reason() == "book_full"
