"""`simulate`: where its credentials come from."""

import pytest

from gateway.commands.simulate import credentials_from
from gateway.errors import ConfigError


def test_a_password_comes_from_the_named_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """An argument would show in the list of processes."""
    monkeypatch.setenv("SIMULATED_WORD", "secret")
    assert credentials_from("4711", "SIMULATED_WORD") == ("4711", "secret")
    assert credentials_from(None, None) is None


@pytest.mark.parametrize(
    ("login", "variable"), [("4711", None), (None, "NO_SUCH_WORD"), ("4711", "NO_SUCH_WORD")]
)
def test_half_a_login_is_refused(login: str | None, variable: str | None) -> None:
    """A simulator that silently asked for nothing would prove nothing."""
    with pytest.raises(ConfigError, match=r"belong together|no password"):
        credentials_from(login, variable)
