"""The operator's commands for keys: what they write, and what they refuse to."""

import os
import stat
from pathlib import Path

import pytest
import zmq
from gateway_client import load_keys

from gateway.clock import SystemClock
from gateway.commands.key_directory import KeyDirectory
from gateway.errors import ConfigError
from gateway.model.methods import Role
from gateway.runtime.key_files import read_pair
from gateway.runtime.key_store import KeyStore


@pytest.fixture
def directory(tmp_path: Path) -> KeyDirectory:
    """One with the gateway's own key."""
    made = KeyDirectory(tmp_path / "keys")
    made.make_server(is_next=False)
    return made


def mode_of(path: Path) -> int:
    """A file's mode."""
    return stat.S_IMODE(path.stat().st_mode)


def test_a_gateway_can_use_what_was_made(directory: KeyDirectory, tmp_path: Path) -> None:
    """Commands and gateway have one idea of these files."""
    directory.add("desk-1", role="monitor", out=tmp_path / "desk-1.key", is_next=False)
    store = KeyStore(tmp_path / "keys", clock=SystemClock())
    store.load()
    record = store.book.grants["desk-1"].record
    keys = load_keys(tmp_path / "desk-1.key")
    assert record.role is Role.MONITOR
    assert record.public_key == keys.public_key
    assert keys.server_public_key == store.read_server().public
    assert zmq.curve_public(keys.secret_key.encode()).decode() == keys.public_key
    assert record.allow is not None
    assert record.allow[0].symbols == ("*",)
    assert not record.is_relay
    out = tmp_path / "relay-1.key"
    directory.add("relay-1", role="consumer", out=out, is_next=False, is_relay=True)
    store.look(is_hurried=True)
    assert store.book.grants["relay-1"].record.is_relay


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_secrets_are_for_their_owner_alone(directory: KeyDirectory, tmp_path: Path) -> None:
    """Whatever the mask of the operator's shell says."""
    before = os.umask(0)
    try:
        directory.add("desk-1", role="consumer", out=tmp_path / "desk-1.key", is_next=False)
        directory.make_server(is_next=True)
    finally:
        os.umask(before)
    keys = tmp_path / "keys"
    assert mode_of(tmp_path / "desk-1.key") == 0o600
    assert mode_of(keys / "server-next.key_secret") == 0o600
    assert mode_of(keys / "clients.d" / "desk-1.yaml") == 0o644
    KeyStore(keys, clock=SystemClock()).load()


def test_nothing_that_is_told_is_a_secret(directory: KeyDirectory, tmp_path: Path) -> None:
    """A terminal's history is read by others."""
    out = tmp_path / "desk-1.key"
    told = [directory.add("desk-1", role="consumer", out=out, is_next=False)]
    lines, problems = directory.clients()
    told += [*lines, *problems, directory.make_server(is_next=True), directory.promote()]
    told.append(directory.revoke("desk-1"))
    keys = tmp_path / "keys"
    secrets = [(keys / name).read_text().strip() for name in ("server.key_secret",)]
    secrets.append(load_keys(out).secret_key)
    for secret in secrets:
        assert secret not in "\n".join(told)
    assert not [
        path for path in keys.rglob("*.yaml") if load_keys(out).secret_key in path.read_text()
    ]


def test_the_list_has_name_role_fingerprint_and_date(
    directory: KeyDirectory, tmp_path: Path
) -> None:
    """And says what cannot be used beside what can."""
    directory.add("desk-2", role="admin", out=tmp_path / "2.key", is_next=False)
    directory.add("desk-1", role="consumer", out=tmp_path / "1.key", is_next=False)
    (tmp_path / "keys" / "clients.d" / "bad.yaml").write_text("role: x")
    (head, first, second), (problem,) = directory.clients()
    assert head.split() == ["NAME", "ROLE", "KEY", "SINCE"]
    fingerprint = load_keys(tmp_path / "1.key").public_key[:8]
    assert first.split()[:3] == ["desk-1", "consumer", fingerprint]
    assert first.split()[3].startswith("20")
    assert second.split()[:2] == ["desk-2", "admin"]
    assert "bad.yaml" in problem


REFUSED = {
    "a name with a slash": ("../x", "consumer", "not a name"),
    "a hidden name": (".x", "consumer", "not a name"),
    "another role": ("x", "root", "no such role"),
    "a client that exists": ("desk-1", "consumer", "such a client already"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_made_leaves_nothing(
    directory: KeyDirectory, tmp_path: Path, case: str
) -> None:
    """Half a client would be a key that nobody can explain."""
    directory.add("desk-1", role="consumer", out=tmp_path / "1.key", is_next=False)
    before = sorted(tmp_path.rglob("*"))
    text = (tmp_path / "keys" / "clients.d" / "desk-1.yaml").read_text()
    name, role, words = REFUSED[case]
    with pytest.raises(ConfigError, match=words):
        directory.add(name, role=role, out=tmp_path / "new.key", is_next=False)
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "keys" / "clients.d" / "desk-1.yaml").read_text() == text


def test_no_file_of_keys_is_overwritten(directory: KeyDirectory, tmp_path: Path) -> None:
    """Neither a client's nor the gateway's."""
    out = tmp_path / "desk-1.key"
    out.write_text("mine")
    with pytest.raises(ConfigError, match="exists already"):
        directory.add("desk-1", role="consumer", out=out, is_next=False)
    with pytest.raises(ConfigError, match="exists already"):
        directory.make_server(is_next=False)
    assert out.read_text() == "mine"
    assert not (tmp_path / "keys" / "clients.d" / "desk-1.yaml").exists()


def test_without_the_gateways_key_there_is_nothing_to_connect_to(tmp_path: Path) -> None:
    """The client's file has it."""
    with pytest.raises(ConfigError, match="server key is missing") as caught:
        KeyDirectory(tmp_path / "keys").add(
            "x", role="consumer", out=tmp_path / "x.key", is_next=False
        )
    assert "keys server" in caught.value.hint


def test_a_revoked_client_is_kept_for_the_record(directory: KeyDirectory, tmp_path: Path) -> None:
    """A fingerprint in an old log must be somebody's; and the name is free again."""
    for number in (1, 2):
        out = tmp_path / f"{number}.key"
        directory.add("desk-1", role="consumer", out=out, is_next=False)
        directory.revoke("desk-1")
    kept = sorted((tmp_path / "keys" / "revoked.d").iterdir())
    assert len(kept) == 2
    assert load_keys(tmp_path / "1.key").public_key in kept[0].read_text()
    store = KeyStore(tmp_path / "keys", clock=SystemClock())
    store.load()
    assert len(store.book) == 0
    with pytest.raises(ConfigError, match="no such client"):
        directory.revoke("desk-1")


def test_the_next_key_takes_the_place_of_the_present_one(
    directory: KeyDirectory, tmp_path: Path
) -> None:
    """What clients of the next one have is right before and after."""
    keys = tmp_path / "keys"
    old = read_pair(keys, "server")
    with pytest.raises(ConfigError, match="is missing"):
        directory.promote()
    directory.make_server(is_next=True)
    directory.add("desk-1", role="consumer", out=tmp_path / "1.key", is_next=True)
    following = read_pair(keys, "server-next")
    assert load_keys(tmp_path / "1.key").server_public_key == following.public
    directory.promote()
    assert read_pair(keys, "server").public == following.public
    assert read_pair(keys, "server-old").public == old.public
    assert not (keys / "server-next.key").exists()


def test_what_is_there_is_not_made_again(tmp_path: Path) -> None:
    """A script that runs at each start of a container must not lock anybody out."""
    directory, out = KeyDirectory(tmp_path / "keys"), tmp_path / "desk-1.key"
    directory.ensure_server()
    assert not directory.has_given(out, is_next=False)
    directory.withdraw("desk-1", out)
    directory.add("desk-1", role="monitor", out=out, is_next=False)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert directory.ensure_server().endswith("is there")
    assert directory.has_given(out, is_next=False)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_server_key_that_was_half_made_is_completed(tmp_path: Path) -> None:
    """The machine stopped between the halves."""
    directory = KeyDirectory(tmp_path / "keys")
    directory.ensure_server()
    public = tmp_path / "keys" / "server.key"
    half = public.read_bytes()
    public.unlink()
    directory.ensure_server()
    assert public.read_bytes() == half
    (tmp_path / "keys" / "server.key_secret").unlink()
    with pytest.raises(ConfigError, match="missing"):
        directory.ensure_server()


def test_a_lost_key_file_is_replaced_and_a_revoked_one_is_not(
    directory: KeyDirectory, tmp_path: Path
) -> None:
    """The first is a volume that was removed, the second a decision."""
    out = tmp_path / "desk-1.key"
    directory.add("desk-1", role="consumer", out=out, is_next=False)
    first = load_keys(out).public_key
    out.unlink()
    assert not directory.has_given(out, is_next=False)
    directory.withdraw("desk-1", out)
    directory.add("desk-1", role="consumer", out=out, is_next=False)
    assert load_keys(out).public_key != first
    directory.revoke("desk-1")
    assert directory.has_given(out, is_next=False)


def test_a_key_file_for_another_gateways_key_is_replaced(
    directory: KeyDirectory, tmp_path: Path
) -> None:
    """Its holder could not connect with it."""
    other, out = KeyDirectory(tmp_path / "other"), tmp_path / "desk-1.key"
    other.ensure_server()
    other.add("desk-1", role="consumer", out=out, is_next=False)
    assert not directory.has_given(out, is_next=False)
    directory.withdraw("desk-1", out)
    directory.add("desk-1", role="consumer", out=out, is_next=False)
    assert directory.has_given(out, is_next=False)
