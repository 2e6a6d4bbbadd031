"""Every setting, with its unit, its default, and the reason for it.

Values come from a YAML file (`--config`) and from the environment, which wins: `IQGW_` and the
name, `__` between levels, as in `IQGW_DATA__BIND`. Unknown names are refused, not ignored: a
misspelled limit is no limit. Only `app` and `cli` read settings; all else gets plain values.
"""

import ipaddress
import os
import platform
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic
import yaml
from pydantic import Field
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from gateway.errors import ConfigError, bounded

ENV_PREFIX = "IQGW_"
CONFIG_BYTES_MAX = 1_048_576
PORT_MAX = 65_535
Port = Annotated[int, Field(ge=1, le=PORT_MAX)]
Positive = Annotated[int, Field(gt=0)]
_NAME = r"^[A-Za-z0-9._:@-]{1,64}$"
_TCP = re.compile(r"tcp://(\[[0-9a-fA-F:.%]+\]|[^:\[\]]+):([0-9]{1,5}|\*)")


class _Section(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")


class IqconnectSettings(_Section):
    """Where IQConnect listens and how we introduce ourselves."""

    host: Annotated[str, Field(min_length=1, max_length=255)] = "127.0.0.1"
    """IQConnect serves its own machine only; a proxy may say otherwise."""
    level1_port: Port = 5009
    """Streaming prices; the vendor's default."""
    level2_port: Port = 9200
    """Market depth; the vendor's default. Connected to when the first consumer wants depth."""
    admin_port: Port = 9300
    """Statistics and login; the vendor's default. Held open: IQConnect exits about five seconds
    after its last client left."""
    client_name: Annotated[str, Field(pattern=_NAME)] = "iqfeed-gateway"
    """Shown in IQConnect's client statistics."""
    is_news_wanted: bool = True
    """Whether to ask for headlines (`S,NEWSON`)."""


class UpstreamSettings(_Section):
    """When a connection to IQConnect counts as silent or lost, and how it is opened again."""

    connect_ms_max: Positive = 2_000
    """Time for the TCP connection: IQConnect is local."""
    handshake_ms_max: Positive = 5_000
    """Time from connection to agreed protocol and field set."""
    silence_ms_max: Positive = 2_500
    """Silence after which prices are stale: two of the vendor's one-second time lines missed."""
    close_after_silence_ms: Positive = 2_000
    """Further silence after which the connection is opened anew."""
    retry_first_ms: Positive = 100
    """Ceiling of the first wait before reconnecting; waits are random up to their ceiling."""
    retry_base: Annotated[float, Field(ge=1, le=10)] = 2.0
    """Factor by which the ceiling grows."""
    retry_max_ms: Positive = 2_000
    """Highest ceiling: recovery is a matter of two seconds once IQConnect is back."""
    stable_ms: Positive = 10_000
    """How long a connection must live before waits start over."""
    read_bytes_max: Annotated[int, Field(ge=4_096, le=4_194_304)] = 262_144
    """Bytes per read: large reads are what keeps up with a burst."""
    receive_buffer_bytes: Positive = 4_194_304
    """Kernel buffer: IQConnect's queue for us is its own affair and undocumented."""
    line_bytes_max: Annotated[int, Field(ge=4_096, le=1_048_576)] = 65_536
    """Longer lines are dropped and counted; streaming lines stay below 2 KB."""


class DataSettings(_Section):
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
    symbol_count_max: Positive = 50_000
    """Symbols kept in memory, closed ones included."""


class SummarySettings(_Section):
    """How often a day summary goes out."""

    interval_ms: Annotated[int, Field(ge=0, le=60_000)] = 250
    """After trades at most one summary a symbol in this time; the last value always goes out."""


class BookSettings(_Section):
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


class ControlSettings(_Section):
    """The control socket: requests and replies."""

    bind: str = "tcp://127.0.0.1:7701"
    """`tcp://127.0.0.1:PORT` or `ipc://PATH`."""
    requests_in_flight_max: Positive = 256
    """Requests being answered at one time; more wait in ZeroMQ's bounded queue."""
    deadline_ms_default: Positive = 5_000
    """Time for a request that brings no deadline of its own."""


class LeaseSettings(_Section):
    """What one client may claim."""

    leases_per_client_max: Positive = 1_000
    symbols_per_client_max: Positive = 20_000
    client_count_max: Positive = 1_000


class LicenseSettings(_Section):
    """DTN's terms restrict data leaving the machine that runs IQConnect."""

    redistribution_acknowledged: bool = False
    """Set to true only with DTN's consent."""


class LogSettings(_Section):
    """What is logged, and how."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["console", "json"] = "console"


class Settings(BaseSettings):
    """All settings of one gateway."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, env_nested_delimiter="__", frozen=True, extra="forbid"
    )

    gateway_id: Annotated[str, Field(pattern=_NAME)] = Field(
        default_factory=lambda: re.sub(r"[^A-Za-z0-9._-]", "-", platform.node())[:64] or "gw"
    )
    """Who this gateway is, in `hello` and every heartbeat; the host's name by default."""
    state_dir: Path | None = None
    """Where leases survive a restart; nothing is kept when absent."""
    iqconnect: IqconnectSettings = IqconnectSettings()
    upstream: UpstreamSettings = UpstreamSettings()
    data: DataSettings = DataSettings()
    summary: SummarySettings = SummarySettings()
    book: BookSettings = BookSettings()
    control: ControlSettings = ControlSettings()
    leases: LeaseSettings = LeaseSettings()
    license: LicenseSettings = LicenseSettings()
    log: LogSettings = LogSettings()

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
        return True if self.data.auto_watch is None else self.data.auto_watch


def load_settings(config: Path | None, *, overrides: Mapping[str, Any] | None = None) -> Settings:
    """Read and check all settings.

    Args:
        config: A YAML file; None for defaults and environment only.
        overrides: Values that win over the file, nested like it; for tests and the demo.

    Returns:
        Settings that can be used as they are.

    Raises:
        ConfigError: A file, name or value that cannot be used, and what to do about it.
    """
    _refuse_unknown_environment()
    values = _read_yaml(config) if config is not None else {}
    for name, value in (overrides or {}).items():
        section = values.get(name)
        is_both = isinstance(section, dict) and isinstance(value, Mapping)
        values[name] = {**section, **value} if is_both and section is not None else value
    try:
        settings = Settings(**values)
    except pydantic.ValidationError as error:
        raise _config_error(error, config, overrides or {}) from error
    except (ValueError, TypeError) as error:
        # pydantic-settings reports an unreadable nested environment value this way.
        raise ConfigError("a setting cannot be read", reason=str(error)) from error
    _check_bind("data.bind", settings.data.bind)
    _check_bind("control.bind", settings.control.bind)
    if settings.data.bind == settings.control.bind and not _is_any_port(settings.data.bind):
        raise ConfigError("data.bind and control.bind are the same", bind=settings.data.bind)
    return settings


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > CONFIG_BYTES_MAX:
            raise ConfigError("configuration file too large", file=str(path))
        text = path.read_text(encoding="utf-8")
        values = yaml.safe_load(text)
    except OSError as error:
        raise ConfigError(
            "configuration file cannot be read",
            hint="Check the path after --config and its permissions.",
            file=str(path),
            reason=error.strerror or str(error),
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError("not a YAML file", file=str(path), reason=str(error)) from error
    if values is None:
        return {}
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise ConfigError("not a map of settings", file=str(path))
    return values


def _environment() -> dict[str, str]:
    """The gateway's variables: name in upper case to name as written; any case is read."""
    return {name.upper(): name for name in os.environ if name.upper().startswith(ENV_PREFIX)}


def _refuse_unknown_environment() -> None:
    known = {name.upper() for name in Settings.model_fields}
    for upper, name in _environment().items():
        if upper.removeprefix(ENV_PREFIX).split("__")[0] not in known:
            raise ConfigError(
                "unknown setting in the environment",
                hint=f"Known are {', '.join(sorted(known))}.",
                name=name,
            )


def _config_error(
    error: pydantic.ValidationError, config: Path | None, overrides: Mapping[str, Any]
) -> ConfigError:
    lines, sources = [], []
    for problem in error.errors()[:5]:
        key = ".".join(str(part) for part in problem["loc"])
        lines.append(
            f"{key}: {problem['msg']} (got {bounded(problem['input'], characters_max=80)})"
        )
        sources.append(_source_of(problem["loc"], config, overrides))
    # Each source once, in the order of its problems.
    return ConfigError("; ".join(lines), source=", ".join(dict.fromkeys(sources)))


def _source_of(
    place: tuple[int | str, ...], config: Path | None, overrides: Mapping[str, Any]
) -> str:
    """Where the value at a place was given: the environment wins, then overrides, then the file."""
    if _is_in(EnvSettingsSource(Settings)(), place):
        return _variable_of(place)
    if config is None or _is_in(overrides, place):
        return "overrides"
    return str(config)


def _variable_of(place: tuple[int | str, ...]) -> str:
    """The variable that gave a value: its own, its section's as JSON, or one with levels more."""
    key = ENV_PREFIX + "__".join(str(part) for part in place).upper()
    related = [
        name
        for upper, name in _environment().items()
        if f"{key}__".startswith(f"{upper}__") or upper.startswith(f"{key}__")
    ]
    return max(related, key=len, default="environment")


def _is_in(values: object, place: tuple[int | str, ...]) -> bool:
    """Whether nested values reach a place, or end in a plain value on the way to it."""
    for part in place:
        if not isinstance(values, Mapping):
            return True
        if part not in values:
            return False
        values = values[part]
    return True


def _is_any_port(bind: str) -> bool:
    """Whether the system chooses the port, so that the same text twice is not one address."""
    match = _TCP.fullmatch(bind)
    return match is not None and match[2].strip("0") in ("", "*")


def _check_bind(name: str, bind: str) -> None:
    """Refuse an address that other machines could reach."""
    if bind.startswith("ipc://") and len(bind) > len("ipc://"):
        return
    match = _TCP.fullmatch(bind)
    if match is None:
        raise ConfigError(
            f"{name} is no address to bind",
            hint="Write tcp://127.0.0.1:7700 or ipc:///path.",
            bind=bind,
        )
    if match[2] != "*" and int(match[2]) > PORT_MAX:
        # libzmq would take it modulo 65,536 and listen on a port that nobody wrote.
        raise ConfigError(
            f"{name} has a port that does not exist",
            hint=f"Write a port up to {PORT_MAX}, or * for any free one.",
            bind=bind,
        )
    host = match[1].strip("[]")
    try:
        is_loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise ConfigError(
            f"{name} would let other machines in",
            hint="Bind 127.0.0.1, [::1] or ipc://. Other machines need CURVE keys "
            "(security.server_key_file), which this version does not have yet, together with "
            "license.redistribution_acknowledged.",
            bind=bind,
        )
