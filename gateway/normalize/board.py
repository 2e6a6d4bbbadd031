"""The board: every symbol's state, who must be told of a change, and snapshots from memory.

A symbol is `pending` when asked for, `live` when its data can be trusted, `stale` or `recovering`
when they cannot for the moment, `refused` when the vendor will not deliver it, and `closed` when
nobody wants it any more. Each change is published on the symbol's `state` topic; and because most
consumers read only their data topics, the last quote and summary are repeated there, flagged
STALE, whenever a symbol leaves `live`.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from gateway.clock import Clock
from gateway.counters import Counters
from gateway.errors import QuotaExceeded
from gateway.model.enums import Cause, Flag, SymbolState
from gateway.model.messages import Kind, MessageType
from gateway.normalize.symbols import REPEATED_KINDS, Gap, Level2Standing, PlainSymbol, Symbol
from gateway.normalize.variants import VariantPublisher, variants_of
from gateway.policy.shards import shard_of
from gateway.wire.envelope import Body, Envelope, Topic
from gateway.wire.topics import TopicName

_STALE: Final = int(Flag.STALE)
_DELAYED: Final = int(Flag.DELAYED)
_CONFLATED: Final = int(Flag.CONFLATED)
_SUSPECT: Final = int(Flag.SUSPECT)
REASON_US_MIN: Final = 1_000_000
"""A symbol's reason for doubt is told anew at most this often."""
_STATE_TYPE: Final = int(MessageType.STATE)
_WANTED: Final = frozenset(SymbolState) - {SymbolState.CLOSED}


class Board:
    """All symbols of one gateway run. Owned by the feed thread; nothing else touches it.

    Args:
        envelope: Stamps and sends messages.
        clock: Stamps the gateway's own messages.
        symbol_count_max: Symbols kept, closed ones included; the oldest closed one makes room.
        shard_count: Level 1 connections that the symbols are shared out to.
        on_settled: Told of a symbol that stopped being pending.
        variants: Publishes conflated topics; one of its own by default.
        make_symbol: Makes symbols whose lines are read in Python by default.
        symbols: Where symbols are kept by name; an empty dict by default.
    """

    def __init__(
        self,
        *,
        envelope: Envelope,
        clock: Clock,
        symbol_count_max: int,
        shard_count: int = 1,
        on_settled: Callable[[Symbol], None] | None = None,
        variants: VariantPublisher | None = None,
        make_symbol: Callable[..., Symbol] = PlainSymbol,
        symbols: dict[str, Symbol] | None = None,
    ) -> None:
        self.envelope: Final = envelope
        self.variants: Final = (
            variants if variants is not None else VariantPublisher(envelope, counters=Counters())
        )
        """Conflated topics of quotes and summaries."""
        self._clock: Final = clock
        self._symbol_count_max: Final = symbol_count_max
        self.on_settled = on_settled
        self.on_silent: Callable[[str], object] = lambda _: None
        """Told of a symbol whose updates were kept from us: its watch must be made anew."""
        self._make_symbol = make_symbol
        self.symbols: Final[dict[str, Symbol]] = symbols if symbols is not None else {}
        self._closed: dict[str, None] = {}
        self._news: dict[str, Topic] = {}
        self.delayed_flag = 0
        """DELAYED while the account's feed is; for messages of no symbol of ours."""
        self._life_count = 0
        self.down_causes: Final[list[Cause | None]] = [Cause.IQCONNECT_DOWN] * shard_count
        """By connection: why none of its symbols can be live at the moment; None while it is
        whole."""

    def open(self, name: str) -> Symbol:
        """Begin to want a symbol: it is pending until the vendor answers.

        Raises:
            QuotaExceeded: `symbol_count_max` symbols are wanted already.
        """
        symbol = self.obtain(name)
        if symbol.state is SymbolState.CLOSED or symbol.state is SymbolState.REFUSED:
            symbol.forget_values()
            self.change(symbol, SymbolState.PENDING, self.down_causes[symbol.shard])
        return symbol

    def obtain(self, name: str) -> Symbol:
        """Find or make a symbol, without wanting anything of it yet.

        Raises:
            QuotaExceeded: `symbol_count_max` symbols are wanted already.
        """
        symbol = self.symbols.get(name)
        if symbol is None:
            self._make_room()
            symbol = self._make_symbol(
                name,
                envelope=self.envelope,
                now_us=self._clock.utc_us(),
                shard=shard_of(name, len(self.down_causes)),
            )
            self.symbols[name] = symbol
        self._closed.pop(name, None)
        return symbol

    def close(self, symbol: Symbol) -> None:
        """Stop wanting a symbol; its sequences are kept while there is room."""
        self.change(symbol, SymbolState.CLOSED, None)
        symbol.forget_values()
        self.park(symbol)

    def park(self, symbol: Symbol) -> None:
        """Let a symbol make room for others when nobody wants it on either port."""
        if not symbol.is_wanted:
            self._closed[symbol.name] = None

    def refuse(self, name: str, cause: Cause) -> Symbol | None:
        """Note that the vendor will not deliver a symbol.

        Returns:
            The symbol; None when nobody wants it (any more).
        """
        symbol = self.symbols.get(name)
        if symbol is None or symbol.state is SymbolState.CLOSED:
            return None
        self.change(symbol, SymbolState.REFUSED, cause)
        return symbol

    def hear(self, symbol: Symbol, gap: Gap | None = None) -> bool:
        """Note a price line for a symbol that is not live.

        Args:
            symbol: Any symbol.
            gap: The trades that were missed before the line; None for none.

        Returns:
            Whether it is live now. It is not while the upstream is broken, and lines that come
            after the last consumer left do not bring a closed symbol back.
        """
        is_down = self.down_causes[symbol.shard] is not None
        if is_down or symbol.state is SymbolState.CLOSED:
            return False
        symbol.has_old_values = False
        symbol.attention.answered()
        self._age_regional(symbol)
        if gap is not None:
            symbol.details = gap.details()
            self.change(symbol, SymbolState.RECOVERING, Cause.GAP)
            symbol.details = {}
        self.change(symbol, SymbolState.LIVE, None)
        return True

    def halt(self, symbol: Symbol, *, is_halted: bool) -> None:
        """Note that trading in a live symbol is halted, or goes on.

        Its values are right, and nothing moves: it stays live, with the cause, and what it
        publishes is flagged SUSPECT, its last quote and summary at once.
        """
        symbol.attention.is_halted = is_halted
        cause = Cause.HALTED if is_halted else None
        if symbol.is_live and symbol.cause is not cause:
            self.change(symbol, SymbolState.LIVE, cause)
            self._repeat(symbol, self._clock.utc_us())

    def doubt(self, symbol: Symbol, reason: str, recv_us: int) -> None:
        """Note that a message of a symbol failed a plausibility check; tell it, but not often."""
        attention = symbol.attention
        is_news = attention.reason is None or (
            attention.reason != reason and recv_us - attention.reason_us > REASON_US_MIN
        )
        attention.reason_us = recv_us
        if is_news:
            attention.reason = reason
            self.tell(symbol)

    def trust(self, symbol: Symbol) -> None:
        """Note that a symbol's messages are plausible again."""
        if symbol.attention.reason is not None:
            symbol.attention.reason = None
            self.tell(symbol)

    def lose_upstream(self, cause: Cause, shard: int = 0) -> None:
        """Mark everything of a connection that was to be trusted as not to be, and say why."""
        if cause is self.down_causes[shard]:
            return
        self.down_causes[shard] = cause
        for symbol in self._wanted_of(shard):
            if symbol.state is SymbolState.PENDING:
                self.change(symbol, SymbolState.PENDING, cause)
            elif symbol.state is not SymbolState.REFUSED:
                self.change(symbol, SymbolState.STALE, cause)

    def recover_upstream(self, shard: int = 0) -> list[Symbol]:
        """Begin recovery: the connection is whole, values have to be heard anew.

        Returns:
            The symbols whose values must be asked for, all but the refused.
        """
        self.down_causes[shard] = None
        symbols = [s for s in self._wanted_of(shard) if s.state is not SymbolState.REFUSED]
        for symbol in symbols:
            if symbol.state is SymbolState.PENDING:
                self.change(symbol, SymbolState.PENDING, None)
            else:
                symbol.has_old_values = True
                self.change(symbol, SymbolState.RECOVERING, symbol.cause)
        return symbols

    def resume_upstream(self, shard: int = 0) -> None:
        """End a silence in which nothing can have been lost: last values hold again.

        A symbol that had been recovering when the silence began goes on with that.
        """
        self.down_causes[shard] = None
        now_us = self._clock.utc_us()
        for symbol in self._wanted_of(shard):
            if symbol.state is SymbolState.PENDING:
                self.change(symbol, SymbolState.PENDING, None)
            elif symbol.state is not SymbolState.STALE:
                continue
            elif symbol.has_old_values:
                self.change(symbol, SymbolState.RECOVERING, symbol.cause)
            else:
                halted = Cause.HALTED if symbol.attention.is_halted else None
                self.change(symbol, SymbolState.LIVE, halted)
                self._repeat(symbol, now_us)

    def set_delayed(self, is_delayed: bool) -> None:
        """Flag everything DELAYED while the account's feed is."""
        self.delayed_flag = _DELAYED if is_delayed else 0
        for symbol in self.symbols.values():
            symbol.flags = (symbol.flags & ~_DELAYED) | self.delayed_flag

    def change(self, symbol: Symbol, state: SymbolState, cause: Cause | None) -> None:
        """Move a symbol to a state and tell everyone; nothing happens when it is there already."""
        if symbol.state is state and symbol.cause is cause:
            return
        was_live, was_pending = symbol.is_live, symbol.state is SymbolState.PENDING
        now_us = self._clock.utc_us()
        if symbol.state is not state:
            symbol.since_us = now_us
        symbol.state = state
        symbol.cause = cause
        symbol.is_live = state is SymbolState.LIVE
        doubt_flag = _SUSPECT if cause is Cause.HALTED else 0
        worth_flag = doubt_flag if symbol.is_live else _STALE
        symbol.flags = self.delayed_flag | worth_flag
        self.tell(symbol)
        if was_live and not symbol.is_live:
            self._repeat(symbol, now_us)
        if symbol.is_live and not was_live:
            self._life_count += 1
            symbol.life = self._life_count
        if was_pending and state is not SymbolState.PENDING:
            self.settle(symbol)

    def settle(self, symbol: Symbol) -> None:
        """Tell who waits that a symbol is not pending any more, on either port."""
        if self.on_settled is not None and not symbol.is_pending:
            self.on_settled(symbol)

    def tell(self, symbol: Symbol) -> None:
        """Publish how a symbol stands.

        The state speaks for Level 1 where Level 1 is wanted, else for Level 2: nobody who trades on
        quotes shall stop because another consumer's order book is not live. The details tell of
        Level 2 in any case.
        """
        level2 = symbol.level2
        spoken: Symbol | Level2Standing = symbol
        details = symbol.details
        if symbol.attention.reason is not None:
            details = details | {"level1_reason": str(symbol.attention.reason)}
        if level2 is not None:
            details = details | level2.details()
            if symbol.state is SymbolState.CLOSED:
                spoken = level2
        cause = spoken.cause.value if spoken.cause else None
        self.envelope.publish(
            symbol.state_topic,
            (spoken.state.value, cause, spoken.since_us, details),
            flags=self.delayed_flag,
            recv_us=self._clock.utc_us(),
            event_us=None,
        )

    def wanted(self) -> Iterator[Symbol]:
        """Every symbol that somebody wants, the refused included."""
        return (s for s in self.symbols.values() if s.state in _WANTED)

    def _wanted_of(self, shard: int) -> Iterator[Symbol]:
        return (s for s in self.wanted() if s.shard == shard)

    def news_topic(self, distributor: str) -> Topic:
        """The topic of a news distributor; a few dozen exist, garbage is bounded."""
        topic = self._news.get(distributor)
        if topic is None:
            if len(self._news) >= self._symbol_count_max:
                for known in self._news.values():
                    self.envelope.discard(known)
                self._news.clear()
            topic = self._news[distributor] = self.envelope.topic(Kind.NEWS, distributor)
        return topic

    def known_topic(self, name: TopicName) -> Topic | None:
        """The topic of a Level 1 kind or of news; None before it is first used."""
        if name.kind is Kind.NEWS:
            return self._news.get(name.symbol)
        symbol = self.symbols.get(name.symbol)
        return None if symbol is None else symbol.topics.get(name.kind)

    def topics(self) -> Iterable[Topic]:
        """Every topic there is; for the tails scan."""
        for symbol in self.symbols.values():
            yield from symbol.topics.values()
            yield from variants_of((symbol.quote, symbol.summary))
        yield from self._news.values()

    def _repeat(self, symbol: Symbol, now_us: int) -> None:
        """Repeat the last quote and summary with what they are worth now."""
        for kind in REPEATED_KINDS:
            topic = symbol.topics.get(kind)
            if topic is not None and topic.last is not None:
                # What stood for several updates still does: flag and `merged` go together.
                flags = symbol.flags | (topic.last[3] & _CONFLATED)
                self.envelope.repeat(topic, flags=flags, recv_us=now_us)
                self.variants.publish_all(topic, self._clock.monotonic_ns() // 1000)

    def _age_regional(self, symbol: Symbol) -> None:
        """Mark the last regional quote STALE until a newer one comes.

        It is not repeated, and the symbol's own next quote says nothing of a market center's.
        """
        topic = symbol.topics.get(Kind.REGIONAL)
        if topic is not None and topic.last is not None:
            last = topic.last
            topic.last = (*last[:3], last[3] | _STALE, *last[4:])

    def why_not(self, state: SymbolState, cause: Cause | None, since_us: int) -> Body:
        """The answer on a private topic that has no value to give."""
        head = (_STATE_TYPE, self.envelope.epoch, 0, 0, self._clock.utc_us(), None)
        return (*head, state.value, cause.value if cause else None, since_us, {})

    def _make_room(self) -> None:
        if len(self.symbols) < self._symbol_count_max:
            return
        if not self._closed:
            raise QuotaExceeded(
                "too many symbols",
                hint="Release symbols nobody needs, or raise data.symbol_count_max.",
                limit=self._symbol_count_max,
            )
        oldest = next(iter(self._closed))
        del self._closed[oldest]
        for topic in self.symbols.pop(oldest).topics.values():
            self.variants.drop_all(topic)
            self.envelope.discard(topic)
