"""A copy of one symbol's order book, kept from an image and the updates behind it. No I/O.

Subscribe to the topic, ask for an image, hand everything that comes to `apply`. The image carries
the sequence N of the last update it contains: updates up to N are dropped, N+1 and so on are
applied, and a hole makes the copy not current until another image comes. Updates that arrive while
it is not current are kept: an image that was published before them, but is handed over after them,
is brought up to date with them. So neither the order in which image and updates arrive nor a late
image matters; what is current is equal to the gateway's own book at `sequence`.

`GatewayClient` asks for images by itself, when it joins and after every kind of loss. With another
source, ask for one whenever `is_current` is False.
"""

from typing import Any, Final

from gateway_client import topics
from gateway_client.book_rows import BookRows, Row, key_of
from gateway_client.errors import InvalidArgument, SequenceGap
from gateway_client.events import Disconnected, Gap, GatewayRestarted, Overrun
from gateway_client.messages import Depth, DepthRow, Flag, Image, Order, OrderRow, PriceLevel, State

ROWS_MAX: Final = 1_000_000
"""Rows a mirror keeps unless told otherwise."""
WAITING_MAX: Final = 100_000
"""Updates kept while an image is awaited; beyond that the oldest are dropped."""
_SNAPSHOT: Final = int(Flag.SNAPSHOT)
_STALE: Final = int(Flag.STALE)
_RESENT: Final = int(Flag.REPLAY | Flag.BACKFILL)
_FRESH_STATES: Final = frozenset({"live", "pending"})
_NO_IMAGE: Final = "no image has come yet"

Update = Order | Depth


class BookMirror:
    """One symbol's `order` or `depth` topic, followed.

    Not for several threads at a time.

    Args:
        kind: `order` (orders, or market makers' best rows) or `depth` (price levels).
        symbol: The vendor's spelling.
        rows_max: Rows kept; a bigger book makes the mirror not current.

    Raises:
        InvalidArgument: Another kind, or no room for rows.
    """

    def __init__(self, kind: str, symbol: str, *, rows_max: int = ROWS_MAX) -> None:
        if kind not in topics.BOOK_EVENT_KINDS:
            raise InvalidArgument("no kind of rows", hint="Use order or depth.", kind=kind)
        if rows_max < 1:
            raise InvalidArgument("a mirror needs rows", rows_max=rows_max)
        self.kind: Final = kind
        """`order` or `depth`."""
        self.symbol: Final = symbol
        """The vendor's spelling."""
        self.topic: Final = topics.topic_of(kind, symbol)
        """What is followed."""
        self.epoch: int | None = None
        """The gateway run the rows belong to, Unix milliseconds; None before anything was heard."""
        self.sequence = 0
        """The last update the rows contain."""
        self.reason: str | None = _NO_IMAGE
        """Why it is not current; None while it is."""
        self.is_known = False
        """Whether anything was heard of the book: if not, that it is empty means nothing."""
        self.state: str | None = None
        """State of the symbol's Level 2 data as last told by a `state`; None before."""
        self.last_flags = 0
        """Flags of the last message that was applied; LAST marks the end of an atomic group."""
        self._rows_max = rows_max
        self._rows = BookRows(rows_max=rows_max)
        self._is_told_stale = False  # By the symbol's `state`.
        self._is_flagged_stale = False  # By the last message since then.
        self._is_based = False  # Whether the rows are those of `sequence` in `epoch`.
        self._waiting: dict[int, Update] = {}

    # What the book holds.

    @property
    def is_current(self) -> bool:
        """Whether the rows are the gateway's own at `sequence`, and nothing is known to be lost."""
        return self.reason is None

    @property
    def is_stale(self) -> bool:
        """Whether the upstream is not live, so that the book may be old although it is current.

        The symbol's `state` says so, and so does the flag STALE of the last message.
        """
        return self._is_told_stale or self._is_flagged_stale

    @property
    def bids(self) -> tuple[PriceLevel, ...]:
        """Bid levels, best first; of orders, `order_count` is the number of rows at the price."""
        return self._rows.levels("B")

    @property
    def asks(self) -> tuple[PriceLevel, ...]:
        """Ask levels, best first; of orders, `order_count` is the number of rows at the price."""
        return self._rows.levels("A")

    @property
    def best_bid(self) -> PriceLevel | None:
        """Highest bid level; None when nobody buys."""
        return self._rows.best("B")

    @property
    def best_ask(self) -> PriceLevel | None:
        """Lowest ask level; None when nobody sells."""
        return self._rows.best("A")

    @property
    def is_crossed(self) -> bool:
        """Whether the best bid is above the best ask."""
        bid, ask = self.best_bid, self.best_ask
        return bid is not None and ask is not None and bid.price > ask.price

    def orders(self, side: str) -> list[OrderRow]:
        """List the orders of a side, best price first, then by their place in the queue.

        Args:
            side: `B` or `A`.

        Raises:
            InvalidArgument: No side, or a mirror of `depth`, which has no orders.
        """
        if side not in ("B", "A"):
            raise InvalidArgument("not a side", hint="Use B or A.", side=side)
        if self.kind != "order":
            raise InvalidArgument("a mirror of depth has no orders", hint="Follow kind order.")
        return [row for row in self._rows.in_order(side) if isinstance(row, OrderRow)]

    def rows(self) -> list[Row]:
        """List all rows as an Image does: bids best first, then asks best first."""
        return [*self._rows.in_order("B"), *self._rows.in_order("A")]

    # Following.

    def apply(self, item: Any) -> bool:
        """Take whatever the stream brings; what is not about this book is ignored.

        Args:
            item: A message or an event of a client's stream, or a message from `decode_frame`,
                `snapshot` or any other source.

        Returns:
            Whether the rows may have changed.

        Raises:
            SequenceGap: Updates are missing. The mirror is not current any more: ask for an image
                and hand it over. A client's own stream tells of a loss before, by a Gap, so this
                is not raised there, and the image is on its way.
        """
        if isinstance(item, Order | Depth):
            return self._is_ours(item) and self._take_update(item)
        if isinstance(item, Image):
            return self._is_ours(item) and self._take_image(item)
        if isinstance(item, State):
            if item.symbol == self.symbol:
                self._take_state(item)
        elif isinstance(item, GatewayRestarted):
            # One that comes late, after messages of a newer run, tells nothing new.
            if self.epoch is None or item.new_epoch > self.epoch or item.old_epoch == self.epoch:
                self._restart(item.new_epoch)
                return True
        elif isinstance(item, Gap):
            self._take_gap(item)
        elif isinstance(item, Overrun):
            # When several topics lost messages, the Gaps that follow say which, as far as they go.
            if item.topic == self.topic or (item.topic is None and item.unnamed):
                self._lose(f"{item.dropped} messages were dropped unread")
        elif isinstance(item, Disconnected):
            self._is_flagged_stale = True
            self._lose("the gateway is not heard")
        return False

    def _is_ours(self, item: Update | Image) -> bool:
        return item.symbol == self.symbol and topics.split_private(item.kind) == self.kind

    def _lose(self, reason: str) -> None:
        """Stop being current until an image comes."""
        if self._is_based:
            self.reason = reason

    def _restart(self, epoch: int) -> None:
        """Begin anew with another run of the gateway: what was known is of no use there."""
        if self.epoch is not None:
            self.reason = "the gateway was restarted"
        self.epoch = epoch
        self.sequence = 0
        self.is_known = self._is_based = False
        self.state = None
        self._is_told_stale = self._is_flagged_stale = False
        self._rows.clear()
        self._waiting.clear()

    def _is_of_this_run(self, epoch: int, flags: int) -> bool:
        """Follow the newest run; what comes from an earlier one, or is sent again, changes none."""
        if epoch == self.epoch:
            return True
        if flags & _RESENT or (self.epoch is not None and epoch < self.epoch):
            return False
        self._restart(epoch)
        return True

    def _take_update(self, update: Update) -> bool:
        epoch, sequence = update.epoch, update.sequence
        if not self._is_of_this_run(epoch, update.flags):
            return False
        if self.reason is None and sequence == self.sequence + 1:
            return self._change(update)
        if sequence <= self.sequence:
            return False
        if not self._is_based and sequence == 1:
            # The first message of a run finds the book empty.
            self._rows.clear()
            self._is_based, self.reason = True, None
            is_changed = self._change(update)
            return self._catch_up() or is_changed
        if self.reason is None and update.flags & _RESENT:
            return False
        self._keep(update)
        if self.reason is None:
            self._raise_gap(sequence)
        return False

    def _keep(self, update: Update) -> None:
        if len(self._waiting) >= WAITING_MAX and update.sequence not in self._waiting:
            del self._waiting[next(iter(self._waiting))]
        self._waiting[update.sequence] = update

    def _raise_gap(self, sequence: int) -> None:
        """Refuse to skip what is missing before a sequence."""
        gap = SequenceGap(self.topic, self.sequence + 1, sequence - 1)
        self.reason = gap.reason
        raise gap

    def _take_image(self, image: Image) -> bool:
        if not self._is_of_this_run(image.epoch, image.flags):
            return False
        if self._is_based and image.sequence < self.sequence:
            return False  # The rows are newer already, and never go back.
        self._rows.clear()
        self.sequence = image.sequence
        self.is_known = image.rows is not None
        self._is_based, self.reason = True, None
        self._note(image.flags & ~_SNAPSHOT)
        for row in image.rows or ():
            if not self._put(row):
                break
        if self.reason is None:
            self._catch_up()
        return True

    def _catch_up(self) -> bool:
        """Apply the updates that were kept, as far as they follow the rows without a hole."""
        is_changed = False
        for sequence in sorted(self._waiting):
            if self.reason is not None:
                return is_changed
            if sequence > self.sequence + 1:
                self._raise_gap(sequence)
            update = self._waiting.pop(sequence)
            if sequence > self.sequence:
                is_changed |= self._change(update)
        return is_changed

    def _take_gap(self, gap: Gap) -> None:
        if gap.topic != self.topic or gap.healed or gap.epoch not in (0, self.epoch):
            return
        if gap.last_missing > self.sequence:
            self._lose(SequenceGap(gap.topic, gap.first_missing, gap.last_missing).reason)

    def _take_state(self, state: State) -> None:
        if not self._is_of_this_run(state.epoch, state.flags):
            return
        is_public = topics.split_private(state.kind) == "state"
        # A gateway tells of Level 2 while somebody wants it: no word means that nobody does.
        told = (state.details or {}).get("level2", "closed" if is_public else state.state)
        self.state = None if told is None else str(told)
        is_stale = self.state not in _FRESH_STATES
        if is_public:
            self._is_told_stale = is_stale
            self._is_flagged_stale &= is_stale
        else:
            # The answer on a private topic of the book: nothing will take it back but a message.
            self._is_flagged_stale = is_stale

    # The rows.

    def _note(self, flags: int) -> None:
        self.last_flags = flags
        self._is_flagged_stale = bool(flags & _STALE)

    def _change(self, update: Update) -> bool:
        """Apply the update that is next."""
        self.sequence = update.sequence
        self.is_known = True
        self._note(update.flags)
        action, side = update.action, update.side
        if side not in ("B", "A"):
            return self._spoil("a row has an unknown side")
        if action == "clear":
            return self._rows.clear_side(side)
        if action not in ("add", "update", "delete"):
            return self._spoil("a row has an unknown action")
        row: Row
        if isinstance(update, Order):
            row = OrderRow(
                "add",
                side,
                update.order_id,
                update.market_maker,
                update.price,
                update.size,
                update.priority,
                update.precision,
            )
        else:
            row = DepthRow(
                "add", side, update.price, update.size, update.order_count, update.precision
            )
        if action == "delete":
            return self._rows.remove(key_of(row))
        self._put(row)
        return True

    def _put(self, row: Row) -> bool:
        if row.side not in ("B", "A") or row.price is None:
            return self._spoil("a row has no side or no price")
        if not self._rows.put(row, row.price):
            return self._spoil(f"the book has more than {self._rows_max} rows")
        return True

    def _spoil(self, reason: str) -> bool:
        """Give the rows up: what they say is not what the gateway's book says."""
        self._rows.clear()
        self.reason = reason
        return False
