"""From settings to the plain values that the parts of a gateway are made of."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final, Literal

from gateway.clock import Clock
from gateway.control.peer_desk import PeerOptions
from gateway.counters import Sample
from gateway.errors import ConfigError, GatewayError
from gateway.iqfeed import commands
from gateway.iqfeed.level2_session import Level2Session
from gateway.iqfeed.session import AdminSession, Level1Session
from gateway.logs import get_logger
from gateway.normalize.depths import BookOptions
from gateway.normalize.suspicion import PriceLimits
from gateway.policy.backoff import Backoff, Jitter
from gateway.policy.breaker import BreakerState, CircuitBreaker
from gateway.policy.login import LoginPolicy
from gateway.policy.quotas import Limits
from gateway.policy.retry import Retry
from gateway.policy.slow_consumers import SlowRules
from gateway.runtime.feed_options import FeedOptions
from gateway.runtime.host_address import HostAddress
from gateway.runtime.iqconnect_process import IqconnectProcess
from gateway.runtime.link_parts import LinkOptions
from gateway.runtime.tcp_stream import TcpStream
from gateway.settings import Credentials, Settings, environment_of_child
from gateway.settings.connection import PRODUCT_MARK
from gateway.wire.rings import RingOptions

MS_NS: Final = 1_000_000
SECOND_NS: Final = 1_000_000_000
LOGIN_WAIT_NS: Final = 10 * SECOND_NS
"""How long a login may take before it has brought nothing."""
REPLACED_NS: Final = 5 * SECOND_NS
"""How long IQConnect must be seen not trying before its login counts as lost."""
PROGRAM_NS: Final = 30 * SECOND_NS
"""How long a program that ended again and again is not started."""
FLAP_FACTOR: Final = 1.5
"""How many times as long the breaker stays open for a connection that comes up and dies."""
RATE_OUTCOMES_MIN: Final = 10
"""Attempts without which a share of failures says nothing."""
RATE_WINDOW_NS: Final = 60 * SECOND_NS
"""How long an attempt's outcome counts."""
SECOND_US: Final = 1_000_000


def feed_options(
    settings: Settings,
    *,
    host: HostAddress,
    pipeline: Literal["compiled", "python"] = "python",
) -> FeedOptions:
    """What of the settings decides how the feed works.

    Args:
        settings: As checked by `load_settings`.
        host: IQConnect's address.
        pipeline: The one that was chosen.
    """
    return FeedOptions(
        link=_link_options(settings, host, settings.level1_port),
        level2=_link_options(settings, host, settings.iqconnect.level2_port),
        level1_count=settings.connection.level1_count,
        level2_count=settings.connection.level2_connections,
        price_levels_max=settings.book.price_levels_max,
        book=_book_options(settings),
        refreshes_per_second_max=settings.upstream.refreshes_per_second_max,
        images_per_minute_max=settings.book.images_per_minute_max,
        line_bytes_max=settings.upstream.line_bytes_max,
        summary_interval_us=settings.summary.interval_ms * 1000,
        price_limits=PriceLimits(
            settings.plausibility.price_max, settings.plausibility.jump_percent_max / 100
        ),
        symbol_count_max=settings.data.symbol_count_max,
        peers=peer_options(settings),
        variants_max=settings.data.variants_per_topic_max,
        rings=RingOptions(
            bytes_max=settings.replay.memory_mb_max * 1_048_576,
            frames_max=settings.replay.messages_per_topic_max,
            age_ns_max=settings.replay.age_s_max * SECOND_NS,
        ),
        subscriptions_per_connection_max=settings.data.subscriptions_per_connection_max,
        limits=user_limits(settings),
        linger_ns=round(settings.data.watch_linger_s * 1e9),
        is_auto_watch=settings.is_auto_watch,
        pipeline=pipeline,
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
            "handshake_ns_max": round(settings.connection.timeout_seconds * SECOND_NS),
            "close_after_silence_ns": upstream.close_after_silence_ms * MS_NS,
        }
        self._keepalive_ns = round(settings.connection.keepalive_interval * SECOND_NS)
        # Room for every symbol's requests after a reconnection.
        self._commands_queued_max = 4 * settings.data.symbol_count_max

    def level1(self, number: int = 0) -> Level1Session:
        """One for a connection to the Level 1 port."""
        return Level1Session(
            client_name=self._iqconnect.client_name,
            # Headlines come once on each connection that asks for them.
            is_news_wanted=self._iqconnect.is_news_wanted and number == 0,
            keepalive_ns=self._keepalive_ns,
            commands_queued_max=self._commands_queued_max,
            **self._durations,
        )

    def level2(self) -> Level2Session:
        """One for the Level 2 port."""
        return Level2Session(
            client_name=self._iqconnect.client_name,
            keepalive_ns=self._keepalive_ns,
            commands_queued_max=self._commands_queued_max,
            **self._durations,
        )

    def admin(self) -> AdminSession:
        """One for the admin port."""
        return AdminSession(client_name=self._iqconnect.client_name, **self._durations)


def _link_options(settings: Settings, host: HostAddress, port: int) -> LinkOptions:
    return LinkOptions(
        host=host,
        port=port,
        connect_ns_max=round(settings.connection.timeout_seconds * SECOND_NS),
        read_bytes_max=settings.upstream.read_bytes_max,
        held_lines_max=settings.connection.message_queue_size,
        open_stream=partial(TcpStream, receive_buffer_bytes=settings.upstream.receive_buffer_bytes),
    )


class Retries:
    """Makes what decides when each connection is tried again.

    Args:
        settings: As checked by `load_settings`.
        clock: Monotonic.
        jitter: Spreads the attempts.
    """

    def __init__(self, settings: Settings, clock: Clock, jitter: Jitter) -> None:
        self._connection = settings.connection
        self._stable_ns = settings.upstream.stable_ms * MS_NS
        self._clock = clock
        self._jitter = jitter

    def of_program(self, name: str) -> Retry:
        """One for a program, which takes longer to start than a connection."""
        return self._make(name, first_ns=SECOND_NS, longest_ns=30 * SECOND_NS, open_ns=PROGRAM_NS)

    def of(self, name: str) -> Retry:
        """One for a connection."""
        connection = self._connection
        return self._make(
            name,
            first_ns=round(connection.retry_backoff_first * SECOND_NS),
            longest_ns=round(connection.retry_backoff_max * SECOND_NS),
            open_ns=round(connection.breaker_open_seconds * SECOND_NS),
        )

    def _make(self, name: str, *, first_ns: int, longest_ns: int, open_ns: int) -> Retry:
        connection = self._connection
        backoff = Backoff(
            self._clock,
            self._jitter,
            first_ns=first_ns,
            base=connection.retry_backoff_base,
            longest_ns=longest_ns,
            stable_ns=self._stable_ns,
        )
        breaker = CircuitBreaker(
            name,
            self._clock,
            failures_max=connection.max_retry_attempts,
            rate_max=connection.breaker_failure_rate,
            rate_outcomes_min=RATE_OUTCOMES_MIN,
            rate_window_ns=RATE_WINDOW_NS,
            open_ns=open_ns,
            is_enabled=connection.enable_circuit_breaker,
            on_change=partial(_log_breaker, name),
        )
        return Retry(
            self._clock,
            backoff=backoff,
            breaker=breaker,
            stable_ns=self._stable_ns,
            flap_ns=round(open_ns * FLAP_FACTOR),
        )


def _log_breaker(name: str, before: BreakerState, after: BreakerState) -> None:
    if after is not BreakerState.HALF_OPEN and before is not BreakerState.HALF_OPEN:
        # Probes are told by what they find.
        get_logger("breaker").warning(
            "circuit breaker", port=name, before=before.value, after=after.value
        )


def log_sample(sample: Sample) -> None:
    """Write a bad line into the log."""
    get_logger("gateway").warning(
        "bad input",
        counter=sample.counter.label,
        count=sample.count,
        detail=sample.detail,
        line=sample.line,
    )


def peer_options(settings: Settings) -> PeerOptions:
    """When a consumer is slow, and what becomes of it; a relay judges its own the same."""
    slow = settings.slow_consumers
    return PeerOptions(
        rules=SlowRules(
            warn_ns=round(slow.warn_after_s * SECOND_NS),
            clear_ns=round(slow.clear_below_s * SECOND_NS),
            evict_stalled_ns=round(slow.evict_after_s * SECOND_NS),
            evict_lag_ns=round(slow.evict_lag_s * SECOND_NS),
        ),
    )


def user_limits(settings: Settings) -> Limits:
    """What one user may have, where its file does not say otherwise."""
    security = settings.security
    return Limits(
        connections_max=security.connections_per_user_max,
        subscriptions_max=settings.data.subscriptions_per_connection_max,
        leases_max=settings.leases.leases_per_client_max,
        symbols_max=settings.leases.symbols_per_client_max,
        requests_per_second_max=security.requests_per_second_max,
        snapshots_per_second_max=settings.data.snapshots_per_second_max,
        replay_bytes_per_minute_max=security.replay_mb_per_minute_max * 1_048_576,
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


def login_policy(settings: Settings, credentials: Credentials, clock: Clock) -> LoginPolicy:
    """What decides when IQConnect is logged in."""
    return LoginPolicy(
        clock,
        has_credentials=credentials.is_complete,
        login_wait_ns=LOGIN_WAIT_NS,
        retry_ns=round(settings.connection.login_retry_seconds * SECOND_NS),
        replaced_ns=REPLACED_NS,
    )


def login_commands(settings: Settings, credentials: Credentials) -> list[bytes]:
    """What logs IQConnect in; empty without credentials."""
    login_id, password, product = credentials.login, credentials.password, credentials.product_id
    if login_id is None or password is None or product is None:
        return []
    return commands.login(
        login_id=login_id.get_secret_value(),
        password=password.get_secret_value(),
        product=product,
        version=settings.iqconnect.app_version,
    )


def make_process(
    settings: Settings,
    credentials: Credentials,
    retries: Retries,
    clock: Clock,
    *,
    is_serving: Callable[[], bool] = lambda: False,
    on_error: Callable[[GatewayError], object] = lambda _: None,
) -> IqconnectProcess | None:
    """IQConnect as a program of ours; None when somebody else starts it.

    Args:
        settings: As checked by `load_settings`.
        credentials: Its product id may be part of the command.
        retries: Makes what decides when to start it again.
        clock: Monotonic.
        is_serving: Whether IQConnect is heard on a streaming port.
        on_error: Told when the program cannot be started, or has ended.

    Raises:
        ConfigError: The command needs a product id and there is none.
    """
    if not settings.iqconnect.command:
        return None
    command = settings.iqconnect.command
    if credentials.product_id is None and any(PRODUCT_MARK in part for part in command):
        raise ConfigError(
            "iqconnect.command needs a product id",
            hint="Set IQFEED_PRODUCT_ID in the environment or in .env.",
        )
    product_id = credentials.product_id or ""
    return IqconnectProcess(
        [part.replace(PRODUCT_MARK, product_id) for part in command],
        environment=environment_of_child(),
        retry=retries.of_program("iqconnect"),
        clock=clock,
        is_serving=is_serving,
        on_error=on_error,
    )
