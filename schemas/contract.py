"""Reads messages.yaml, methods.yaml and errors.yaml into checked records.

Everything generated starts here, and so does the reference codec: a definition that is incomplete
or contradicts itself is refused before anything is written.
"""

import functools
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import pydantic
import yaml

FOLDER = Path(__file__).resolve().parent
SOURCES = ("messages.yaml", "methods.yaml", "errors.yaml")
PROSE_KEYS = frozenset({"description", "meaning", "hint", "source"})

TypeName = Literal[
    "uint", "count", "id", "time_us", "price", "text", "boolean", "texts", "levels", "rows", "map"
]
Name = Annotated[str, pydantic.Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=48)]
Prose = Annotated[str, pydantic.Field(min_length=4, pattern=r"\.$")]


class _Section(pydantic.BaseModel):
    """A part of a definition; a key nobody reads is a mistake."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", strict=True)


class Limit(_Section):
    """A number both ends rely on."""

    name: str
    value: int
    description: Prose


class WireType(_Section):
    """A type of item on the wire."""

    name: TypeName
    minimum: int | None = None
    maximum: int | None = None
    python: str
    description: Prose


class EnumValue(_Section):
    """One value of an enumeration."""

    name: Annotated[str, pydantic.Field(pattern=r"^[A-Z][A-Z0-9_]*$")]
    value: str | int
    description: Prose


class Enumeration(_Section):
    """An open enumeration: readers keep values they do not know."""

    name: str
    type: Literal["text", "count"]
    description: Prose
    values: list[EnumValue]


class Flag(_Section):
    """One bit of the header's flags."""

    name: Annotated[str, pydantic.Field(pattern=r"^[A-Z]+$")]
    value: int
    description: Prose


class Field(_Section):
    """One item of a body."""

    name: Name
    type: TypeName
    enum: str | None = None
    keys: str | None = None
    unit: Annotated[str, pydantic.Field(min_length=1)]
    source: Annotated[str, pydantic.Field(min_length=1)]
    since: Annotated[int, pydantic.Field(ge=1)]
    absence: Literal["nil", "never"]
    description: Prose

    @property
    def is_nilable(self) -> bool:
        """Whether nil, or missing at the end, is a legal value."""
        return self.absence == "nil"


class Message(_Section):
    """One message: its number, role and body after the header."""

    name: Name
    class_name: str = ""
    type: int
    role: Literal["state", "event", "snapshot_only", "sys"]
    has_variants: bool = False
    carries: list[Name] = []
    description: Prose
    fields: list[Field]

    @property
    def title(self) -> str:
        """Name of the generated class."""
        return self.class_name or self.name.title()

    @property
    def member(self) -> str:
        """Name of the MessageType member."""
        return self.name.upper()


class Group(_Section):
    """A name that stands for several kinds in a request."""

    name: Name
    kinds: list[Name]
    description: Prose


class MapKey(_Section):
    """One key of a map item."""

    name: Name
    type: Literal[
        "uint", "count", "time_us", "price", "number", "integer", "text", "texts", "boolean",
        "date", "time", "sequences", "states",
    ]  # fmt: skip
    unit: Annotated[str, pydantic.Field(min_length=1)]
    column: int | None = None
    is_required: bool = False
    description: Prose


class MapKeys(_Section):
    """The keys of a map item."""

    name: Name
    source_line: str | None = None
    keys: list[MapKey]


class Param(_Section):
    """A parameter, result field or envelope key."""

    name: Name
    type: Literal[
        "any", "text", "texts", "integer", "integers", "boolean", "map", "maps", "array", "arrays"
    ]
    minimum: int | str | None = None
    maximum: int | str | None = None
    length_min: int | str | None = None
    length_max: int | str | None = None
    items_min: int | str | None = None
    items_max: int | str | None = None
    pattern: str | None = None
    required: bool = True
    nilable: bool = False
    default: int | None = None
    description: Prose


class Method(_Section):
    """One method of the control socket."""

    name: Annotated[str, pydantic.Field(pattern=r"^[a-z]+(\.[a-z_]+)?$")]
    role: Literal["monitor", "consumer", "admin"]
    idempotent: bool
    available: bool
    description: Prose
    params: list[Param]
    result: list[Param]
    result_is_array: bool = False

    @property
    def title(self) -> str:
        """Stem of the generated class names."""
        return "".join(part.title() for part in self.name.replace(".", "_").split("_"))


class ErrorDefinition(_Section):
    """One error code."""

    code: Name
    retryable: bool
    meaning: Prose
    hint: Prose


class Contract(_Section):
    """The whole contract."""

    protocol_version: int
    limits: list[Limit]
    types: list[WireType]
    enums: list[Enumeration]
    flags: list[Flag]
    header: list[Field]
    level: list[Field]
    groups: list[Group]
    messages: list[Message]
    maps: list[MapKeys]
    envelope: dict[str, list[Param]]
    methods: list[Method]
    errors: list[ErrorDefinition]
    schema_hash: str

    @pydantic.model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        """Refuse numbers and names used twice, and references to nothing."""
        for what, values in self._unique():
            if len(set(values)) != len(values):
                raise ValueError(f"{what} are not unique: {values}")
        enums = {enum.name: enum.type for enum in self.enums}
        maps = {entry.name for entry in self.maps}
        for message in self.messages:
            for field in message.fields:
                if field.enum is not None and enums.get(field.enum) != field.type:
                    raise ValueError(f"{message.name}.{field.name}: no such enum of its type")
                if (field.type == "map") != (field.keys in maps):
                    raise ValueError(f"{message.name}.{field.name}: a map needs its keys")
                if field.since > 1 and not field.is_nilable:
                    raise ValueError(f"{message.name}.{field.name}: an appended field is nilable")
        return self

    def _unique(self) -> Iterator[tuple[str, list[object]]]:
        yield "message numbers", [message.type for message in self.messages]
        yield "message names", [message.name for message in self.messages]
        yield "flags", [flag.value for flag in self.flags]
        yield "limits", [limit.name for limit in self.limits]
        yield "errors", [error.code for error in self.errors]
        yield "methods", [method.name for method in self.methods]
        for message in self.messages:
            names: list[object] = [field.name for field in (*self.header, *message.fields)]
            yield f"fields of {message.name}", names
        for entry in self.maps:
            yield f"keys of {entry.name}", [key.name for key in entry.keys]

    def limit(self, bound: int | str | None) -> int | None:
        """The number a bound stands for; a bound may name a limit."""
        if not isinstance(bound, str):
            return bound
        return next(limit.value for limit in self.limits if limit.name == bound)

    @property
    def topic_messages(self) -> list[Message]:
        """Messages a public topic may be named after: states and events."""
        return [message for message in self.messages if message.role in ("state", "event")]

    @property
    def sys_messages(self) -> list[Message]:
        """The gateway's own messages, on `sys,<name>,`."""
        return [message for message in self.messages if message.role == "sys"]

    def keys_of(self, name: str) -> MapKeys:
        """The keys of one map."""
        return next(entry for entry in self.maps if entry.name == name)


def _without_prose(value: Any) -> Any:
    """Drop texts meant for people, so that rewording does not change the hash."""
    if isinstance(value, dict):
        return {key: _without_prose(item) for key, item in value.items() if key not in PROSE_KEYS}
    if isinstance(value, list):
        return [_without_prose(item) for item in value]
    return value


@functools.cache
def load_contract() -> Contract:
    """Read and check the definitions.

    Returns:
        The contract; its hash covers everything but prose.

    Raises:
        pydantic.ValidationError: A definition is incomplete or contradicts another.
    """
    merged: dict[str, Any] = {}
    for name in SOURCES:
        merged |= yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))
    merged.pop("shared")
    text = json.dumps(_without_prose(merged), sort_keys=True, separators=(",", ":"))
    schema_hash = hashlib.sha256(text.encode()).hexdigest()
    return Contract.model_validate({**merged, "schema_hash": schema_hash})
