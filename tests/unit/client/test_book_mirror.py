"""The book mirror, case by case: rows, levels, and when they may be believed."""

from typing import Any

import msgpack
import pytest
from gateway_client import (
    BookMirror,
    Depth,
    Disconnected,
    Gap,
    GatewayRestarted,
    Image,
    InvalidArgument,
    Order,
    Overrun,
    Reconnected,
    SequenceGap,
    State,
    Trade,
    book_mirror,
    decode_frame,
)
from gateway_client.messages import DepthRow, OrderRow, PriceLevel

SYMBOL = "@ESZ26"
EPOCH = 1_700_000_000_000
STALE = 16
REPLAY = 2


def order(sequence: int, *row: Any, epoch: int = EPOCH, flags: int = 0) -> Order:
    """A change of an order: action, side, order_id, market_maker, price, size, priority."""
    return Order("order", SYMBOL, 6, epoch, sequence, flags, 1, None, *row)


def depth(sequence: int, *row: Any, epoch: int = EPOCH) -> Depth:
    """A change of a level: action, side, price, size, order_count."""
    return Depth("depth", SYMBOL, 5, epoch, sequence, 0, 1, None, *row)


def image(
    sequence: int, *rows: Any, kind: str = "order", epoch: int = EPOCH, flags: int = 1
) -> Image:
    """An image with rows."""
    return Image(kind, SYMBOL, 13, epoch, sequence, flags, 1, None, rows)


def state(told: str, *, epoch: int = EPOCH, kind: str = "state", **details: Any) -> State:
    """A state of the symbol."""
    return State(kind, SYMBOL, 9, epoch, 1, 0, 1, None, told, None, 1, details or None)


def bid(number: int | None, price: float, size: int = 1, **more: Any) -> OrderRow:
    """A row of an image."""
    return OrderRow("add", "B", number, price=price, size=size, **more)


def current() -> BookMirror:
    """A mirror of orders, current at 5: 7 @ 10.0 and 8 @ 9.5."""
    mirror = BookMirror("order", SYMBOL)
    mirror.apply(image(5, bid(7, 10.0), bid(8, 9.5, 2)))
    assert mirror.is_current
    return mirror


ROW_CASES: list[tuple[str, list[Any], list[tuple[Any, ...]]]] = [
    ("an add", [("add", "B", 9, None, 9.0, 3)], [("B", 7), ("B", 8), ("B", 9)]),
    ("an add replaces the same order", [("add", "B", 7, None, 9.0, 3)], [("B", 8), ("B", 7)]),
    ("an update adds what is unknown", [("update", "A", 9, None, 11.0, 3)],
     [("B", 7), ("B", 8), ("A", 9)]),
    ("an order that changes sides moves", [("update", "A", 7, None, 11.0, 3)],
     [("B", 8), ("A", 7)]),
    ("a delete", [("delete", "B", 7)], [("B", 8)]),
    ("a delete that names the other side", [("delete", "A", 7)], [("B", 8)]),
    ("a delete of what is unknown", [("delete", "B", 9)], [("B", 7), ("B", 8)]),
    ("a clear drops one side", [("add", "A", 9, None, 11.0, 3), ("clear", "B")], [("A", 9)]),
    ("market makers are known by side", [
        ("add", "B", None, "ARCA", 1.0, 3), ("add", "A", None, "ARCA", 12.0, 3),
        ("update", "B", None, "ARCA", 2.0, 3), ("delete", "A", None, "ARCA"),
    ], [("B", 7), ("B", 8), ("B", None)]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "rows"), [case[1:] for case in ROW_CASES], ids=[case[0] for case in ROW_CASES]
)
def test_order_rows_follow_the_contract(changes: list[Any], rows: list[Any]) -> None:
    """Keys and actions are the contract's, whatever the vendor's habits."""
    mirror = current()
    for sequence, row in enumerate(changes, 6):
        mirror.apply(order(sequence, *row))
    assert mirror.is_current
    assert [row[1:3] for row in mirror.rows()] == rows


def test_levels_follow_the_contract() -> None:
    """A level is known by side and price; the vendor's count of orders is passed on."""
    mirror = BookMirror("depth", SYMBOL)
    changes = [
        ("add", "B", 10.0, 5, 2),
        ("add", "A", 10.0, 6, None),
        ("update", "B", 10.0, 7, 3),
        ("add", "B", 10.25, 1, 1),
        ("delete", "A", 99.0),
        ("add", "A", 11.0, 4, 4),
        ("delete", "A", 10.0),
    ]
    for sequence, row in enumerate(changes, 1):
        assert mirror.apply(depth(sequence, *row)) is (row != ("delete", "A", 99.0))
    assert mirror.bids == (PriceLevel(10.25, 1, 1), PriceLevel(10.0, 7, 3))
    assert mirror.asks == (PriceLevel(11.0, 4, 4),)
    assert mirror.rows()[0] == DepthRow("add", "B", 10.25, 1, 1)
    with pytest.raises(InvalidArgument):
        mirror.orders("B")


def test_orders_add_up_to_levels_and_stand_in_their_queue() -> None:
    """Priority first, then number, then name; those that lack one stand last or first."""
    mirror = BookMirror("order", SYMBOL)
    rows = [
        bid(5, 10.0, 1, priority=None), bid(4, 10.0, 2, priority=None), bid(9, 10.0, 4, priority=3),
        bid(None, 10.0, 8, market_maker="NSDQ"), bid(None, 10.0, 16, market_maker="ARCA"),
        bid(None, 10.0, 32), bid(1, 10.5), OrderRow("add", "A", 2, price=10.25, size=3),
    ]  # fmt: skip
    mirror.apply(image(5, *rows))
    assert [(row.order_id, row.market_maker) for row in mirror.orders("B")] == [
        (1, None), (9, None), (4, None), (5, None), (None, None), (None, "ARCA"), (None, "NSDQ"),
    ]  # fmt: skip
    assert mirror.rows() == [*mirror.orders("B"), *mirror.orders("A")]
    assert mirror.bids == (PriceLevel(10.5, 1, 1), PriceLevel(10.0, 63, 6))
    assert (mirror.best_bid, mirror.best_ask) == (mirror.bids[0], PriceLevel(10.25, 3, 1))
    assert mirror.is_crossed
    mirror.apply(order(6, "delete", "B", 1))
    assert not mirror.is_crossed
    with pytest.raises(InvalidArgument):
        mirror.orders("X")


def test_updates_an_image_contains_are_dropped() -> None:
    """They were published before it and come down the same pipe."""
    mirror = current()
    assert not mirror.apply(order(5, "delete", "B", 7))
    assert len(mirror.rows()) == 2
    assert mirror.apply(order(6, "delete", "B", 7))
    assert mirror.sequence == 6


def test_a_hole_is_raised_once_and_an_image_mends_it() -> None:
    """Without the missing update nobody can tell what the book is."""
    mirror = current()
    with pytest.raises(SequenceGap) as caught:
        mirror.apply(order(8, "add", "B", 9, None, 9.0, 1))
    assert (caught.value.first_missing, caught.value.last_missing) == (6, 7)
    assert (mirror.is_current, mirror.reason) == (False, "updates 6 to 7 are missing")
    assert not mirror.apply(order(9, "delete", "B", 8))
    assert mirror.apply(image(7, bid(7, 10.0), bid(8, 9.5)))
    assert (mirror.is_current, mirror.sequence, mirror.reason) == (True, 9, None)
    assert [row[2] for row in mirror.rows()] == [7, 9]


def test_an_image_behind_a_hole_is_not_enough() -> None:
    """What is missing after it is missing still."""
    mirror = current()
    with pytest.raises(SequenceGap):
        mirror.apply(order(8, "delete", "B", 7))
    with pytest.raises(SequenceGap) as caught:
        mirror.apply(image(6))
    assert (caught.value.first_missing, caught.value.last_missing) == (7, 7)
    assert (mirror.is_current, mirror.sequence) == (False, 6)
    assert mirror.reason == "update 7 is missing"


def test_an_outdated_image_is_ignored() -> None:
    """One that was asked for by another way may be overtaken; rows never go back."""
    mirror = current()
    assert not mirror.apply(image(4))
    assert (mirror.is_current, mirror.sequence, len(mirror.rows())) == (True, 5, 2)


def test_an_image_ahead_replaces_everything() -> None:
    """At a rebuild the gateway publishes one on the topic itself."""
    mirror = current()
    assert mirror.apply(image(9, bid(1, 5.0), flags=STALE))
    assert (mirror.sequence, mirror.last_flags, mirror.is_stale) == (9, STALE, True)
    assert [row[2] for row in mirror.rows()] == [1]


def test_the_first_message_of_a_run_needs_no_image() -> None:
    """It finds the book empty; a later one does not say what was there before."""
    mirror = BookMirror("order", SYMBOL)
    assert (mirror.epoch, mirror.reason) == (None, "no image has come yet")
    mirror.apply(order(2, "add", "B", 2, None, 1.0, 1))
    assert not mirror.is_current
    mirror.apply(order(1, "add", "B", 1, None, 1.0, 1))
    assert (mirror.is_current, mirror.sequence, len(mirror.rows())) == (True, 2, 2)


def test_nothing_heard_is_not_an_empty_book() -> None:
    """Rows of nil say that nobody has told what the book is."""
    mirror = BookMirror("order", SYMBOL)
    mirror.apply(Image("order", SYMBOL, 13, EPOCH, 0, 1, 1, None))
    assert (mirror.is_current, mirror.is_known, mirror.rows()) == (True, False, [])
    assert (mirror.best_bid, mirror.best_ask, mirror.is_crossed) == (None, None, False)
    mirror.apply(order(1, "clear", "B"))
    assert mirror.is_known


def test_a_restart_empties_the_mirror() -> None:
    """Orders of the earlier run are of no use in the next one."""
    mirror = current()
    assert mirror.apply(GatewayRestarted(EPOCH, EPOCH + 1))
    assert (mirror.is_current, mirror.rows(), mirror.epoch) == (False, [], EPOCH + 1)
    assert mirror.reason == "the gateway was restarted"
    assert not mirror.apply(GatewayRestarted(EPOCH, EPOCH + 1))
    assert not mirror.apply(order(6, "delete", "B", 7))
    assert not mirror.apply(image(9, bid(7, 1.0)))
    mirror.apply(order(1, "add", "B", 1, None, 1.0, 1, epoch=EPOCH + 1))
    assert mirror.is_current
    mirror.apply(order(3, "add", "B", 1, None, 1.0, 1, epoch=EPOCH + 2))
    assert (mirror.is_current, mirror.epoch, mirror.sequence) == (False, EPOCH + 2, 0)


@pytest.mark.parametrize(
    ("event", "is_lost"),
    [
        (Disconnected("silence", 3.0), True),
        (Overrun(None, 4, unnamed=1), True),
        (Overrun(None, 4), False),
        (Overrun(f"order,{SYMBOL},", 4), True),
        (Overrun("trade,A,", 4), False),
        (Gap(f"order,{SYMBOL},", 6, 9, healed=False, epoch=EPOCH), True),
        (Gap(f"order,{SYMBOL},", 4, 5, healed=False, epoch=EPOCH), False),
        (Gap(f"order,{SYMBOL},", 6, 9, healed=True, epoch=EPOCH), False),
        (Gap(f"order,{SYMBOL},", 6, 9, healed=False, epoch=EPOCH - 1), False),
        (Gap("order,@NQZ26,", 6, 9, healed=False, epoch=EPOCH), False),
        (Reconnected(3.0), False),
    ],
)
def test_events_of_loss_make_it_not_current(event: Any, is_lost: bool) -> None:
    """The client tells of losses that no sequence shows yet."""
    mirror = current()
    assert not mirror.apply(event)
    assert mirror.is_current is not is_lost
    mirror.apply(order(6, "delete", "B", 7))
    assert mirror.is_current is not is_lost
    mirror.apply(image(5, bid(7, 10.0), bid(8, 9.5)))
    assert (mirror.is_current, len(mirror.rows())) == (True, 1)


def test_what_is_sent_again_changes_nothing() -> None:
    """REPLAY is for those who record; it neither starts a run nor makes a hole."""
    mirror = current()
    for sequence, epoch in ((5, EPOCH), (9, EPOCH), (1, EPOCH + 5)):
        assert not mirror.apply(order(sequence, "clear", "B", epoch=epoch, flags=REPLAY))
    assert (mirror.is_current, mirror.epoch, len(mirror.rows())) == (True, EPOCH, 2)


def test_what_is_about_others_is_ignored() -> None:
    """One stream feeds many mirrors."""
    mirror = current()
    other = order(9, "clear", "B")._replace(symbol="@NQZ26")
    trade = Trade("trade", SYMBOL, 2, EPOCH, 1, 0, 1, None, 1.0)
    for item in (other, depth(9, "clear", "B"), image(9, kind="depth"), trade, None):
        assert not mirror.apply(item)
    assert mirror.is_current


def test_frames_of_any_source_do() -> None:
    """A private answer as it came off a bare socket."""
    row = ["add", "B", 1, None, 1.5, 2, 3, 2]
    body = msgpack.packb([13, EPOCH, 4, 1, 1, None, [row]])
    mirror = BookMirror("order", SYMBOL)
    mirror.apply(decode_frame(f"~0123456789abcdefghij.order,{SYMBOL},".encode() + body))
    assert mirror.rows() == [OrderRow("add", "B", 1, None, 1.5, 2, 3, 2)]


def test_state_and_flags_say_whether_it_is_stale() -> None:
    """A book can be complete and old at once."""
    mirror = current()
    assert (mirror.is_stale, mirror.state) == (False, None)
    mirror.apply(state("live", level2="stale"))
    assert (mirror.is_stale, mirror.state) == (True, "stale")
    mirror.apply(order(6, "delete", "B", 7))
    assert mirror.is_stale
    mirror.apply(state("live", level2="recovering"))
    assert mirror.is_stale
    mirror.apply(order(7, "delete", "B", 8, flags=STALE))
    mirror.apply(state("stale", level2="live"))
    assert (mirror.is_stale, mirror.state) == (False, "live")
    mirror.apply(order(8, "clear", "B", flags=STALE))
    assert mirror.is_stale
    mirror.apply(order(9, "clear", "B"))
    assert not mirror.is_stale
    mirror.apply(state("live", level2="refused"))
    assert (mirror.is_stale, mirror.state) == (True, "refused")
    mirror.apply(state("live", epoch=EPOCH - 1))
    mirror.apply(state("live")._replace(symbol="@NQZ26"))
    assert mirror.state == "refused"
    assert mirror.is_current


def test_answer_on_a_private_topic_is_taken_back_by_a_row() -> None:
    """Who listens to the book alone never hears a `state` that says it is well again."""
    mirror = BookMirror("order", SYMBOL)
    mirror.apply(state("stale", kind="order"))
    assert mirror.is_stale
    mirror.apply(order(1, "clear", "B"))
    assert not mirror.is_stale


def test_a_silent_gateway_makes_the_book_stale() -> None:
    """Until something is heard again."""
    mirror = current()
    mirror.apply(Disconnected("silence", 3.0))
    assert mirror.is_stale
    mirror.apply(image(5))
    assert not mirror.is_stale


def test_a_book_that_is_too_big_is_not_shown() -> None:
    """Half a book would look like a whole one."""
    mirror = BookMirror("order", SYMBOL, rows_max=2)
    mirror.apply(image(5, bid(1, 1.0), bid(2, 1.0)))
    mirror.apply(order(6, "update", "B", 2, None, 3.0, 1))
    assert mirror.is_current
    mirror.apply(order(7, "add", "B", 3, None, 3.0, 1))
    assert (mirror.is_current, mirror.reason) == (False, "the book has more than 2 rows")
    assert mirror.rows() == []
    mirror.apply(image(8, bid(1, 1.0), bid(2, 1.0), bid(3, 1.0)))
    assert not mirror.is_current
    mirror.apply(image(9, bid(1, 1.0)))
    assert mirror.is_current


@pytest.mark.parametrize(
    "row",
    [("add", "X", 1, None, 1.0, 1), ("swap", "B", 1, None, 1.0, 1), ("add", "B", 1, None, None, 1)],
)
def test_what_cannot_be_understood_is_not_guessed(row: tuple[Any, ...]) -> None:
    """A newer gateway may say what this version cannot apply."""
    mirror = current()
    mirror.apply(order(6, *row))
    assert (mirror.is_current, mirror.rows()) == (False, [])
    assert mirror.reason is not None
    assert mirror.reason.startswith("a row has")


def test_updates_kept_for_an_image_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest go first: an image that comes late enough needs none of them."""
    monkeypatch.setattr(book_mirror, "WAITING_MAX", 3)
    mirror = BookMirror("order", SYMBOL)
    for sequence in range(11, 16):
        mirror.apply(order(sequence, "add", "B", sequence, None, 1.0, 1))
    with pytest.raises(SequenceGap) as caught:
        mirror.apply(image(10))
    assert (caught.value.first_missing, caught.value.last_missing) == (11, 12)
    mirror.apply(image(13))
    assert (mirror.is_current, mirror.sequence) == (True, 15)


def test_mirrors_of_other_kinds_are_refused() -> None:
    """A `book` is whole in every message and needs none."""
    for kind in ("book", "quote", "order@250"):
        with pytest.raises(InvalidArgument):
            BookMirror(kind, SYMBOL)
    with pytest.raises(InvalidArgument):
        BookMirror("order", SYMBOL, rows_max=0)


def test_a_state_without_a_word_of_level2_means_that_nobody_wants_it() -> None:
    """Quotes may be live while the book behind the mirror has been given up."""
    mirror = current()
    mirror.apply(state("live", level2="live"))
    assert not mirror.is_stale
    mirror.apply(state("live"))
    assert (mirror.is_stale, mirror.state) == (True, "closed")
