"""The description of a release's wheels says the same as the package says of itself."""

import fnmatch
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

ROOT: Final = Path(__file__).resolve().parents[2]
PROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
BUILD: Final[dict[str, Any]] = PROJECT["tool"]["cibuildwheel"]
JOBS: Final = yaml.safe_load((ROOT / ".ci" / "wheels.yaml").read_text(encoding="utf-8"))["jobs"]


def is_built(name: str) -> bool:
    """Whether there will be a wheel of this name, such as `cp311-win_amd64`."""
    return any(fnmatch.fnmatch(name, pattern) for pattern in BUILD["build"]) and not any(
        fnmatch.fnmatch(name, pattern) for pattern in BUILD["skip"]
    )


def test_each_python_that_is_promised_has_its_wheel() -> None:
    """The classifiers are what people read before they install."""
    promised = {
        "cp" + line.rpartition(" ")[2].replace(".", "")
        for line in PROJECT["project"]["classifiers"]
        if line.startswith("Programming Language :: Python :: 3.")
    }
    assert {pattern.removesuffix("-*") for pattern in BUILD["build"]} == promised


@pytest.mark.parametrize(
    "system", ["manylinux_x86_64", "manylinux_aarch64", "macosx_arm64", "win_amd64"]
)
def test_each_usual_system_has_its_wheel(system: str) -> None:
    """A pattern that skips too much would be noticed by users only."""
    assert is_built(f"cp311-{system}")
    assert not is_built(f"pp311-{system}")


def test_each_system_is_built_on_a_machine_of_its_own() -> None:
    """An emulated processor would test little and take hours."""
    built = JOBS["compiled"]["strategy"]["matrix"]["include"]
    assert {(one["system"].partition("-")[0], one["architecture"]) for one in built} == {
        ("linux", "x86_64"),
        ("linux", "aarch64"),
        ("macos", "x86_64"),
        ("macos", "arm64"),
        ("windows", "AMD64"),
    }


def test_no_wheel_of_a_system_may_lack_the_compiled_part() -> None:
    """And the one for all systems must not have it."""
    environments = [BUILD["environment"], BUILD["macos"]["environment"]]
    assert {one["IQGW_BUILD_COMPILED"] for one in environments} == {"required"}
    pure = [step.get("env", {}) for step in JOBS["python"]["steps"] if "build" in str(step)]
    assert {"IQGW_BUILD_COMPILED": "none"} in pure


def test_what_tests_of_a_wheel_need_is_there() -> None:
    """They run in a folder that has nothing else, above all no sources of the gateway."""
    sources = BUILD["test-sources"]
    assert "gateway" not in sources
    for name in sources:
        assert (ROOT / name).exists(), name
    (command,) = (one for one in BUILD["test-command"] if "pytest" in one)
    folders = [word for word in command.split() if word.startswith("tests/")]
    assert folders
    for folder in folders:
        assert (ROOT / folder).is_dir(), folder
