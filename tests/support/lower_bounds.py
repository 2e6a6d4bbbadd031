"""Holds an environment of the oldest libraries against the ranges that ask for them.

    python -m tests.support.lower_bounds PYTHON PYPROJECT [EXTRA ...]   # PYTHON: whose environment

A range whose lower end cannot be installed was never tested there, so it is an error.
"""

import json
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

_LIST: Final = (
    "import importlib.metadata as m, json;"
    "print(json.dumps({d.metadata['Name']: d.version for d in m.distributions()}))"
)


def lower_bounds(project: Mapping[str, Any], extras: Iterable[str] = ()) -> dict[str, Version]:
    """The lower ends of a project's ranges, by canonical name.

    Args:
        project: The table `project` of a pyproject.toml.
        extras: Names of optional dependencies to be added.
    """
    texts = list(project["dependencies"])
    for extra in extras:
        texts += project["optional-dependencies"][extra]
    bounds: dict[str, Version] = {}
    for requirement in map(Requirement, texts):
        for specifier in requirement.specifier:
            if specifier.operator in (">=", "=="):
                version = Version(specifier.version.removesuffix(".*"))
                bounds[canonicalize_name(requirement.name)] = version
    return bounds


def not_at_the_end(bounds: Mapping[str, Version], installed: Mapping[str, str]) -> list[str]:
    """What is not installed in the version that its range begins with, in words."""
    found = {canonicalize_name(name): Version(version) for name, version in installed.items()}
    return [
        f"{name}: the range begins with {bound}, installed is {found.get(canonicalize_name(name))}"
        for name, bound in sorted(bounds.items())
        if found.get(canonicalize_name(name)) != bound
    ]


def main(python: str, pyproject: str, *extras: str) -> int:
    """Compare, and say what differs."""
    project = tomllib.loads(Path(pyproject).read_text(encoding="utf-8"))["project"]
    listed = subprocess.run([python, "-c", _LIST], check=True, capture_output=True, text=True)
    bounds = lower_bounds(project, extras)
    wrong = not_at_the_end(bounds, json.loads(listed.stdout))
    print("\n".join(wrong) if wrong else f"{len(bounds)} libraries, each the oldest of its range")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
