"""The file of symbols that the gateway watches by itself: lists of symbols with their kinds.

    {"lists": [{"name": "large caps", "kinds": ["l1"], "symbols": ["AAPL", "MSFT"]}]}

Kinds are `subscribe`'s. A symbol may be in several lists: it gets all their kinds. What is in the
file and cannot be watched is refused as a whole, with the line: a symbol that silently is not
watched is found out at the opening bell.

It is read beside live prices, and one call into C holds up every other thread until it is over:
what is checked is checked entry by entry, until there are three mistakes.
"""

import difflib
import json
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final, NamedTuple

import pydantic

from gateway.control.claims import expand, services_of
from gateway.control.json_places import Place, lines_of
from gateway.control.watch_desk import SERVICES
from gateway.errors import ConfigError, SymbolInvalid, bounded
from gateway.iqfeed.commands import check_symbol
from gateway.model import methods as m
from gateway.model.protocol import KINDS_MAX
from gateway.policy.leases import Claim

WATCH_LIST_BYTES_MAX: Final = 1_048_576
"""50,000 symbols, or 5,000 in twenty lists; parsing so much holds other threads up for about ten
milliseconds."""
LISTS_MAX: Final = 1_000
NAME_CHARACTERS_MAX: Final = 64
KIND_WORDS: Final = (*(kind.value for kind in SERVICES), "l1", "l2")
"""What a list may ask for."""
PROBLEMS_TOLD_MAX: Final = 3
_KIND_CHARACTERS_MAX: Final = 32
_FILE_NAMES: Final = ("comment", "lists")
_LIST_NAMES: Final = ("name", "comment", "kinds", "symbols")
_KINDS_TYPE: Final[Any] = m.SubscribeParams.model_fields["kinds"].annotation
_KINDS: Final[pydantic.TypeAdapter[tuple[str, ...]]] = pydantic.TypeAdapter(_KINDS_TYPE)
_HINT: Final = "Correct the file of symbols; nothing of it was taken."


class _Problem(NamedTuple):
    """One thing that cannot be used."""

    place: Place
    """Where it is."""
    text: str
    """What it is."""
    hint: str = _HINT
    """What to do."""


def parse_watch_list(text: str, *, file: str, symbol_count_max: int) -> tuple[Claim, ...]:
    """Read the lists.

    Args:
        text: The file's, at most `WATCH_LIST_BYTES_MAX` long.
        file: Its name, for errors.
        symbol_count_max: More different symbols are refused.

    Returns:
        Each symbol once, with the kinds of all its lists, in the order of the file.

    Raises:
        ConfigError: Anything in it cannot be used; with the line and the entry.
    """
    content = _parse_json(text, file)
    problems = list(islice(_problems_in(content, symbol_count_max), PROBLEMS_TOLD_MAX))
    if problems:
        raise _refusal(problems, text, file)
    claimed: dict[str, dict[str, None]] = {}
    for one in content["lists"]:
        kinds = dict.fromkeys(expand(one["kinds"]))
        for symbol in one["symbols"]:
            claimed.setdefault(symbol, {}).update(kinds)
        if len(claimed) > symbol_count_max:
            raise ConfigError(
                f"more symbols than data.symbol_count_max, {symbol_count_max}",
                hint="Take symbols out of the file, or raise data.symbol_count_max and restart.",
                source=file,
            )
    return tuple(Claim(symbol, tuple(names)) for symbol, names in claimed.items())


def _problems_in(content: object, symbol_count_max: int) -> Iterator[_Problem]:
    """What cannot be used, in the order of the file; whoever has read enough stops."""
    if not isinstance(content, Mapping):
        yield _Problem((), "the file: write a map with lists")
        return
    yield from _of_names(content, (), _FILE_NAMES, needed=("lists",))
    lists = content.get("lists", [])
    if not isinstance(lists, list):
        yield _Problem(("lists",), "lists: write a list of them")
        return
    if len(lists) > LISTS_MAX:
        yield _Problem(("lists",), f"lists: {len(lists)} are more than {LISTS_MAX}")
        return
    for number, one in enumerate(lists):
        place = ("lists", number)
        if not isinstance(one, Mapping):
            yield _Problem(place, f"lists.{number}: write a map of {', '.join(_LIST_NAMES)}")
            continue
        yield from _of_names(one, place, _LIST_NAMES, needed=("name", "kinds", "symbols"))
        yield from _of_list(one, place, symbol_count_max)


def _of_names(
    content: Mapping[str, Any], place: Place, names: tuple[str, ...], *, needed: tuple[str, ...]
) -> Iterator[_Problem]:
    """Names that there are not, and those that are missing; and comments, which may be anything."""
    for name in content:
        if name not in names:
            spelled = bounded(".".join(map(str, (*place, name[:100]))), characters_max=80)
            near = difflib.get_close_matches(name[:_KIND_CHARACTERS_MAX], names, n=1)
            meant = f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}"
            yield _Problem((*place, name), f"unknown name {spelled}; {meant}")
    for name in needed:
        if name not in content:
            yield _Problem(place, f"{_spelled((*place, name))}: it is missing")
    if not isinstance(content.get("comment", ""), str):
        yield _Problem((*place, "comment"), f"{_spelled((*place, 'comment'))}: write a text")


def _of_list(one: Mapping[str, Any], place: Place, symbol_count_max: int) -> Iterator[_Problem]:
    name, kinds, symbols = one.get("name", "-"), one.get("kinds"), one.get("symbols")
    if not isinstance(name, str) or not 0 < len(name) <= NAME_CHARACTERS_MAX:
        text = f"name: write 1 to {NAME_CHARACTERS_MAX} characters"
        yield _Problem((*place, "name"), f"{_spelled(place)}.{text}")
        name = "-"
    for entries, what, count_max in (
        (kinds, "kinds", KINDS_MAX),
        (symbols, "symbols", symbol_count_max),
    ):
        if what not in one:
            continue
        inner = (*place, what)
        if not isinstance(entries, list) or not entries:
            yield _Problem(inner, f"{_spelled(inner)}: write a list of them, of one at least")
        elif len(entries) > count_max:
            limit = f"data.symbol_count_max, {count_max}" if what == "symbols" else str(count_max)
            yield _Problem(
                inner,
                f"{_spelled(inner)}: {len(entries)} are more than {limit}",
                "Take some out of the file, or raise data.symbol_count_max and restart."
                if what == "symbols"
                else _HINT,
            )
        elif what == "kinds":
            yield from _of_kinds(entries, inner, name)
        else:
            yield from _of_symbols(entries, inner, name)


def _of_kinds(kinds: list[Any], place: Place, name: str) -> Iterator[_Problem]:
    """Kinds that `subscribe` would not know, or that deliver nothing for a symbol."""
    is_well = True
    for entry, kind in enumerate(kinds):
        if not isinstance(kind, str):
            is_well = False
            yield _Problem((*place, entry), f"{_spelled((*place, entry))}: write a text")
        elif not _is_kind(kind):
            is_well = False
            word = kind[:_KIND_CHARACTERS_MAX]
            near = difflib.get_close_matches(word, KIND_WORDS, n=1, cutoff=0.5)
            meant = f"did you mean {near[0]}? There are" if near else "there are"
            yield _Problem(
                (*place, entry),
                f"{_spelled((*place, entry))} (list {bounded(name)}): "
                f"{bounded(kind, characters_max=40)} is no kind; {meant} {', '.join(KIND_WORDS)}, "
                "and variants such as quote@250 and book@1000x5",
            )
    if is_well and not services_of(expand(kinds)):
        yield _Problem(
            place,
            f"{_spelled(place)}: nothing of it is delivered for a symbol",
            f"Write some of {', '.join(KIND_WORDS)}.",
        )


def _is_kind(kind: str) -> bool:
    try:
        _KINDS.validate_python((kind,))
    except pydantic.ValidationError:
        return False
    return True


def _of_symbols(symbols: list[Any], place: Place, name: str) -> Iterator[_Problem]:
    """Symbols that the vendor cannot be asked for, and those that are there twice."""
    seen: set[str] = set()
    for entry, symbol in enumerate(symbols):
        if isinstance(symbol, str) and symbol in seen:
            text, hint = f"{bounded(symbol)[1:-1]} is in this list twice", _HINT
        else:
            text, hint = _problem_of(symbol)
        if text:
            inner = (*place, entry)
            yield _Problem(inner, f"{_spelled(inner)} (list {bounded(name)}): {text}", hint)
        else:
            seen.add(symbol)


def _problem_of(symbol: object) -> tuple[str, str]:
    """Why the vendor cannot be asked for a symbol, and what to do; empty when it can."""
    if not isinstance(symbol, str):
        return "write a text", _HINT
    try:
        check_symbol(symbol)
    except SymbolInvalid as error:
        return f"{error.text}: {bounded(symbol, characters_max=64)}", error.hint
    return "", ""


def _spelled(place: Place) -> str:
    return ".".join(map(str, place))


def _refusal(problems: list[_Problem], text: str, file: str) -> ConfigError:
    """What is wrong with the file, and on which lines."""
    lines = lines_of(text, [problem.place for problem in problems])
    sources = dict.fromkeys(
        f"{file}:{lines[problem.place]}" if problem.place in lines else file for problem in problems
    )
    told = dict.fromkeys(problem.text for problem in problems)
    return ConfigError("; ".join(told), hint=problems[0].hint, source=", ".join(sources))


def _parse_json(text: str, file: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        raise ConfigError(
            "not a JSON file", hint=_HINT, reason=error.msg, source=f"{file}:{error.lineno}"
        ) from error
    except (ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, ValueError) else "nested too deeply"
        raise ConfigError("not a JSON file", hint=_HINT, reason=reason, source=file) from error


def _once(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    """A map, unless a name is in it twice: JSON would take the last one and say nothing."""
    known: dict[str, Any] = {}
    for name, value in pairs:
        if name in known:
            raise ValueError(f"{bounded(name, characters_max=64)} is written twice")
        known[name] = value
    return known
