"""What is wrong with a request's parameters, in words: allowed values instead of expressions."""

import difflib
import re
from collections.abc import Mapping
from typing import Any, Final

from gateway.errors import bounded

_WORDS: Final = re.compile(r"(?<![a-z@\\])[a-z][a-z0-9_]+")
_CHARACTERS: Final = re.compile(r"\^\[([^\]]+)\][+*]?\$")
_CLASSES: Final = re.compile(r"\[[^\]]*\]|\{[0-9,]*\}")
_VARIANTS: Final = "; quote, summary, regional and book also as variants such as quote@250"


def words_of(problem: Mapping[str, Any]) -> str:
    """One of pydantic's problems as a reason: where, what is wrong, and what was given.

    Args:
        problem: An entry of `ValidationError.errors()`.
    """
    where, value = ".".join(map(str, problem["loc"])) or "params", problem["input"]
    got = f" (got {bounded(value)})" if isinstance(value, str | int | float) else ""
    text = problem["msg"]
    if problem["type"] == "string_pattern_mismatch":
        text = allowed(problem["ctx"]["pattern"], value)
    return f"{where}: {text}{got}"


def allowed(pattern: str, given: object = "") -> str:
    """What an expression of the contract allows, in words.

    Args:
        pattern: Alternatives, perhaps with a variant behind `@`; or one class of characters.
        given: What did not fit, to name what may have been meant.
    """
    characters = _CHARACTERS.fullmatch(pattern)
    if characters is not None:
        return f"write only characters of {characters[1]}"
    names = _WORDS.findall(_CLASSES.sub("", pattern))
    near = difflib.get_close_matches(given, names, n=1) if isinstance(given, str) else []
    meant = f"; did you mean {near[0]}?" if near else ""
    return f"write one of {', '.join(names)}{_VARIANTS if '@' in pattern else ''}{meant}"
