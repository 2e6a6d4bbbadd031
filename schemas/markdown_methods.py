"""The parts of WIRE.md about the control socket."""

from collections.abc import Iterable, Iterator, Sequence

from schemas.contract import Contract, Method, Param


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for row in rows:
        cells = (str(cell).replace("|", "\\|").strip() for cell in row)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def methods_text(contract: Contract) -> Iterator[str]:
    """The envelope and every method, one part each."""
    yield "## Requests\n\nOne msgpack map per request on the control socket, one per reply.\n"
    for name, params in contract.envelope.items():
        yield f"### The {name}\n\n" + _params(contract, params)
    yield "## Methods\n\nEach parameter that is not required may be left out.\n"
    for method in contract.methods:
        yield _method(contract, method)


def _params(contract: Contract, params: Sequence[Param]) -> str:
    rows = [
        (
            f"`{param.name}`",
            param.type,
            _bounds(contract, param),
            "" if param.default is None else param.default,
            "yes" if param.required and param.default is None else "",
            param.description,
        )
        for param in params
    ]
    return table(("name", "type", "bounds", "default", "required", "meaning"), rows)


def _bounds(contract: Contract, param: Param) -> str:
    parts = []
    for low, high, unit in (
        (param.minimum, param.maximum, ""),
        (param.items_min, param.items_max, " items"),
        (param.length_min, param.length_max, " characters"),
    ):
        if high is not None:
            parts.append(f"{contract.limit(low) or 0} to {contract.limit(high)}{unit}")
        elif low is not None:
            parts.append(f"{contract.limit(low)}{unit} or more")
    return ", ".join(parts + ([f"`{param.pattern}`"] if param.pattern else []))


def _method(contract: Contract, method: Method) -> str:
    facts = f"Role: {method.role}. {'May' if method.idempotent else 'Must not'} be sent again."
    text = f"### {method.name}\n\n{method.description} {facts}"
    text += "" if method.available else " **Reserved: not available yet.**"
    if method.params:
        text += "\n\n" + _params(contract, method.params)
    result = [(f"`{p.name}`", p.type, p.description) for p in method.result]
    shape = " (an array of maps)" if method.result_is_array else ""
    if result:
        text += f"\n\nResult{shape}:\n\n" + table(("key", "type", "meaning"), result)
    return text.rstrip("\n").replace("\n\n\n", "\n\n") + "\n"


def errors_text(contract: Contract) -> str:
    """The table of error codes."""
    rows = [
        (f"`{e.code}`", e.meaning, e.hint, "yes" if e.retryable else "") for e in contract.errors
    ]
    return "## Error codes\n\n" + table(("code", "meaning", "what to do", "retry"), rows)
