"""From settings to the plain values that the parts of a gateway are made of."""

from typing import Any, Final

from gateway.iqfeed.level2_session import Level2Session
from gateway.iqfeed.session import AdminSession, Level1Session
from gateway.normalize.depths import BookOptions
from gateway.runtime.assembly import FeedOptions
from gateway.runtime.feed_link import LinkOptions
from gateway.settings import Settings

MS_NS: Final = 1_000_000
SECOND_US: Final = 1_000_000


def feed_options(settings: Settings, *, host: str) -> FeedOptions:
    """What of the settings decides how the feed works.

    Args:
        settings: As checked by `load_settings`.
        host: IQConnect's numeric address.
    """
    return FeedOptions(
        link=_link_options(settings, host, settings.iqconnect.level1_port),
        level2=_link_options(settings, host, settings.iqconnect.level2_port),
        price_levels_max=settings.book.price_levels_max,
        book=_book_options(settings),
        images_per_minute_max=settings.book.images_per_minute_max,
        line_bytes_max=settings.upstream.line_bytes_max,
        summary_interval_us=settings.summary.interval_ms * 1000,
        symbol_count_max=settings.data.symbol_count_max,
        subscriptions_per_connection_max=settings.data.subscriptions_per_connection_max,
        linger_ns=round(settings.data.watch_linger_s * 1e9),
        is_auto_watch=settings.is_auto_watch,
    )


class Sessions:
    """Makes the state machine of each new connection.

    Args:
        settings: As checked by `load_settings`.
    """

    def __init__(self, settings: Settings) -> None:
        self._iqconnect = settings.iqconnect
        upstream = settings.upstream
        self._durations: dict[str, Any] = {
            "silence_ns_max": upstream.silence_ms_max * MS_NS,
            "handshake_ns_max": upstream.handshake_ms_max * MS_NS,
            "close_after_silence_ns": upstream.close_after_silence_ms * MS_NS,
        }
        # Room for every symbol's requests after a reconnection.
        self._commands_queued_max = 4 * settings.data.symbol_count_max

    def level1(self) -> Level1Session:
        """One for the Level 1 port."""
        return Level1Session(
            client_name=self._iqconnect.client_name,
            is_news_wanted=self._iqconnect.is_news_wanted,
            commands_queued_max=self._commands_queued_max,
            **self._durations,
        )

    def level2(self) -> Level2Session:
        """One for the Level 2 port."""
        return Level2Session(
            client_name=self._iqconnect.client_name,
            commands_queued_max=self._commands_queued_max,
            **self._durations,
        )

    def admin(self) -> AdminSession:
        """One for the admin port."""
        return AdminSession(client_name=self._iqconnect.client_name, **self._durations)


def _link_options(settings: Settings, host: str, port: int) -> LinkOptions:
    return LinkOptions(
        host=host,
        port=port,
        connect_ns_max=settings.upstream.connect_ms_max * MS_NS,
        read_bytes_max=settings.upstream.read_bytes_max,
        receive_buffer_bytes=settings.upstream.receive_buffer_bytes,
    )


def _book_options(settings: Settings) -> BookOptions:
    book = settings.book
    return BookOptions(
        levels=book.levels,
        interval_us=book.interval_ms * 1000,
        settle_us=book.settle_ms * 1000,
        market_maker_age_us_max=book.market_maker_age_s_max * SECOND_US,
        crossed_us_max=book.crossed_ms_max * 1000,
        silence_us_max=book.silence_s_max * SECOND_US,
        row_count_max=book.row_count_max,
        variants_max=book.variants_per_symbol_max,
    )
