"""Writes gateway/model/methods.py: the parameters of each method as checked records."""

from schemas.contract import Contract, Method, Param
from schemas.python_text import banner, docstring

IMPORTS = """
import enum
from collections.abc import Mapping
from typing import Annotated, Any, Final, NamedTuple

import pydantic
"""
BASE = '''

class Params(pydantic.BaseModel):
    """Parameters of a method; unknown ones are ignored, types are not coerced."""

    model_config = pydantic.ConfigDict(frozen=True, extra="ignore", strict=True)
'''
SPEC = '''

class MethodSpec(NamedTuple):
    """One method of the control socket."""

    name: str
    """Name on the wire."""
    description: str
    """What it does."""
    role: Role
    """Least role that may call it."""
    is_idempotent: bool
    """Whether it may be sent again when the answer is lost."""
    is_available: bool
    """Whether this version answers it; the others are reserved names."""
    params: type[Params]
    """Its parameters."""
'''


def emit_methods(contract: Contract) -> str:
    """The source of gateway/model/methods.py."""
    text = banner("Methods of the control socket and their parameters.", "methods.yaml") + IMPORTS
    text += "\n\n@enum.unique\nclass Role(enum.StrEnum):\n"
    text += docstring("Who may call a method. Ranked: each may do what those before it may.")
    text += '\n    MONITOR = "monitor"\n    CONSUMER = "consumer"\n    ADMIN = "admin"\n'
    text += BASE
    doc = "One control request; `params` is checked by the method's own record."
    text += _model(contract, "Request", doc, contract.envelope["request"])
    for method in contract.methods:
        doc = f"Parameters of `{method.name}`: {method.description}"
        text += _model(contract, f"{method.title}Params", doc, method.params)
    text += SPEC + "\n\nMETHODS: Final[Mapping[str, MethodSpec]] = {\n"
    for method in contract.methods:
        text += _row(method)
    return text + "}\n" + docstring("Every method by its name on the wire.", indent=0)


def _model(contract: Contract, name: str, doc: str, params: list[Param]) -> str:
    text = f"\n\nclass {name}(Params):\n" + docstring(doc)
    for param in params:
        annotation = _annotation(contract, param)
        default = ""
        if param.default is not None:
            default = f" = {param.default}"
        elif not param.required:
            is_any = param.type == "any"
            annotation, default = (annotation if is_any else f"{annotation} | None"), " = None"
        text += f"\n    {param.name}: {annotation}{default}\n" + docstring(param.description)
    return text


def _annotation(contract: Contract, param: Param) -> str:
    bounds = {
        "ge": contract.limit(param.minimum),
        "le": contract.limit(param.maximum),
        "min_length": contract.limit(param.length_min),
        "max_length": contract.limit(param.length_max),
    }
    facts = [f"{name}={bound}" for name, bound in bounds.items() if bound is not None]
    if param.pattern is not None:
        facts.append(f'pattern=r"{param.pattern}"')
    if param.type == "texts":
        sizes = [
            f"{name}={contract.limit(bound)}"
            for name, bound in (("min_length", param.items_min), ("max_length", param.items_max))
            if bound is not None
        ]
        # msgpack decodes arrays to lists, which a strict tuple would refuse.
        item = f"Annotated[str, pydantic.Field({', '.join(['strict=True', *facts])})]"
        bound = f"pydantic.Field({', '.join(['strict=False', *sizes])})"
        inner = f"tuple[\n            {item},\n            ...,\n        ]"
        return f"Annotated[\n        {inner},\n        {bound},\n    ]"
    plain = {"text": "str", "integer": "int", "boolean": "bool", "any": "Any"}
    base = plain.get(param.type, "Mapping[str, Any]")
    return f"Annotated[{base}, pydantic.Field({', '.join(facts)})]" if facts else base


def _row(method: Method) -> str:
    lines = (
        f'"{method.name}"',
        f'"{method.description}"',
        f"Role.{method.role.upper()}",
        f"is_idempotent={method.idempotent}",
        f"is_available={method.available}",
        f"params={method.title}Params",
    )
    inner = "".join(f"        {line},\n" for line in lines)
    return f'    "{method.name}": MethodSpec(\n{inner}    ),\n'
