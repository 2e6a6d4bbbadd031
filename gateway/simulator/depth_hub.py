"""Who watches whose depth, and the way of a book's changes to the Level 2 sockets."""

import random
from collections.abc import Callable, Iterable
from typing import Protocol

from gateway.simulator.counts import Counts
from gateway.simulator.deep_symbol import DeepSymbol
from gateway.simulator.depth_feed import DepthFeed, FeedKey
from gateway.simulator.eastern import SECOND_US, moment_at
from gateway.simulator.roster import Roster


class DepthSource(Protocol):
    """Where books come from."""

    def depth(self, symbol: str) -> DeepSymbol | None:
        """A symbol with its book, made when first asked for; None for one without depth."""
        ...


class DepthWatch:
    """One socket's request for one symbol's depth.

    Args:
        pending: The socket's lines that wait for the next flush.
        key: The dialect it is answered in.
    """

    __slots__ = ("is_silent", "key", "pending")

    def __init__(self, pending: list[str], key: FeedKey) -> None:
        self.pending = pending
        self.key = key
        self.is_silent = False


class DepthChannel:
    """One symbol whose depth is watched: its book, its feeds and who gets their lines.

    Args:
        symbol: The symbol and its book.
        counts: Where everything is counted.
        empty_time_share: Share of order deletes without a time.
        seed: The market's seed.
    """

    def __init__(
        self, symbol: DeepSymbol, counts: Counts, *, empty_time_share: float, seed: int
    ) -> None:
        self.symbol = symbol
        self._counts = counts
        self._empty_time_share = empty_time_share
        self._seed = seed
        self.watches: list[DepthWatch] = []
        self._feeds: dict[FeedKey, DepthFeed] = {}

    def add(self, watch: DepthWatch) -> None:
        """Begin a watch; its summary is the caller's to ask for."""
        self.watches.append(watch)
        if watch.key not in self._feeds:
            state = self.symbol
            self._feeds[watch.key] = DepthFeed(
                state.book,
                watch.key,
                symbol=state.symbol,
                price_text=state.text,
                decimals=state.instrument.decimals,
                empty_time_share=self._empty_time_share,
                rng=random.Random(f"{self._seed}/{state.symbol}/empty times"),
            )

    def remove(self, watch: DepthWatch) -> None:
        """End a watch."""
        self.watches.remove(watch)
        if all(other.key != watch.key for other in self.watches):
            del self._feeds[watch.key]

    def replay(self, watch: DepthWatch) -> None:
        """Queue the whole book for one socket."""
        lines = self.summary(watch)
        watch.pending.extend(lines)
        self._counts.depth_lines_sent += len(lines)

    def summary(self, watch: DepthWatch) -> list[str]:
        """The whole book in one watch's dialect."""
        return self._feeds[watch.key].summary()

    def clear(self, watch: DepthWatch) -> None:
        """Queue the word that what a socket holds of this symbol is void."""
        watch.pending.extend(self._feeds[watch.key].clear())
        self._counts.depth_clears += 1

    def publish(self) -> None:
        """Queue what changed since the last call on every socket that wants it."""
        changes = self.symbol.book.changes
        if not changes:
            return
        counts = self._counts
        counts.depth_events += 1
        for key, feed in self._feeds.items():
            lines = feed.update()
            if lines:
                for watch in self.watches:
                    if watch.key == key and not watch.is_silent:
                        watch.pending.extend(lines)
                        counts.depth_lines_sent += len(lines)
        changes.clear()

    def renew(self) -> None:
        """Tell of a book that was emptied and filled anew."""
        self.forget_changes()
        self.begin_anew([watch for watch in self.watches if not watch.is_silent])

    def begin_anew(self, watches: Iterable[DepthWatch]) -> None:
        """Queue clears and the whole book: one clear a socket, for it voids all a socket holds."""
        watches = list(watches)
        for watch in {id(watch.pending): watch for watch in watches}.values():
            self.clear(watch)
        for watch in watches:
            self.replay(watch)

    def forget_changes(self) -> None:
        """Let nobody hear of what just changed."""
        for feed in self._feeds.values():
            feed.resync()
        self.symbol.book.changes.clear()


class DepthHub:
    """Depth watches of one login and the fan-out of their lines.

    Args:
        source: Where books come from.
        counts: Where everything is counted.
        roster: The login's symbols, shared by all ports.
        empty_time_share: Share of order deletes without a time.
        seed: The market's seed.
    """

    def __init__(
        self,
        source: DepthSource,
        counts: Counts,
        *,
        roster: Roster,
        empty_time_share: float,
        seed: int,
    ) -> None:
        self._source = source
        self._counts = counts
        self._roster = roster
        self._empty_time_share = empty_time_share
        self._seed = seed
        self._rng = random.Random(f"{seed}/depth")
        self.channels: dict[str, DepthChannel] = {}

    @property
    def watch_count(self) -> int:
        """Depth watches over all sockets."""
        return sum(len(channel.watches) for channel in self.channels.values())

    def find(self, symbol: str) -> DeepSymbol | None:
        """A symbol with its book; None for one without depth."""
        return self._source.depth(symbol)

    def has_room_for(self, symbol: str) -> bool:
        """Whether the login may watch this symbol."""
        return self._roster.has_room_for(symbol)

    def add(self, symbol: DeepSymbol, watch: DepthWatch) -> DepthChannel:
        """Begin a watch."""
        channel = self.channels.get(symbol.symbol)
        if channel is None:
            channel = self.channels[symbol.symbol] = DepthChannel(
                symbol, self._counts, empty_time_share=self._empty_time_share, seed=self._seed
            )
            # What the last event changed while nobody watched is in the summary to come.
            symbol.book.changes.clear()
            symbol.publish_depth = channel.publish
            symbol.renew_depth = channel.renew
            self._roster.enter(symbol.symbol)
        channel.add(watch)
        return channel

    def remove(self, channel: DepthChannel, watch: DepthWatch) -> None:
        """End a watch."""
        channel.remove(watch)
        symbol = channel.symbol
        if not channel.watches:
            del self.channels[symbol.symbol]
            symbol.publish_depth = symbol.renew_depth = None
            self._roster.leave(symbol.symbol)

    def advance(self, count: int, at_us: int, *, can_change: Callable[[DeepSymbol], bool]) -> None:
        """Let things happen deep in the watched books.

        Args:
            count: How many.
            at_us: When: Eastern microseconds.
            can_change: Whether a symbol's market is open.
        """
        second, rest = divmod(at_us, SECOND_US)
        time = f"{moment_at(second).prefix}{rest:06d}"
        channels = [one for one in self.channels.values() if can_change(one.symbol)]
        random_ = self._rng.random
        for _ in range(count if channels else 0):
            channel = channels[int(random_() * len(channels))]
            channel.symbol.deep_event(time)
            channel.publish()

    def change_unseen(self, change: Callable[[DeepSymbol], None]) -> None:
        """Change every watched book without a line about it."""
        for channel in self.channels.values():
            change(channel.symbol)
            channel.forget_changes()

    def set_silent(self, symbol: str, *, is_silent: bool) -> None:
        """Stop or resume one symbol's lines on all sockets that watch it now.

        Args:
            symbol: The vendor's spelling; nothing happens when nobody watches its depth.
            is_silent: Stop; resuming begins with CLEAR DEPTH and a summary.
        """
        channel = self.channels.get(symbol)
        if channel is None:
            return
        if not is_silent:
            channel.begin_anew(watch for watch in channel.watches if watch.is_silent)
        for watch in channel.watches:
            watch.is_silent = is_silent
