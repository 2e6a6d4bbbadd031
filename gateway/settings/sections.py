"""What the gateway does for its consumers, section by section, and all of it together."""

import platform
import re
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from gateway.settings.alerts import AlertSettings
from gateway.settings.connection import (
    ConnectionConfig,
    IqconnectSettings,
    UpstreamSettings,
)
from gateway.settings.guards import GuardSettings
from gateway.settings.health import HealthSettings
from gateway.settings.http import HttpSettings
from gateway.settings.log import LogSettings
from gateway.settings.plausibility import PlausibilitySettings
from gateway.settings.relay import RelaySettings
from gateway.settings.section import NAME_PATTERN, Positive, Section
from gateway.settings.security import SecuritySettings

ENV_PREFIX: Final = "IQGW_"


class DataSettings(Section):
    """The data socket: market data, fan-out by topic."""

    bind: str = "tcp://127.0.0.1:7700"
    """`tcp://127.0.0.1:PORT` or `ipc://PATH`."""
    high_water_mark: Positive = 100_000
    """Messages queued per consumer before ZeroMQ drops for it; must exceed a burst. Never 0."""
    send_buffer_bytes: Positive = 131_072
    """Kernel buffer per consumer; small, so that a stalled one is not later fed old data."""
    auto_watch: bool | None = None
    """Whether subscribing to a symbol's topic asks IQFeed for it. Default: yes, while the gateway
    is local and without keys."""
    watch_linger_s: Annotated[float, Field(ge=0, le=86_400)] = 60.0
    """How long a symbol is kept after the last consumer left."""
    subscriptions_per_connection_max: Positive = 20_000
    """More are not granted: a subscription costs the gateway about 900 bytes."""
    snapshots_per_second_max: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000
    """Snapshots that one consumer is answered a second; more are delayed, never refused."""
    variants_per_topic_max: Annotated[int, Field(ge=0, le=1_000)] = 16
    """Different conflated topics, such as `quote@250`, of one symbol's quote or summary."""
    symbol_count_max: Positive = 50_000
    """Symbols kept in memory, closed ones included."""


class SlowConsumerSettings(Section):
    """Consumers that fall behind: when they are named, and when they are cut off."""

    warn_after_s: Annotated[float, Field(gt=0, le=3_600)] = 3.0
    """Behind by so much, or without reading for so long, a consumer is named: `sys,alert,`, the
    log, `health`, `subscriptions`."""
    clear_below_s: Annotated[float, Field(ge=0, le=3_600)] = 1.0
    """Behind by no more than this for two seconds it is not slow any more."""
    evict_after_s: Annotated[float, Field(ge=0, le=86_400)] = 10.0
    """A consumer whose socket has taken nothing for so long, although something waits, is cut off:
    it sees a broken connection at once instead of old data later. 0 for never."""
    evict_lag_s: Annotated[float, Field(ge=0, le=86_400)] = 0.0
    """One that reads, and is behind by so much all the same, is cut off. 0 for never."""


class ReplaySettings(Section):
    """Trades, corrections and news kept in memory for consumers that lose some."""

    memory_mb_max: Annotated[int, Field(ge=0, le=65_536)] = 64
    """Memory for all of them, shared fairly by the topics; about 170 bytes a trade. 0 keeps none,
    and what a consumer loses stays lost."""
    messages_per_topic_max: Positive = 10_000
    """Kept of one topic, so that a busy one leaves room for others."""
    age_s_max: Annotated[int, Field(ge=1, le=86_400)] = 900
    """Older ones are forgotten: who was away for longer starts afresh."""


class SummarySettings(Section):
    """How often a day summary goes out."""

    interval_ms: Annotated[int, Field(ge=0, le=60_000)] = 250
    """After trades at most one summary a symbol in this time; the last value always goes out."""


class BookSettings(Section):
    """Order books: what is published of them, and when they are not believed."""

    levels: Annotated[int, Field(ge=1, le=999)] = 10
    """Price levels a side in `book`; a consumer chooses others by `book@50x20`."""
    interval_ms: Annotated[int, Field(ge=1, le=60_000)] = 50
    """At most one `book` a symbol in this time; the last value always goes out."""
    price_levels_max: Annotated[int, Field(ge=0, le=10_000)] = 0
    """Price levels a side asked of the vendor where it delivers levels; 0 asks for all."""
    settle_ms: Annotated[int, Field(ge=10, le=10_000)] = 200
    """A rebuilt book is live when no row of the vendor's summary came for this long: the summary
    has no end mark."""
    market_maker_age_s_max: Annotated[int, Field(ge=10, le=86_400)] = 900
    """A market maker's row not heard of for this long, in a book that is active, is deleted: a dead
    venue's quote must not stand for ever."""
    crossed_ms_max: Annotated[int, Field(ge=100, le=600_000)] = 2_000
    """A book crossed for this long is asked of the vendor anew."""
    silence_s_max: Annotated[int, Field(ge=1, le=3_600)] = 20
    """A book without a line for this long, while the symbol's quote goes on changing, is stale and
    asked of the vendor anew."""
    images_per_minute_max: Annotated[int, Field(ge=0, le=10_000)] = 30
    """Budget for asking anew, all symbols together; one symbol at most once in ten seconds."""
    row_count_max: Positive = 100_000
    """Orders, or levels, kept of one symbol; more are refused, counted, and make the book
    SUSPECT."""
    variants_per_symbol_max: Annotated[int, Field(ge=0, le=1_000)] = 16
    """Different `book@…` topics of one symbol."""


class ControlSettings(Section):
    """The control socket: requests and replies."""

    bind: str = "tcp://127.0.0.1:7701"
    """`tcp://127.0.0.1:PORT` or `ipc://PATH`."""
    requests_in_flight_max: Positive = 256
    """Requests being answered at one time; more wait in ZeroMQ's bounded queue."""
    deadline_ms_default: Positive = 5_000
    """Time for a request that brings no deadline of its own."""


class LeaseSettings(Section):
    """What one client may claim."""

    leases_per_client_max: Positive = 1_000
    """Leases at one time; counted by user where there are keys. A client that forgets to give back
    what it took is found out, before its leases fill the memory."""
    symbols_per_client_max: Positive = 20_000
    """Symbols in all of one client's leases together; more are refused."""
    client_count_max: Positive = 1_000
    """Clients, or users where there are keys, that hold leases at one time."""


class LicenseSettings(Section):
    """DTN's terms restrict data leaving the machine that runs IQConnect."""

    redistribution_acknowledged: bool = False
    """Set to true only with DTN's consent."""


class Settings(BaseSettings):
    """All settings of one gateway."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, env_nested_delimiter="__", frozen=True, extra="forbid"
    )

    gateway_id: Annotated[str, Field(pattern=NAME_PATTERN)] = Field(
        default_factory=lambda: re.sub(r"[^A-Za-z0-9._-]", "-", platform.node())[:64] or "gw"
    )
    """Who this gateway is, in `hello` and every heartbeat; the host's name by default."""
    state_dir: Path | None = None
    """Where leases survive a restart; nothing is kept when absent."""
    symbols_file: Path | None = None
    """JSON file of symbols that the gateway watches by itself, from its start and whoever listens;
    looked for beside the file that names it. None are when absent."""
    pipeline: Literal["auto", "compiled", "python"] = "auto"
    """What makes messages of Level 1 lines: the compiled pipeline or Python's; both make the same.
    `auto` is the compiled one where it can run; `compiled` refuses to start without it. `hello`
    tells which one runs, and why."""
    iqconnect: IqconnectSettings = IqconnectSettings()
    connection: ConnectionConfig = ConnectionConfig()
    upstream: UpstreamSettings = UpstreamSettings()
    data: DataSettings = DataSettings()
    slow_consumers: SlowConsumerSettings = SlowConsumerSettings()
    replay: ReplaySettings = ReplaySettings()
    summary: SummarySettings = SummarySettings()
    health: HealthSettings = HealthSettings()
    book: BookSettings = BookSettings()
    control: ControlSettings = ControlSettings()
    http: HttpSettings = HttpSettings()
    leases: LeaseSettings = LeaseSettings()
    guards: GuardSettings = GuardSettings()
    plausibility: PlausibilitySettings = PlausibilitySettings()
    security: SecuritySettings = SecuritySettings()
    license: LicenseSettings = LicenseSettings()
    log: LogSettings = LogSettings()
    alerts: AlertSettings = AlertSettings()
    relay: RelaySettings = RelaySettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment win over the file."""
        del settings_cls, dotenv_settings, file_secret_settings
        return env_settings, init_settings

    @property
    def is_auto_watch(self) -> bool:
        """Whether subscriptions ask IQFeed for symbols."""
        is_without_keys = self.security.keys_dir is None
        return is_without_keys if self.data.auto_watch is None else self.data.auto_watch

    @property
    def iqconnect_host(self) -> str:
        """Where IQConnect is, whichever spelling gave it."""
        return self.connection.host or self.iqconnect.host

    @property
    def level1_port(self) -> int:
        """Where its Level 1 port is, whichever spelling gave it."""
        return self.connection.port or self.iqconnect.level1_port
