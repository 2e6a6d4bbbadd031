"""A client's keys, and the file that `iqfeed-gateway keys new` writes them into."""

import os
import re
import stat
from pathlib import Path
from typing import Final, NamedTuple

from gateway_client.errors import InvalidArgument, bounded

FILE_BYTES_MAX: Final = 65_536
NAMES: Final = ("server_public_key", "public_key", "secret_key")
_KEY: Final = re.compile(r"[0-9a-zA-Z.\-:+=^!/*?&<>()\[\]{}@%$#]{40}")
_LINE: Final = re.compile(r"""\s*["']?(\w+)["']?\s*:\s*(?:"([^"]*)"|'([^']*)'|(\S+?))\s*,?\s*""")
_NOTHING: Final = re.compile(r"\s*(?:#.*|[{}]|---)?\s*")


class CurveKeys(NamedTuple):
    """Keys for a gateway that asks for CURVE; each is Z85 text of 40 characters."""

    server_public_key: str
    """The gateway's public key."""
    public_key: str
    """This client's public key."""
    secret_key: str
    """This client's secret key."""

    def __repr__(self) -> str:
        return f"CurveKeys(public_key={self.public_key!r})"


def load_keys(path: str | Path) -> CurveKeys:
    """Read a client's key file.

    Args:
        path: Of a file with `server_public_key`, `public_key` and `secret_key`, one a line as in
            YAML, or as JSON; other names in it are ignored.

    Raises:
        InvalidArgument: It cannot be read, others may read it, or a key is missing or none. No
            value of it is quoted.
    """
    file = Path(path)
    try:
        status = file.stat()
        text = file.read_bytes()[: FILE_BYTES_MAX + 1].decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise InvalidArgument(
            "the file of keys cannot be read",
            hint="Name the file that `iqfeed-gateway keys new` wrote.",
            file=str(file),
            reason=reason,
        ) from None
    if os.name == "posix" and stat.S_IMODE(status.st_mode) & 0o027:
        # A group may read it: that is how containers hand secrets to a user who is not root.
        raise InvalidArgument(
            "the file of keys can be used by others",
            hint=f"chmod 600 {file}, or ask for a new key where others could read this one.",
            file=str(file),
        )
    found = _values_of(text, file)
    missing = [name for name in NAMES if name not in found]
    if missing:
        raise InvalidArgument(
            "the file of keys is not complete",
            hint="`iqfeed-gateway keys new` writes all three keys.",
            file=str(file),
            missing=", ".join(missing),
        )
    keys = CurveKeys(**{name: found[name] for name in NAMES})
    check_keys(keys)
    return keys


def check_keys(keys: CurveKeys) -> None:
    """Refuse what is no key, without quoting it.

    Raises:
        InvalidArgument: One of the three is not Z85 text of 40 characters.
    """
    for name in NAMES:
        if not _KEY.fullmatch(getattr(keys, name)):
            raise InvalidArgument(
                "not a CURVE key", hint="A key is Z85 text of 40 characters.", name=name
            )


def _values_of(text: str, file: Path) -> dict[str, str]:
    """Texts by name: a line each, in the form that YAML and indented JSON have in common."""
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        match = _LINE.fullmatch(line)
        if match is not None:
            found[match[1]] = next(part for part in match.groups()[1:] if part is not None)
        elif not _NOTHING.fullmatch(line):
            raise InvalidArgument(
                "the file of keys cannot be understood",
                hint='Write name: "value", one a line.',
                file=bounded(str(file)),
                line=number,
            )
    return found
