"""The file of symbols that the gateway watches by itself: lists of symbols with their kinds.

    {"lists": [{"name": "large caps", "kinds": ["l1"], "symbols": ["AAPL", "MSFT"]}]}

Kinds are `subscribe`'s. A symbol may be in several lists: it gets all their kinds. What is in the
file and cannot be watched is refused as a whole, with the line: a symbol that silently is not
watched is found out at the opening bell.
"""

import difflib
import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final

import pydantic
from pydantic import Field

from gateway.control.claims import expand, services_of
from gateway.control.watch_desk import SERVICES
from gateway.errors import ConfigError, SymbolInvalid, bounded
from gateway.iqfeed.commands import check_symbol
from gateway.model import methods as m
from gateway.model.protocol import KINDS_MAX
from gateway.policy.leases import Claim

WATCH_LIST_BYTES_MAX: Final = 4_194_304
LISTS_MAX: Final = 1_000
KIND_WORDS: Final = (*(kind.value for kind in SERVICES), "l1", "l2")
"""What a list may ask for."""
_KINDS_TYPE: Final[Any] = m.SubscribeParams.model_fields["kinds"].annotation
_KINDS: Final[pydantic.TypeAdapter[tuple[str, ...]]] = pydantic.TypeAdapter(_KINDS_TYPE)
_HINT: Final = "Correct the file of symbols; nothing of it was taken."


class _Part(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")


class _List(_Part):
    name: Annotated[str, Field(min_length=1, max_length=64)]
    comment: str = ""
    kinds: Annotated[tuple[str, ...], Field(min_length=1, max_length=KINDS_MAX)]
    symbols: Annotated[tuple[Annotated[str, Field(strict=True)], ...], Field(min_length=1)]


class _File(_Part):
    comment: str = ""
    lists: Annotated[tuple[_List, ...], Field(max_length=LISTS_MAX)]


def parse_watch_list(text: str, *, file: str, symbol_count_max: int) -> tuple[Claim, ...]:
    """Read the lists.

    Args:
        text: The file's.
        file: Its name, for errors.
        symbol_count_max: More different symbols are refused.

    Returns:
        Each symbol once, with the kinds of all its lists, in the order of the file.

    Raises:
        ConfigError: Anything in it cannot be used; with the line and the entry.
    """
    try:
        lists = _File.model_validate(_parse_json(text, file)).lists
    except pydantic.ValidationError as error:
        raise _refusal(error, text, file) from error
    kinds: dict[str, dict[str, None]] = {}
    for number, one in enumerate(lists):
        _check_kinds(one, number, text, file)
        for symbol in _checked(one, number, text, file):
            kinds.setdefault(symbol, {}).update(dict.fromkeys(expand(one.kinds)))
    if len(kinds) > symbol_count_max:
        raise ConfigError(
            f"{len(kinds)} symbols are more than data.symbol_count_max, {symbol_count_max}",
            hint="Take symbols out of the file, or raise data.symbol_count_max.",
            source=file,
        )
    return tuple(Claim(symbol, tuple(names)) for symbol, names in kinds.items())


def _check_kinds(one: _List, number: int, text: str, file: str) -> None:
    """Refuse kinds that `subscribe` would not know, or that deliver nothing for a symbol."""
    try:
        _KINDS.validate_python(one.kinds)
    except pydantic.ValidationError as error:
        entry = int(error.errors()[0]["loc"][0])
        kind = one.kinds[entry]
        near = difflib.get_close_matches(kind, KIND_WORDS, n=1, cutoff=0.5)
        meant = f"did you mean {near[0]}? There are" if near else "there are"
        raise ConfigError(
            f"lists.{number}.kinds.{entry} (list {bounded(one.name, characters_max=64)}): "
            f"{bounded(kind, characters_max=40)} is no kind; {meant} {', '.join(KIND_WORDS)}, and "
            "variants such as quote@250 and book@1000x5",
            hint=_HINT,
            source=f"{file}:{_line_of(text, kind)}",
        ) from error
    if not services_of(expand(one.kinds)):
        raise ConfigError(
            f"lists.{number}.kinds: nothing of it is delivered for a symbol",
            hint=f"Write some of {', '.join(KIND_WORDS)}.",
            source=f"{file}:{_line_of(text, one.name)}",
        )


def _checked(one: _List, number: int, text: str, file: str) -> Iterable[str]:
    """A list's symbols, each of which the vendor can be asked for."""
    seen: set[str] = set()
    for entry, symbol in enumerate(one.symbols):
        place = f"lists.{number}.symbols.{entry} (list {bounded(one.name, characters_max=64)})"
        try:
            check_symbol(symbol)
        except SymbolInvalid as error:
            raise ConfigError(
                f"{place}: {error.text}: {bounded(symbol, characters_max=64)}",
                hint=error.hint,
                source=f"{file}:{_line_of(text, symbol)}",
            ) from error
        if symbol in seen:
            raise ConfigError(
                f"{place}: {symbol} is in this list twice",
                hint=_HINT,
                source=f"{file}:{_line_of(text, symbol, is_last=True)}",
            )
        seen.add(symbol)
    return one.symbols


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


def _refusal(error: pydantic.ValidationError, text: str, file: str) -> ConfigError:
    """What is wrong with the form of the file; the first three."""
    told: dict[str, None] = {}
    lines: dict[str, None] = {}
    for problem in error.errors(include_url=False)[:3]:
        words, spelled = _words_of(problem)
        line = _line_of(text, spelled) if spelled else 0
        told[words] = None
        lines[f"{file}:{line}" if line else file] = None
    return ConfigError("; ".join(told), hint=_HINT, source=", ".join(lines))


def _words_of(problem: Mapping[str, Any]) -> tuple[str, str]:
    """One problem in words, and the text in the file that shows where it is; empty for none."""
    loc, value = problem["loc"], problem["input"]
    place = ".".join(str(part) for part in loc) or "the file"
    if problem["type"] == "extra_forbidden":
        names = [*_List.model_fields] if len(loc) > 1 else [*_File.model_fields]
        near = difflib.get_close_matches(str(loc[-1]), names, n=1)
        meant = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(names)}"
        return f"unknown name {bounded(place, characters_max=80)}{meant}", str(loc[-1])
    given = f" (got {bounded(value, characters_max=60)})" if isinstance(value, str) else ""
    return f"{place}: {problem['msg']}{given}", value if isinstance(value, str) else ""


def _line_of(text: str, value: str, *, is_last: bool = False) -> int:
    """The line on which a text stands, from 1; 0 where it is spelled with escapes."""
    spelled = json.dumps(value, ensure_ascii=False)
    index = text.rfind(spelled) if is_last else text.find(spelled)
    return text.count("\n", 0, index) + 1 if index >= 0 else 0
