"""Whatever is logged: one line, printable, valid JSON, bounded, and never a secret."""

import io
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.logs import Secrets, get_logger, set_up_logging

pytestmark = pytest.mark.usefixtures("restored_logging")

SECRETS = ("s3cret-Pa55word", "418873", 'quo"te\\back', "x y%z")
LINE_CHARACTERS_MAX = 6_000
"""Four values, an event's text and an exception, each cut."""

_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=10**300, max_value=10**310),
    st.floats(),
    st.text(),
    st.text().map(lambda text: f"{text}{SECRETS[0]}{text}"),
    st.sampled_from(SECRETS),
    st.just(int(SECRETS[1])),
    st.binary(),
    st.binary().map(lambda data: data + SECRETS[0].encode()),
    st.just(ValueError(SECRETS[0])),
    st.just("x" * 100_000),
)
_values = st.recursive(
    _scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.tuples(inner),
        st.dictionaries(st.one_of(st.text(), st.sampled_from(SECRETS), st.integers()), inner),
    ),
    max_leaves=12,
)
_names = st.text(min_size=1).filter(
    lambda name: name not in ("event", "self", "exc_info", "level", "timestamp", "part")
)


@pytest.mark.parametrize("form", ["json", "console"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=st.text(), facts=st.dictionaries(_names, _values, max_size=4), failure=st.text())
def test_every_event_is_one_harmless_line(
    form: str, text: str, facts: dict[str, Any], failure: str
) -> None:
    """A stranger, a vendor or a bug chooses the values; the log stays a log."""
    file = io.StringIO()
    set_up_logging(level="info", form=form, file=file, secrets=Secrets(SECRETS))
    error = OSError(failure + SECRETS[0])
    get_logger("test").warning(text.replace("%", ""), exc_info=error, **facts)
    written = file.getvalue()
    assert written.endswith("\n")
    (line,) = [part for part in written.split("\n") if part]
    assert line.isprintable()
    assert line.isascii()
    assert len(line) < LINE_CHARACTERS_MAX
    for secret in SECRETS:
        assert secret not in line
    if form == "json":
        event = json.loads(line, parse_constant=pytest.fail)
        assert event["level"] == "warning"
        assert not [secret for secret in SECRETS if secret in repr(event)]


@settings(deadline=None)
@given(before=st.text(), secret=st.sampled_from(SECRETS), after=st.text())
def test_no_text_hides_a_secret(before: str, secret: str, after: str) -> None:
    """Whatever stands around it; and masking what is masked changes nothing."""
    secrets = Secrets(SECRETS)
    masked = secrets.mask(before + secret + after)
    if len(secret) > 5:
        assert secret not in masked
    assert secrets.mask(masked) == masked
