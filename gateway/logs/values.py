"""What may stand in a log line: bounded, escaped, without secrets."""

import json
import math
import sys
import traceback
from collections import deque
from collections.abc import MutableMapping
from pathlib import PurePath
from types import TracebackType
from typing import Any, Final

from gateway.errors import bounded
from gateway.logs.masking import BITS_MAX, MASK, Secrets, hints_at_secret

VALUE_CHARACTERS_MAX: Final = 500
NAME_CHARACTERS_MAX: Final = 80
USER: Final = "user"
"""A client's name in the audit log, not the login that settings of this name would hold."""
LOOKED_AT_MAX: Final = 4 * VALUE_CHARACTERS_MAX
"""Characters of one value that are looked at: what is behind them is cut off anyway."""
FRAMES_MAX: Final = 20
"""Innermost calls named of one exception: a recursion has a thousand."""
CAUSES_MAX: Final = 5
"""Exceptions named of one chain of causes."""


class Harmless:
    """Cuts, escapes and masks: a hostile value can neither flood the log nor forge a line of it.

    Exceptions become text here as well: a renderer would write them raw, over many lines, and with
    local variables, which may hold secrets.

    Args:
        secrets: What is never written.
    """

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets

    def __call__(
        self, _: Any, __: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        """Make one event harmless."""
        failure = event.pop("exc_info", None)
        if failure is True:
            failure = sys.exception()
        elif isinstance(failure, tuple):
            failure = failure[1]
        harmless = {
            _name_of(key): MASK
            if value is not None and key != USER and hints_at_secret(key)
            else self._plain(value)
            for key, value in event.items()
        }
        if isinstance(failure, BaseException):
            harmless["traceback"] = self._describe(failure)
        return harmless

    def _plain(self, value: object) -> object:
        if isinstance(value, str | bytes):
            # What is behind is cut off anyway; masked before that: half a secret looks like none.
            value = value[:LOOKED_AT_MAX]
        spelled = plain(value, self._secrets)
        if _is_harmless(spelled):
            return spelled
        return self._secrets.mask(bounded(spelled, characters_max=VALUE_CHARACTERS_MAX))

    def _describe(self, failure: BaseException) -> str:
        """Say what failed and where, and what caused it, on one line."""
        texts: list[str] = []
        cause: BaseException | None = failure
        while cause is not None and len(texts) < CAUSES_MAX:
            said = self._secrets.mask(str(cause)[:LOOKED_AT_MAX])
            text = f"{type(cause).__name__}: {bounded(said, characters_max=VALUE_CHARACTERS_MAX)}"
            places = _places(cause.__traceback__)
            texts.append(f"{text} at {places}" if places else text)
            cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
        return "; after ".join(texts)


def _name_of(key: str) -> str:
    is_plain = len(key) <= NAME_CHARACTERS_MAX and key.isascii() and key.isprintable()
    return key if is_plain else bounded(key, characters_max=NAME_CHARACTERS_MAX)


def plain(value: object, secrets: Secrets) -> object:
    """Spell a value in plain types, so that every renderer writes the same.

    Args:
        value: Anything; maps and lists are looked through.
        secrets: What it must not show.

    Returns:
        Maps with text for keys, lists, text that is one line of printable ASCII, finite numbers,
        truth values and None; all of it fits JSON. What is none of them is quoted and cut.
    """
    # Once more at the end: a secret may be in the words of what was no text before.
    return secrets.masked(_spelled(secrets.masked(value)))


def _spelled(value: object) -> object:
    if isinstance(value, dict):
        return {_key_of(key): _spelled(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_spelled(inner) for inner in value]
    if isinstance(value, int) and value.bit_length() > BITS_MAX:
        return f"a number of {value.bit_length()} bits"
    is_plain = value is None or isinstance(value, bool | int | float | str)
    if isinstance(value, float):
        is_plain = math.isfinite(value)
    elif isinstance(value, str):
        is_plain = _is_harmless(value)
    return value if is_plain else bounded(value, characters_max=VALUE_CHARACTERS_MAX)


def _key_of(key: object) -> str:
    return _name_of(key) if isinstance(key, str) else bounded(key)


def _is_harmless(value: object) -> bool:
    """Whether a value of plain types can be written as it is, by either renderer."""
    if isinstance(value, str):
        return len(value) <= VALUE_CHARACTERS_MAX and value.isascii() and value.isprintable()
    return len(json.dumps(value)) <= VALUE_CHARACTERS_MAX


def _places(trace: TracebackType | None) -> str:
    """The innermost calls, last one last: file, line and function, and no source text."""
    calls = deque(traceback.walk_tb(trace), maxlen=FRAMES_MAX)
    return " > ".join(
        f"{'/'.join(PurePath(frame.f_code.co_filename).parts[-2:])}:{line} {frame.f_code.co_name}"
        for frame, line in calls
    )
