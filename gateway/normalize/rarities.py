"""F, R, N and C lines to fundamental, regional, news and correction messages."""

from typing import Final, NamedTuple

from gateway.counters import Complaints, Counter
from gateway.iqfeed.level1 import (
    parse_correction,
    parse_fundamental,
    parse_news,
    parse_regional,
)
from gateway.model.enums import Flag, SymbolState
from gateway.model.messages import Kind
from gateway.normalize.board import Board
from gateway.normalize.eastern import EasternTime
from gateway.normalize.symbols import Symbol

REGIONAL_SIDES_MAX: Final = 50_000
"""Market centers' quotes whose times are remembered; emptied when full."""
_STALE: Final = int(Flag.STALE)


class _Side(NamedTuple):
    """The time of one side of a market center's quote, as text and as a moment if known."""

    text: str
    moment_us: int | None
    life: int
    """The symbol's `life` when this was heard: in another one, something was missed."""


class RareLines:
    """Publishes the lines that are few.

    Args:
        board: Symbols and where messages go.
        eastern: The connection's clock.
        complaints: Where bad lines are reported.
    """

    def __init__(self, *, board: Board, eastern: EasternTime, complaints: Complaints) -> None:
        self._board = board
        self._eastern = eastern
        self._complaints = complaints
        self._sides: dict[tuple[str, int | None, str], _Side] = {}
        self.protocol = "6.2"
        """The version in force; it decides the layout of F lines."""
        self._publishers = {
            "F": self._fundamental,
            "R": self._regional,
            "N": self._news,
            "C": self._correction,
        }

    def publish(self, letter: str, line: str, recv_us: int) -> bool:
        """Publish one line.

        Args:
            letter: The line's first character.
            line: The whole line.
            recv_us: When it was read, UTC.

        Returns:
            Whether the letter is one of ours; a bad line is, and has been counted.
        """
        publisher = self._publishers.get(letter)
        if publisher is None:
            return False
        publisher(line, recv_us)
        return True

    def _symbol(self, name: str) -> Symbol | None:
        symbol = self._board.symbols.get(name)
        if symbol is None or symbol.state is SymbolState.CLOSED:
            self._complaints.complain(Counter.LINES_UNWATCHED, name, "not watched")
            return None
        return symbol

    def _fundamental(self, line: str, recv_us: int) -> None:
        fundamental = parse_fundamental(line, self._complaints, protocol=self.protocol)
        if fundamental is None:
            return
        symbol = self._symbol(fundamental.symbol)
        if symbol is None:
            return
        topic = symbol.topic(Kind.FUNDAMENTAL)
        last = topic.last
        if symbol.attention.is_audited and last is not None and last[6] == fundamental.values:
            # Nobody asked for it but we ourselves, and it is no news.
            return
        # An F line comes before the first P: the symbol is pending, but this is no stale value.
        is_whole = self._board.down_causes[symbol.shard] is None
        self._board.envelope.publish(
            topic,
            (fundamental.values,),
            flags=symbol.flags & ~_STALE if is_whole else symbol.flags,
            recv_us=recv_us,
            event_us=None,
        )

    def _regional(self, line: str, recv_us: int) -> None:
        regional = parse_regional(line, self._complaints)
        symbol = None if regional is None else self._symbol(regional.symbol)
        if regional is None or symbol is None:
            return
        center = regional.market_center
        bid_us = self._side_us(symbol, center, "B", regional.bid_time)
        ask_us = self._side_us(symbol, center, "A", regional.ask_time)
        self._board.envelope.publish(
            symbol.topic(Kind.REGIONAL),
            (
                regional.bid,
                regional.bid_size,
                bid_us,
                regional.ask,
                regional.ask_size,
                ask_us,
                center,
            ),
            flags=symbol.flags,
            recv_us=recv_us,
            event_us=max((us for us in (bid_us, ask_us) if us is not None), default=None),
        )

    def _side_us(self, symbol: Symbol, center: int | None, side: str, text: str) -> int | None:
        """Date one side's time: known only when it changed before our eyes.

        The first line of a market center, or after an interruption, may be its last quote of
        days ago.
        """
        key = (symbol.name, center, side)
        known = self._sides.get(key)
        if known is not None and (not symbol.is_live or known.life != symbol.life):
            known = None
        if known is not None and known.text == text:
            return known.moment_us
        moment_us = None if known is None else self._eastern.near_clock(text)
        if text and not self._eastern.is_time(text):
            self._complaints.complain(Counter.VALUES_INVALID, text, "not a time HH:MM:SS")
        if len(self._sides) >= REGIONAL_SIDES_MAX:
            self._sides.clear()
            self._complaints.complain(Counter.CACHE_RESETS, symbol.name, "regional times")
        self._sides[key] = _Side(text, moment_us, symbol.life)
        return moment_us

    def _news(self, line: str, recv_us: int) -> None:
        news = parse_news(line, self._complaints)
        if news is None:
            return
        text = news.published
        event_us = None
        if text:
            event_us = self._eastern.dated(
                f"{text[4:6]}/{text[6:8]}/{text[:4]}", f"{text[9:11]}:{text[11:13]}:{text[13:]}"
            )
            if event_us is None:
                self._complaints.complain(Counter.VALUES_INVALID, text, "no such date or time")
        self._board.envelope.publish(
            self._board.news_topic(news.distributor),
            (news.distributor, news.story_id, list(news.symbols), news.headline),
            flags=self._board.delayed_flag,
            recv_us=recv_us,
            event_us=event_us,
        )

    def _correction(self, line: str, recv_us: int) -> None:
        correction = parse_correction(line, self._complaints)
        symbol = None if correction is None else self._symbol(correction.symbol)
        if correction is None or symbol is None:
            return
        trade_us = None
        if correction.trade_date and correction.trade_time:
            trade_us = self._eastern.dated(correction.trade_date, correction.trade_time)
            if trade_us is None:
                self._complaints.complain(Counter.VALUES_INVALID, line, "no such trade date")
        self._board.envelope.publish(
            symbol.topic(Kind.CORRECTION),
            (
                correction.action,
                correction.basis,
                correction.price,
                correction.size,
                correction.trade_id,
                correction.conditions,
                correction.market_center,
                trade_us,
            ),
            flags=symbol.flags,
            recv_us=recv_us,
            event_us=None,
        )
