"""What `rpc` is told: a method and its parameters, checked by name before anything is sent."""

import difflib
import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from gateway.errors import bounded
from gateway.model.methods import METHODS, MethodSpec

LIST_KEYS: Final = frozenset({"symbols", "kinds"})
"""Parameters that are lists: `symbols=AAPL,MSFT`."""
REPEATED_KEYS: Final = frozenset({"topics"})
"""Lists whose items contain commas: `topics=quote,AAPL, topics=trade,AAPL,`."""
NEARNESS_MIN: Final = 0.6


def parse_params(params: list[str]) -> dict[str, Any]:
    """Read `key=value` arguments.

    Raises:
        ValueError: One has no `=`; it is quoted.
    """
    values: dict[str, Any] = {}
    for param in params:
        key, separator, text = param.partition("=")
        if not separator or not key:
            raise ValueError(f"write key=value, not {bounded(param)}")
        if key in REPEATED_KEYS:
            values.setdefault(key, []).append(text)
        elif key in LIST_KEYS and not text.startswith("["):
            values[key] = [item for item in text.split(",") if item]
        else:
            values[key] = _value_of(text)
    return values


def check_names(method: str, values: Mapping[str, Any]) -> None:
    """Refuse names that the gateway would not know: it ignores parameters it does not know.

    Raises:
        ValueError: No such method, or it has no such parameter; the nearest name is told.
    """
    spec = METHODS.get(method)
    if spec is None:
        raise ValueError(
            f"there is no method {bounded(method)}{_meant(method, METHODS)}\n"
            "  what to do: `iqfeed-gateway rpc --list` tells which there are."
        )
    known = _names_of(spec)
    for name in values:
        if name not in known:
            takes = f"it takes {', '.join(known)}" if known else "it takes none"
            raise ValueError(
                f"{method} has no parameter {bounded(name)}{_meant(name, known)}\n"
                f"  what to do: correct it; {takes}."
            )


def method_lines() -> list[str]:
    """Every method this version answers, a line each: name, who may call it, what it does."""
    return [
        f"{spec.name:<21} {spec.role.value:<9} {spec.description}"
        for spec in METHODS.values()
        if spec.is_available
    ]


def _names_of(spec: MethodSpec) -> list[str]:
    return list(spec.params.model_fields)


def _meant(name: str, known: Iterable[str]) -> str:
    """The name that may have been meant; `lease` begins `lease_s`, whatever their likeness."""
    names = list(known)
    near = [one for one in names if len(name) >= 3 and one.startswith(name)]
    near += difflib.get_close_matches(name, names, n=1, cutoff=NEARNESS_MIN)
    return f"; did you mean {near[0]}?" if near else ""


def _value_of(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
