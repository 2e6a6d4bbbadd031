"""The statistics lines: once a second on the admin port, and on demand on Level 1."""

import asyncio
from collections.abc import Callable
from typing import Final

from gateway.simulator.client_lines import client_line
from gateway.simulator.counts import Counts
from gateway.simulator.login import Login
from gateway.simulator.ports import Ports
from gateway.simulator.roster import Roster
from gateway.simulator.status import Status, Traffic

INTERVAL_S: Final = 1.0


class Statistics:
    """Measures traffic and tells of it.

    Args:
        status: The link and the login.
        login: Knows of attempts to bring the link back.
        counts: What was sent.
        ports: Who is connected.
        roster: Which symbols are watched.
        clock_second: What the time lines show.
    """

    def __init__(
        self,
        status: Status,
        login: Login,
        counts: Counts,
        *,
        ports: Ports,
        roster: Roster,
        clock_second: Callable[[], int],
    ) -> None:
        self._status = status
        self._login = login
        self._counts = counts
        self._ports = ports
        self._roster = roster
        self._clock_second = clock_second
        self._received, self._sent = Traffic(), Traffic()

    def line(self) -> str:
        """The statistics line of now."""
        return self._status.stats_line(
            second=self._clock_second(),
            symbols=len(self._roster),
            clients=len(self._ports.clients()),
            attempts_under_way=self._login.attempts_under_way,
            received=self._received,
            sent=self._sent,
        )

    def restart(self) -> None:
        """Begin at nothing again."""
        self._status.restart(self._clock_second())
        self._received.restart()
        self._sent.restart()

    async def run(self) -> None:
        """Tell every admin client once a second, until cancelled."""
        loop = asyncio.get_running_loop()
        next_at = loop.time()
        while True:
            next_at += INTERVAL_S
            await asyncio.sleep(next_at - loop.time())
            # What DTN would have sent: each event once, however many sockets got it.
            self._received.measure(self._counts.events * 60)
            self._sent.measure(self._counts.bytes_sent)
            for client in [*self._ports["admin"].clients]:
                client.reply(self.line())
                if client.has_client_stats:
                    for port in self._ports:
                        for other, number in port.clients.items():
                            client.reply(client_line(number, other))
                client.flush()
