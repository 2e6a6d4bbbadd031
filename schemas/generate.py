"""Writes everything that is generated from the definitions, or checks that it is up to date.

`python schemas/generate.py` writes; `python schemas/generate.py --check` writes nothing, lists the
files that are stale, missing or extra, and exits 1 when there are any.
"""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

# The definitions beside this file, not those of another checkout that happens to be installed.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from schemas import (
    emit_client_readmes,
    emit_cpp,
    emit_go,
    emit_java,
    emit_java_tables,
    emit_json_schema,
    emit_markdown,
    emit_python,
    emit_python_client,
    emit_rust,
    emit_typescript,
)
from schemas.contract import Contract, load_contract

ROOT = Path(__file__).resolve().parent.parent
EMITTERS = (
    emit_python.emit,
    emit_python_client.emit,
    emit_typescript.emit,
    emit_cpp.emit,
    emit_go.emit,
    emit_java.emit,
    emit_java_tables.emit,
    emit_rust.emit,
    emit_json_schema.emit,
    emit_markdown.emit,
    emit_client_readmes.emit,
)
OWNED_FOLDERS = {"gateway/model": "*.py", "schemas/json": "*"}
"""Folders that hold generated files only; any other file in them is left over."""


def generated_files(contract: Contract) -> Mapping[str, str]:
    """All generated files.

    Args:
        contract: The checked definitions.

    Returns:
        Path from the project's root to content.
    """
    files: dict[str, str] = {}
    for emit in EMITTERS:
        files |= emit(contract)
    return files


def extra_files(root: Path, files: Mapping[str, str]) -> list[str]:
    """Files in generated folders that no definition asks for any more."""
    found = (
        path.relative_to(root).as_posix()
        for folder, pattern in OWNED_FOLDERS.items()
        for path in (root / folder).glob(pattern)
        if path.is_file()
    )
    return sorted(name for name in found if name not in files)


def problems(root: Path, files: Mapping[str, str]) -> list[str]:
    """What differs from a fresh generation, one line a file."""
    lines = [f"extra: {name}" for name in extra_files(root, files)]
    for name, content in sorted(files.items()):
        path = root / name
        if not path.is_file():
            lines.append(f"missing: {name}")
        elif path.read_text(encoding="utf-8") != content:
            lines.append(f"stale: {name}")
    return lines


def write(root: Path, files: Mapping[str, str]) -> None:
    """Write what changed and remove what is no longer generated."""
    for name in extra_files(root, files):
        (root / name).unlink()
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or path.read_text(encoding="utf-8") != content:
            path.write_text(content, encoding="utf-8", newline="\n")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description="Generate code and documents from the contract.")
    parser.add_argument("--check", action="store_true", help="write nothing, report differences")
    parser.add_argument("--root", type=Path, default=ROOT, help="the project's root")
    options = parser.parse_args(arguments)
    files = generated_files(load_contract())
    if not options.check:
        write(options.root, files)
        return 0
    lines = problems(options.root, files)
    if lines:
        print("\n".join([*lines, "Run: python schemas/generate.py"]))
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
