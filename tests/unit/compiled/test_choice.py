"""Which pipeline runs is chosen once, with a reason that an operator can act upon."""

import importlib.util
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType

import pytest

from gateway.compiled.choice import (
    CAUSE_CHARACTERS_MAX,
    EXTENSION,
    PIPELINE,
    SOURCES,
    Choice,
    Wanted,
    check_compiled,
    choose,
)
from gateway.compiled.digest import digest_of
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


def pretend(monkeypatch: pytest.MonkeyPatch, *, digest: str | None) -> None:
    """Have an extension that was built from some sources; None for one that cannot tell."""
    extension = ModuleType(EXTENSION)
    if digest is not None:
        extension.source_digest = digest  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, EXTENSION, extension)


OTHERS = "cannot be loaded: it was built from other sources: install the gateway again"


@pytest.mark.parametrize("digest", [None, "", "0123456789abcdef"])
def test_what_other_sources_made_is_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, digest: str | None
) -> None:
    """An editable install keeps the old module when the sources are pulled anew."""
    (tmp_path / "module.cpp").touch()
    check = partial(check_compiled, sources=tmp_path)
    pretend(monkeypatch, digest=digest)
    assert choose("auto", check=check) == Choice("python", f"the compiled pipeline {OTHERS}")
    with pytest.raises(ConfigError, match=f"pipeline is compiled, and .* {OTHERS}"):
        choose("compiled", check=check)


@pytest.mark.parametrize("digest", [None, "0123456789abcdef"])
def test_without_sources_nothing_is_compared(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, digest: str | None
) -> None:
    """A wheel has none: what is in it belongs together."""
    pretend(monkeypatch, digest=digest)
    monkeypatch.setitem(sys.modules, PIPELINE, ModuleType(PIPELINE))
    check = partial(check_compiled, sources=tmp_path)
    assert choose("compiled", check=check) == Choice("compiled", None)


def test_a_part_that_cannot_be_imported_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not only the extension: what uses it must load as well."""
    pretend(monkeypatch, digest=digest_of(SOURCES))
    monkeypatch.setitem(sys.modules, PIPELINE, None)
    reason = choose("auto").reason
    assert reason is not None
    assert reason.startswith("the compiled pipeline cannot be loaded: import of")
    assert PIPELINE in reason


def test_an_extension_that_does_not_fit_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that lacks what is asked of it at the import."""
    pretend(monkeypatch, digest=digest_of(SOURCES))
    for name in (PIPELINE, "gateway.compiled.symbols"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    package = sys.modules["gateway.compiled"]
    monkeypatch.setattr(package, "_pipeline", sys.modules[EXTENSION], raising=False)
    reason = choose("auto").reason
    assert reason is not None
    assert reason.startswith("the compiled pipeline cannot be loaded: AttributeError: ")


def test_a_digest_tells_every_change_of_the_sources(tmp_path: Path) -> None:
    """Names, contents, and where one file ends; nothing else."""

    def digest(**files: str) -> str | None:
        for path in tmp_path.iterdir():
            path.unlink()
        for name, text in files.items():
            (tmp_path / name.replace("_", ".")).write_text(text, encoding="utf-8")
        return digest_of(tmp_path)

    first = digest(a_cpp="one", b_hpp="two")
    assert first is not None
    assert len(first) == 16
    assert first == digest(b_hpp="two", a_cpp="one", notes_txt="?")
    others = [
        digest(a_cpp="one", b_hpp="twO"),
        digest(a_cpp="one", c_hpp="two"),
        digest(a_cpp="onet", b_hpp="wo"),
        digest(a_cpp="one"),
        digest(a_cpp="one", b_hpp="two", c_hpp=""),
    ]
    assert len({first, *others}) == 1 + len(others)
    assert digest(notes_txt="?") is None
    assert digest_of(tmp_path / "absent") is None
