"""A reload is taken over as a whole, refused as a whole, and never more than one waits."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any, cast

import pytest
from gateway_monitoring import HealthThresholds

from gateway.app_reload import LiveParts, Reloader, Reloading
from gateway.control.audit_trail import AuditTrail
from gateway.control.feed_commands import FeedCommand, ReloadConfiguration, Unwatch, Watch
from gateway.control.own_watch import OwnWatch
from gateway.errors import InvalidParams, Overloaded
from gateway.health.monitor import HealthMonitor
from gateway.policy.demand import Service
from gateway.policy.leases import Claim
from gateway.runtime.doorkeeper import Doorkeeper
from gateway.settings import Settings
from tests.support.slack import SLACK
from tests.unit.control.desk_bench import Bench

RELOAD = ReloadConfiguration("admin.reload")


class Monitor:
    """Takes thresholds and hours."""

    def __init__(self) -> None:
        self.limits = HealthThresholds()
        self.conditions: list[Callable[[], Any]] = []

    def register_conditions(self, conditions: Callable[[], Any]) -> None:
        """Keep who knows what is wrong."""
        self.conditions.append(conditions)

    def set_limits(self, limits: HealthThresholds) -> None:
        """Take thresholds."""
        self.limits = limits

    def set_hours(self, hours: object) -> None:
        """Take hours, which nobody asks for here."""


class Doors:
    """Reads clients' files."""

    def __init__(self) -> None:
        self.refused = {"bob": "bob.yaml: no key"}
        self.untrusted = "/keys may be written by others"
        self.failure = ""

    async def look_and_wait(self) -> str:
        """What cannot be read."""
        return self.failure


class House:
    """A reloader with all around it."""

    def __init__(self, *, doors: Doors | None = None) -> None:
        self.bench = Bench()
        self.own = OwnWatch(self.bench.leases, self.bench.history)
        self.monitor = Monitor()
        self.load: Callable[[], Settings] = Settings
        self.secrets: list[str] = []
        self.busy: type[Unwatch] | None = None
        self.trail = SimpleNamespace(
            configured=lambda *_, **__: None, configuration_refused=lambda *_, **__: None
        )
        parts = LiveParts(
            cast(HealthMonitor, self.monitor),
            self.bench.leases,
            self.own,
            cast(Doorkeeper | None, doors),
        )
        self.reloader = Reloader(
            Settings(),
            Reloading(self.read, credential_changes=lambda: self.secrets),
            parts,
            ask=self.ask,
            trail=cast(AuditTrail, self.trail),
        )

    def read(self) -> Settings:
        """What is on the disk now."""
        return self.load()

    async def ask(self, command: FeedCommand) -> Any:
        """Do what the feed thread does, unless it is busy."""
        if self.busy is not None and isinstance(command, self.busy):
            raise Overloaded("the queue is full")
        return self.bench.execute(command)

    def reload(self) -> dict[str, Any]:
        """Reload once."""
        return asyncio.run(self.reloader.reload("admin.reload"))

    def issues(self) -> dict[str, str]:
        """What is wrong: code and hint."""
        return {i.code: i.hint for ask in self.monitor.conditions for i in ask()}


def raising(error: Exception) -> Callable[[], Settings]:
    """Something that cannot be read."""

    def load() -> Settings:
        raise error

    return load


@pytest.mark.parametrize(
    "error",
    [RecursionError("too deep"), ValueError("embedded null byte"), KeyError("x"), MemoryError()],
)
def test_whatever_a_reader_raises_is_a_refusal(error: Exception) -> None:
    """A bug of ours in reading a file must not cost anybody a price."""
    house = House()
    house.load = raising(error)
    with pytest.raises(InvalidParams, match="nothing was changed: " + type(error).__name__):
        house.reload()
    assert "a restart would fail" in house.issues()["configuration_refused"]
    house.load = Settings
    assert house.reload()["changed"] == []
    assert house.issues() == {}


def test_half_of_a_change_that_needs_a_restart_is_refused() -> None:
    """What runs must be what a start would take."""
    house = House()
    house.load = lambda: Settings(
        data={"symbol_count_max": 90_000},
        leases={"symbols_per_client_max": 80_000},
    )
    with pytest.raises(InvalidParams, match=r"symbols_per_client_max 80000 is above data.sy") as no:
        house.reload()
    assert "Restart" in no.value.hint
    assert house.reloader.settings == Settings()
    hint = house.issues()["configuration_refused"]
    assert "Restart" in hint
    assert "would fail" not in hint


def test_symbols_are_counted_by_the_limit_that_runs(tmp_path: Any) -> None:
    """The feed thread keeps to the old one until the restart."""
    path = tmp_path / "s.json"
    path.write_text('{"lists": [{"name": "a", "kinds": ["l1"], "symbols": ["A", "B"]}]}')
    house = House()
    small = {"symbol_count_max": 1}
    house.reloader.settings = Settings(data=small, leases={"symbols_per_client_max": 1})
    house.load = lambda: Settings(symbols_file=path, leases={"symbols_per_client_max": 1})
    with pytest.raises(InvalidParams, match=r"2 are more than data\.symbol_count_max, 1"):
        house.reload()


def test_what_of_the_keys_does_not_hold_is_answered() -> None:
    """Who has just added a client reads that it was not let in."""
    house = House(doors=Doors())
    assert house.reload()["differences"] == [
        "security.keys_dir: nothing new is believed: /keys may be written by others",
        "security.keys_dir: not taken: bob.yaml: no key",
    ]


def test_other_credentials_need_a_restart() -> None:
    """They are named, and never shown."""
    house = House()
    house.secrets = ["IQFEED_PASSWORD"]
    answer = house.reload()
    assert answer["restart_needed"] == ["IQFEED_PASSWORD"]
    assert answer["differences"] == ["IQFEED_PASSWORD has changed, and is not shown"]


async def wait_for(is_so: Callable[[], bool]) -> None:
    """Let others run until something is so."""
    async with asyncio.timeout(5.0 * SLACK):
        while not is_so():  # noqa: ASYNC110 - what changes is in another thread, or has no event
            await asyncio.sleep(0.01)


def run(steps: Coroutine[Any, Any, None]) -> None:
    """Run a test's steps."""
    asyncio.run(steps)


def test_only_one_request_reloads_at_a_time() -> None:
    """Requests that time out leave a reload behind: a hundred of them must not queue up."""
    house = House()
    begun, go_on = threading.Event(), threading.Event()

    def load() -> Settings:
        begun.set()
        assert go_on.wait(10.0 * SLACK)
        return Settings()

    house.load = load

    async def steps() -> None:
        running = asyncio.create_task(house.reloader.run())
        first = asyncio.create_task(house.reloader.ask(RELOAD))
        await wait_for(begun.is_set)
        with pytest.raises(Overloaded, match="another reload is running"):
            await house.reloader.ask(RELOAD)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        with pytest.raises(Overloaded):
            await house.reloader.ask(RELOAD)
        # The end of the gateway waits for it.
        running.cancel()
        asyncio.get_running_loop().call_later(0.1, go_on.set)
        await asyncio.gather(running, return_exceptions=True)
        assert len(asyncio.all_tasks()) == 1
        assert (await house.reloader.ask(RELOAD))["changed"] == []

    run(steps())


def test_an_undo_that_is_refused_is_done_later(tmp_path: Any, monkeypatch: Any) -> None:
    """The answer is the error, health tells what is left, and housekeeping does it."""
    monkeypatch.setattr("gateway.app_reload.SETTLE_S", 0.01)
    house = House()
    path = tmp_path / "s.json"
    path.write_text('{"lists": [{"name": "a", "kinds": ["l1"], "symbols": ["B"]}]}')
    house.load = lambda: Settings(symbols_file=path)

    async def steps() -> None:
        await house.reloader.begin([Claim("A", ("quote",))])
        house.busy = Unwatch
        with pytest.raises(Overloaded):
            await house.reloader.ask(RELOAD)
        assert "symbols_file_unsettled" in house.issues()
        assert "reload again" in house.issues()["configuration_refused"]
        assert house.own.claims == (Claim("A", ("quote",)),)
        running = asyncio.create_task(house.reloader.run())
        await asyncio.sleep(0.05)
        assert not house.own.is_settled
        house.busy = None
        await wait_for(lambda: house.own.is_settled)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    run(steps())
    counts = [house.bench.demand.count(s, Service.LEVEL1) for s in "AB"]
    assert counts == [1, 0]
    assert "symbols_file_unsettled" not in house.issues()


def test_an_error_of_the_keys_undoes_the_watches(tmp_path: Any) -> None:
    """As a whole, or not at all."""
    doors = Doors()
    doors.failure = "no such directory"
    house = House(doors=doors)
    path = tmp_path / "s.json"
    path.write_text('{"lists": [{"name": "a", "kinds": ["l1"], "symbols": ["B"]}]}')
    house.load = lambda: Settings(symbols_file=path)
    with pytest.raises(InvalidParams, match="keys cannot be read"):
        house.reload()
    assert house.own.claims == ()
    assert house.bench.demand.count("B", Service.LEVEL1) == 0
    assert [type(command) for command in house.bench.commands] == [Watch, Unwatch]
