"""`audit`: whether the audit log is as it was written, and its last lines in words."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from gateway.commands.config_option import ConfigOption
from gateway.errors import ConfigError
from gateway.logs.chain import read_line
from gateway.logs.chain_check import Report, check
from gateway.runtime.audit_files import audit_files, last_lines
from gateway.settings import Configs, load_settings

SHOWN_LAST: Final = ("part", "level", "no", "timestamp", "event")
"""Facts that have a place of their own in a line, or none."""

audit_app = typer.Typer(
    name="audit",
    help="The audit log: whether it is as it was written, and what it says.",
    no_args_is_help=True,
)
DirectoryArgument = Annotated[
    Path | None, typer.Argument(help="Where `audit.log` is; by default log.directory.")
]


@audit_app.command()
def verify(
    directory: DirectoryArgument = None,
    config: ConfigOption = None,
    expect: Annotated[
        str | None, typer.Option(help="A chain noted earlier, elsewhere: it must be in the log.")
    ] = None,
    is_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Check every line of every file, and say where the chain breaks; 0 when it does not."""
    raise typer.Exit(verify_log(_directory(directory, config), expect=expect, is_json=is_json))


@audit_app.command()
def show(
    directory: DirectoryArgument = None,
    config: ConfigOption = None,
    last: Annotated[int, typer.Option(min=1, max=100_000, help="How many lines.")] = 20,
) -> None:
    """Print the last lines in words."""
    raise typer.Exit(show_log(_directory(directory, config), last=last))


def verify_log(directory: Path, *, expect: str | None = None, is_json: bool = False) -> int:
    """Check a log and print what was found.

    Args:
        directory: Where it is.
        expect: A chain that must be in it; None for none.
        is_json: Print one JSON object.

    Returns:
        0 when it is as it was written, 1 when it is not.

    Raises:
        ConfigError: There is no log, or it cannot be read.
    """
    files, head = audit_files(directory)
    report = check(files, head)
    is_missed = expect is not None and not any(
        line is not None and line.chain == expect
        for file in files
        for line in (read_line(raw.removesuffix(b"\n")) for raw in file.lines())
    )
    is_right = not report.breaks and not is_missed
    if is_json:
        facts = {
            "ok": is_right,
            "files": [file.name for file in files],
            "lines": report.lines,
            "first": report.first,
            "last": report.last,
            "chain": report.chain,
            "lost": report.lost,
            "torn": report.torn,
            "expected_chain_found": None if expect is None else not is_missed,
            "breaks": [found.as_map() for found in report.breaks],
        }
        print(json.dumps(facts))
    else:
        for text in _words(report, len(files), is_missed=is_missed):
            print(text)
    return 0 if is_right else 1


def show_log(directory: Path, *, last: int) -> int:
    """Print a log's last lines in words.

    Args:
        directory: Where it is.
        last: How many lines.

    Returns:
        0.

    Raises:
        ConfigError: There is no log, or it cannot be read.
    """
    files, _ = audit_files(directory)
    for raw in last_lines(files, last):
        print(_in_words(raw))
    return 0


def _words(report: Report, file_count: int, *, is_missed: bool) -> Iterator[str]:
    for found in report.breaks:
        place = f"{found.file}:{found.line}" if found.line else found.file
        yield f"{place}: {found.what}: {found.detail}"
    if is_missed:
        yield "the expected chain is not in the log: it was written anew, or is another one"
    files = f"{file_count} file{'s' if file_count != 1 else ''}"
    if report.breaks:
        yield f"NOT as it was written: {report.lines} lines in {files}"
    else:
        yield f"as it was written: {report.lines} lines in {files}, {report.first} to {report.last}"
    if report.lost:
        yield f"{report.lost} events are missing, as the log itself says"
    if report.torn:
        yield f"{report.torn} unfinished lines, as the log itself says"
    yield f"chain: {report.chain}"


def _in_words(raw: bytes) -> str:
    line = read_line(raw.removesuffix(b"\n"))
    facts = line.facts() if line is not None else {}
    if line is None or not facts:
        return f"not a line of the audit log: {raw[:200]!a}"
    rest = " ".join(
        f"{name}={_spelled(value)}" for name, value in facts.items() if name not in SHOWN_LAST
    )
    stamp, event = facts.get("timestamp", "-"), facts.get("event", "-")
    return f"{line.number:>8}  {stamp}  {ascii(event)[1:-1]}  {rest}"


def _spelled(value: Any) -> str:
    """A value on one line of printable ASCII, quoted where it has blanks."""
    text = value if isinstance(value, str) else json.dumps(value)
    is_plain = text.isascii() and text.isprintable() and text and " " not in text
    return text if is_plain else json.dumps(text)


def _directory(directory: Path | None, config: Configs) -> Path:
    found = directory if directory is not None else load_settings(config).log.directory
    if found is None:
        raise ConfigError(
            "there is no audit log: log.directory is not set",
            hint="Name the directory after the command, or the file of settings by --config.",
        )
    return found
