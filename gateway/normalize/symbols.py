"""What the gateway knows of one symbol: its topics, its state, and what the next line needs."""

import enum
from typing import Final, NamedTuple

from gateway.model.enums import Cause, SymbolState
from gateway.model.messages import STATE_KINDS, Kind
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
CENTERS_MAX: Final = 64
"""Market centers of a symbol whose trade ids are followed."""
SAME_DAY_US_MAX: Final = 22 * 3_600_000_000
"""Within this time a time of day comes only once: a day less the hour that a DST change skips,
less another for clocks that differ."""
FORGETTING: Final = 0.25
"""What is left of a symbol's activity after an audit found that it is merely quiet."""
LOOKS_KEPT: Final = 8
"""How many looks that counts as: a symbol that becomes busy again is soon known to be."""

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


class Prints:
    """What is known of a symbol's trades: whether the next one comes in order."""

    __slots__ = ("date_text", "has_sizes", "newest_us", "tick_ids")

    def __init__(self) -> None:
        self.newest_us = 0
        """The vendor's time of the newest trade, UTC; 0 before the first."""
        self.date_text = ""
        """The date that `tick_ids` count on."""
        self.tick_ids: dict[str, int] = {}
        """The newest trade id by market center: they count up, each center's by itself."""
        self.has_sizes = False
        """Whether a trade ever had a size; an index's have none."""

    def is_late(
        self, event_us: int | None, trade_id: int | None, center: str, date_text: str
    ) -> bool:
        """Whether a trade is older than one that was published; it is remembered if not.

        Time decides. Ids count up within a day and a market center, as a rule only: where time has
        moved on, a smaller id is the first of another numbering, as after a restart of the vendor.

        Args:
            event_us: The vendor's time of the trade, UTC.
            trade_id: The vendor's number of it.
            center: Its market center, as text.
            date_text: Its date, as text.
        """
        if date_text != self.date_text:
            self.date_text = date_text
            self.tick_ids.clear()
        is_newer = event_us is not None and event_us > self.newest_us
        is_late = event_us is not None and event_us < self.newest_us
        if trade_id is not None:
            known = self.tick_ids.get(center)
            is_behind = known is not None and trade_id < known
            is_late = is_late or (is_behind and not is_newer)
            # Without a time the newest id is all there is; a wrong one must not stand for a day.
            is_next = not is_behind or is_newer or event_us is None
            if is_next and (known is not None or len(self.tick_ids) < CENTERS_MAX):
                self.tick_ids[center] = trade_id
        if event_us is not None and is_newer:
            self.newest_us = event_us
        return is_late


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
    """One symbol's standing. Plain slots, because the busiest loop reads and writes them.

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
        self.name: Final = name
        self.shard: Final = shard
        self.envelope: Final = envelope
        self.quote: Final = envelope.topic(Kind.QUOTE, name)
        self.trade: Final = envelope.topic(Kind.TRADE, name)
        self.summary: Final = envelope.topic(Kind.SUMMARY, name)
        self.state_topic: Final = envelope.topic(Kind.STATE, name)
        self.topics: Final[dict[Kind, Topic]] = {
            Kind.QUOTE: self.quote,
            Kind.TRADE: self.trade,
            Kind.SUMMARY: self.summary,
            Kind.STATE: self.state_topic,
        }
        """Topics made so far; the rarer kinds' are made when first needed."""
        self.state = SymbolState.CLOSED
        self.cause: Cause | None = Cause.NOT_SUBSCRIBED
        self.since_us = now_us
        self.details: dict[str, object] = {}
        self.level2: Level2Standing | None = None
        """How it stands on the Level 2 port; None while nobody wants it there."""
        self.is_live = False
        """Whether `state` is live; asked once a line."""
        self.life = 0
        """Number of its latest time of being live, unique in this run; 0 before the first."""
        self.has_old_values = False
        """Whether values may have changed unseen: from a recovery to the next price line."""
        self.flags = 0
        """Flags of every message of this symbol: DELAYED, and STALE while it is not live."""
        self.last_line_us: int | None = None
        """When the last line of this symbol was read, UTC; None before the first."""
        self.bid_time_text = ""
        self.bid_us: int | None = None
        self.ask_time_text = ""
        self.ask_us: int | None = None
        self.line = ""
        """The last P or Q line that was published; empty before the first."""
        self.quote_us = 0
        """The vendor's time of the newest quote, UTC; 0 before the first."""
        self.prints: Final = Prints()
        """What the next trade is compared with."""
        self.attention: Final = Attention()
        """What has been noticed of it although no line said so."""
        self.rest = ""
        """What followed the quote columns on the last line that was read only so far."""
        self.last_conditions: str | None = None
        """Conditions of the last qualified trade; None until one was seen."""
        self.summary_line: str | None = None
        """The newest line whose summary has not been published yet."""
        self.summary_recv_us = 0
        self.summary_merged = 0
        """How many updates the next summary stands for."""
        self.summary_due_us = 0
        """Not before this may a trade cause a summary, UTC."""

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
