"""What is wrong with settings, in words for whoever wrote them, without what may be a secret."""

import dataclasses
import difflib
from collections.abc import Mapping
from typing import Any, Final

import pydantic

from gateway.errors import bounded
from gateway.logs import hints_at_secret
from gateway.settings.sections import Settings
from gateway.settings.units import advice, stem_of, unit_of

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
    told = advice(str(place[-1]), value)
    return f"{key}: {text} (got {bounded(value, characters_max=80)}){told and f'; {told}'}"


def is_secret(place: tuple[int | str, ...]) -> bool:
    """Whether a setting's name sounds as if its value were nobody's business."""
    return any(hints_at_secret(str(part)) for part in place)


def _nearest(place: tuple[int | str, ...]) -> str:
    """The setting that may have been meant: near by its letters, or but for its unit or section."""
    name, sections = str(place[-1]), tuple(str(part) for part in place[:-1])
    names = _names_in(sections)
    if names is None:
        return ""
    stem = stem_of(name)
    other = next((known for known in names if stem and stem_of(known) == stem), None)
    near = [other] if other is not None else difflib.get_close_matches(name, names, n=1)
    if near:
        unit = unit_of(near[0]) if near[0] != name and other is not None else None
        in_unit = f", in {unit.words}" if unit is not None else ""
        return f"; did you mean {'.'.join((*sections, near[0]))}?{in_unit}"
    elsewhere = [
        f"{section}.{name}"
        for section in Settings.model_fields
        if (section,) != sections and name in (_names_in((section,)) or ())
    ]
    return f"; did you mean {' or '.join(elsewhere)}?" if 0 < len(elsewhere) <= 2 else ""


def _names_in(sections: tuple[str, ...]) -> list[str] | None:
    """The names that there are in a section; None where there is no such section."""
    model: type[pydantic.BaseModel] = Settings
    for section in sections:
        field = model.model_fields.get(section)
        inner = field.annotation if field is not None else None
        if dataclasses.is_dataclass(inner):
            return [known.name for known in dataclasses.fields(inner)]
        if not isinstance(inner, type) or not issubclass(inner, pydantic.BaseModel):
            return None
        model = inner
    return list(model.model_fields)
