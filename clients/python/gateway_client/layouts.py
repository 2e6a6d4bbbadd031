"""Checks the items of a body, a row or a map from outside: types, bounds, finiteness.

Checking item by item costs more than everything else of decoding together, so the types are checked
as one tuple: `tuple(map(type, items))` is looked up among the layouts already found correct, and
what is left to do is one expression: the bounds of all integers, the finiteness of all floats.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import isfinite
from typing import Any, Final, NamedTuple

from gateway_client import messages
from gateway_client.errors import DecodeError

Items = tuple[Any, ...]
"""A body's items; arrays are tuples."""

EXACT_IN_DOUBLE: Final = messages.INTEGER_RANGES["uint"][1]
LEVEL_KINDS: Final = ("price", "count", "count")
"""Items of a price level in a book."""
LEVEL_MANDATORY: Final = (0, 1)
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
_NESTED: Final = ("texts", "levels", "rows", "map")
_NIL: Final = type(None)


class Layout(NamedTuple):
    """Types found correct, and what of the values is still to be checked."""

    is_right: Callable[[Items], object]
    """False when a number may be out of range or not finite, or a text is empty."""
    nested: tuple[tuple[int, str], ...]
    """Index and kind of items that have items of their own."""
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
        # Most messages look like the last one, and to compare is cheaper than to look up.
        self._types: tuple[type, ...] = ()
        self._layout = Layout(bool, (), is_incomplete=True)

    def check(self, items: Items, *, may_be_empty: bool = False) -> Layout:
        """Check exactly `count` items.

        Raises:
            DecodeError: Naming the first item that is wrong.
        """
        types = tuple(map(type, items))
        if types == self._types:
            layout = self._layout
        else:
            layout = self._layouts.get(types) or self._learn(types, items)
            self._types, self._layout = types, layout
        if layout.is_incomplete and not may_be_empty:
            raise DecodeError("mandatory item is missing", message=self._name, items=items)
        if not layout.is_right(items):
            self._check_each(items)
        return layout

    def _learn(self, types: tuple[type, ...], items: Items) -> Layout:
        by_kind: defaultdict[str, list[int]] = defaultdict(list)
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
            else:
                # Ids apart from the other integers: they are commonly above 2^53.
                is_count = given is int and kind != "id"
                by_kind["count" if is_count else kind].append(index)
        nested = sorted((i, kind) for kind in _NESTED for i in by_kind[kind])
        layout = Layout(_written(by_kind), tuple(nested), is_incomplete)
        if len(self._layouts) >= _LAYOUTS_MAX:
            self._layouts.clear()
        self._layouts[types] = layout
        return layout

    def _check_each(self, items: Items) -> None:
        for index, (kind, item) in enumerate(zip(self._kinds, items, strict=True)):
            if type(item) is float and not isfinite(item):
                raise DecodeError("number is not finite", message=self._name, index=index)
            if type(item) is str and not item:
                raise DecodeError("text is empty", message=self._name, index=index)
            if type(item) is int:
                lowest, highest = messages.INTEGER_RANGES[kind]
                if not lowest <= item <= highest:
                    raise DecodeError(
                        "integer out of range", message=self._name, index=index, item=item
                    )


def _written(by_kind: Mapping[str, Sequence[int]]) -> Callable[[Items], object]:
    """Write the one expression that checks all values of a layout.

    A loop over the items costs as much as everything else of decoding together.
    """
    items = {kind: [f"items[{index}]" for index in indexes] for kind, indexes in by_kind.items()}
    parts = []
    if items.get("price"):
        # Infinite or NaN if one is; an overflow of the sum is looked at more closely.
        parts.append(f"isfinite({' + '.join(items['price'])})")
    if items.get("count"):
        # All bits of all integers: negative if one is, and beyond the bound if one is.
        parts.append(f"0 <= {' | '.join(items['count'])} <= {EXACT_IN_DOUBLE}")
    parts += [f"{item} >= 0" for item in items.get("id", ())]
    parts += items.get("text", ())
    expression = " and ".join(parts) or "True"
    # Made of our own words and indexes, nothing of which comes from outside.
    written: Callable[[Items], object] = eval(f"lambda items: {expression}", {"isfinite": isfinite})  # noqa: S307
    return written


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
