"""What settings say against each other; each sentence names both, spelled with dots."""

from collections.abc import Iterator

from gateway.errors import ConfigError
from gateway.settings.connection import ConnectionConfig, IqconnectSettings, ports_of
from gateway.settings.sections import Settings, SlowConsumerSettings


def refuse_contradictions(settings: Settings) -> None:
    """Refuse what cannot be meant together.

    Raises:
        ConfigError: The first that was found.
    """
    found = next(contradictions_of(settings), None)
    if found is not None:
        raise ConfigError(found)


def contradictions_of(settings: Settings) -> Iterator[str]:
    """Find what cannot be meant together."""
    upstream = contradiction_of(settings.iqconnect, settings.connection)
    if upstream is not None:
        yield upstream
    yield from _of_slow_consumers(settings.slow_consumers)
    yield from _of_sizes(settings)


def _of_slow_consumers(slow: SlowConsumerSettings) -> Iterator[str]:
    if slow.clear_below_s >= slow.warn_after_s:
        yield (
            f"slow_consumers.clear_below_s {slow.clear_below_s:g} is not below "
            f"slow_consumers.warn_after_s {slow.warn_after_s:g}: a consumer would be slow and "
            "well at one time"
        )
    for name in ("evict_after_s", "evict_lag_s"):
        seconds = getattr(slow, name)
        if 0 < seconds < slow.warn_after_s:
            yield (
                f"slow_consumers.{name} {seconds:g} is below slow_consumers.warn_after_s "
                f"{slow.warn_after_s:g}: a consumer would be cut off before it is named"
            )


def _of_sizes(settings: Settings) -> Iterator[str]:
    data, held = settings.data, settings.connection.message_queue_size
    if data.high_water_mark < held:
        yield (
            f"data.high_water_mark {data.high_water_mark} is below connection.message_queue_size "
            f"{held}: what may be held back in a burst would not fit into a consumer's queue"
        )
    leased = settings.leases.symbols_per_client_max
    if leased > data.symbol_count_max:
        yield (
            f"leases.symbols_per_client_max {leased} is above data.symbol_count_max "
            f"{data.symbol_count_max}: one client could claim more symbols than are kept"
        )
    upstream = settings.upstream
    if upstream.read_bytes_max > upstream.receive_buffer_bytes:
        yield (
            f"upstream.read_bytes_max {upstream.read_bytes_max} is above "
            f"upstream.receive_buffer_bytes {upstream.receive_buffer_bytes}: no read can be so long"
        )
    guards, replay = settings.guards, settings.replay.memory_mb_max
    if guards.enabled and 0 < guards.memory_mb_max <= replay:
        yield (
            f"replay.memory_mb_max {replay} is not below guards.memory_mb_max "
            f"{guards.memory_mb_max}: what is kept for replay would be all there is"
        )


def contradiction_of(iqconnect: IqconnectSettings, connection: ConnectionConfig) -> str | None:
    """What two settings say against each other; None when they agree."""
    if connection.host is not None and connection.host != iqconnect.host:
        default = IqconnectSettings.model_fields["host"].default
        if iqconnect.host != default:
            return "connection.host and iqconnect.host name different hosts: give one of them"
    if connection.port is not None and connection.port != iqconnect.level1_port:
        default = IqconnectSettings.model_fields["level1_port"].default
        if iqconnect.level1_port != default:
            return "connection.port and iqconnect.level1_port differ: give one of them"
    if connection.retry_backoff_first > connection.retry_backoff_max:
        return "connection.retry_backoff_first is longer than connection.retry_backoff_max"
    total = connection.level1_count + connection.level2_connections
    if total > connection.max_connections:
        return (
            f"connection.level1_connections and connection.level2_connections are {total}, "
            f"connection.max_connections allows {connection.max_connections}"
        )
    names: dict[int, str] = {}
    for name, port in ports_of(iqconnect, connection).items():
        if port in names:
            return f"{names[port]} and {name} are both {port}: they need different ports"
        names[port] = name
    return None
