"""What must never be shown: values under names that sound secret, and known secrets anywhere."""

import functools
import json
import re
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import quote

MASK: Final = "***"
WHOLE_WORD_CHARACTERS_MAX: Final = 5
"""Secrets up to this long are masked as whole words only: holes in other words would spell them."""
CUT_CHARACTERS_MIN: Final = 4
"""What is left of a secret at the end of a text that was cut is masked from this length."""
DEPTH_MAX: Final = 8
ITEMS_MAX: Final = 100
BITS_MAX: Final = 512

_NAME: Final = re.compile(
    r"pas+w|iqfeed|login|secret|token|credential|user|product|authori[sz]ation|bearer"
    r"|(?:^|[^a-z])(?:api|private)?key(?:s|$|[^a-z])",
    re.IGNORECASE,
)
_ASSIGNED: Final = re.compile(
    r"((?:pas+w|secret|token|credential)\w{0,20}['\"]?\s{0,3}[=:]\s{0,3}['\"]?)[^\s'\",;&)}\]]+",
    re.IGNORECASE,
)
_BEARER: Final = re.compile(r"\b(bearer )\S+", re.IGNORECASE)


@functools.lru_cache(maxsize=1_000)
def hints_at_secret(name: str) -> bool:
    """Whether a name sounds as if its value were nobody's business."""
    return _NAME.search(name) is not None


class Secrets:
    """Takes secrets out of what is to be shown.

    Args:
        values: Those that are known: the login, a webhook's token; empty ones are ignored.
    """

    def __init__(self, values: Iterable[str] = ()) -> None:
        spellings = {spelling for value in values if value for spelling in _spellings(value)}
        self._spellings = sorted(spellings, key=len, reverse=True)
        self._known = re.compile("|".join(map(_pattern_of, self._spellings))) if spellings else None

    def __repr__(self) -> str:
        return f"Secrets({len(self._spellings)} spellings)"

    def mask(self, text: str) -> str:
        """A text without secrets: the known ones, and what is assigned to a telling name."""
        if self._known is not None:
            text = self._known.sub(MASK, text)
            if "..." in text:
                text = self._mask_cut(text)
        return _BEARER.sub(rf"\1{MASK}", _ASSIGNED.sub(rf"\1{MASK}", text))

    def masked(self, value: object, *, depth: int = DEPTH_MAX) -> object:
        """A value without secrets, for a log line or for whoever asks how the gateway is set.

        Args:
            value: Maps and lists are looked through; all else is returned as it is, or masked.
            depth: How far in; what is deeper becomes an ellipsis, as do long lists' ends.
        """
        if isinstance(value, str):
            return self.mask(value)
        if isinstance(value, dict):
            return self._map(value, depth - 1) if depth > 0 else "..."
        if isinstance(value, list | tuple | set | frozenset):
            return self._items(list(value), depth - 1) if depth > 0 else "..."
        if isinstance(value, int) and value.bit_length() < BITS_MAX:
            return MASK if self.mask(str(value)) != str(value) else value
        return value

    def _map(self, values: dict[Any, object], depth: int) -> dict[Any, object]:
        masked: dict[Any, object] = {}
        for key, value in list(values.items())[:ITEMS_MAX]:
            is_text = isinstance(key, str)
            is_hidden = is_text and value is not None and hints_at_secret(key)
            shown = MASK if is_hidden else self.masked(value, depth=depth)
            masked[self.mask(key) if is_text else key] = shown
        return masked

    def _items(self, values: list[object], depth: int) -> list[object]:
        shown = [self.masked(value, depth=depth) for value in values[:ITEMS_MAX]]
        return shown if len(values) <= ITEMS_MAX else [*shown, "..."]

    def _mask_cut(self, text: str) -> str:
        """Mask the beginnings of secrets that stand before an ellipsis."""
        for spelling in self._spellings:
            for length in range(len(spelling) - 1, CUT_CHARACTERS_MIN - 1, -1):
                beginning = f"{spelling[:length]}..."
                if beginning in text:
                    text = text.replace(beginning, f"{MASK}...")
        return text


def _spellings(value: str) -> set[str]:
    """A secret as it may stand in a text: plain, escaped, in JSON, in an address."""
    return {value, ascii(value)[1:-1], json.dumps(value)[1:-1], quote(value, safe="")}


def _pattern_of(spelling: str) -> str:
    pattern = re.escape(spelling)
    is_short = len(spelling) <= WHOLE_WORD_CHARACTERS_MAX
    return rf"(?<![A-Za-z0-9]){pattern}(?![A-Za-z0-9])" if is_short else pattern
