"""What is wrong with settings, in words for whoever wrote them, without what may be a secret."""

import dataclasses
import difflib
from collections.abc import Mapping
from typing import Any, Final

import pydantic

from gateway.errors import bounded
from gateway.logs import hints_at_secret
from gateway.settings.sections import Settings

CREDENTIALS_HINT: Final = (
    "Credentials go into IQFEED_LOGIN, IQFEED_PASSWORD and IQFEED_PRODUCT_ID, or into .env."
)
PLAIN_HINT: Final = "Correct the named setting and start again."

_UNKNOWN: Final = ("extra_forbidden", "unexpected_keyword_argument")
"""What an unknown name is called in a section, and in a record within one."""
_COMMANDS: Final = (("iqconnect", "command"), ("alerts", "command"))
"""People write a password there, though it is no place for it."""
_ADDRESSES: Final = (("alerts", "webhook_url"),)
"""Who knows the address may use it."""


def describe(problem: Mapping[str, Any]) -> str:
    """One problem in a line: which setting, what is wrong, and the value when it may be shown."""
    place = problem["loc"]
    key = ".".join(str(part) for part in place)
    if problem["type"] in _UNKNOWN:
        # Nobody knows what an unknown setting holds.
        return f"unknown setting {bounded(key, characters_max=80)}{_nearest(place)}"
    text = problem["msg"].removeprefix("Value error, ")
    if place[:2] in _COMMANDS:
        is_text = problem["type"] == "tuple_type"
        return f"{key}: " + ("write a list: the program, then each argument" if is_text else text)
    value = problem["input"]
    if is_secret(place) or place[:2] in _ADDRESSES or isinstance(value, Mapping | list | tuple):
        return f"{key}: {text}"
    return f"{key}: {text} (got {bounded(value, characters_max=80)})"


def is_secret(place: tuple[int | str, ...]) -> bool:
    """Whether a setting's name sounds as if its value were nobody's business."""
    return any(hints_at_secret(str(part)) for part in place)


def _nearest(place: tuple[int | str, ...]) -> str:
    """The setting that may have been meant."""
    model: type[pydantic.BaseModel] = Settings
    names = list(model.model_fields)
    for part in place[:-1]:
        inner = model.model_fields[str(part)].annotation if part in model.model_fields else None
        if dataclasses.is_dataclass(inner):
            names = [field.name for field in dataclasses.fields(inner)]
            break
        if not isinstance(inner, type) or not issubclass(inner, pydantic.BaseModel):
            return ""
        model = inner
        names = list(model.model_fields)
    near = difflib.get_close_matches(str(place[-1]), names, n=1)
    prefix = ".".join(str(part) for part in place[:-1])
    return f"; did you mean {'.'.join(filter(None, (prefix, near[0])))}?" if near else ""
