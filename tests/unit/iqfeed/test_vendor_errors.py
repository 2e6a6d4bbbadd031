"""The vendor's error texts: one row each, and a way out of what was never seen before."""

import pytest

from gateway.errors import (
    CommandNotUnderstood,
    FeedError,
    FieldNotKnown,
    HistoryLimitReached,
    NotEntitled,
    NothingFound,
    ProtocolNotKnown,
    RequestMalformed,
    Severity,
    SymbolNotFound,
    VendorReportedError,
    VendorServerFailed,
)
from gateway.iqfeed.vendor_errors import TEXT_CHARACTERS_MAX, error_of

TEXTS: list[tuple[str, type[FeedError], str, Severity, dict[str, str]]] = [
    ("!SYNTAX_ERROR!", CommandNotUnderstood, "command_not_understood", Severity.ERROR, {}),
    (
        "6.2 is not a valid protocol.",
        ProtocolNotKnown,
        "protocol_not_known",
        Severity.WARN,
        {"version": "6.2"},
    ),
    (
        "Most Recent Trade Date is not a valid fieldset field",
        FieldNotKnown,
        "field_not_known",
        Severity.WARN,
        {"field": "Most Recent Trade Date"},
    ),
    ("Unauthorized user ID.", NotEntitled, "not_entitled", Severity.WARN, {}),
    (
        "Too many simultaneous history requests.",
        HistoryLimitReached,
        "history_limit",
        Severity.WARN,
        {},
    ),
    ("Invalid symbol.", SymbolNotFound, "symbol_not_found", Severity.WARN, {}),
    ("Invalid number of parameters.", RequestMalformed, "request_malformed", Severity.ERROR, {}),
    (
        "BeginDate must be in the format YYYYMMDD",
        RequestMalformed,
        "request_malformed",
        Severity.ERROR,
        {},
    ),
    ("!NO_DATA!", NothingFound, "no_data", Severity.WARN, {}),
    (
        "Unknown Server Error code 0.",
        VendorServerFailed,
        "vendor_server_failed",
        Severity.ERROR,
        {"number": "0"},
    ),
    ("Disconnected from server", VendorServerFailed, "vendor_server_failed", Severity.ERROR, {}),
]


@pytest.mark.parametrize(
    ("text", "kind", "code", "severity", "facts"), TEXTS, ids=[row[0] for row in TEXTS]
)
def test_every_text_that_was_seen_has_an_error_of_its_own(
    text: str, kind: type[FeedError], code: str, severity: Severity, facts: dict[str, str]
) -> None:
    """The vendor's words say little; what to do about them is ours to know."""
    error = error_of(text)
    assert type(error) is kind
    assert (error.code, error.severity) == (code, severity)
    assert error.facts == {"vendor_text": text, **facts}
    assert error.hint.endswith(".")


@pytest.mark.parametrize("text", ["", "Something new", "!SYNTAX_ERROR! ", "invalid symbol."])
def test_a_text_never_seen_before_is_quoted(text: str) -> None:
    """An upgrade brings new words; the reader must see them as they came."""
    error = error_of(text)
    assert type(error) is VendorReportedError
    assert (error.code, error.facts) == ("vendor_error", {"vendor_text": text})


def test_a_text_without_end_is_cut() -> None:
    """A hostile line must cost neither time nor memory."""
    error = error_of("x" * 1_000_000)
    assert len(str(error.facts["vendor_text"])) == TEXT_CHARACTERS_MAX
    assert len(str(error)) < TEXT_CHARACTERS_MAX
