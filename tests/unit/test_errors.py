"""Exceptions: one tree, bounded texts, codes the contract knows, and a way out of each."""

import re

import pytest

import gateway.errors
from gateway.errors import (
    FACT_CHARACTERS_MAX,
    ConfigError,
    GatewayError,
    LocalProtocolError,
    NotEntitled,
    Overloaded,
    QuotaExceeded,
    ResourceExhausted,
    RpcError,
    SecurityValidationError,
    Severity,
    SymbolInvalid,
    SymbolNotFound,
    WatchLimitReached,
    bounded,
)
from gateway.model.error_codes import HINTS, ErrorCode


def descendants(family: type[GatewayError]) -> list[type[GatewayError]]:
    """A class and everything derived from it."""
    return [family, *(kind for child in family.__subclasses__() for kind in descendants(child))]


def drawn_tree() -> set[tuple[str, str]]:
    """The pairs (child, parent) that the module's docstring draws."""
    pairs: set[tuple[str, str]] = set()
    path: list[str] = []
    for line in (gateway.errors.__doc__ or "").splitlines():
        match = re.match(r"^ {4}((?:[│ ] {3})*)(?:[├└]── )?([A-Z].*)$", line)
        if match is None:
            continue
        level = len(match[1]) // 4 + ("── " in line)
        del path[level:]
        names: list[str] = []
        for family in match[2].split(" · "):
            parent, _, children = family.partition(": ")
            names = [name.strip() for name in parent.split(",")]
            if path:
                pairs |= {(name, path[-1]) for name in names}
            pairs |= {(name.strip(), names[0]) for name in children.split(",") if name}
        path.append(names[0])
    return pairs


def test_the_drawn_tree_is_the_real_one() -> None:
    """Whoever decides what to catch reads the drawing; a class it leaves out is not caught."""
    real = {
        (kind.__name__, kind.__bases__[0].__name__)
        for kind in descendants(GatewayError)
        if kind is not GatewayError
    }
    assert drawn_tree() == real


def test_what_is_drawn_exists() -> None:
    """A class that is drawn but not there sends readers looking for it."""
    real = {(k.__name__, k.__bases__[0].__name__) for k in descendants(GatewayError)}
    assert len(drawn_tree()) > 15
    assert drawn_tree() <= real


@pytest.mark.parametrize("kind", descendants(GatewayError), ids=lambda kind: kind.__name__)
def test_every_exception_has_a_code_a_severity_and_a_hint(kind: type[GatewayError]) -> None:
    """An error without a way out only moves the question to the reader."""
    error = kind("it happened")
    assert re.fullmatch(r"[a-z][a-z_]*", error.code)
    assert isinstance(error.severity, Severity)
    assert error.hint.endswith(".")
    assert str(error) == "it happened"
    assert error.facts == {}


@pytest.mark.parametrize(
    "kind",
    [
        *descendants(RpcError),
        *descendants(SecurityValidationError),
        NotEntitled,
        SymbolNotFound,
        WatchLimitReached,
    ],
    ids=lambda kind: kind.__name__,
)
def test_what_clients_are_answered_is_a_code_of_the_contract(kind: type[GatewayError]) -> None:
    """Clients branch on stable codes; an unlisted one falls through every branch."""
    assert kind.code in set(ErrorCode)
    assert HINTS[ErrorCode(kind.code)]


def test_the_hint_for_a_bad_symbol_is_the_contracts() -> None:
    """The rule of spelling is stated twice; the two must not drift apart."""
    assert SymbolInvalid("no").hint == HINTS[ErrorCode.SYMBOL_INVALID]


def test_a_bad_symbol_is_an_attempt_to_inject_as_well() -> None:
    """Who guards against injected commands catches one family, whatever the input was."""
    assert issubclass(SymbolInvalid, SecurityValidationError)
    assert issubclass(SymbolInvalid, LocalProtocolError), "and what it always was"


@pytest.mark.parametrize("kind", [Overloaded, QuotaExceeded])
def test_a_limit_that_is_used_up_is_a_resource_exhausted(kind: type[GatewayError]) -> None:
    """Whoever watches for exhaustion must not miss it because a client was told."""
    assert issubclass(kind, ResourceExhausted)


def test_a_configuration_error_is_fatal() -> None:
    """Nothing was started; a supervisor must not simply try again."""
    assert ConfigError("no").severity is Severity.FATAL


def test_facts_stand_behind_the_text() -> None:
    """The values that show the fault are in the message, quoted."""
    error = GatewayError("missing field", line="n,\r\n\x1b[2J", count=3)
    assert str(error) == r"missing field (line='n,\r\n\x1b[2J', count=3)"
    assert error.facts == {"line": "n,\r\n\x1b[2J", "count": 3}


def test_a_hint_of_its_own_replaces_the_class_hint() -> None:
    """Who raises it may know better what to do; others of the class keep theirs."""
    assert GatewayError("no", hint="Do this.").hint == "Do this."
    assert GatewayError("no").hint == GatewayError.hint


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("AAPL", "'AAPL'"),
        (b"\x00A", r"b'\x00A'"),
        ("\xe4\u20ac\r\n", r"'\xe4\u20ac\r\n'"),
        (None, "None"),
        (1.5, "1.5"),
        (["\n"], r"['\n']"),
    ],
)
def test_a_value_is_quoted_as_printable_ascii(value: object, text: str) -> None:
    """A hostile value can neither forge a line nor move a terminal's cursor."""
    assert bounded(value) == text


@pytest.mark.parametrize("value", ["x" * 70_000, b"x" * 70_000, list(range(70_000)), 10**300])
def test_a_value_is_cut(value: object) -> None:
    """A hostile value cannot flood a log: the text has a length, whatever was sent."""
    text = bounded(value)
    assert text.endswith("...")
    assert len(text) == FACT_CHARACTERS_MAX + len("...")


def test_the_longest_value_that_fits_is_not_cut() -> None:
    """The ellipsis must mean that something is missing."""
    assert bounded("x" * 8, characters_max=10) == "'xxxxxxxx'"
    assert bounded("x" * 9, characters_max=10) == "'xxxxxxxxx..."
