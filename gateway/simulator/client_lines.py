"""The statistics lines about single clients."""

from typing import Final

from gateway.simulator.connection import LineConnection
from gateway.simulator.eastern import DAY_SECONDS, day_date

TYPES: Final = {"admin": 0, "level1": 1, "level2": 2}
"""Client types by port."""


def client_line(number: int, client: LineConnection) -> str:
    """One `S,CLIENTSTATS` line, without its line end.

    Args:
        number: The client's number.
        client: Its connection.

    Returns:
        Type, name, start, symbols and kilobytes.
    """
    day, of_day = divmod(client.started_second, DAY_SECONDS)
    clock = f"{of_day // 3600:02d}{of_day // 60 % 60:02d}{of_day % 60:02d}"
    symbols, regional = client.watch_counts()
    sizes = ",".join(
        f"{size / 1024:.2f}"
        for size in (client.bytes_received, client.bytes_sent, client.bytes_queued)
    )
    kind = TYPES[client.port_name]
    return (
        f"S,CLIENTSTATS,{kind},{number},{client.name},{day_date(day):%Y%m%d} {clock},"
        f"{symbols},{regional},{sizes},"
    )
