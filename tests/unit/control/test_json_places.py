"""Where values of a JSON text stand: for every value of any text."""

import json
import random
from collections.abc import Iterator
from typing import Any

from gateway.control.json_places import Place, lines_of


def places_in(value: object, place: Place = ()) -> Iterator[Place]:
    """Every place, in the order of the text."""
    yield place
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from places_in(inner, (*place, name))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from places_in(inner, (*place, number))


def anything(chance: random.Random, depth: int = 0) -> Any:
    """Some value, with what could be taken for structure in its texts."""
    kind = chance.random()
    if depth > 4 or kind < 0.4:
        return chance.choice([1, "a b", 'x,{"[', None, True, -1.5, "", "]"])
    count = chance.randrange(4)
    if kind < 0.7:
        return [anything(chance, depth + 1) for _ in range(count)]
    names = (f"{chance.choice('abc[,:')}{number}" for number in range(count))
    return {name: anything(chance, depth + 1) for name in names}


def test_every_value_is_found_on_its_line() -> None:
    """Indented, each value has a line of its own, and they follow each other."""
    for seed in range(500):
        value = anything(random.Random(seed))
        places = list(places_in(value))
        found = lines_of(json.dumps(value, indent=1), places)
        lines = [found[place] for place in places]
        assert lines == sorted(set(lines)), f"seed {seed}"


def test_what_is_not_there_is_not_found() -> None:
    """Nobody is led to a line that says nothing of it."""
    assert lines_of('{"a": [1]}', [("b",), ("a", 1), ("a", 0, "c")]) == {}
    assert lines_of('{\n"\\u0061": 1}', [("a",)]) == {}
