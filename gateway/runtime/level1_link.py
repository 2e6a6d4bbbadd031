"""One TCP connection to IQConnect's Level 1 port, owned by the feed thread."""

from gateway.counters import Counter
from gateway.iqfeed.events import Event, FieldsSelected
from gateway.iqfeed.session import Level1Session
from gateway.normalize.pipeline import Pipeline
from gateway.runtime.feed_link import FeedLink


class Level1Link(FeedLink[Level1Session, Pipeline]):
    """Keeps one Level 1 connection open; the arguments are those of `FeedLink`."""

    def watch(self, symbol: str) -> None:
        """Ask for a symbol's updates.

        Nothing is asked before the handshake is done: then everything is asked for anew.
        """
        session = self._ready_session
        if session is not None:
            self._counters.add(Counter.WATCHES_SENT)
            self._count_refused(session.request_watch(symbol))

    def unwatch(self, symbol: str) -> None:
        """End a symbol's updates."""
        session = self._ready_session
        if session is not None:
            self._count_refused(session.request_unwatch(symbol))

    def refresh(self, symbol: str) -> None:
        """Ask for a watched symbol's values anew."""
        session = self._ready_session
        if session is not None:
            self._count_refused(session.request_refresh(symbol))

    def regional(self, symbol: str, *, is_on: bool) -> None:
        """Begin or end a symbol's regional quotes."""
        session = self._ready_session
        if session is not None:
            self._count_refused(session.request_regional(symbol, is_on))

    def _note(self, event: Event) -> None:
        if isinstance(event, FieldsSelected):
            self.pipeline.select(event.names)
            self.retry.connected()
