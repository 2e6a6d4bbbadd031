"""Keys are believed only where nobody else could have read or written them."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
import zmq

from gateway.errors import ConfigError
from gateway.runtime.key_files import (
    FILE_BYTES_MAX,
    KeyPair,
    check_curve,
    check_ours,
    new_pair,
    read_ours,
    read_pair,
    read_text,
    write_new,
)
from tests.support.keyring import Keyring

posix = pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")


def swap(directory: Path) -> None:
    """Put each half into the other's file."""
    public, secret = directory / "server.key", directory / "server.key_secret"
    first, second = public.read_text(), secret.read_text()
    public.write_text(second)
    secret.write_text(first)


def replace_public(directory: Path) -> None:
    """Put another key's half beside the secret one."""
    (directory / "server.key").write_text(zmq.curve_keypair()[0].decode())


REFUSED: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "readable by the group": (
        lambda d: (d / "server.key_secret").chmod(0o640),
        "can be used by others",
        "chmod 600",
    ),
    "readable by all": (
        lambda d: (d / "server.key_secret").chmod(0o604),
        "can be used by others",
        "chmod 600",
    ),
    "a public half that others may write": (
        lambda d: (d / "server.key").chmod(0o666),
        "others may change",
        "chmod go-w",
    ),
    "no secret half": (
        lambda d: (d / "server.key_secret").unlink(),
        "is missing",
        "keys server",
    ),
    "no public half": (lambda d: (d / "server.key").unlink(), "is missing", "keys server"),
    "swapped halves": (swap, "swapped", "Exchange"),
    "halves of two keys": (replace_public, "do not belong together", "make new ones"),
    "no key": (
        lambda d: (d / "server.key").write_text("not a key"),
        "no CURVE key in the file",
        "Z85",
    ),
    "an empty file": (
        lambda d: (d / "server.key_secret").write_text(""),
        "no CURVE key in the file",
        "Z85",
    ),
}


@posix
@pytest.mark.parametrize("case", REFUSED)
def test_a_server_key_that_cannot_be_trusted_is_refused(tmp_path: Path, case: str) -> None:
    """Whoever has it is the gateway."""
    damage, words, advice = REFUSED[case]
    ring = Keyring(tmp_path)
    secret = ring.server.secret
    damage(ring.directory)
    with pytest.raises(ConfigError) as caught:
        read_pair(ring.directory, "server")
    assert words in str(caught.value)
    assert advice in caught.value.hint
    assert "server.key" in str(caught.value)
    assert secret not in f"{caught.value} {caught.value.hint} {caught.value.facts}"


def test_a_good_pair_is_read_and_does_not_show_its_secret(tmp_path: Path) -> None:
    """Anything may end in a log by its `repr`."""
    ring = Keyring(tmp_path)
    pair = read_pair(ring.directory, "server")
    assert (pair.public, pair.secret) == ring.server
    assert pair.secret not in repr(pair)
    assert pair.secret not in repr([pair])


@posix
def test_somebody_elses_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its owner can change it at any moment."""
    ring = Keyring(tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: 4_711)
    with pytest.raises(ConfigError, match="belongs to somebody else"):
        read_pair(ring.directory, "server")


@posix
def test_a_directory_that_others_may_write_is_refused(tmp_path: Path) -> None:
    """Who may replace files there lets in whom he likes."""
    ring = Keyring(tmp_path)
    ring.directory.chmod(0o777)
    with pytest.raises(ConfigError, match="others may change who is let in"):
        check_ours(ring.directory)


def test_a_libzmq_without_curve_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without encryption there are no keys, and nothing may look as if there were."""
    monkeypatch.setattr(zmq, "has", lambda _: False)
    with pytest.raises(ConfigError, match="no CURVE"):
        check_curve()


def test_this_libzmq_has_curve() -> None:
    """The check must pass where everything is well."""
    check_curve()


@posix
def test_a_new_file_has_its_mode_whatever_the_mask_says(tmp_path: Path) -> None:
    """A secret that others could read for a moment is none."""
    before = os.umask(0)
    try:
        write_new(tmp_path / "open", "a", mode=0o600)
        os.umask(0o777)
        write_new(tmp_path / "shut", "b", mode=0o600)
    finally:
        os.umask(before)
    for name in ("open", "shut"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """A key that is gone is gone for every client that has its other half."""
    path = tmp_path / "server.key"
    write_new(path, "first", mode=0o600)
    with pytest.raises(ConfigError, match="exists already"):
        write_new(path, "second", mode=0o600)
    assert path.read_text() == "first"


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """The operator must find it."""
    with pytest.raises(ConfigError, match="nowhere"):
        write_new(tmp_path / "nowhere" / "server.key", "a", mode=0o600)


def test_what_is_too_long_or_no_text_is_refused(tmp_path: Path) -> None:
    """A file of gigabytes would be read whole, every second."""
    path = tmp_path / "file"
    path.write_bytes(b"a" * (FILE_BYTES_MAX + 1))
    with pytest.raises(ConfigError, match="too long"):
        read_text(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="UTF-8"):
        read_text(path)
    with pytest.raises(ConfigError, match="cannot be used"):
        read_text(tmp_path / "absent")


@posix
def test_the_file_that_is_read_is_the_one_that_is_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its name may lead elsewhere a moment after it was looked at."""
    good, evil = tmp_path / "good", tmp_path / "evil"
    good.write_text("good")
    good.chmod(0o600)
    evil.write_text("evil")
    evil.chmod(0o622)
    assert read_ours(good) == "good"
    opening = os.open
    monkeypatch.setattr(os, "open", lambda path, *args: opening(evil, *args))
    with pytest.raises(ConfigError, match="others may change"):
        read_ours(good)


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    """Whatever its name says."""
    with pytest.raises(ConfigError, match=r"no ordinary file|cannot be used"):
        read_text(tmp_path)


def test_new_keys_differ() -> None:
    """A constant would be everybody's."""
    pairs = {new_pair().secret for _ in range(20)}
    assert len(pairs) == 20
    assert isinstance(new_pair(), KeyPair)
