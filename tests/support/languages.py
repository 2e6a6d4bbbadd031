"""The clients' languages: what each needs, how it is built, and the program that proves it.

Without a toolchain a language's tests are skipped, with its name; where everything must be there
(`CI` is set) they fail.
"""

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import pytest

CLIENTS: Final = Path(__file__).resolve().parents[2] / "clients"
BUILD_S_MAX: Final = 900.0
SHOWN_CHARACTERS: Final = 4_000
BUILT: Final = frozenset({"build", "dist", "node_modules", "target"})
"""Folders that hold no sources."""


@dataclass(frozen=True)
class Language:
    """One language of the clients."""

    name: str
    """The folder in `clients/`."""
    tools: tuple[str, ...]
    """Commands that must be there."""
    build: tuple[tuple[str, ...], ...]
    """Commands run in the folder, in this order."""
    program: tuple[str, ...]
    """The conformance program, run in the folder."""
    made: str = ""
    """What building makes: as long as it is younger than every source, nothing is built."""

    @property
    def folder(self) -> Path:
        """Where it is."""
        return CLIENTS / self.name


PYTHON: Final = Language("python", (), (), (sys.executable, "-m", "gateway_client.conformance"))
TYPESCRIPT: Final = Language(
    "typescript",
    ("node", "npm"),
    (("npm", "install", "--no-audit", "--no-fund", "--no-package-lock"), ("npm", "run", "build")),
    ("node", "dist/conformance.js"),
    made="dist/conformance.js",
)
GO: Final = Language(
    "go",
    ("go", "cc", "pkg-config"),
    (("go", "build", "-o", "build/", "./..."),),
    ("build/conformance",),
    made="build/conformance",
)
RUST: Final = Language(
    "rust",
    ("cargo",),
    (("cargo", "build", "--release", "--examples"),),
    ("target/release/examples/conformance",),
    made="target/release/examples/conformance",
)
JAVA: Final = Language(
    "java",
    ("java", "mvn"),
    (("mvn", "-q", "-B", "package"),),
    (
        "java",
        "-cp",
        os.pathsep.join(("target/*", "target/dependency/*")),
        "io.iqfeedgateway.client.conformance.Conformance",
    ),
    made="target/iqfeed-gateway-client-0.1.0.jar",
)
CPP: Final = Language(
    "cpp",
    ("cmake", "c++"),
    (
        # In one piece each, the library and the program take a third of the time.
        (
            *("cmake", "-S", ".", "-B", "build", "-DCMAKE_BUILD_TYPE=Release"),
            *("-DCMAKE_UNITY_BUILD=ON", "-DCMAKE_UNITY_BUILD_BATCH_SIZE=0"),
        ),
        ("cmake", "--build", "build", "--parallel", "2"),
    ),
    ("build/conformance",),
    made="build/conformance",
)
LANGUAGES: Final = (PYTHON, TYPESCRIPT, GO, RUST, JAVA, CPP)


def built(language: Language) -> Language:
    """Build a language's client, once in this process; skips the test where that cannot be.

    Args:
        language: What to build.
    """
    missing = missing_tools(language)
    if missing:
        reason = f"the {language.name} client needs {' and '.join(missing)}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    build(language)
    return language


def missing_tools(language: Language) -> list[str]:
    """What building needs and is not there."""
    return [tool for tool in language.tools if shutil.which(tool) is None]


def _is_fresh(language: Language) -> bool:
    made = language.folder / language.made
    if not made.is_file():
        return False
    sources = (
        path
        for path in language.folder.rglob("*")
        if path.is_file() and not BUILT.intersection(path.relative_to(language.folder).parts)
    )
    return made.stat().st_mtime >= max(path.stat().st_mtime for path in sources)


@cache
def build(language: Language) -> None:
    """Build a language's client, unless nothing has changed since.

    Raises:
        AssertionError: A command failed; with what it said.
    """
    if not language.build or _is_fresh(language):
        return
    for command in language.build:
        done = subprocess.run(
            command,
            cwd=language.folder,
            check=False,
            capture_output=True,
            text=True,
            timeout=BUILD_S_MAX,
        )
        said = (done.stdout + done.stderr)[-SHOWN_CHARACTERS:]
        assert done.returncode == 0, f"{' '.join(command)} in {language.folder}:\n{said}"


def main() -> int:
    """Build all clients, as far as their tools are there; says what is not."""
    for language in LANGUAGES:
        missing = missing_tools(language)
        if missing:
            sys.stdout.write(f"{language.name}: not built, needs {' and '.join(missing)}\n")
            continue
        began_s = time.monotonic()
        build(language)
        sys.stdout.write(f"{language.name}: built in {time.monotonic() - began_s:.1f} s\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
