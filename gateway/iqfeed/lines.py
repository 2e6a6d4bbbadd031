"""Bytes from IQConnect to lines of text, whatever way the network cuts them.

The obvious loop (find a newline, slice, strip) costs about a microsecond a line. Here one chunk is
decoded once and split once, and what could go wrong is asked of the whole chunk: is there an empty
line, can a line be longer than the limit? Splitting at LF and then removing each CR looks like a
detour and is the fastest way: `split` at CRLF and `splitlines` search byte by byte, `split` at one
character does not. `splitlines` would also cut at a lone CR, a form feed, and others.
"""

from typing import Final

from gateway.counters import Complaints, Counter

LINE_BYTES_MAX: Final = 65_536


class LineFramer:
    """Cuts one connection's bytes into lines and keeps the incomplete rest.

    The lines and the counts depend on the bytes alone, never on how they were cut into chunks.

    Args:
        complaints: Told of each line that is too long.
        line_bytes_max: Longest line, without its LF but with its CR; a longer one is dropped
            whole. Memory stays below this plus one chunk.
    """

    __slots__ = ("_complaints", "_is_discarding", "_line_bytes_max", "_tail")

    def __init__(self, complaints: Complaints, *, line_bytes_max: int = LINE_BYTES_MAX) -> None:
        if line_bytes_max < 1:
            raise ValueError("line_bytes_max must be 1 or more")
        self._complaints = complaints
        self._line_bytes_max = line_bytes_max
        self._tail = ""
        self._is_discarding = False

    def feed(self, data: bytes) -> list[str]:
        """Take the next bytes and return the lines they complete.

        Args:
            data: Any bytes, empty included. Latin-1 gives every byte a character, so nothing a
                company name or a broken sender contains can fail to decode.

        Returns:
            Complete lines in order, LF and one trailing CR removed, empty lines left out.
        """
        text = data.decode("latin-1")
        if self._is_discarding:
            end = text.find("\n")
            if end < 0:
                return []
            self._is_discarding = False
            text = text[end + 1 :]
        elif self._tail:
            text = self._tail + text
        raw_lines = text.split("\n")
        tail = raw_lines.pop()
        if len(text) > self._line_bytes_max and self._has_oversize(text):
            raw_lines = [raw for raw in raw_lines if not self._is_dropped(raw)]
        if len(tail) > self._line_bytes_max:
            self.drop(tail)
            self._is_discarding = True
            tail = ""
        self._tail = tail
        lines = [raw.removesuffix("\r") for raw in raw_lines]
        return [*filter(None, lines)] if "" in lines else lines

    def reset(self) -> None:
        """Forget the incomplete rest: half a line of a dead connection is not a line."""
        self._tail = ""
        self._is_discarding = False

    def _has_oversize(self, text: str) -> bool:
        """Whether a complete line of the text is longer than the limit.

        A line longer than the limit must cover a multiple of the limit, so it is enough to look
        at the lines around those few positions instead of measuring every line.
        """
        for position in range(0, len(text), self._line_bytes_max):
            start = text.rfind("\n", 0, position) + 1
            end = text.find("\n", position)
            if end - start > self._line_bytes_max:
                return True
        return False

    def _is_dropped(self, raw: str) -> bool:
        if len(raw) <= self._line_bytes_max:
            return False
        self.drop(raw)
        return True

    def drop(self, raw: str) -> None:
        """Complain of a line that is too long; its first bytes are enough."""
        # The sample is cut where every chunking has seen the line, so that samples agree too.
        self._complaints.complain(
            Counter.LINES_OVERSIZE,
            raw[: self._line_bytes_max],
            f"longer than {self._line_bytes_max} bytes",
        )
