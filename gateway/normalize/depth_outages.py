"""What a break of the upstream does to order books, one connection at a time."""

from gateway.model.enums import Cause, SymbolState
from gateway.normalize.depths import Depth


class DepthOutages:
    """The part of the depth board that loses and recovers a connection's books."""

    depths: dict[str, Depth]
    """Every symbol whose depth somebody wants."""
    down_causes: list[Cause | None]
    """By connection: why none of its books can be live at the moment; None while it is whole."""

    def lose_upstream(self, cause: Cause, shard: int = 0) -> None:
        """Mark every book of a connection as not to be trusted, and say why."""
        if cause is self.down_causes[shard]:
            return
        self.down_causes[shard] = cause
        for depth in self.of_shard(shard):
            state = depth.standing.state
            if state is SymbolState.PENDING:
                self.change(depth, SymbolState.PENDING, cause)
            elif state is not SymbolState.REFUSED:
                if state is SymbolState.RECOVERING:
                    depth.is_rebuilding = True
                self.change(depth, SymbolState.STALE, cause)

    def recover_upstream(self, shard: int = 0, *, is_new: bool) -> None:
        """Begin recovery: the connection is whole, books must be heard anew.

        Args:
            shard: Which connection.
            is_new: Whether the connection is a new one, on which nothing is asked for yet: books
                are cleared now. Otherwise they are when the summary asked for begins.
        """
        self.down_causes[shard] = None
        for depth in self.of_shard(shard):
            if is_new:
                self._forget_answers(depth)
            if depth.standing.state is SymbolState.PENDING:
                self.change(depth, SymbolState.PENDING, None)
            elif depth.standing.state is not SymbolState.REFUSED:
                depth.is_rebuilding = True
                self.change(depth, SymbolState.RECOVERING, depth.standing.cause)
                self._unsettle(depth)

    def resume_upstream(self, shard: int = 0) -> None:
        """End a silence in which nothing can have been lost: the books hold again."""
        self.down_causes[shard] = None
        now_us = self._now_us()
        for depth in self.of_shard(shard):
            state = depth.standing.state
            if state is SymbolState.PENDING and not depth.settle_us:
                self.change(depth, SymbolState.PENDING, None)
            elif state is SymbolState.PENDING or (
                state is SymbolState.STALE and depth.is_rebuilding
            ):
                # A summary may have come and gone while nothing could be live.
                is_stale = state is SymbolState.STALE
                cause = depth.standing.cause if is_stale else None
                self.change(depth, SymbolState.RECOVERING, cause)
                if depth.settle_us:
                    self._settle_later(depth, now_us)
            elif state is SymbolState.STALE:
                self.change(depth, SymbolState.LIVE, None)

    def of_shard(self, shard: int) -> list[Depth]:
        """The symbols of one connection whose depth somebody wants."""
        return [depth for depth in self.depths.values() if depth.shard == shard]

    def change(self, depth: Depth, state: SymbolState, cause: Cause | None) -> None:
        """Move a symbol's depth to a state and tell everyone who must know."""
        raise NotImplementedError

    def _forget_answers(self, depth: Depth) -> None:
        raise NotImplementedError

    def _settle_later(self, depth: Depth, now_us: int) -> None:
        raise NotImplementedError

    def _unsettle(self, depth: Depth) -> None:
        raise NotImplementedError

    def _now_us(self) -> int:
        raise NotImplementedError
