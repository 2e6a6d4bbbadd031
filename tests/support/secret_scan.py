"""Looks for secrets in every tracked file: what detect-secrets knows, and what it cannot know.

    python -m tests.support.secret_scan             # all tracked files: 0 nothing new, 1 something
    python -m tests.support.secret_scan FILE ...    # these

A made-up secret that a test needs stands in `known_secrets.yaml` by file and hash, with the reason.
No comment in a source file lets anything pass; an entry that matches nothing any more is an error.
"""

import hashlib
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import yaml
from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
from detect_secrets.core.scan import scan_file
from detect_secrets.settings import transient_settings

from gateway.policy.curve_keys import KEY_CHARACTERS, key_bytes

ROOT: Final = Path(__file__).resolve().parents[2]
KNOWN: Final = Path(__file__).with_name("known_secrets.yaml")
HASH_CHARACTERS: Final = 16
PARTS: Final = 16
HEXADECIMAL: Final = (
    "schemas/vectors/",
    "tests/fuzz/corpus/guided/audit_log.txt",
    "tests/support/known_secrets.yaml",
)
"""The bodies of vectors, of which `write_vectors.py --check` proves every byte, made up chains of
the audit log, and our hashes."""

_HEX: Final = "HexHighEntropyString"
_LIMITS: Final = {"Base64HighEntropyString": 4.5, _HEX: 3.0}
"""Bits a character, the library's own."""
_CLASSES: Final[list[type]] = list(get_mapping_from_secret_type_to_class().values())
_PLUGINS: Final[list[str]] = sorted(
    # An address is no secret.
    {plugin.__name__ for plugin in _CLASSES} - {"IPPublicDetector"}
)
_HEURISTIC: Final = "detect_secrets.filters.heuristic."
_FILTERS: Final = [
    {"path": _HEURISTIC + name}
    for name in (
        "is_indirect_reference", "is_likely_id_string", "is_lock_file",
        "is_not_alphanumeric_string", "is_potential_uuid", "is_prefixed_with_dollar_sign",
        "is_sequential_string", "is_templated_secret",
    )
]  # fmt: skip

_Z85_RUN: Final = re.compile(r"[0-9a-zA-Z.\-:+=^!/*?&<>()\[\]{}@%$#]{40,80}")
_NAMED: Final = re.compile(r"^[\w.\-]*[=:]")
TURNS_MIN: Final = 20
"""Changes between small letters, capitals, digits and signs. Drawn at random, forty characters have
28, and fewer than 20 once in a thousand; code and prose have half as many."""
_DTN: Final = (
    re.compile(
        r"IQFEED_(?:PASSWORD|LOGIN)[\"']?[ \t]*(?:[=:]|,[ \t]*(?=[\"']))[ \t]*[\"']?"
        r"([^\s\"'`,;)}\]]{3,})"
    ),
    re.compile(r"\bSET (?:PASSWORD|LOGINID),([^,\\\s\"'`]{3,})"),
    re.compile(r"(?:^|\s)-(?:password|login)[ =,\"']+([^\s\"'`,;)\]]{3,})"),
)
_PLACEHOLDER: Final = re.compile(r"[.…$<{*]|str\b|None\b|IQ[A-Z]+_")


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """Something that looks like a secret."""

    file: str
    """Relative to the project."""
    line: int
    kind: str
    hash: str
    """What is written down of it."""


def hash_of(secret: str) -> str:
    """What may be shown of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()[:HASH_CHARACTERS]


def tracked_files(root: Path = ROOT) -> list[Path]:
    """Every file under version control."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"],  # noqa: S607 - whichever git the developer has
        cwd=root,
        check=True,
        capture_output=True,
    )
    return [root / name for name in listed.stdout.decode().split("\0") if name]


def scan(files: Iterable[Path], root: Path = ROOT) -> list[Finding]:
    """Look through files.

    Args:
        files: Read as a whole; those that are gone are left out.
        root: What their names are relative to.
    """
    found: set[Finding] = set()
    for path in files:
        if not path.is_file() or path.is_symlink():
            continue
        name = path.relative_to(root).as_posix()
        plugins = [
            {"name": plugin} | ({"limit": _LIMITS[plugin]} if plugin in _LIMITS else {})
            for plugin in _PLUGINS
            if plugin != _HEX or not name.startswith(HEXADECIMAL)
        ]
        with transient_settings({"plugins_used": plugins, "filters_used": _FILTERS}):
            for secret in scan_file(str(path)):
                hashed = hash_of(secret.secret_value or "")
                found.add(Finding(name, secret.line_number, secret.type, hashed))
        text = path.read_text(encoding="utf-8", errors="replace")
        for number, line in enumerate(text.splitlines(), 1):
            found |= {Finding(name, number, kind, hash_of(s)) for kind, s in own_findings(line)}
    return sorted(found)


def own_findings(line: str) -> Iterator[tuple[str, str]]:
    """What of one line is a secret of this project's own kinds."""
    for run in _Z85_RUN.findall(line):
        bare = run.rstrip(".:)>]}")
        tails = {run, bare, run.lstrip("(<[{"), bare.lstrip("(<[{")}
        for candidate in tails | {_NAMED.sub("", tail, count=1) for tail in tails}:
            if looks_like_a_key(candidate):
                yield "CURVE key", candidate
    for pattern in _DTN:
        for secret in pattern.findall(line):
            if not _PLACEHOLDER.match(secret):
                yield "DTN credentials", secret


def looks_like_a_key(text: str) -> bool:
    """Whether a text is the Z85 spelling of 32 bytes that look drawn at random."""
    if len(text) != KEY_CHARACTERS or key_bytes(text) is None:
        return False
    classes = [_class_of(character) for character in text]
    return sum(before != after for before, after in pairwise(classes)) >= TURNS_MIN


def _class_of(character: str) -> int:
    """Small letter, capital, digit or sign."""
    if character.isdigit():
        return 2
    return 3 if not character.isalpha() else int(character.isupper())


def judge(
    found: Iterable[Finding], known: Iterable[dict[str, str]]
) -> tuple[list[Finding], list[dict[str, str]]]:
    """Compare with what is known.

    Returns:
        What is new, and the known entries that nothing matches any more.
    """
    reasons = {(entry["file"], entry["hash"]): entry for entry in known}
    assert all(entry["why"].strip() for entry in reasons.values()), "each with its reason"
    seen = {(finding.file, finding.hash) for finding in found}
    new = [finding for finding in found if (finding.file, finding.hash) not in reasons]
    return new, [entry for key, entry in reasons.items() if key not in seen]


def main(names: list[str]) -> int:
    """Scan what is named, or everything."""
    files = [Path(name).resolve() for name in names] or tracked_files()
    root = ROOT if all(path.is_relative_to(ROOT) for path in files) else Path("/")
    known = yaml.safe_load(KNOWN.read_text(encoding="utf-8"))
    with ProcessPoolExecutor() as pool:
        # It takes a fifteenth of a second for each file: the processors share them.
        parts = [files[first::PARTS] for first in range(PARTS)]
        found = [one for part in pool.map(scan, parts, [root] * PARTS) for one in part]
    new, stale = judge(sorted(found), known)
    for finding in new:
        print(f"{finding.file}:{finding.line}: {finding.kind} (hash {finding.hash})")
    if not names:
        for entry in stale:
            print(
                f"{KNOWN.name}: {entry['file']} has no {entry['hash']} any more: remove the entry"
            )
    print(f"{len(files)} files, {len(new)} new secrets, {len(known)} known ones")
    return 1 if new or (stale and not names) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
