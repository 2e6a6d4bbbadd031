"""The oldest libraries are the oldest that the ranges allow, or it is said."""

import tomllib
from pathlib import Path
from typing import Any

from packaging.version import Version

from tests.support.lower_bounds import lower_bounds, not_at_the_end

ROOT = Path(__file__).resolve().parents[3]


def project(path: str) -> dict[str, Any]:
    """The table of a pyproject.toml."""
    table = tomllib.loads((ROOT / path).read_text(encoding="utf-8"))["project"]
    assert isinstance(table, dict)
    return table


def test_bounds_are_read_from_the_ranges() -> None:
    """Both with and without an extra."""
    made = {
        "dependencies": ["Py_Thing>=2.1,<3", "other"],
        "optional-dependencies": {"test": ["fixed==0.17.*"]},
    }
    assert lower_bounds(made) == {"py-thing": Version("2.1")}
    assert lower_bounds(made, ["test"])["fixed"] == Version("0.17")


def test_what_was_not_tested_is_named() -> None:
    """Another version, and none."""
    bounds = {"a": Version("1"), "b": Version("2"), "c": Version("3")}
    wrong = not_at_the_end(bounds, {"A": "1.0", "b": "2.1"})
    assert [line.partition(":")[0] for line in wrong] == ["b", "c"]


def test_every_library_has_both_ends() -> None:
    """Without an upper one the next major version breaks who installs anew."""
    dated = {"tzdata"}
    for path in ("pyproject.toml", "clients/python/pyproject.toml"):
        table = project(path)
        for text in table["dependencies"]:
            name = text.partition(">")[0]
            assert ">=" in text, text
            assert "<" in text or name in dated, text


def test_the_client_asks_for_what_the_gateway_asks_for() -> None:
    """They are installed together, too."""
    gateway = set(project("pyproject.toml")["dependencies"])
    assert set(project("clients/python/pyproject.toml")["dependencies"]) <= gateway
