"""What the gateway knows of one symbol: its topics, its state, and what the next line needs."""

import enum
from typing import TYPE_CHECKING, Final, NamedTuple

from gateway.model.enums import Cause, SymbolState
from gateway.model.messages import STATE_KINDS, Kind
from gateway.normalize.prints import Prints
from gateway.wire.envelope import Envelope, Topic

BOARD_KINDS: Final = (
    Kind.QUOTE,
    Kind.TRADE,
    Kind.SUMMARY,
    Kind.FUNDAMENTAL,
    Kind.STATE,
    Kind.REGIONAL,
    Kind.CORRECTION,
)
"""Kinds that a Level 1 symbol can have a topic of."""
BOOK_KINDS: Final = (Kind.ORDER, Kind.DEPTH, Kind.BOOK)
"""Kinds that the Level 2 port delivers."""
REPEATED_KINDS: Final = (Kind.QUOTE, Kind.SUMMARY)
"""Kinds that repeat their last value when a symbol leaves or regains `live` on Level 1; `book` does
so with Level 2."""
SAME_DAY_US_MAX: Final = 22 * 3_600_000_000
"""Within this time a time of day comes only once: a day less the hour that a DST change skips,
less another for clocks that differ."""
FORGETTING: Final = 0.25
"""What is left of a symbol's activity after an audit found that it is merely quiet."""
LOOKS_KEPT: Final = 8
"""How many looks that counts as: a symbol that becomes busy again is soon known to be."""

NO_REST: Final = "\n"
"""What no line can end with, so that a line cut behind the quote is not taken for a whole one."""

_FORGOTTEN_KINDS: Final = STATE_KINDS - {Kind.STATE, Kind.BOOK}


class BookSource(enum.StrEnum):
    """Which of the vendor's deliveries feeds a symbol's `book`."""

    ORDERS = "orders"
    """Every order, by number (futures with market by order)."""
    MARKET_MAKERS = "market_makers"
    """The best row of each market maker or venue (equities, and the classic dialect)."""
    PRICE_LEVELS = "price_levels"
    """Price levels as the exchange adds them up."""


class Gap(NamedTuple):
    """Trades of a symbol that nobody told us of."""

    from_us: int
    """When the last line before the interruption was read, UTC."""
    to_us: int
    """When the first line behind it was read, UTC."""
    missed_volume: int | None
    """Volume of the trades missed; None when it cannot be told, as from one day to another."""

    def details(self) -> dict[str, object]:
        """What the symbol's `state` says of it."""
        told: dict[str, object] = {"gap_from_us": self.from_us, "gap_to_us": self.to_us}
        return told if self.missed_volume is None else told | {"gap_volume": self.missed_volume}


class Attention:
    """How active a symbol is, and what the vendor was asked about it without an answer yet."""

    __slots__ = (
        "activity",
        "asked_us",
        "is_audited",
        "is_halted",
        "looks",
        "quiet_looks",
        "reason",
        "reason_us",
        "seen_line_us",
        "tries",
    )

    def __init__(self) -> None:
        self.seen_line_us: int | None = None
        """`last_line_us` at the last look."""
        self.reset()

    def reset(self) -> None:
        """Forget everything: nobody wants the symbol any more."""
        self.reason: str | None = None
        """Why its messages were flagged SUSPECT; None while they are plausible."""
        self.reason_us = 0
        """When the last implausible message was read, UTC."""
        self.activity = 0.0
        """Share of the looks that found a new line."""
        self.looks = 0
        """Looks that `activity` was learned from."""
        self.quiet_looks = 0
        """Looks in a row that found none; they do not count before the silence is over."""
        self.is_halted = False
        """Whether the newest print told that trading is halted."""
        self.is_audited = False
        """Whether the next P line answers the question whether updates were missed."""
        self.answered()

    def learn(self, looks_max: int) -> None:
        """Note a look that found a new line, and the quiet ones before it.

        Args:
            looks_max: How many looks the activity stands for, in the long run.
        """
        looks = self.looks + self.quiet_looks + 1
        self.activity = (self.activity * self.looks + 1) / looks
        self.looks = min(looks, looks_max)
        self.quiet_looks = 0

    def found_quiet(self) -> None:
        """Note that an audit found nothing missed: the symbol has become quiet."""
        self.activity *= FORGETTING
        self.looks = min(self.looks, LOOKS_KEPT)
        self.quiet_looks = 0

    def found_silent(self) -> None:
        """Note that updates were kept from us: looks that found none say nothing of its pace."""
        self.is_audited = False
        self.quiet_looks = 0
        self.answered()

    def answered(self) -> None:
        """Note that the vendor spoke of the symbol."""
        self.asked_us = 0
        """When the vendor was asked first without an answer yet, monotonic; 0 when it was not."""
        self.tries = 0
        """Requests sent since."""


class Level2Standing:
    """How a symbol stands on the Level 2 port, for its `state` topic."""

    __slots__ = ("cause", "reason", "since_us", "source", "state")

    def __init__(self, now_us: int) -> None:
        self.state = SymbolState.CLOSED
        self.cause: Cause | None = None
        self.since_us = now_us
        self.source: BookSource | None = None
        """None until the vendor's answer shows it."""
        self.reason: str | None = None
        """Which plausibility check the book fails; None when it fails none."""

    @property
    def is_live(self) -> bool:
        """Whether its books can be trusted."""
        return self.state is SymbolState.LIVE

    def details(self) -> dict[str, object]:
        """What the symbol's `state` says of Level 2."""
        told = {
            "level2": self.state.value,
            "level2_cause": self.cause,
            "level2_source": self.source,
            "reason": self.reason,
        }
        return {key: str(value) for key, value in told.items() if value is not None}


class Symbol:
    """One symbol's standing.

    What its usual lines read and change is plain slots in `PlainSymbol`, and memory that is read
    without Python in the compiled one; everybody else needs not know which it is.
    """

    if not TYPE_CHECKING:
        __slots__ = ()  # The attributes below are its subclasses' to keep.

    name: str
    """The vendor's string, verbatim."""
    shard: int
    """Which Level 1 connection delivers it."""
    envelope: Envelope
    quote: Topic
    trade: Topic
    summary: Topic
    state_topic: Topic
    topics: dict[Kind, Topic]
    """Topics made so far; the rarer kinds' are made when first needed."""
    state: SymbolState
    cause: Cause | None
    since_us: int
    details: dict[str, object]
    level2: Level2Standing | None
    """How it stands on the Level 2 port; None while nobody wants it there."""
    is_live: bool
    """Whether `state` is live; asked once a line."""
    life: int
    """Number of its latest time of being live, unique in this run; 0 before the first."""
    has_old_values: bool
    """Whether values may have changed unseen: from a recovery to the next price line."""
    flags: int
    """Flags of every message of this symbol: DELAYED, and STALE while it is not live."""
    last_line_us: int | None
    """When the last line of this symbol was read, UTC; None before the first."""
    bid_time_text: str
    bid_us: int | None
    ask_time_text: str
    ask_us: int | None
    line: str
    """The last P or Q line that was published; empty before the first."""
    rest: str
    """What followed the quote columns on the last line that was read only so far; `NO_REST` before
    the first. Only where lines are read in Python."""
    quote_us: int
    """The vendor's time of the newest quote, UTC; 0 before the first."""
    prints: Prints
    """What the next trade is compared with."""
    attention: Attention
    """What has been noticed of it although no line said so."""
    last_conditions: str | None
    """Conditions of the last qualified trade; None until one was seen."""
    summary_line: str | None
    """The newest line whose summary has not been published yet."""
    summary_recv_us: int
    summary_merged: int
    """How many updates the next summary stands for."""
    summary_due_us: int
    """Not before this may a trade cause a summary, UTC."""

    def _begin(self, name: str, *, envelope: Envelope, now_us: int, shard: int) -> None:
        """Set what no line reads, `quote` and `trade` being there."""
        self.name = name
        self.shard = shard
        self.envelope = envelope
        self.summary = envelope.topic(Kind.SUMMARY, name)
        self.state_topic = envelope.topic(Kind.STATE, name)
        self.topics = {
            Kind.QUOTE: self.quote,
            Kind.TRADE: self.trade,
            Kind.SUMMARY: self.summary,
            Kind.STATE: self.state_topic,
        }
        self.state = SymbolState.CLOSED
        self.cause = Cause.NOT_SUBSCRIBED
        self.since_us = now_us
        self.details = {}
        self.level2 = None
        self.life = 0
        self.has_old_values = False
        self.attention = Attention()

    @property
    def is_wanted_level1(self) -> bool:
        """Whether somebody wants what Level 1 delivers of it."""
        return self.state is not SymbolState.CLOSED

    @property
    def is_wanted(self) -> bool:
        """Whether somebody wants it, on either port."""
        return self.is_wanted_level1 or self.level2 is not None

    @property
    def is_pending(self) -> bool:
        """Whether the vendor has not answered yet for something that is wanted."""
        level2 = self.level2
        return self.state is SymbolState.PENDING or (
            level2 is not None and level2.state is SymbolState.PENDING
        )

    def topic(self, kind: Kind) -> Topic:
        """The topic of a kind, made if this is its first use."""
        topic = self.topics.get(kind)
        if topic is None:
            topic = self.topics[kind] = self.envelope.topic(kind, self.name)
        return topic

    def doubt_times(self, bid_text: str, ask_text: str, recv_us: int) -> None:
        """Keep a side's moment only where a line that may be old proves it.

        A quote's time has no date, and one of a P line, or of the first line after an
        interruption, may be days old. It is known only when it is the very time that a dated
        update had, less than a day ago. A doubted side is as one never heard.

        Args:
            bid_text: The bid's time of day on such a line.
            ask_text: The ask's.
            recv_us: When the line was read, UTC.
        """
        bid_us, ask_us = self.bid_us, self.ask_us
        if bid_us is None or bid_text != self.bid_time_text or recv_us - bid_us > SAME_DAY_US_MAX:
            self.bid_time_text, self.bid_us = "", None
        if ask_us is None or ask_text != self.ask_time_text or recv_us - ask_us > SAME_DAY_US_MAX:
            self.ask_time_text, self.ask_us = "", None

    def forget_line(self) -> None:
        """Drop the last line: those to come have other columns."""
        self.line = ""

    def forget_values(self) -> None:
        """Drop every last value, keeping all sequences: what follows must be heard anew.

        Events stay: a print that was made was made, however long ago.
        """
        for kind, topic in self.topics.items():
            if kind in _FORGOTTEN_KINDS:
                topic.last = None
                for variant in (topic.variants or {}).values():
                    variant.topic.last = None
                    variant.merged = 0
        self.bid_time_text = self.ask_time_text = ""
        self.bid_us = self.ask_us = None
        self.last_conditions = None
        self.has_old_values = False
        self.line = ""
        self.quote_us = 0
        self.attention.reset()
        self.summary_line = None
        self.summary_merged = 0


class PlainSymbol(Symbol):
    """A symbol whose lines are read in Python: slots, because the busiest loop uses them.

    Args:
        name: The vendor's string, verbatim.
        envelope: Where topics come from.
        now_us: When the gateway first heard of it, UTC.
        shard: Which Level 1 connection delivers it.
    """

    __slots__ = (
        "ask_time_text",
        "ask_us",
        "attention",
        "bid_time_text",
        "bid_us",
        "cause",
        "details",
        "envelope",
        "flags",
        "has_old_values",
        "is_live",
        "last_conditions",
        "last_line_us",
        "level2",
        "life",
        "line",
        "name",
        "prints",
        "quote",
        "quote_us",
        "rest",
        "shard",
        "since_us",
        "state",
        "state_topic",
        "summary",
        "summary_due_us",
        "summary_line",
        "summary_merged",
        "summary_recv_us",
        "topics",
        "trade",
    )

    def __init__(self, name: str, *, envelope: Envelope, now_us: int, shard: int = 0) -> None:
        self.quote = envelope.topic(Kind.QUOTE, name)
        self.trade = envelope.topic(Kind.TRADE, name)
        self._begin(name, envelope=envelope, now_us=now_us, shard=shard)
        self.is_live = False
        self.flags = 0
        self.last_line_us = None
        self.bid_time_text = self.ask_time_text = ""
        self.bid_us = self.ask_us = None
        self.line, self.rest = "", NO_REST
        self.quote_us = 0
        self.prints = Prints()
        self.last_conditions = None
        self.summary_line = None
        self.summary_recv_us = self.summary_merged = self.summary_due_us = 0

    def forget_line(self) -> None:
        """Drop the last line: those to come have other columns."""
        self.line, self.rest = "", NO_REST
