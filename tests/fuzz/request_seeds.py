"""Requests that are right, more or less: what mutations of requests begin from."""

import random
from typing import Any, Final

import msgpack

from gateway.model.methods import METHODS, Role

TEXTS: Final = ("AAPL", "quote,AAPL,", "level1", "x", "", "l1", "\u2028", "A" * 300, "reason")
SYMBOL_LISTS: Final[tuple[list[str], ...]] = (
    ["AAPL"],
    ["AAPL", "@ES"],
    ["@ES", "@ES", "MSFT"],
    [],
    ["aapl"],
    ["A,B"],
)
KINDS: Final = (["l1"], ["l2"], ["quote", "trade"], ["book", "book@250x5"], ["*"], ["sys"])
NAMED: Final[dict[str, tuple[Any, ...]]] = {
    "symbols": SYMBOL_LISTS,
    "kinds": KINDS,
    "topic": ("quote,AAPL,", "trade,AAPL,", "depth,@ES,", "book@50x5,@ES,", "sys,hb,", "quote,A"),
    "topics": (["quote,AAPL,", "book,@ES,"], ["sys,status,"], [], ["quote"], ["~x.quote,A,"]),
    "client": ("desk", "x", "", "a b", "d" * 65),
    "port": ("level1", "level2", "admin", "level3"),
}
"""What some parameters look like."""


def request_seeds(*, are_admins: bool = False) -> list[bytes]:
    """Three requests of each method.

    Args:
        are_admins: Whether what only an administrator may ask is among them.
    """
    rng = random.Random(0)
    return [
        msgpack.packb({"v": 1, "id": number, "method": method, "params": _params(rng, method)})
        for number, (method, spec) in enumerate(METHODS.items())
        for _ in range(3)
        if are_admins or spec.role is not Role.ADMIN
    ]


def words() -> tuple[bytes, ...]:
    """Every name that means something in a request."""
    found = {"v", "id", "method", "params", "deadline_ms", *METHODS}
    for spec in METHODS.values():
        found |= set(spec.params.model_json_schema().get("properties", {}))
    for values in NAMED.values():
        for value in values:
            found |= {value} if isinstance(value, str) else set(value)
    return tuple(word.encode("utf-8") for word in sorted(found) if word)


def _params(rng: random.Random, method: str) -> dict[str, Any]:
    """Parameters that fit, more or less."""
    schema = METHODS[method].params.model_json_schema()
    params: dict[str, Any] = {}
    for name, spec in schema.get("properties", {}).items():
        kinds = [spec.get("type")] + [one.get("type") for one in spec.get("anyOf", [])]
        if name in NAMED and rng.random() < 0.8:
            params[name] = rng.choice(NAMED[name])
        elif "array" in kinds:
            params[name] = [rng.choice(TEXTS) for _ in range(rng.randint(0, 3))]
        elif "integer" in kinds or "number" in kinds:
            params[name] = rng.choice([0, 1, 5, 30, 2_000, -1, 2**63 - 1])
        elif "boolean" in kinds:
            params[name] = rng.random() < 0.5
        elif "string" in kinds:
            params[name] = rng.choice(TEXTS)
    return params
