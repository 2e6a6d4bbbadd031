"""Where in a JSON text a value stands, for errors: the parser itself does not keep it."""

import re
from collections.abc import Collection, Iterator
from typing import Final

Place = tuple[int | str, ...]
"""The names and numbers that lead to a value."""

_TOKEN: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{},:]|[^\s\[\]{},:"]+')
_ESCAPE: Final = "\\"


def lines_of(text: str, places: Collection[Place]) -> dict[Place, int]:
    """Find the lines on which values stand.

    A member of a map stands where its name does. It is walked in small steps, so that a long text
    holds up no other thread.

    Args:
        text: What the parser has taken.
        places: Of the values; `()` is the whole text. Names that are spelled with escapes are not
            found, nor is what is within them.

    Returns:
        Lines from 1, of those that were found.
    """
    wanted, found = set(places), dict[Place, int]()
    line, counted_to = 1, 0
    for place, offset in _places_in(text):
        if place in wanted and place not in found:
            line += text.count("\n", counted_to, offset)
            counted_to = offset
            found[place] = line
            if len(found) == len(wanted):
                break
    return found


def _places_in(text: str) -> Iterator[tuple[Place, int]]:
    """Every value's place and offset, in the order of the text."""
    outer: list[Place] = []
    place: Place = ()
    is_map = is_name = is_begun = False
    yield place, len(text) - len(text.lstrip())
    for match in _TOKEN.finditer(text):
        piece = match[0]
        if piece in "]}":
            place = outer.pop()
            # What holds a value goes on behind it; whether with names its last part says.
            is_map, is_name = bool(place) and isinstance(place[-1], str), False
        elif piece == ",":
            if is_map:
                is_name = True
            else:
                number = place[-1]
                place = (*place[:-1], number + 1 if isinstance(number, int) else 0)
                is_begun = True
        elif piece != ":":
            if is_name:
                name = piece[1:-1]
                place = (*place[:-1], "" if _ESCAPE in name else name)
                is_name = False
                yield place, match.start()
                continue
            if is_begun:
                yield place, match.start()
                is_begun = False
            if piece in "[{":
                outer.append(place)
                is_map = is_name = piece == "{"
                is_begun = not is_map
                place = (*place, "" if is_map else 0)
