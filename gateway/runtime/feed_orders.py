"""What the control loop asks of the feed thread, executed between two reads.

Each command is small, and at most a few are executed at one time: data goes first.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from gateway.control.feed_commands import (
    AnnounceAlert,
    AwaitSettled,
    BindClient,
    EvictPeer,
    EvictRevoked,
    Explain,
    FeedCommand,
    FindMissing,
    NoteAdmin,
    ReadPeers,
    ReadRing,
    ReadSnapshots,
    ReadStandings,
    ReadSymbols,
    ReadWatches,
    ReconnectPort,
    ReportClient,
    ResetBreakers,
    Resync,
    SetPressure,
    Unwatch,
    Watch,
)
from gateway.control.lineage import Lineage
from gateway.errors import GatewayError
from gateway.iqfeed.link import Link
from gateway.normalize.depth_pipeline import DepthPipeline
from gateway.policy.guards import Step
from gateway.runtime.feed_report import link_report
from gateway.runtime.level1_link import Level1Link
from gateway.runtime.level2_link import Level2Link
from gateway.runtime.port_desk import PortDesk
from gateway.runtime.queues import FactQueue, Order
from gateway.runtime.upstream import port_name
from gateway.runtime.waiters import Waiters
from gateway.wire.rings import Kept

if TYPE_CHECKING:
    from gateway.runtime.feed import FeedParts

SUBSCRIPTION_NS_MAX: Final = 2_000_000_000
"""How long a new connection's subscriptions may be on their way."""
ORDERS_PER_ROUND_MAX: Final = 20
"""Commands executed between two reads."""

SLOWDOWN: Final = 4
"""How many times as long the intervals of conflated topics are while something is short."""

AnyLink = Level1Link | Level2Link[DepthPipeline]
"""A streaming connection."""


class FeedOrders:
    """Executes the control loop's commands; used in the feed thread only.

    Args:
        parts: What the feed thread works with.
        desks: The desks of all streaming connections.
        facts: Takes the answers.
        on_ready: Told that the data ports need not wait for the admin port any more.
    """

    def __init__(
        self,
        parts: "FeedParts",
        desks: Sequence[PortDesk],
        facts: FactQueue,
        *,
        on_ready: Callable[[], None],
    ) -> None:
        self._parts = parts
        self._desks = desks
        self._facts = facts
        self._on_ready = on_ready
        self._orders: list[Order] = []
        self.waiters: Final = Waiters(parts.board.symbols, answer=self._answer)
        """Requests that wait for the vendor's first word about their symbols."""
        parts.board.on_settled = self.waiters.settle
        desk = parts.desk
        self._handlers: Final[dict[type[FeedCommand], Callable[[Any], object]]] = {
            Watch: desk.watch,
            Unwatch: desk.unwatch,
            ReadStandings: desk.standings,
            ReadSnapshots: desk.snapshots,
            ReadWatches: lambda command: replace(
                desk.report(command), peers=parts.peers.peers()[: command.entries_max]
            ),
            ReadSymbols: parts.symbol_list.read,
            AnnounceAlert: lambda command: parts.system.publish(parts.system.alert, command.told),
            ReadPeers: lambda command: parts.peers.worst_off(command.entries_max),
            SetPressure: self._give_up,
            ReadRing: self._read_ring,
            BindClient: lambda command: parts.peers.bind(
                command.client, command.token, is_relay=command.is_relay, user=command.user
            ),
            ReportClient: lambda command: parts.peers.report(
                command.client, command.token, command.told, user=command.user
            ),
            FindMissing: lambda command: parts.peers.missing(
                command.token, command.topics, age_ns_min=SUBSCRIPTION_NS_MAX, user=command.user
            ),
            EvictPeer: lambda command: parts.peers.evict(command.name, command.user),
            EvictRevoked: lambda _: parts.peers.evict_revoked(),
            NoteAdmin: self._note_admin,
            Explain: lambda command: self._explain(command.symbol),
            Resync: lambda command: parts.resync.ask(command.name),
            ResetBreakers: lambda command: reset_breakers(self._links(command.port)),
            ReconnectPort: lambda command: reconnect(self._links(command.port)),
        }

    def __bool__(self) -> bool:
        """Whether commands wait to be executed."""
        return bool(self._orders)

    def add(self, orders: Iterable[Order]) -> None:
        """Queue commands."""
        self._orders += orders

    def execute(self) -> None:
        """Execute what is queued, as much as data can wait for."""
        for order in self._orders[:ORDERS_PER_ROUND_MAX]:
            self._execute(order)
        del self._orders[:ORDERS_PER_ROUND_MAX]

    def _execute(self, order: Order) -> None:
        command = order.command
        if isinstance(command, AwaitSettled):
            self.waiters.add(command, order, self._parts.clock.monotonic_ns())
            return
        try:
            result = self._do(command)
        except GatewayError as error:
            self._answer(order, error)
        else:
            self._answer(order, result)

    def _do(self, command: FeedCommand) -> object:
        return self._handlers[type(command)](command)

    def _read_ring(self, command: ReadRing) -> Kept:
        topic = self._parts.board.known_topic(command.name)
        if topic is None:
            return Kept((), 0, None)
        rings = self._parts.envelope.rings
        return rings.read(topic, command.first_sequence, command.last_sequence)

    def _give_up(self, command: SetPressure) -> None:
        """Give up what a step of the guards says, or take it up again."""
        parts, step = self._parts, command.step
        slowdown = SLOWDOWN if step >= Step.SHED else 1
        parts.board.variants.slowdown = parts.depths.books.slowdown = slowdown
        parts.peers.is_closed = step >= Step.REFUSE_CONNECTIONS
        parts.subscriptions.give_up(step)

    def _note_admin(self, command: NoteAdmin) -> None:
        """Follow what the admin port says; the data ports wait for its first word."""
        self._parts.upstreams[0].note_port("admin", command.state)
        for desk in self._desks:
            desk.note_admin(
                is_connected=command.is_dtn_connected, is_login_lost=command.is_login_lost
            )
        if command.is_dtn_connected or command.state == Link.CLOSED.value:
            self._on_ready()

    def _explain(self, symbol: str) -> Lineage:
        level1, level2 = self._parts.level1, self._parts.level2
        name1 = port_name("level1", level1.place_of(symbol))
        name2 = port_name("level2", level2.place_of(symbol))
        return self._parts.lineage.look(
            symbol,
            level1=link_report(name1, level1.of(symbol)),
            level2=link_report(name2, level2.of(symbol)),
        )

    def _links(self, port: str) -> Sequence[AnyLink]:
        parts = self._parts
        return parts.level1.links if port == "level1" else parts.level2.links

    def _answer(self, order: Order, result: object) -> None:
        if order.future is not None:
            self._facts.answer(order.future, result)


def reset_breakers(links: Iterable[AnyLink]) -> int:
    """Close the circuit breakers of connections; what waits for them is tried at once.

    Returns:
        How many there were.
    """
    count = 0
    for link in links:
        link.retry.reset()
        count += 1
    return count


def reconnect(links: Iterable[AnyLink]) -> int:
    """Make connections anew, those that stand and those that are waited for.

    Returns:
        How many; a port that nobody has wanted has none.
    """
    used = [link for link in links if link.descriptor is not None or link.retry.due_ns is not None]
    for link in used:
        link.reconnect()
    return len(used)
