"""What IQConnect's error lines mean.

An error line names no command, and its words are all there is. Each text that was ever seen has a
row here; any other one is quoted as it came.
"""

import re
from typing import Final

from gateway.errors import (
    CommandNotUnderstood,
    FeedError,
    FieldNotKnown,
    HistoryLimitReached,
    NotEntitled,
    NothingFound,
    ProtocolNotKnown,
    RequestMalformed,
    SymbolNotFound,
    VendorReportedError,
    VendorServerFailed,
)

TEXT_CHARACTERS_MAX: Final = 512
"""What is longer is not looked at beyond this."""

_TABLE: Final[tuple[tuple[re.Pattern[str], type[FeedError], str], ...]] = (
    (
        re.compile(r"!SYNTAX_ERROR!"),
        CommandNotUnderstood,
        "IQConnect does not understand a command",
    ),
    (
        re.compile(r"(?P<version>\S+) is not a valid protocol\.?"),
        ProtocolNotKnown,
        "IQConnect does not know this protocol",
    ),
    (
        re.compile(r"(?P<field>.+) is not a valid fieldset field\.?"),
        FieldNotKnown,
        "IQConnect does not know this field",
    ),
    (
        re.compile(r"Unauthorized user ID\.?.*"),
        NotEntitled,
        "the account may not see something",
    ),
    (
        re.compile(r"Too many simultaneous history requests\.?"),
        HistoryLimitReached,
        "too many requests for history at one time",
    ),
    (
        re.compile(r"Invalid symbol\.?"),
        SymbolNotFound,
        "IQConnect does not know a symbol; it does not say which",
    ),
    (
        re.compile(r"Invalid number of parameters\.?"),
        RequestMalformed,
        "a request had too many or too few parameters",
    ),
    (
        re.compile(r"BeginDate must be .*"),
        RequestMalformed,
        "a request had a date that IQConnect cannot read",
    ),
    (
        re.compile(r"!NO_DATA!"),
        NothingFound,
        "there are no data for a request",
    ),
    (
        re.compile(r"Unknown Server Error code (?P<number>\d+)\.?"),
        VendorServerFailed,
        "a server of DTN's failed",
    ),
    (
        re.compile(r"Disconnected from server\.?"),
        VendorServerFailed,
        "IQConnect lost a server of DTN's",
    ),
)
"""Text, class, and what is told; a named group becomes a fact."""


def error_of(text: str) -> FeedError:
    """Tell what an error line means.

    Args:
        text: The vendor's words without trailing commas; from outside, of any length.

    Returns:
        The error, to be recorded or raised; an unknown text is quoted in its facts.
    """
    text = text[:TEXT_CHARACTERS_MAX]
    for pattern, kind, told in _TABLE:
        match = pattern.fullmatch(text)
        if match is not None:
            return kind(told, vendor_text=text, **match.groupdict())
    return VendorReportedError("IQConnect reports an error of its own words", vendor_text=text)
