"""The unit of systemd as data, and which system calls its filter leaves."""

import shutil
import subprocess
from pathlib import Path
from typing import Final

UNIT: Final = Path(__file__).resolve().parents[2] / "docker/systemd/iqfeed-gateway.service"


def analyzer() -> str | None:
    """Where `systemd-analyze` is; None where it is not."""
    return shutil.which("systemd-analyze")


def analyze(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run `systemd-analyze …`."""
    program = analyzer()
    assert program is not None
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False)


def values_of(name: str) -> list[str]:
    """What the unit says under a name, in order."""
    lines = UNIT.read_text(encoding="utf-8").splitlines()
    return [line.partition("=")[2] for line in lines if line.startswith(f"{name}=")]


def allowed_calls() -> list[str]:
    """The system calls that the unit's filter lets pass."""
    allowed: set[str] = set()
    for words in values_of("SystemCallFilter"):
        groups = words.removeprefix("~").split()
        calls = set().union(*(_calls_of(group) for group in groups))
        allowed = allowed - calls if words.startswith("~") else allowed | calls
    return sorted(allowed)


def _calls_of(group: str) -> set[str]:
    """The calls of a group such as `@system-service`, those of its groups included."""
    finished = analyze("syscall-filter", group)
    assert finished.returncode == 0, finished.stderr
    calls: set[str] = set()
    for line in finished.stdout.splitlines()[1:]:
        word = line.strip()
        if word.startswith("@"):
            calls |= _calls_of(word)
        elif word and not word.startswith("#"):
            calls.add(word)
    return calls
