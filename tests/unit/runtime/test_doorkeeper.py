"""The eye on the files that open the gates: what is cut, and what health says of it."""

import asyncio
import os
import shutil
import threading
from pathlib import Path

import pytest

from gateway.clock import FakeClock
from gateway.errors import Overloaded
from gateway.runtime.doorkeeper import Doorkeeper
from gateway.runtime.key_store import KeyStore
from tests.support.keyring import Keyring

pytestmark = pytest.mark.asyncio


class Bench:
    """A doorkeeper over a keyring, without its sockets."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock(utc_us=1_800_000_000_000_000)
        self.ring = Keyring(folder, "alice", "bob")
        self.store = KeyStore(self.ring.directory, clock=self.clock)
        self.doors = Doorkeeper(self.store, next_binds=None, clock=self.clock)

    @property
    def issues(self) -> dict[str, str]:
        """What is wrong, and how much."""
        return {issue.code: issue.level for issue in self.doors.issues()}

    async def look(self) -> None:
        """Look once, as `run` does every second."""
        await self.doors._look(is_hurried=False)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Two clients."""
    return Bench(tmp_path)


async def test_files_that_nobody_looks_at_any_more_are_critical(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that does not answer must not keep a revoked key alive in silence."""
    answer, look = threading.Event(), bench.store.look

    def look_late(*, is_hurried: bool) -> object:
        assert answer.wait(30.0)
        return look(is_hurried=is_hurried)

    monkeypatch.setattr(bench.store, "look", look_late)
    looking = asyncio.create_task(bench.look())
    await asyncio.sleep(0)
    bench.clock.advance(seconds=10)
    assert not bench.issues
    bench.clock.advance(seconds=1)
    assert bench.issues == {"keys_unwatched": "critical"}
    answer.set()
    await looking
    assert not bench.issues


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
async def test_a_directory_that_others_may_write_is_critical(bench: Bench) -> None:
    """At once, and not at the next start."""
    bench.ring.directory.chmod(0o777)
    await bench.look()
    assert bench.issues == {"keys_untrusted": "critical"}
    bench.ring.directory.chmod(0o700)
    await bench.look()
    assert not bench.issues


async def test_a_cut_that_was_put_off_is_made_while_files_cannot_be_read(bench: Bench) -> None:
    """Who was revoked goes, whatever has become of the directory since."""
    cuts: list[str] = []

    def cut() -> None:
        cuts.append("tried")
        if len(cuts) == 1:
            raise Overloaded("too many orders wait")

    bench.doors.on_revoked = cut
    bench.ring.remove("alice")
    await bench.look()
    assert len(cuts) == 1
    shutil.rmtree(bench.ring.directory)
    await bench.look()
    assert bench.issues == {"keys_unreadable": "critical"}
    assert len(cuts) == 2
    await bench.look()
    assert len(cuts) == 2, "it is made once"


async def test_who_waits_for_a_look_waits_for_one_that_began_after_it_asked(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look that had begun before a reload may have missed the file it is about."""
    begun, answer, looks = asyncio.Event(), threading.Event(), list[bool]()
    loop, look = asyncio.get_running_loop(), bench.store.look

    def look_slowly(*, is_hurried: bool) -> object:
        looks.append(is_hurried)
        loop.call_soon_threadsafe(begun.set)
        assert answer.wait(30.0)
        return look(is_hurried=is_hurried)

    monkeypatch.setattr(bench.store, "look", look_slowly)
    running = asyncio.create_task(bench.doors.run())
    bench.doors.look_now()
    await begun.wait()
    waiting = asyncio.create_task(bench.doors.look_and_wait())
    await asyncio.sleep(0)
    answer.set()
    assert await asyncio.wait_for(waiting, 10.0) == ""
    assert looks == [True, True]
    bench.ring.write("bob", "public_key: [")
    shutil.move(bench.ring.directory / "clients.d", bench.ring.directory / "gone")
    assert "clients" in await asyncio.wait_for(bench.doors.look_and_wait(), 10.0)
    assert bench.doors.refused == {}
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
