"""The client's book mirror: whatever is lost, late or repeated, what is current is right."""

from typing import Any

from gateway_client import (
    BookMirror,
    Depth,
    Disconnected,
    Gap,
    GatewayRestarted,
    Image,
    Order,
    Overrun,
    SequenceGap,
)
from gateway_client.messages import DepthRow, OrderRow
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

SYMBOL = "@ESZ26"
TYPES = {"order": 6, "depth": 5}
SIDES = st.sampled_from("BA")
PRICES = st.sampled_from([-1.0, 0.0, 0.25, 0.5, 100.0])
NUMBERS = st.one_of(st.none(), st.integers(0, 3))
Row = tuple[Any, ...]
Rows = dict[Any, Row]


def key_of(row: Row, kind: str) -> Any:
    """What the contract says a row is known by."""
    if kind == "depth":
        return row[1:3]
    return row[2] if row[2] is not None else (row[3], row[1])


def place_of(row: Row, kind: str) -> Any:
    """Bids best first, then asks best first; then the place in the queue."""
    price = row[2] if kind == "depth" else row[4]
    first = (row[1] == "A", price if row[1] == "A" else -price)
    if kind == "depth":
        return first
    last = 1 << 70
    number = last if row[2] is None else row[2]
    priority = last if row[6] is None else row[6]
    return (*first, priority, number, row[3] or "")


class MirrorMachine(RuleBasedStateMachine):
    """A gateway with a naive book, a pipe that loses and mixes up, and a mirror at its end."""

    def __init__(self) -> None:
        super().__init__()
        self.kind = "order"
        self.mirror = BookMirror("order", SYMBOL)
        self.epoch = 1_000
        self.sequence = 0
        self.rows: Rows = {}
        self.history: dict[tuple[int, int], list[Row]] = {}
        self.sent: list[Any] = []
        self.pipe: list[Any] = []

    @initialize(kind=st.sampled_from(["order", "depth"]))
    def begin(self, kind: str) -> None:
        """Choose what is followed."""
        self.kind = kind
        self.mirror = BookMirror(kind, SYMBOL)
        self.remember()

    def remember(self) -> None:
        """Keep what the book is at this sequence."""
        rows = sorted(self.rows.values(), key=lambda row: place_of(row, self.kind))
        self.history[self.epoch, self.sequence] = rows

    def publish(self, action: str, side: str, *values: Any) -> None:
        """Change the book and send the change."""
        row = (action, side, *values)
        key = key_of(row, self.kind)
        if action == "clear":
            self.rows = {known: old for known, old in self.rows.items() if old[1] != side}
        elif action == "delete":
            self.rows.pop(key, None)
        else:
            self.rows[key] = ("add", *row[1:])
        self.sequence += 1
        self.remember()
        cls = Order if self.kind == "order" else Depth
        head = (self.kind, SYMBOL, TYPES[self.kind], self.epoch, self.sequence, 0, 1, None)
        self.send(cls(*head, *row))

    def send(self, item: Any) -> None:
        """Put something into the pipe."""
        self.pipe.append(item)
        self.sent.append(item)

    def apply(self, item: Any) -> None:
        """Hand something to the mirror; a gap it raises makes it not current, and is one."""
        gap: SequenceGap | None
        before = (self.mirror.epoch or 0, self.mirror.sequence)
        try:
            self.mirror.apply(item)
        except SequenceGap as caught:
            gap = caught
        else:
            gap = None
        if gap is not None:
            assert not self.mirror.is_current
            assert self.mirror.sequence < gap.first_missing <= gap.last_missing
        assert (self.mirror.epoch or 0, self.mirror.sequence) >= before

    def image(self) -> Image:
        """The whole book as it is now, as the gateway answers."""
        build = OrderRow if self.kind == "order" else DepthRow
        rows = None
        if self.sequence:
            rows = tuple(build(*row) for row in self.history[self.epoch, self.sequence])
        head = (f"~0123456789abcd.{self.kind}", SYMBOL, 13, self.epoch, self.sequence, 1, 1, None)
        return Image(*head, rows)

    @rule(
        action=st.sampled_from(["add", "add", "update", "delete"]), side=SIDES, price=PRICES,
        size=st.integers(0, 9), number=NUMBERS, maker=st.sampled_from([None, "ARCA", "NSDQ"]),
        priority=NUMBERS,
    )  # fmt: skip
    def change(
        self, *, action: str, side: str, price: float, size: int, number: Any, maker: Any,
        priority: Any,
    ) -> None:  # fmt: skip
        """A row comes, changes or goes."""
        if self.kind == "depth":
            self.publish(action, side, price, size, priority, 2)
        else:
            self.publish(action, side, number, maker, price, size, priority, 2)

    @rule(side=SIDES)
    def clear(self, side: str) -> None:
        """One side is emptied."""
        self.publish("clear", side, *(None,) * (4 if self.kind == "depth" else 6))

    @precondition(lambda self: self.pipe)
    @rule(count=st.integers(1, 5))
    def deliver(self, count: int) -> None:
        """The next of the pipe arrive."""
        for _ in range(min(count, len(self.pipe))):
            self.apply(self.pipe.pop(0))

    @precondition(lambda self: self.pipe)
    @rule(data=st.data(), is_lost=st.booleans())
    def mix_up(self, data: st.DataObject, is_lost: bool) -> None:
        """One of the pipe never arrives, or before those that were sent earlier."""
        item = self.pipe.pop(data.draw(st.integers(0, len(self.pipe) - 1)))
        if not is_lost:
            self.apply(item)

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        """Something of any time, of an earlier run too, arrives once more."""
        self.apply(data.draw(st.sampled_from(self.sent)))

    @rule(is_at_once=st.booleans())
    def join(self, is_at_once: bool) -> None:
        """An image comes down the pipe, or by another way and ahead of it."""
        image = self.image()
        if is_at_once:
            self.apply(image)
        else:
            self.send(image)

    @rule(is_told=st.booleans())
    def restart(self, is_told: bool) -> None:
        """The gateway runs anew, with an empty book; what is in the pipe is of the old run."""
        old = self.epoch
        self.epoch += 1_000
        self.sequence = 0
        self.rows = {}
        self.remember()
        if is_told:
            self.pipe.append(GatewayRestarted(old, self.epoch))

    @rule(
        event=st.sampled_from(
            [
                Disconnected("silence", 3.0),
                Overrun(None, 5),
                Overrun("trade,A,", 5),
                Gap("order,@ESZ26,", 1, 2, healed=False),
                Gap("depth,@ESZ26,", 1, 9, healed=False),
            ]
        )
    )
    def tell(self, event: Any) -> None:
        """The client tells of a loss, perhaps of one that was none."""
        self.apply(event)

    @rule()
    def settle(self) -> None:
        """Everything arrives, then an image with nothing lost behind it."""
        while self.pipe:
            self.apply(self.pipe.pop(0))
        self.mirror.apply(self.image())
        assert self.mirror.is_current
        assert (self.mirror.epoch, self.mirror.sequence) == (self.epoch, self.sequence)

    @invariant()
    def current_is_right(self) -> None:
        """The one promise: a current mirror is the gateway's book at its sequence."""
        mirror = self.mirror
        assert mirror.is_current == (mirror.reason is None)
        if not mirror.is_current:
            return
        assert mirror.epoch is not None
        rows = self.history[mirror.epoch, mirror.sequence]
        assert [tuple(row) for row in mirror.rows()] == rows
        for side, levels in (("B", mirror.bids), ("A", mirror.asks)):
            found: dict[float, list[int]] = {}
            for row in rows:
                if row[1] == side:
                    at = 2 if self.kind == "depth" else 4
                    found.setdefault(row[at], []).append(row[at + 1])
            assert [(level.price, level.size) for level in levels] == [
                (price, sum(sizes)) for price, sizes in found.items()
            ]
            if self.kind == "order":
                assert [level.order_count for level in levels] == list(map(len, found.values()))

    def teardown(self) -> None:
        """However it ends, one image makes it right."""
        self.settle()
        self.current_is_right()


TestMirror = MirrorMachine.TestCase
