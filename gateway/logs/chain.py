"""The audit log's chain: each line is sealed with everything that stands before it.

A sealed line is a JSON object that ends in `, "no": N, "chain": "HEX"}`. `no` counts lines over all
files and runs. `chain` is the SHA-256, in hexadecimal, of the previous line's `chain`, a line feed,
and the line's own bytes without its chain: cut `, "chain": "HEX"` out, and what is left is what was
hashed. So nothing has to be parsed, and a checker in any language needs nothing but SHA-256.

No secret is in it: it shows what was changed behind the gateway's back, not what the same user of
the machine wrote from the first line to the last anew. Against that, a chain is noted elsewhere.
"""

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

GENESIS: Final = "0" * 64
"""What the very first line follows."""
SEAL_CHARACTERS_MAX: Final = 110
"""Longest addition to a line."""
FILE_BEGUN: Final = "audit_file_begun"
"""The event of each file's first line: names the chain that the file continues."""
LINE_TORN: Final = "audit_line_torn"
"""The event that names a line which a crash or a full disk left unfinished."""
LINES_MISSING: Final = "log events are missing here"
"""The event that counts what a full or slow disk has cost."""
_CHAIN: Final = re.compile(r"[0-9a-f]{64}")
_SEALED: Final = re.compile(rb'(\{.*), "no": ([0-9]{1,18}), "chain": "([0-9a-f]{64})"\}', re.DOTALL)


@dataclass(frozen=True, slots=True)
class SealedLine:
    """One line as it stands in a file."""

    number: int
    """Its place in the log, from 1."""
    chain: str
    """Its seal, 64 hexadecimal digits."""
    canonical: bytes
    """What is sealed beside the chain before it."""

    def follows(self, chain: str) -> bool:
        """Whether it was sealed behind that chain."""
        return is_chain(chain) and chain_of(chain, self.canonical) == self.chain

    def facts(self) -> dict[str, Any]:
        """What it says; nothing where it is no JSON object."""
        try:
            facts = json.loads(self.canonical)
        except (ValueError, RecursionError):
            return {}
        return facts if isinstance(facts, dict) else {}


@dataclass(frozen=True, slots=True)
class Head:
    """Where the log ends, kept in a file beside it: a cut tail leaves no other trace."""

    number: int
    """The last line that is surely on the disk; 0 before the first."""
    chain: str
    """Its chain."""
    is_closed: bool
    """Whether the gateway ended in order, so that nothing may stand behind that line."""

    def as_text(self) -> str:
        """For the file."""
        return json.dumps({"no": self.number, "chain": self.chain, "closed": self.is_closed}) + "\n"


def is_chain(text: str) -> bool:
    """Whether a text is a seal at all: what stands in a file may be anything."""
    return _CHAIN.fullmatch(text) is not None


def chain_of(previous: str, canonical: bytes) -> str:
    """Seal bytes behind a chain."""
    return hashlib.sha256(previous.encode("ascii") + b"\n" + canonical).hexdigest()


def seal(body: str, *, number: int, previous: str) -> SealedLine:
    """Make a line of a JSON object.

    Args:
        body: One JSON object in ASCII, not an empty one, on one line.
        number: Its place in the log.
        previous: The chain before it.
    """
    canonical = f'{body[:-1]}, "no": {number}}}'.encode("ascii", "backslashreplace")
    return SealedLine(number, chain_of(previous, canonical), canonical)


def spell(line: SealedLine) -> str:
    """A sealed line as it is written, without its end."""
    return f'{line.canonical[:-1].decode("ascii")}, "chain": "{line.chain}"}}'


def read_line(text: bytes) -> SealedLine | None:
    """Read a line without its end; None where it is no sealed one."""
    match = _SEALED.fullmatch(text)
    if match is None:
        return None
    return SealedLine(int(match[2]), match[3].decode(), match[1] + b', "no": ' + match[2] + b"}")


def read_head(text: str) -> Head | None:
    """Read what `Head.as_text` wrote; None where it is something else."""
    try:
        facts = json.loads(text)
        head = Head(facts["no"], facts["chain"], facts["closed"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    is_chained = isinstance(facts["chain"], str) and is_chain(facts["chain"])
    is_right = type(head.number) is int and isinstance(head.is_closed, bool)
    return head if is_right and is_chained else None


def digest_of(names: Iterable[str]) -> str:
    """One figure for many names: the SHA-256 of the sorted list, a name a line."""
    return hashlib.sha256("\n".join(sorted(names)).encode()).hexdigest()
