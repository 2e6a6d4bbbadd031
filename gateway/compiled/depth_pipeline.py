"""The compiled Level 2 pipeline: usual rows become frames in the extension, others in Python."""

from typing import Any

from gateway.compiled import _pipeline
from gateway.compiled.depths import DepthIndex
from gateway.compiled.pipeline import NO_SOCKET, NativeSocket
from gateway.counters import Counter
from gateway.normalize.depth_board import DepthBoard
from gateway.normalize.depth_pipeline import DepthPipeline


class CompiledDepthPipeline(DepthPipeline):
    """Turns the bytes of one Level 2 connection into frames.

    Args:
        board: The books, kept in a `DepthIndex`.
        native: The data socket; None for the envelope's `send`.
        line_bytes_max: As `DepthPipeline` takes it.
        parts: What else `DepthPipeline` takes.

    Raises:
        TypeError: The board's books are not the extension's.
    """

    def __init__(
        self, *, board: DepthBoard, native: NativeSocket | None, line_bytes_max: int, **parts: Any
    ) -> None:
        super().__init__(board=board, line_bytes_max=line_bytes_max, **parts)
        if not isinstance(board.depths, DepthIndex):
            raise TypeError("the compiled pipeline needs a board with a DepthIndex")
        envelope, sender = board.envelope, native or NO_SOCKET
        self._rows = _pipeline.DepthReader(
            board.depths.table,
            epoch=envelope.epoch,
            line_bytes_max=line_bytes_max,
            zmq_send=sender.functions.send,
            socket=sender.socket,
            read_line=self._read_one,
            drop_line=self._framer.drop,
            change=board.changed.append,
            date_day=self.eastern.iso_day_begin_us,
            send=envelope.send,
        )

    def reset(self) -> None:
        """Forget half a line and the clock: the connection is gone."""
        super().reset()
        self._rows.reset()

    def _read_chunk(self, chunk: bytes, recv_us: int) -> int:
        self._rows.feed(chunk, recv_us, self._board.rows.now_us)
        lines, orders, levels, unknown = self._rows.take_counts()
        self._counters.add(Counter.ORDERS_PUBLISHED, orders)
        self._counters.add(Counter.DEPTHS_PUBLISHED, levels)
        self._counters.add(Counter.BOOK_ROWS_UNKNOWN, unknown)
        return lines
