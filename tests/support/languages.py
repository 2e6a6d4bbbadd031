"""The clients' languages: what each needs, how it is built, and the program that proves it.

Without a toolchain a language's tests are skipped, with its name; where everything must be there
(`CI` is set) they fail.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import pytest

CLIENTS: Final = Path(__file__).resolve().parents[2] / "clients"
BUILD_S_MAX: Final = 900.0
SHOWN_CHARACTERS: Final = 4_000


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
)
GO: Final = Language(
    "go",
    ("go", "cc", "pkg-config"),
    (("go", "build", "-o", "build/", "./..."),),
    ("build/conformance",),
)
RUST: Final = Language(
    "rust",
    ("cargo",),
    (("cargo", "build", "--release", "--examples"),),
    ("target/release/examples/conformance",),
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
)
CPP: Final = Language(
    "cpp",
    ("cmake", "c++"),
    (
        ("cmake", "-S", ".", "-B", "build", "-DCMAKE_BUILD_TYPE=Release"),
        ("cmake", "--build", "build"),
    ),
    ("build/conformance",),
)
LANGUAGES: Final = (PYTHON, TYPESCRIPT, GO, RUST, JAVA, CPP)


def built(language: Language) -> Language:
    """Build a language's client, once in this process; skips the test where that cannot be.

    Args:
        language: What to build.
    """
    missing = [tool for tool in language.tools if shutil.which(tool) is None]
    if missing:
        reason = f"the {language.name} client needs {' and '.join(missing)}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    _build(language)
    return language


@cache
def _build(language: Language) -> None:
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
