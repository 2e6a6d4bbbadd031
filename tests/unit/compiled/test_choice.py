"""Which pipeline runs is chosen once, with a reason that an operator can act upon."""

import importlib.util
from collections.abc import Callable

import pytest

from gateway.compiled.choice import (
    CAUSE_CHARACTERS_MAX,
    EXTENSION,
    Choice,
    Wanted,
    check_compiled,
    choose,
)
from gateway.errors import ConfigError


def fine() -> None:
    """The compiled pipeline can run."""


def failing(error: Exception) -> Callable[[], None]:
    """A check that fails."""

    def check() -> None:
        raise error

    return check


CAUSES = {
    "not built": (
        ModuleNotFoundError(f"No module named {EXTENSION!r}", name=EXTENSION),
        "the compiled pipeline is not installed",
    ),
    "made for another system": (
        ImportError("libstdc++.so.6: version `GLIBCXX_3.4.99' not found"),
        "the compiled pipeline cannot be loaded: libstdc++.so.6: version",
    ),
    "another libzmq": (
        OSError("found libzmq 4.3.4, and pyzmq uses 4.3.5"),
        "the compiled pipeline cannot be used: found libzmq 4.3.4, and pyzmq uses 4.3.5",
    ),
    "of an older version": (
        AttributeError("module has no attribute 'Reader'"),
        "the compiled pipeline cannot be used: module has no attribute",
    ),
}


@pytest.mark.parametrize("wanted", ["auto", "compiled"])
def test_the_compiled_one_runs_where_it_can(wanted: Wanted) -> None:
    """Nobody has to ask for it."""
    assert choose(wanted, check=fine) == Choice("compiled", None)


def test_python_can_be_asked_for() -> None:
    """Whoever suspects the compiled one runs without it; it is not even looked at."""
    choice = choose("python", check=failing(MemoryError()))
    assert choice.as_map() == {"name": "python", "reason": "the setting pipeline says so"}


@pytest.mark.parametrize("cause", CAUSES)
def test_auto_goes_on_in_python_and_says_why(cause: str) -> None:
    """A gateway that is slower than expected must tell its reason itself."""
    error, reason = CAUSES[cause]
    choice = choose("auto", check=failing(error))
    assert choice.name == "python"
    assert choice.reason is not None
    assert choice.reason.startswith(reason)
    assert str(choice) == f"python ({choice.reason})"


@pytest.mark.parametrize("cause", CAUSES)
def test_compiled_is_refused_where_it_cannot_run(cause: str) -> None:
    """Who has planned for its rate must not find out at the market's opening."""
    error, reason = CAUSES[cause]
    with pytest.raises(ConfigError) as caught:
        choose("compiled", check=failing(error))
    assert str(caught.value).startswith(f"pipeline is compiled, and {reason}")
    assert "IQGW_BUILD_COMPILED" in caught.value.hint
    assert "auto or python" in caught.value.hint


def test_a_cause_is_one_bounded_line() -> None:
    """A loader's message holds paths, and a path may hold anything."""
    error = ImportError("/opt/\n\x1b[2J" + "x" * 1_000)
    reason = choose("auto", check=failing(error)).reason
    assert reason is not None
    assert reason.isprintable()
    assert len(reason) < CAUSE_CHARACTERS_MAX + 60


def test_other_errors_are_not_taken_for_an_absence() -> None:
    """A bug in a check must not quietly cost the rate."""
    with pytest.raises(ZeroDivisionError):
        choose("auto", check=failing(ZeroDivisionError()))


def test_the_compiled_pipeline_of_this_environment_is_found() -> None:
    """What was built beside the sources is what runs; without it Python does."""
    if importlib.util.find_spec(EXTENSION) is None:
        with pytest.raises(ModuleNotFoundError):
            check_compiled()
        assert choose("auto") == Choice("python", "the compiled pipeline is not installed")
    else:
        check_compiled()
        assert choose("auto") == Choice("compiled", None)
