"""The environment that a run under sanitizers makes for itself."""

import os
import sysconfig
from pathlib import Path

import pytest

from tests.support.sanitized_environment import OUR_PATHS, ROOT, bring, main, make, options

pytestmark = pytest.mark.skipif(os.name == "nt", reason="g++'s sanitizers are not there")


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """One that was just made."""
    make(tmp_path / "venv")
    return tmp_path / "venv"


def packages_of(environment: Path) -> Path:
    """Where its libraries are."""
    names = {"base": str(environment), "platbase": str(environment)}
    return Path(sysconfig.get_path("purelib", "posix_prefix", vars=names))


def test_it_has_the_libraries_of_this_one(environment: Path) -> None:
    """As they are; nothing is installed."""
    libraries = Path(sysconfig.get_path("purelib"))
    assert (packages_of(environment) / "zmq").resolve() == (libraries / "zmq").resolve()
    assert (packages_of(environment) / "pytest").is_dir()


def test_its_gateway_is_that_of_the_copy(environment: Path) -> None:
    """Not the one that was installed, whose extension is without sanitizers."""
    paths = (packages_of(environment) / OUR_PATHS).read_text(encoding="utf-8").splitlines()
    assert paths == [str(ROOT), str(ROOT / "clients/python")]
    assert not (packages_of(environment) / OUR_PATHS).is_symlink()


def test_its_python_is_left_to_be_compiled(environment: Path) -> None:
    """All names of it are the one file."""
    assert not (environment / "bin/python").exists()
    assert (environment / "bin/python3").readlink() == Path("python")


def test_its_commands_run_that_python(environment: Path) -> None:
    """As its own would, and they can be run."""
    own = environment / "bin/pytest"
    assert own.read_text(encoding="utf-8").splitlines()[0] == f"#!{environment / 'bin/python'}"
    assert os.access(own, os.X_OK)


@pytest.mark.parametrize(
    "content", [b"\x7fELF python", b"#!/bin/sh\necho python\n", b"#!python" + bytes(4_096)]
)
def test_other_programs_stay_as_they_are(tmp_path: Path, content: bytes) -> None:
    """Those of other languages, and what is too long for a command that only calls Python."""
    command, own = tmp_path / "command", tmp_path / "own"
    command.write_bytes(content)
    bring(command, own)
    assert own.readlink() == command


def test_a_compiler_is_told_where_python_is() -> None:
    """Its headers first: the extension needs no more."""
    words = options()
    assert words[0] == f"-I{sysconfig.get_path('include')}"
    assert f"-lpython{sysconfig.get_python_version()}" in " ".join(words)


def test_other_words_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """With what can be said."""
    assert main(["mend"]) == 2
    assert "make FOLDER" in capsys.readouterr().err
