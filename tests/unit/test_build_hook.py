"""What the build does about the compiled part of the gateway, decided without a compiler."""

import sysconfig
from pathlib import Path
from typing import Any

import pytest

import hatch_build
from hatch_build import (
    FOLDER,
    OUTPUT_CHARACTERS_MAX,
    SOURCES,
    VARIABLE,
    CannotCompile,
    CustomBuildHook,
    check_interpreter,
    compile_into,
    mode_of,
    remove_built,
    shortened,
    sources_in,
)

MODULE = f"_pipeline{sysconfig.get_config_var('EXT_SUFFIX')}"
CAUSE = "no compiler, says the test"


def build(root: Path, version: str = "standard") -> dict[str, Any]:
    """Let the hook prepare a package, and give what it told Hatchling.

    What it told of files is read before they are removed.
    """
    hook = CustomBuildHook(str(root), {}, None, None, str(root / "dist"), "wheel")  # type: ignore[arg-type,unused-ignore]
    told: dict[str, Any] = {"force_include": {}, "pure_python": True, "infer_tag": False}
    hook.initialize(version, told)
    for source in told["force_include"]:
        assert Path(source).read_bytes() == b"new"
    hook.finalize(version, told, "")
    assert not any(Path(source).exists() for source in told["force_include"])
    return told


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose module has been built before, with nothing said in the environment."""
    (tmp_path / SOURCES).mkdir(parents=True)
    (tmp_path / SOURCES / "module.cpp").touch()
    (tmp_path / FOLDER / MODULE).write_bytes(b"old")
    monkeypatch.delenv(VARIABLE, raising=False)
    return tmp_path


@pytest.fixture
def compiling(monkeypatch: pytest.MonkeyPatch) -> None:
    """A compiler that succeeds."""

    def compile_new(folder: Path, *, root: Path) -> Path:
        assert root.is_dir()
        module = folder / FOLDER / MODULE
        module.parent.mkdir(parents=True)
        module.write_bytes(b"new")
        return module

    monkeypatch.setattr(hatch_build, "compile_into", compile_new)


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> None:
    """No compiler."""

    def fail(folder: Path, *, root: Path) -> Path:
        raise CannotCompile(f"{CAUSE}: {folder.name and root.name}")

    monkeypatch.setattr(hatch_build, "compile_into", fail)


@pytest.mark.parametrize(
    ("said", "mode"),
    [(None, "auto"), ("", "auto"), ("auto", "auto"), ("required", "required"), ("none", "none")],
)
def test_the_mode_is_read_from_the_environment(said: str | None, mode: str) -> None:
    """An empty variable is one that is not set."""
    assert mode_of({} if said is None else {VARIABLE: said}) == mode


@pytest.mark.usefixtures("failing")
def test_a_misspelled_mode_fails_the_build(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`requierd` read as `auto` would ship a package without what it must have."""
    monkeypatch.setenv(VARIABLE, "requierd")
    with pytest.raises(SystemExit) as ended:
        build(root)
    assert ended.value.code == 1
    assert f"{VARIABLE} is 'requierd': it must be one of auto" in capsys.readouterr().err


@pytest.mark.usefixtures("compiling")
def test_a_wheel_with_the_module_is_for_this_platform(root: Path) -> None:
    """Pip must never put it on another one."""
    told = build(root)
    ((source, place),) = told["force_include"].items()
    assert place == f"{FOLDER}/{MODULE}"
    assert Path(source).name == MODULE
    assert (told["pure_python"], told["infer_tag"]) == (False, True)
    assert (root / FOLDER / MODULE).read_bytes() == b"old", "the source tree is left alone"


@pytest.mark.usefixtures("compiling")
def test_an_editable_install_has_the_module_beside_its_sources(root: Path) -> None:
    """Python finds it there and nowhere else."""
    told = build(root, "editable")
    assert told == {"force_include": {}, "pure_python": True, "infer_tag": False}
    names = {path.name for path in (root / FOLDER).iterdir()}
    assert names == {"source", MODULE}, "nothing half-written is left"
    assert (root / FOLDER / MODULE).read_bytes() == b"new"


@pytest.mark.usefixtures("failing")
@pytest.mark.parametrize("version", ["standard", "editable"])
def test_without_a_compiler_the_package_is_pure_and_says_why(
    root: Path, version: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Most machines have none, and the gateway works on them."""
    told = build(root, version)
    assert told == {"force_include": {}, "pure_python": True, "infer_tag": False}
    printed = capsys.readouterr().err
    assert CAUSE in printed
    assert "goes on without it" in printed


@pytest.mark.usefixtures("failing")
def test_required_fails_with_the_cause(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A release must not lack it because a machine lacked a compiler."""
    monkeypatch.setenv(VARIABLE, "required")
    with pytest.raises(SystemExit) as ended:
        build(root)
    assert ended.value.code == 1
    printed = capsys.readouterr().err
    assert CAUSE in printed
    assert f"{VARIABLE} is `required`" in printed


@pytest.mark.usefixtures("compiling")
def test_none_does_not_even_try(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who wants one package for every platform gets it on a machine with a compiler, too."""
    monkeypatch.setenv(VARIABLE, "none")
    assert build(root) == {"force_include": {}, "pure_python": True, "infer_tag": False}


@pytest.mark.usefixtures("failing")
@pytest.mark.parametrize("mode", ["auto", "none"])
def test_an_editable_install_without_the_module_keeps_no_old_one(
    root: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    """One of other sources would run in its place, and nobody would know."""
    monkeypatch.setenv(VARIABLE, mode)
    build(root, "editable")
    assert not (root / FOLDER / MODULE).exists()
    remove_built(root)


def test_another_python_is_told_apart(tmp_path: Path) -> None:
    """PyPy has a C API too, but not this one."""
    (tmp_path / "Python.h").touch()
    check_interpreter(implementation="cpython", headers=tmp_path)
    with pytest.raises(CannotCompile, match="this is pypy"):
        check_interpreter(implementation="pypy", headers=tmp_path)


def test_missing_headers_are_named_with_their_package(tmp_path: Path) -> None:
    """A compiler would say it on the third of a hundred lines."""
    with pytest.raises(CannotCompile, match=r"Python\.h: install .* python3-dev"):
        check_interpreter(headers=tmp_path)


def test_missing_sources_are_a_cause_of_their_own(tmp_path: Path) -> None:
    """A source package that lost them must not look like a compiler's fault."""
    with pytest.raises(CannotCompile, match="no sources in gateway/compiled/source"):
        sources_in(tmp_path)


def test_all_sources_are_compiled_in_one_order(root: Path) -> None:
    """The same sources make the same module."""
    (root / SOURCES / "a.cpp").touch()
    (root / SOURCES / "a.hpp").touch()
    assert sources_in(root) == [f"{SOURCES}/a.cpp", f"{SOURCES}/module.cpp"]


def test_what_a_compiler_says_is_bounded() -> None:
    """Templates can fill a terminal; the first error and the end are what matters."""
    assert shortened("error: no") == "error: no"
    long = shortened("first" + "x" * 1_000_000 + "last")
    assert long.startswith("first")
    assert long.endswith("last")
    assert "characters …]" in long
    assert len(long) < OUTPUT_CHARACTERS_MAX + 60


@pytest.mark.slow
def test_a_compiler_that_is_not_there_is_a_cause(
    root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Setuptools' own words, without its traceback."""
    for name in ("CC", "CXX"):
        monkeypatch.setenv(name, str(tmp_path / "absent" / name))
    monkeypatch.setattr(hatch_build, "check_interpreter", lambda: None)
    with pytest.raises(CannotCompile) as caught:
        compile_into(tmp_path / "built", root=root)
    told = str(caught.value)
    assert "absent" in told
    assert "Traceback" not in told


def test_the_projects_own_sources_are_found() -> None:
    """A renamed folder would turn every package into a pure one."""
    assert sources_in(Path(hatch_build.__file__).parent)
