"""The keys' directory, watched: what changes, what is refused, and what stands meanwhile."""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gateway.clock import FakeClock
from gateway.errors import ConfigError
from gateway.runtime.key_store import KeyStore
from tests.support.keyring import Keyring, new_pair


class Bench:
    """A store over a keyring."""

    def __init__(self, folder: Path, *clients: str) -> None:
        self.clock = FakeClock(utc_us=1_800_000_000_000_000)
        self.ring = Keyring(folder, *clients)
        self.store = KeyStore(self.ring.directory, clock=self.clock)

    @property
    def numbers(self) -> dict[str, int]:
        """Each client's grant."""
        return {name: grant.number for name, grant in self.store.book.grants.items()}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Two clients, read."""
    bench = Bench(tmp_path, "alice", "bob")
    bench.store.load()
    return bench


def test_all_clients_are_read(bench: Bench) -> None:
    """The name is the file's."""
    assert set(bench.numbers) == {"alice", "bob"}
    assert bench.store.book.grants["bob"].record.public_key == bench.ring.pairs["bob"].public
    assert not bench.store.look()


def test_a_new_file_lets_its_client_in(bench: Bench) -> None:
    """Without a restart, and without touching the others."""
    before = bench.numbers
    bench.ring.add("carol")
    changes = bench.store.look()
    assert [record.name for record in changes.added] == ["carol"]
    assert not changes.changed
    assert not changes.removed
    assert bench.numbers == {**before, "carol": 3}


def test_a_file_that_is_gone_takes_effect_at_once(bench: Bench) -> None:
    """It is how a key is revoked."""
    bench.ring.remove("alice")
    changes = bench.store.look()
    assert [record.name for record in changes.removed] == ["alice"]
    assert set(bench.numbers) == {"bob"}


def test_another_key_is_another_grant(bench: Bench) -> None:
    """Connections made with the old one must end."""
    before = bench.numbers
    bench.ring.add("alice")
    assert [record.name for record in bench.store.look().changed] == ["alice"]
    assert bench.numbers["alice"] not in (*before.values(), 0)
    assert bench.numbers["bob"] == before["bob"]


def test_a_client_that_comes_back_has_a_new_grant(bench: Bench) -> None:
    """Else a connection from before would be let live again."""
    pair, before = bench.ring.pairs["alice"], bench.numbers
    bench.ring.remove("alice")
    bench.store.look()
    bench.ring.add("alice", pair)
    bench.store.look()
    assert bench.numbers["alice"] > max(before.values())


def test_other_quotas_are_the_same_grant(bench: Bench) -> None:
    """Nobody is cut off for a number."""
    before = bench.numbers
    bench.ring.add("alice", bench.ring.pairs["alice"], quotas={"leases_max": 3})
    assert [record.name for record in bench.store.look().changed] == ["alice"]
    assert bench.numbers == before
    assert bench.store.book.grants["alice"].record.quotas.leases_max == 3


def test_a_broken_file_changes_nothing_and_is_told_once(bench: Bench) -> None:
    """An editor's slip must not throw a trading program out."""
    before = bench.store.book
    bench.ring.write("alice", f'public_key: "{bench.ring.pairs["alice"].public}"\nrole: [')
    changes = bench.store.look()
    assert set(changes.refused) == {"alice"}
    assert "alice.yaml" in changes.refused["alice"]
    assert "line=2" in changes.refused["alice"]
    assert bench.store.book is before
    assert set(bench.store.broken) == {"alice"}
    assert not bench.store.look()
    bench.ring.add("alice", bench.ring.pairs["alice"], role="monitor")
    assert [record.name for record in bench.store.look().changed] == ["alice"]
    assert not bench.store.broken


@pytest.mark.parametrize("name", ["carol", "alice"])
def test_a_link_to_itself_keeps_nobody_in(bench: Bench, name: str) -> None:
    """One file that cannot be looked at must not stop another's revocation."""
    path = bench.ring.path(name)
    path.unlink(missing_ok=True)
    path.symlink_to(path.name)
    bench.ring.remove("bob")
    changes = bench.store.look()
    assert [record.name for record in changes.removed] == ["bob"]
    assert set(changes.refused) == {name}
    assert path.name in changes.refused[name]
    assert set(bench.numbers) == {"alice"}, "what a broken file said before stands"
    assert not bench.store.look()
    path.unlink()
    bench.store.look()
    assert not bench.store.broken


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names are POSIX's")
def test_a_pipe_is_not_waited_for(bench: Bench) -> None:
    """Nobody may ever write to it, and all revocation would wait."""
    os.mkfifo(bench.ring.path("carol"), 0o600)
    bench.clock.advance(seconds=1_000_000_000)
    bench.ring.remove("bob")
    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(bench.store.look)
        try:
            changes = looking.result(10.0)
        finally:
            # Lets a look that waits go, so that the test fails and does not hang.
            os.close(os.open(bench.ring.path("carol"), os.O_RDWR | os.O_NONBLOCK))
    assert [record.name for record in changes.removed] == ["bob"]
    assert "no ordinary file" in changes.refused["carol"]


def test_a_broken_file_that_is_removed_takes_its_client_with_it(bench: Bench) -> None:
    """The last good state stands as long as there is a file."""
    bench.ring.write("alice", "role: [")
    bench.store.look()
    bench.ring.remove("alice")
    assert [record.name for record in bench.store.look().removed] == ["alice"]
    assert not bench.store.broken


def test_a_broken_new_file_lets_nobody_in(bench: Bench) -> None:
    """There is no last good state."""
    bench.ring.write("carol", "public_key: abc")
    assert set(bench.store.look().refused) == {"carol"}
    assert "carol" not in bench.numbers


def test_at_the_start_a_broken_file_is_fatal(tmp_path: Path) -> None:
    """A gateway that starts without some of its clients fails later, when it matters."""
    bench = Bench(tmp_path, "alice")
    bench.ring.write("bob", "role: admin")
    with pytest.raises(ConfigError, match=r"bob\.yaml") as caught:
        bench.store.load()
    assert "public_key is missing" in str(caught.value)


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_a_file_that_others_may_write_is_not_believed(bench: Bench) -> None:
    """Anybody could have put his key there."""
    before = bench.numbers
    bench.ring.add("alice")
    bench.ring.path("alice").chmod(0o666)
    assert set(bench.store.look().refused) == {"alice"}
    assert bench.numbers == before


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
@pytest.mark.parametrize("is_clients", [False, True])
def test_what_comes_while_others_may_write_there_is_not_believed(
    bench: Bench, *, is_clients: bool
) -> None:
    """Whoever can move files there could let himself in; who is gone is out all the same."""
    directory = bench.store.directory / "clients.d" if is_clients else bench.store.directory
    before = bench.numbers
    directory.chmod(0o770)
    bench.ring.add("carol")
    bench.ring.add("alice")
    bench.ring.remove("bob")
    changes = bench.store.look()
    assert [record.name for record in changes.removed] == ["bob"]
    assert not changes.added
    assert not changes.changed
    assert bench.numbers == {"alice": before["alice"]}
    assert "chmod go-w" in bench.store.untrusted
    assert str(directory) in bench.store.untrusted
    bench.ring.add("bob", bench.ring.pairs["bob"])
    assert not bench.store.look().added, "nor does who was revoked come back"
    directory.chmod(0o700)
    changes = bench.store.look()
    assert {record.name for record in changes.added} == {"bob", "carol"}
    assert [record.name for record in changes.changed] == ["alice"]
    assert not bench.store.untrusted


def test_one_key_has_one_owner(bench: Bench) -> None:
    """Else nobody could say whose a connection is; who had it first keeps it."""
    before = bench.store.book
    bench.ring.add("carol", bench.ring.pairs["bob"])
    changes = bench.store.look()
    assert set(changes.refused) == {"carol"}
    assert "bob" in changes.refused["carol"]
    assert bench.store.book is before
    bench.ring.add("alice", bench.ring.pairs["bob"])
    assert set(bench.store.look().refused) == {"alice"}
    assert bench.store.book is before, "alice keeps her own"
    bench.ring.remove("bob")
    bench.ring.remove("carol")
    bench.store.look()
    bench.store.look()
    assert set(bench.numbers) == {"alice"}
    assert not bench.store.broken


def test_two_owners_at_the_start_are_fatal(tmp_path: Path) -> None:
    """One of them is wrong, and only the operator knows which."""
    bench = Bench(tmp_path, "alice")
    bench.ring.add("bob", bench.ring.pairs["alice"])
    with pytest.raises(ConfigError, match="is alice's"):
        bench.store.load()


def test_what_may_still_be_being_written_is_left_for_the_next_look(bench: Bench) -> None:
    """Half a file can be a whole one that grants more."""
    bench.ring.add("alice")
    now_s = bench.clock.utc_us() / 1e6
    os.utime(bench.ring.path("alice"), (now_s, now_s))
    assert not bench.store.look()
    bench.clock.advance(seconds=1)
    assert [record.name for record in bench.store.look().changed] == ["alice"]


def test_somebody_who_says_so_need_not_wait(bench: Bench) -> None:
    """A signal says that the files are whole."""
    bench.ring.add("alice")
    now_s = bench.clock.utc_us() / 1e6
    os.utime(bench.ring.path("alice"), (now_s, now_s))
    assert bench.store.look(is_hurried=True).changed


def test_editors_files_are_none(bench: Bench) -> None:
    """They lie beside the real ones for a moment."""
    folder = bench.ring.path("alice").parent
    for name in (".alice.yaml", "alice.yaml~", "alice.yaml.bak", "#alice.yaml#", "README"):
        (folder / name).write_text("role: [")
    assert not bench.store.look()


def test_a_directory_that_cannot_be_read_changes_nothing(bench: Bench) -> None:
    """A mount that is away for a moment must not throw everybody out."""
    before = bench.store.book
    shutil.rmtree(bench.ring.path("alice").parent)
    with pytest.raises(ConfigError, match="cannot be used"):
        bench.store.look()
    assert bench.store.book is before


def test_a_store_without_clients_is_refused_by_what_is_missing(tmp_path: Path) -> None:
    """The operator forgot a step."""
    bench = Bench(tmp_path)
    bench.ring.path("x").parent.rmdir()
    with pytest.raises(ConfigError, match="no directory of clients") as caught:
        bench.store.load()
    assert "keys new" in caught.value.hint


def test_the_next_server_key_is_read_from_its_own_files(tmp_path: Path) -> None:
    """Both hold while clients go over."""
    bench = Bench(tmp_path)
    following = bench.ring.add_server("server-next")
    assert bench.store.read_server().public == bench.ring.server.public
    assert bench.store.read_server(is_next=True).public == following.public
    assert new_pair() != following
