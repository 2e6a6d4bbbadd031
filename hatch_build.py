"""Builds the compiled part of the pipeline while the package is built or installed.

The gateway works without it, in Python; so where it cannot be built, for want of a compiler or of
Python's headers, the installation goes on without it and says why (`pip install -v` shows it).
IQGW_BUILD_COMPILED decides: `auto` (the default) as said, `required` fails instead, `none` does not
try.

    python hatch_build.py .    # compiles in place, without a package; needs setuptools
"""

import os
import runpy
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

VARIABLE: Final = "IQGW_BUILD_COMPILED"
MODES: Final = ("auto", "required", "none")
MODULE: Final = "gateway.compiled._pipeline"
FOLDER: Final = "gateway/compiled"
"""Where the module belongs."""
SOURCES: Final = f"{FOLDER}/source"
"""All `*.cpp` here are one module."""
DIGEST: Final = f"{FOLDER}/digest.py"
"""Tells the sources from others; run by itself, as the gateway's packages may not be there yet."""
DIGEST_MACRO: Final = "IQGW_SOURCE_DIGEST"
OPTIONS: Final = ("-std=c++20", "-O3", "-g0", "-fvisibility=hidden", "-fvisibility-inlines-hidden")
OPTIONS_MSVC: Final = ("/std:c++20", "/O2", "/EHsc", "/utf-8")
COMPILE_S_MAX: Final = 600.0
"""A compiler that takes longer hangs."""
OUTPUT_CHARACTERS_MAX: Final = 3_000
"""Kept of what a compiler said: its beginning, where the first error is, and its end."""


class CannotCompile(Exception):
    """Why there is no compiled part: a cause, and what to do."""


def mode_of(environment: Mapping[str, str]) -> str:
    """Read what is wanted.

    Raises:
        ValueError: It is none of the modes.
    """
    mode = environment.get(VARIABLE, "") or MODES[0]
    if mode not in MODES:
        raise ValueError(f"{VARIABLE} is {mode[:40]!r}: it must be one of {', '.join(MODES)}")
    return mode


def check_interpreter(
    *, implementation: str = sys.implementation.name, headers: Path | None = None
) -> None:
    """Make sure that this Python can have the module.

    Args:
        implementation: Of Python.
        headers: The folder of Python.h; this Python's by default.

    Raises:
        CannotCompile: It cannot.
    """
    if implementation != "cpython":
        raise CannotCompile(f"it is made for CPython, and this is {implementation}")
    folder = headers if headers is not None else Path(sysconfig.get_path("include"))
    if not (folder / "Python.h").is_file():
        raise CannotCompile(
            f"there is no {folder / 'Python.h'}: install Python's headers (python3-dev on Debian, "
            "python3-devel on Fedora)"
        )


def sources_in(root: Path) -> list[str]:
    """List the sources, relative to a root.

    Raises:
        CannotCompile: There are none.
    """
    found = sorted(path.relative_to(root).as_posix() for path in (root / SOURCES).glob("*.cpp"))
    if not found:
        raise CannotCompile(f"there are no sources in {SOURCES}")
    return found


def compile_into(folder: Path, *, root: Path) -> Path:
    """Compile the module in a process of its own, so that a compiler's words can be bounded.

    Args:
        folder: Gets the module, in the folders of its packages.
        root: Of the project.

    Returns:
        The module.

    Raises:
        CannotCompile: With the end of what the compiler said.
    """
    check_interpreter()
    sources_in(root)
    try:
        finished = subprocess.run(  # noqa: S603 - this file, with this Python.
            [sys.executable, str(Path(__file__).resolve()), str(folder)],
            cwd=root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=COMPILE_S_MAX,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise CannotCompile(f"the compiler took more than {COMPILE_S_MAX:g} s") from error
    found = sorted((folder / FOLDER).glob("_pipeline*"))
    if finished.returncode or not found:
        raise CannotCompile(
            "the compiler failed, or there is none (C++20 is needed: g++ 11, clang 14, "
            f"Visual Studio 2022 or later):\n{shortened(finished.stdout.strip())}"
        )
    return found[0]


def shortened(said: str) -> str:
    """Keep a compiler's first error and its last words."""
    if len(said) <= OUTPUT_CHARACTERS_MAX:
        return said
    half = OUTPUT_CHARACTERS_MAX // 2
    return f"{said[:half]}\n[… {len(said) - 2 * half} characters …]\n{said[-half:]}"


def remove_built(root: Path) -> None:
    """Remove this Python's module from the source tree: an old one is of other sources."""
    (root / FOLDER / f"_pipeline{sysconfig.get_config_var('EXT_SUFFIX')}").unlink(missing_ok=True)


class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Adds the compiled part to a wheel, or puts it beside its sources for an editable install."""

    _temporary: "tempfile.TemporaryDirectory[str] | None" = None

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile before the package is put together.

        Args:
            version: `editable`, or `standard` for a wheel with everything in it.
            build_data: Hatchling's; told of the module and that the wheel is for this platform.
        """
        root = Path(self.root)
        is_editable = version == "editable"
        if is_editable:
            remove_built(root)
        mode = self._read_mode()
        if mode == "none":
            self.app.display_info(f"{VARIABLE}=none: the gateway will run in Python")
            return
        self._temporary = tempfile.TemporaryDirectory(prefix="iqgw-build-")
        try:
            module = compile_into(Path(self._temporary.name), root=root)
        except CannotCompile as error:
            self._temporary.cleanup()
            words = f"The compiled part of the gateway cannot be built: {error}"
            if mode == "required":
                self.app.abort(f"{words}\n{VARIABLE} is `required`: nothing is built.")
            self.app.display_warning(
                f"{words}\nThe installation goes on without it: the gateway runs in Python, with "
                "the same messages at a lower rate."
            )
            return
        if is_editable:
            # A rename: a running process keeps the file it has loaded.
            staged = root / FOLDER / f"{module.name}.new"
            staged.write_bytes(module.read_bytes())
            staged.chmod(0o755)
            staged.replace(root / FOLDER / module.name)
        else:
            build_data["force_include"][str(module)] = f"{FOLDER}/{module.name}"
            build_data["pure_python"] = False
            build_data["infer_tag"] = True
        self.app.display_info(f"compiled {FOLDER}/{module.name}")

    def _read_mode(self) -> str:
        try:
            return mode_of(os.environ)
        except ValueError as error:
            self.app.abort(str(error))
            raise  # Not reached: it has ended the process.

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what was made on the way."""
        del version, build_data, artifact_path
        if self._temporary is not None:
            self._temporary.cleanup()


def main(arguments: list[str]) -> int:
    """Compile with setuptools, which knows the compiler that this Python was made with."""
    # Only here: the hook's own process must not have distutils replaced under it.
    from setuptools import Distribution, Extension
    from setuptools.command.build_ext import build_ext
    from setuptools.errors import BaseError, CCompilerError

    class Build(build_ext):  # type: ignore[misc]
        def build_extensions(self) -> None:
            is_msvc = self.compiler.compiler_type == "msvc"
            for extension in self.extensions:
                extension.extra_compile_args = list(OPTIONS_MSVC if is_msvc else OPTIONS)
            super().build_extensions()

    told = runpy.run_path(str(Path(__file__).resolve().parent / DIGEST))
    digest = told["digest_of"](Path(SOURCES))
    macros = [(DIGEST_MACRO, str(digest))]
    extension = Extension(MODULE, sources_in(Path()), language="c++", define_macros=macros)
    with tempfile.TemporaryDirectory(prefix="iqgw-objects-") as objects:
        command = Build(Distribution({"name": "iqfeed-gateway", "ext_modules": [extension]}))
        command.build_lib, command.build_temp, command.force = arguments[0], objects, True
        try:
            command.ensure_finalized()
            command.run()
        except (BaseError, CCompilerError) as error:
            # What a compiler said stands before it; a traceback would say nothing more.
            print(f"{type(error).__name__}: {error}", flush=True)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
