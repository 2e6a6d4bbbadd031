"""Secrets: masked under telling names, and wherever a known one appears."""

import io
import json
import random
import string
from urllib.parse import quote

import pytest

from gateway.logs import MASK, Secrets, get_logger, hints_at_secret, set_up_logging

pytestmark = pytest.mark.usefixtures("restored_logging")

PASSWORD = "s3cret-Pa55word"  # noqa: S105 - made up
LOGIN = "418873"


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "IQFEED_PASSWORD",
        "passwd",
        "login",
        "login_id",
        "product_id",
        "api_key",
        "key",
        "client_secret",
        "webhook_token",
        "Authorization",
        "credentials",
        "private_key",
        "keys",
    ],
)
def test_a_telling_name_is_known(name: str) -> None:
    """Whoever adds a fact to a log line need not remember that it is a secret."""
    assert hints_at_secret(name)


@pytest.mark.parametrize(
    "name", ["symbol", "monkey", "keyboard", "at", "reason", "keepalive", "file"]
)
def test_an_ordinary_name_is_not(name: str) -> None:
    """A log full of stars says nothing."""
    assert not hints_at_secret(name)


@pytest.mark.parametrize("form", ["json", "console"])
def test_no_line_shows_a_secret(form: str) -> None:
    """As a value, in a text, deep in a map, as a key, as a number, in bytes, in an exception."""
    file = io.StringIO()
    set_up_logging(level="debug", form=form, file=file, secrets=Secrets([PASSWORD, LOGIN]))
    log = get_logger("test")
    log.info("sent %s", PASSWORD, raw=f"S,SET PASSWORD,{PASSWORD}\r\n".encode())
    log.info("nested", a={"b": [{"c": f"x{PASSWORD}y", PASSWORD: 1, "token": "t0k"}]})
    log.info("telling", password="another", api_key="third", login=7, number=int(LOGIN))  # noqa: S106
    log.info("object", what=ValueError(PASSWORD), where={(PASSWORD,): 2})
    failure = ValueError(f"refused: {PASSWORD}")
    failure.__cause__ = OSError(f"login {LOGIN}")
    log.error("failed", exc_info=failure)
    written = file.getvalue()
    assert len(written.splitlines()) == 5
    for secret in (PASSWORD, LOGIN, "another", "third", "t0k"):
        assert secret not in written, secret
    assert written.count(MASK) >= 10


def test_other_spellings_of_a_secret_are_masked() -> None:
    """Escaped, in JSON, in an address: it is still the password."""
    secret = "a\"b\\c d%e'f"  # noqa: S105 - made up
    secrets = Secrets([secret])
    for spelling in (secret, json.dumps(secret)[1:-1], quote(secret, safe=""), ascii(secret)[1:-1]):
        assert secrets.mask(f"<{spelling}>") == f"<{MASK}>"


def test_a_secret_that_was_cut_is_masked() -> None:
    """The bound of a value may fall into the middle of a password."""
    text = "x" * 480 + PASSWORD
    file = io.StringIO()
    for cut in range(4, len(PASSWORD)):
        assert PASSWORD[:4] not in Secrets([PASSWORD]).mask(f"{'x' * 20}{PASSWORD[:cut]}...")
    set_up_logging(level="info", form="json", file=file, secrets=Secrets([PASSWORD]))
    for start in range(20):
        get_logger("test").info("long", text=text[start:] + "y" * 500)
    assert PASSWORD[:4] not in file.getvalue()


def test_a_short_secret_is_masked_as_a_word_only() -> None:
    """Holes in other words would spell the password."""
    secrets = Secrets(["cat"])
    assert secrets.mask("cat, concatenate (cat)") == f"{MASK}, concatenate ({MASK})"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("password=hunter2 next", "password=*** next"),
        ('{"token": "abc", "x": 1}', '{"token": "***", "x": 1}'),
        ("{'client_secret': 'abc'}", "{'client_secret': '***'}"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ("check IQFEED_PASSWORD and log in", "check IQFEED_PASSWORD and log in"),
    ],
)
def test_what_is_assigned_to_a_telling_name_is_masked(text: str, shown: str) -> None:
    """A stranger's request, or a mistyped setting, may carry a secret we have never seen."""
    assert Secrets().mask(text) == shown


def test_ordinary_values_stay_as_they_are() -> None:
    """Masking must not change what machines read."""
    value = {"symbols": ["AAPL", 1, None, 0.5, True], "where": {"port": 5009}}
    assert Secrets([PASSWORD, ""]).masked(value) == value
    assert Secrets().masked({"password": None}) == {"password": None}


def test_what_is_deep_long_or_a_circle_is_bounded() -> None:
    """A value from outside must not cost more than its line."""
    circle: list[object] = []
    circle.append(circle)
    assert "..." in repr(Secrets().masked(circle))
    assert len(repr(Secrets().masked(list(range(1_000_000))))) < 1_000
    assert Secrets().masked(10**2000) == 10**2000


def test_the_secrets_do_not_show_themselves() -> None:
    """An object that holds passwords ends up in a traceback sooner or later."""
    assert PASSWORD not in repr(Secrets([PASSWORD]))


def test_no_random_text_hides_a_secret() -> None:
    """Whatever stands around it."""
    seed = 7
    chance = random.Random(seed)
    secrets = Secrets([PASSWORD])
    for _ in range(500):
        noise = "".join(chance.choices(string.printable, k=40))
        place = chance.randrange(40)
        masked = secrets.mask(noise[:place] + PASSWORD + noise[place:])
        assert PASSWORD not in masked, f"seed {seed}"
