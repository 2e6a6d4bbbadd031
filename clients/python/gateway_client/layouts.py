"""Checks the items of a body, a row or a map from outside: types, bounds, finiteness.

Checking item by item costs more than everything else of decoding together, so the types are checked
as one tuple: `tuple(map(type, items))` is looked up among the layouts already found correct, and
what is left to do are the bounds of all integers and the finiteness of all floats at once.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import reduce
from math import isfinite
from operator import itemgetter, or_
from typing import Any, Final, NamedTuple

from gateway_client import messages
from gateway_client.errors import DecodeError

Items = tuple[Any, ...]
"""A body's items; arrays are tuples."""

EXACT_IN_DOUBLE: Final = messages.INTEGER_RANGES["uint"][1]
_LAYOUTS_MAX: Final = 1_024
_PYTHON_TYPES: Final[Mapping[str, type]] = {
    "uint": int,
    "time_us": int,
    "count": int,
    "id": int,
    "price": float,
    "text": str,
    "boolean": bool,
    "texts": tuple,
    "levels": tuple,
    "rows": tuple,
    "map": dict,
}
_NIL: Final = type(None)


class Layout(NamedTuple):
    """Types found correct, and where the numbers are that are still to be checked."""

    floats: Callable[[Items], Iterable[float]] | None
    integers: Callable[[Items], Sequence[int]] | None
    ids: Callable[[Items], Sequence[int]] | None
    """Apart from the other integers: they are commonly above 2^53."""
    nested: tuple[tuple[int, str], ...]
    is_incomplete: bool
    """Whether a mandatory item is nil, as in an empty snapshot only."""


class Checker:
    """Checks bodies of one message, or rows of one kind."""

    def __init__(self, kinds: Sequence[str], mandatory: Iterable[int], *, name: str) -> None:
        self.count = len(kinds)
        self._kinds = tuple(kinds)
        self._mandatory = frozenset(mandatory)
        self._name = name
        self._layouts: dict[tuple[type, ...], Layout] = {}

    def check(self, items: Items, *, may_be_empty: bool = False) -> Layout:
        """Check exactly `count` items.

        Raises:
            DecodeError: Naming the first item that is wrong.
        """
        types = tuple(map(type, items))
        layout = self._layouts.get(types)
        if layout is None:
            layout = self._learn(types, items)
        if layout.is_incomplete and not may_be_empty:
            raise DecodeError("mandatory item is missing", message=self._name, items=items)
        if layout.floats is not None and not isfinite(sum(layout.floats(items))):
            self._check_floats(items)
        # All bits of all integers: negative if one is, and beyond the bound if one is.
        bits = 0 if layout.integers is None else reduce(or_, layout.integers(items))
        if not 0 <= bits <= EXACT_IN_DOUBLE:
            self._check_integers(items)
        if layout.ids is not None and min(layout.ids(items)) < 0:
            self._check_integers(items)
        return layout

    def _learn(self, types: tuple[type, ...], items: Items) -> Layout:
        floats: list[int] = []
        integers: list[int] = []
        ids: list[int] = []
        nested: list[tuple[int, str]] = []
        is_incomplete = False
        for index, (kind, given) in enumerate(zip(self._kinds, types, strict=True)):
            if given is _NIL:
                is_incomplete |= index in self._mandatory
            elif given is not _PYTHON_TYPES[kind]:
                raise DecodeError(
                    "item has the wrong type",
                    message=self._name,
                    index=index,
                    expected=kind,
                    item=items[index],
                )
            elif given is float:
                floats.append(index)
            elif given is int:
                (ids if kind == "id" else integers).append(index)
            elif given in (str, tuple, dict):
                nested.append((index, kind))
        layout = Layout(
            _getter(floats), _getter(integers), _getter(ids), tuple(nested), is_incomplete
        )
        if len(self._layouts) >= _LAYOUTS_MAX:
            self._layouts.clear()
        self._layouts[types] = layout
        return layout

    def _check_floats(self, items: Items) -> None:
        for index, item in enumerate(items):
            if type(item) is float and not isfinite(item):
                raise DecodeError("number is not finite", message=self._name, index=index)

    def _check_integers(self, items: Items) -> None:
        for index, (kind, item) in enumerate(zip(self._kinds, items, strict=True)):
            if type(item) is int:
                lowest, highest = messages.INTEGER_RANGES[kind]
                if not lowest <= item <= highest:
                    raise DecodeError(
                        "integer out of range", message=self._name, index=index, item=item
                    )


def _getter(indexes: Sequence[int]) -> Callable[[Items], Any] | None:
    if not indexes:
        return None
    if len(indexes) == 1:
        only = indexes[0]
        return lambda items: (items[only],)
    return itemgetter(*indexes)


def check_value(value: object, *, level: int = 2) -> None:
    """Check a value from outside: text keys, finite numbers, no binary, bounded nesting.

    Args:
        value: What msgpack made of it.
        level: Level of nesting the value stands at, 1 for the body itself.

    Raises:
        DecodeError: Otherwise.
    """
    if level > messages.NESTING_LEVELS_MAX and isinstance(value, dict | tuple | list):
        raise DecodeError("nested too deep", levels_max=messages.NESTING_LEVELS_MAX)
    if isinstance(value, dict):
        for key, item in value.items():
            if type(key) is not str:
                raise DecodeError("map key is not text", key=key)
            check_value(item, level=level + 1)
    elif isinstance(value, tuple | list):
        for item in value:
            check_value(item, level=level + 1)
    elif isinstance(value, float):
        if not isfinite(value):
            raise DecodeError("number is not finite")
    elif value is not None and type(value) not in (str, int, bool):
        raise DecodeError("value has no type of the contract", type=type(value).__name__)
