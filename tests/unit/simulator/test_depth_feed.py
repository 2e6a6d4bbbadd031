"""Level 2 lines of a book, without sockets: exact layouts, and books rebuilt from nothing else."""

import random

import pytest

from gateway.simulator.depth_feed import DepthFeed, FeedKey, Style, feed_key
from gateway.simulator.instruments import DepthKind
from gateway.simulator.matching import MatchingBook
from tests.unit.simulator.replayer import Replayer

STAMP = "20:31:04.876740,2019-04-23"


def price_text(ticks: int) -> str:
    """Quarter points, as a future has them."""
    return f"{ticks / 4:.2f}"


def feed_of(book: MatchingBook, style: Style, levels_max: int | None = None) -> DepthFeed:
    """A feed of a made-up symbol."""
    return DepthFeed(
        book, FeedKey(style, levels_max), symbol="@ESM19", price_text=price_text, decimals=2
    )


def told(feed: DepthFeed, book: MatchingBook) -> list[str]:
    """The lines of what just happened, without line ends."""
    lines = [line.removesuffix("\r\n") for line in feed.update()]
    book.changes.clear()
    return lines


def enter(
    book: MatchingBook, order_id: int, price: int, size: int, *, is_bid: bool, maker: str = "5"
) -> None:
    """Enter an order."""
    book.add(order_id, is_bid=is_bid, price=price, size=size, maker=maker, stamp=STAMP)


def test_orders_look_like_the_captured_lines() -> None:
    """Columns, empty market maker and closing comma are the samples'."""
    book = MatchingBook(first_priority=10)
    feed = feed_of(book, Style.ORDER_LINES)
    enter(book, 12345678, 11753, 65, is_bid=True)
    row = "@ESM19,12345678,,B,2938.25,65,11,2,20:31:04.876740,2019-04-23,"
    assert told(feed, book) == [f"3,{row}"]
    assert feed.summary() == [f"6,{row}\r\n"]
    book.resize(12345678, 60, stamp=STAMP)
    assert told(feed, book) == [f"4,{row.replace(',65,', ',60,')}"]
    book.cancel(12345678, stamp=STAMP)
    assert told(feed, book) == ["5,@ESM19,12345678,,B,20:31:04.876740,2019-04-23,"]
    assert feed.summary() == []


def test_levels_look_like_the_documented_lines() -> None:
    """Size and number of orders add up over a price."""
    book = MatchingBook()
    feed = feed_of(book, Style.LEVEL_LINES)
    for order_id, size in ((1, 40), (2, 25)):
        enter(book, order_id, 11753, size, is_bid=False)
    row = "@ESM19,A,2938.25,65,2,2,20:31:04.876740,2019-04-23,"
    assert told(feed, book) == [f"8,{row}"]
    assert feed.summary() == [f"7,{row}\r\n"]
    book.cancel(1, stamp=STAMP)
    book.cancel(2, stamp=STAMP)
    assert told(feed, book) == ["9,@ESM19,A,2938.25,20:31:04.876740,2019-04-23,"]


def test_levels_in_the_form_of_orders_have_type_0() -> None:
    """Futures without orders answer a request by order so; what goes, goes by price."""
    book = MatchingBook()
    feed = feed_of(book, Style.PRICE_LINES)
    enter(book, 1, 11753, 65, is_bid=False)
    row = "0,@ESM19,,,A,2938.25,65,,2,20:31:04.876740,2019-04-23,"
    assert told(feed, book) == [row]
    assert feed.summary() == [f"{row}\r\n"]
    book.cancel(1, stamp=STAMP)
    assert told(feed, book) == ["9,@ESM19,A,2938.25,20:31:04.876740,2019-04-23,"]


def test_venues_look_like_the_captured_lines() -> None:
    """`4,SPY,,NSDQ,B,451.4400,300,,4,...`: neither id nor priority, and one row a venue."""
    book = MatchingBook()
    feed = feed_of(book, Style.MAKER_LINES)
    enter(book, 1, 1805, 300, is_bid=True)
    assert told(feed, book) == ["4,@ESM19,,NSDQ,B,451.25,300,,2,20:31:04.876740,2019-04-23,"]
    enter(book, 2, 1804, 100, is_bid=True)
    assert told(feed, book) == []
    enter(book, 3, 1805, 100, is_bid=True)
    assert feed.summary() == ["6,@ESM19,,NSDQ,B,451.25,300,,2,20:31:04.876740,2019-04-23,\r\n"]
    assert told(feed, book) == ["4,@ESM19,,NSDQ,B,451.25,400,,2,20:31:04.876740,2019-04-23,"]
    book.clear()
    feed.resync()
    enter(book, 4, 1805, 100, is_bid=True, maker="187")
    told(feed, book)
    book.cancel(4, stamp=STAMP)
    assert told(feed, book) == ["5,@ESM19,,MEMX,B,20:31:04.876740,2019-04-23,"]


def test_classic_rows_carry_both_sides_and_end_their_group() -> None:
    """`2,@ESM19,MD01,2938.,2938.25,65,23,...,T,T,F,`: no closing zeros, but the point."""
    book = MatchingBook()
    feed = feed_of(book, Style.CLASSIC_LEVELS)
    enter(book, 1, 11752, 65, is_bid=True)
    enter(book, 2, 11753, 23, is_bid=False)
    enter(book, 3, 11751, 1, is_bid=True)
    stamps = "20:31:04.876740,2019-04-23,52,20:31:04.876740"
    assert told(feed, book) == [
        f"2,@ESM19,MD01,2938.,2938.25,65,23,{stamps},T,T,F,",
        f"2,@ESM19,MD02,2937.75,0.,1,0,{stamps},T,F,T,",
    ]
    assert [line[:14] for line in feed.summary()] == ["Z,@ESM19,MD01,", "Z,@ESM19,MD02,"]
    book.cancel(3, stamp=STAMP)
    assert told(feed, book) == [f"2,@ESM19,MD02,0.,0.,0,0,{stamps},F,F,T,"]


def test_a_window_of_levels_tells_what_enters_and_what_leaves() -> None:
    """Only the best levels exist for the client that asked for so many."""
    book = MatchingBook()
    feed = feed_of(book, Style.LEVEL_LINES, 2)
    for order_id, price in ((1, 100), (2, 99), (3, 98)):
        enter(book, order_id, price, 5, is_bid=True)
    assert [line[:14] for line in told(feed, book)] == ["8,@ESM19,B,25.", "8,@ESM19,B,24."]
    assert len(feed.summary()) == 2
    enter(book, 4, 101, 5, is_bid=True)
    assert [line.split(",")[:4] for line in told(feed, book)] == [
        ["9", "@ESM19", "B", "24.75"], ["8", "@ESM19", "B", "25.25"],
    ]  # fmt: skip
    book.cancel(1, stamp=STAMP)
    assert [line.split(",")[:4] for line in told(feed, book)] == [
        ["9", "@ESM19", "B", "25.00"], ["8", "@ESM19", "B", "24.75"],
    ]  # fmt: skip


def test_some_deletes_have_no_time() -> None:
    """`5,TSLA,,CHXE,B,,2022-04-01,` was captured; a client must bear it."""
    book = MatchingBook()
    feed = DepthFeed(
        book, FeedKey(Style.ORDER_LINES), symbol="S", price_text=price_text, decimals=2,
        empty_time_share=0.5, rng=random.Random(1),
    )  # fmt: skip
    for order_id in range(200):
        enter(book, order_id, 100, 1, is_bid=True)
    book.changes.clear()
    for order_id in range(200):
        book.cancel(order_id, stamp=STAMP)
    empty = [line for line in told(feed, book) if line.endswith(",B,,2019-04-23,")]
    assert 60 < len(empty) < 140


@pytest.mark.parametrize(
    ("kind", "by_order", "by_level", "classic"),
    [
        (DepthKind.ORDERS, Style.ORDER_LINES, Style.LEVEL_LINES, Style.CLASSIC_LEVELS),
        (DepthKind.LEVELS, None, Style.LEVEL_LINES, Style.CLASSIC_LEVELS),
        (DepthKind.PRICES, Style.PRICE_LINES, Style.LEVEL_LINES, Style.CLASSIC_LEVELS),
        (DepthKind.MAKERS, Style.MAKER_LINES, None, Style.CLASSIC_MAKERS),
    ],
)
def test_what_answers_what(
    kind: DepthKind, by_order: Style | None, by_level: Style | None, classic: Style
) -> None:
    """The table of a client that runs live."""
    styles = [
        None if key is None else key.style
        for key in (
            feed_key(kind, is_newest=True),
            feed_key(kind, is_newest=True, is_by_level=True, levels_max=5),
            feed_key(kind, is_newest=False),
        )
    ]
    assert styles == [by_order, by_level, classic]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("style", list(Style))
def test_lines_rebuild_the_book(style: Style, seed: int) -> None:
    """Joined at any moment, a plain client holds what the book holds after every event."""
    print(f"seed={seed}")
    rng = random.Random(seed)
    book = MatchingBook()
    levels_max = rng.choice((None, 1, 3)) if style is Style.LEVEL_LINES else None
    feed = feed_of(book, style, levels_max)
    clients: list[Replayer] = []
    for order_id in range(1, 300):
        for _ in range(rng.randint(1, 3)):
            disturb(book, rng, order_id * 10 + len(book.changes))
        for line in told(feed, book):
            for client in clients:
                client.hear(line)
        if order_id % 60 == 1:
            clients.append(Replayer())
            for line in feed.summary():
                clients[-1].hear(line.removesuffix("\r\n"))
        for client in clients:
            assert not client.is_group_open
            compare(client, book, style, levels_max)
    assert len(clients) == 5


def disturb(book: MatchingBook, rng: random.Random, order_id: int) -> None:
    """Do anything that a book allows."""
    chosen = rng.choice(list(book.orders)) if book.orders else None
    action = rng.randrange(5)
    if chosen is None or action < 2:
        is_bid = rng.random() < 0.5
        enter(book, order_id, rng.randint(90, 110), rng.randint(1, 9), is_bid=is_bid,
              maker=rng.choice(("5", "7", "11", "187")))  # fmt: skip
    elif action == 2:
        book.cancel(chosen, stamp=STAMP)
    elif action == 3:
        book.resize(chosen, rng.randint(1, 9), stamp=STAMP)
    else:
        book.replace(chosen, price=rng.randint(90, 110), size=rng.randint(1, 9), stamp=STAMP)


def compare(client: Replayer, book: MatchingBook, style: Style, levels_max: int | None) -> None:
    """Hold a client's rows against the book's orders, counted afresh."""
    bids, asks = ([*side.best_first()] for side in (book.bids, book.asks))
    if style is Style.ORDER_LINES:
        assert [row[1] for row in client.orders_of("@ESM19")] == [
            order.order_id for level in (*bids, *asks) for order in level.orders.values()
        ]
        assert sum(row[3] for row in client.orders_of("@ESM19")) == sum(
            order.size for order in book.orders.values()
        )
    elif style in (Style.LEVEL_LINES, Style.PRICE_LINES):
        for letter, levels in (("B", bids), ("A", asks)):
            assert client.levels_of("@ESM19", letter) == [
                (
                    price_text(level.price),
                    level.size,
                    0 if style is Style.PRICE_LINES else len(level.orders),
                )
                for level in levels[:levels_max]
            ]
    elif style is Style.CLASSIC_LEVELS:
        rows = client.classic_of("@ESM19")
        assert sorted(rows) == [f"MD{n + 1:02d}" for n in range(min(10, max(len(bids), len(asks))))]
        for place, level in enumerate(bids[:10]):
            bid = rows[f"MD{place + 1:02d}"][0]
            assert bid is not None
            assert (float(bid[0]), bid[1]) == (level.price / 4, level.size)
    else:
        compare_makers(client, book, style)


def compare_makers(client: Replayer, book: MatchingBook, style: Style) -> None:
    """Each venue's best price, found by looking at every order."""
    names = {"5": "NSDQ", "7": "NYSE", "11": "ARCX", "187": "MEMX"}
    best: dict[tuple[str, str], tuple[int, int]] = {}
    for order in book.orders.values():
        side = "B" if order.is_bid else "A"
        sign = -1 if order.is_bid else 1
        key = (side, names[order.maker])
        price, size = best.get(key, (sign * 1000, 0))
        if sign * order.price < sign * price or not size:
            best[key] = (order.price, order.size)
        elif order.price == price:
            best[key] = (price, size + order.size)
    if style is Style.MAKER_LINES:
        held = {(row[0], row[1]): (float(row[2]), row[3]) for row in client.makers_of("@ESM19")}
    else:
        held = {
            (side, key): (float(row[0]), row[1])
            for key, rows in client.classic_of("@ESM19").items()
            for side, row in zip("BA", rows, strict=True)
            if row is not None
        }
    assert held == {key: (price / 4, size) for key, (price, size) in best.items()}
