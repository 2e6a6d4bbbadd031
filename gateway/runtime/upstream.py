"""What happens on the Level 1 and on the Level 2 port, told to symbols and books."""

from gateway.control.depth_desk import DepthDesk
from gateway.control.upstream_state import Recovery
from gateway.control.watch_desk import WatchDesk
from gateway.counters import Counters
from gateway.iqfeed.events import (
    Event,
    FieldRefused,
    FieldsSelected,
    ProtocolSelected,
    VendorErrorSeen,
)
from gateway.iqfeed.system import CustomerKnown, NoDepth, SymbolLimitReached, SymbolNotFound
from gateway.model.enums import Cause
from gateway.normalize.board import Board
from gateway.normalize.depth_board import DepthBoard
from gateway.normalize.depth_pipeline import DepthPipeline
from gateway.runtime.level1_link import Level1Link
from gateway.runtime.level2_link import Level2Link
from gateway.runtime.port_desk import PortDesk
from gateway.runtime.port_errors import PortErrors
from gateway.wire.system import SystemTopics

NOT_ENTITLED_WORDS = "Unauthorized"
"""How the vendor's error begins when an account may not see something."""


def port_name(port: str, shard: int) -> str:
    """How one of several connections to a port is called; the first has the port's own name."""
    return port if shard == 0 else f"{port}.{shard + 1}"


class UpstreamDesk(PortDesk):
    """Keeps every symbol in line with the Level 1 port.

    Args:
        link: The Level 1 connection; its events come here.
        board: Symbols and their states.
        depths: Their books, whose rows are flagged DELAYED too.
        desk: Asks the vendor again after a loss.
        ports: State of every port's link, shared by all desks.
        system: Where transitions are published.
        counters: Where vendor errors are counted.
        errors: Where what goes wrong is reported.
        shard: Which of the Level 1 connections it is.
    """

    def __init__(
        self,
        *,
        link: Level1Link,
        board: Board,
        depths: DepthBoard,
        desk: WatchDesk,
        ports: dict[str, str],
        system: SystemTopics,
        counters: Counters,
        errors: PortErrors,
        shard: int = 0,
    ) -> None:
        super().__init__(
            port=port_name("level1", shard),
            subject="prices",
            link=link,
            ports=ports,
            system=system,
            counters=counters,
            errors=errors,
        )
        self._link = link
        self._shard = shard
        self._board = board
        self._depths = depths
        self._desk = desk
        self.max_symbols: int | None = None
        """The login's symbol limit as the vendor states it."""
        self.is_delayed = False
        """Whether the account's prices are delayed."""
        link.owner = self

    def _take(self, event: Event) -> None:
        match event:
            case SymbolNotFound(symbol):
                self._desk.note_not_found(symbol)
            case SymbolLimitReached(symbol):
                self._desk.note_limit(symbol)
            case CustomerKnown(customer):
                self.max_symbols = customer.max_symbols
                self.is_delayed = customer.is_delayed
                self._board.set_delayed(customer.is_delayed)
                self._depths.set_delayed()
            case FieldRefused(name):
                self._log.warning("field refused, going on without it", field=name)
            case FieldsSelected():
                self._note_connected()
            case _:
                pass

    def _lose(self, cause: Cause) -> None:
        if cause is Cause.OVERLOAD:
            # Summaries that wait were read before this process stopped: they are old as well.
            self._board.lose_upstream(cause, self._shard)
        self._link.pipeline.flush_all()
        self._board.lose_upstream(cause, self._shard)

    def _recover(self, recovery: Recovery) -> None:
        match recovery:
            case Recovery.ASK_AGAIN:
                self._desk.ask_again(self._shard)
            case Recovery.REFRESH:
                self._desk.ask_refresh(self._shard)
            case Recovery.RESUME:
                self._board.resume_upstream(self._shard)
            case Recovery.NONE:
                pass


class DepthUpstreamDesk(PortDesk):
    """Keeps every book in line with the Level 2 port.

    Args:
        link: The Level 2 connection; its events come here.
        depths: The books.
        desk: Asks the vendor again after a loss.
        ports: State of every port's link, shared by all desks.
        system: Where transitions are published.
        counters: Where vendor errors are counted.
        errors: Where what goes wrong is reported.
        shard: Which of the Level 2 connections it is.
    """

    def __init__(
        self,
        *,
        link: Level2Link[DepthPipeline],
        depths: DepthBoard,
        desk: DepthDesk,
        ports: dict[str, str],
        system: SystemTopics,
        counters: Counters,
        errors: PortErrors,
        shard: int = 0,
    ) -> None:
        super().__init__(
            port=port_name("level2", shard),
            subject="order books",
            link=link,
            ports=ports,
            system=system,
            counters=counters,
            errors=errors,
        )
        self._link = link
        self._shard = shard
        self._depths = depths
        self._desk = desk
        link.owner = self

    @property
    def is_used(self) -> bool:
        """Whether depth was ever wanted: before, there is no connection to miss."""
        return self._link.is_wanted

    def _take(self, event: Event) -> None:
        match event:
            case NoDepth(symbol):
                self._desk.note_no_depth(symbol)
            case SymbolNotFound(symbol):
                self._desk.note_not_found(symbol)
            case SymbolLimitReached(symbol):
                self._desk.note_limit(symbol)
            case VendorErrorSeen(text) if text.startswith(NOT_ENTITLED_WORDS):
                self._desk.note_not_entitled()
            case ProtocolSelected():
                self._note_connected()
            case _:
                pass

    def _lose(self, cause: Cause) -> None:
        self._depths.lose_upstream(cause, self._shard)

    def _recover(self, recovery: Recovery) -> None:
        match recovery:
            case Recovery.ASK_AGAIN:
                self._desk.ask_again(self._shard)
            case Recovery.REFRESH:
                self._desk.ask_refresh(self._shard)
            case Recovery.RESUME:
                self._depths.resume_upstream(self._shard)
            case Recovery.NONE:
                pass
