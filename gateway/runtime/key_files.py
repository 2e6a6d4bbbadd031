"""Files with keys: who may read and write them is checked before a byte of them is believed."""

import contextlib
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

import zmq

from gateway.errors import ConfigError
from gateway.policy.curve_keys import key_bytes

SERVER: Final = "server"
NEXT: Final = "server-next"
FILE_BYTES_MAX: Final = 65_536
SECRET_MODE: Final = 0o600
_PRIVATE_DIRECTORY_MODE: Final = 0o700
# Only POSIX has files that are waited for.
_NO_WAIT: Final = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)


class KeyPair:
    """Both halves of a CURVE key, as Z85 text; the secret one shows in no `repr`."""

    __slots__ = ("public", "secret")

    def __init__(self, public: str, secret: str) -> None:
        self.public: Final = public
        self.secret: Final = secret

    def __repr__(self) -> str:
        return f"KeyPair({self.public[:8]}…)"


def new_pair() -> KeyPair:
    """Make a key."""
    public, secret = zmq.curve_keypair()
    return KeyPair(public.decode("ascii"), secret.decode("ascii"))


def check_curve() -> None:
    """Refuse a libzmq without encryption.

    Raises:
        ConfigError: It was built without CURVE.
    """
    if not zmq.has("curve"):
        raise ConfigError(
            "this libzmq has no CURVE encryption",
            hint="Install pyzmq from a wheel, whose libzmq has it, or remove security.keys_dir.",
            version=zmq.zmq_version(),
        )


def read_pair(directory: Path, name: str) -> KeyPair:
    """Read a server's key, after who may read it.

    Raises:
        ConfigError: A half is missing, can be read by others, is none, or is not the other's.
    """
    public_path, secret_path = directory / f"{name}.key", directory / f"{name}.key_secret"
    option = " --next" if name == NEXT else ""
    for path in (public_path, secret_path):
        if not path.exists():
            raise ConfigError(
                "a server key is missing",
                hint=f"`iqfeed-gateway keys server{option}` makes both halves.",
                file=str(path),
            )
    check_private(secret_path)
    check_ours(public_path)
    public = _read_key(public_path, _refuse_others_writing)
    secret = _read_key(secret_path, _refuse_others_reading)
    if _public_of(secret) != public:
        is_swapped = _public_of(public) == secret
        raise ConfigError(
            "the halves of the server key are swapped"
            if is_swapped
            else "the halves of the server key do not belong together",
            hint="Exchange the contents of both files."
            if is_swapped
            else f"Remove both and make new ones: `iqfeed-gateway keys server{option}`.",
            file=str(public_path),
            secret_file=str(secret_path),
        )
    return KeyPair(public, secret)


def public_half(directory: Path, name: str) -> str:
    """The public half of a server's key, from the secret one.

    Raises:
        ConfigError: It cannot be read, or others can read it.
    """
    return _public_of(_read_key(directory / f"{name}.key_secret", _refuse_others_reading))


def read_text(path: Path, check: Callable[[Path, os.stat_result], None] | None = None) -> str:
    """Read a small file.

    Args:
        path: Whose name may lead to another file at any moment: what is judged is what was opened.
        check: Refuses it by its owner and mode.

    Raises:
        ConfigError: It cannot be read, is none, or is longer than any file of ours.
    """
    try:
        # A pipe that nobody writes to would be waited for, with everybody's revocation.
        with open(path, "rb", opener=lambda name, how: os.open(name, how | _NO_WAIT)) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ConfigError(
                    "no ordinary file",
                    hint="Put a file of text in its place, or remove it.",
                    file=str(path),
                )
            if check is not None:
                check(path, status)
            data = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise unusable(path, error) from error
    if len(data) > FILE_BYTES_MAX:
        raise ConfigError("too long a file", file=str(path), bytes_max=FILE_BYTES_MAX)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError("no text in UTF-8", file=str(path)) from error


def read_ours(path: Path) -> str:
    """Read a small file that nobody else could have changed.

    Raises:
        ConfigError: Somebody could have, or it cannot be read.
    """
    return read_text(path, _refuse_others_writing)


def unusable(path: Path, error: OSError) -> ConfigError:
    """What to say of a file that the system does not let us use."""
    return ConfigError(
        "a file of keys cannot be used",
        hint="Check that it exists and belongs to the gateway's user.",
        file=str(path),
        reason=error.strerror or str(error),
    )


def write_new(path: Path, text: str, *, mode: int) -> None:
    """Write a file that must not exist yet, with its mode from the first byte on.

    Raises:
        ConfigError: It exists, or cannot be written; nothing of it is left then.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError as error:
        raise ConfigError(
            "the file exists already",
            hint="Keys are never overwritten: choose another place, or remove it by hand.",
            file=str(path),
        ) from error
    except OSError as error:
        raise unusable(path, error) from error
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            if hasattr(os, "fchmod"):
                # The process's mask may have taken a reader away that is meant.
                os.fchmod(descriptor, mode)
            file.write(text)
            file.flush()
            os.fsync(descriptor)
    except OSError as error:
        with contextlib.suppress(OSError):
            path.unlink()
        raise unusable(path, error) from error


def make_directory(path: Path) -> None:
    """Make a directory that only we may use, unless it exists.

    Raises:
        ConfigError: It cannot be made.
    """
    try:
        path.mkdir(mode=_PRIVATE_DIRECTORY_MODE, parents=True, exist_ok=True)
    except OSError as error:
        raise unusable(path, error) from error


def check_private(path: Path) -> None:
    """Refuse a secret that others may read.

    Where files have no modes of this kind (Windows), who may read it is the directory's to say,
    and nothing is checked.

    Raises:
        ConfigError: Not ours, or not for us alone; the command that corrects it is named.
    """
    _refuse_others_reading(path, _status_of(path))


def check_ours(path: Path) -> None:
    """Refuse what others could change: who writes here lets whomever he likes in.

    Raises:
        ConfigError: Somebody else's, or for others to write.
    """
    _refuse_others_writing(path, _status_of(path))


def _refuse_others_reading(path: Path, status: os.stat_result) -> None:
    if os.name != "posix":
        return
    if stat.S_IMODE(status.st_mode) & 0o177:
        raise ConfigError(
            "a secret key can be used by others",
            hint=f"chmod 600 {path} and, if others could read it, make a new one.",
            file=str(path),
            mode=f"{stat.S_IMODE(status.st_mode):04o}",
        )
    _check_owner(path, status, owners=(os.geteuid(),))


def _refuse_others_writing(path: Path, status: os.stat_result) -> None:
    if os.name != "posix":
        return
    if stat.S_IMODE(status.st_mode) & 0o022:
        raise ConfigError(
            "others may change who is let in",
            hint=f"chmod go-w {path}",
            file=str(path),
            mode=f"{stat.S_IMODE(status.st_mode):04o}",
        )
    _check_owner(path, status, owners=(os.geteuid(), 0))


def _status_of(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except OSError as error:
        raise unusable(path, error) from error


def _check_owner(path: Path, status: os.stat_result, *, owners: tuple[int, ...]) -> None:
    if status.st_uid not in owners:
        raise ConfigError(
            "a file of keys belongs to somebody else",
            hint=f"chown {os.geteuid()} {path}, or run the gateway as its owner.",
            file=str(path),
            owner=status.st_uid,
        )


def _read_key(path: Path, check: Callable[[Path, os.stat_result], None]) -> str:
    text = read_text(path, check).strip()
    if key_bytes(text) is None:
        raise ConfigError(
            "no CURVE key in the file",
            hint="A key is Z85 text of 40 characters, alone in its file.",
            file=str(path),
        )
    return text


def _public_of(secret: str) -> str:
    return zmq.curve_public(secret.encode("ascii")).decode("ascii")
