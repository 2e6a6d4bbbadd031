"""A real gateway runs short of memory or descriptors: what can wait does, and all are told."""

import contextlib
import itertools
import os
import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import psutil
import pytest
import zmq

from gateway.simulator import SimulatorOptions
from tests.support.consumer import SNAPSHOT, Consumer
from tests.support.fault_table import fault_row, note
from tests.support.processes import GatewayProcess
from tests.support.requester import Requester
from tests.support.slack import SLACK
from tests.support.stage import open_stage, wait_until

pytestmark = pytest.mark.slow
HOLD_S: Final = 0.5
IDLE_CONSUMERS: Final = 150
"""Connections that make one descriptor a small share."""
SHARES: Final = {"shed": 0.725, "delay": 0.775, "watches": 0.825, "connections": 0.875, "all": 0.93}
"""In the middle of each step."""
CGROUPS: Final = Path("/sys/fs/cgroup/memory")
OWN_GROUPS: Final = Path("/proc/self/cgroup")
Press = Callable[[float], None]


@contextlib.contextmanager
def running(folder: Path, *, group: Path | None = None) -> Iterator[GatewayProcess]:
    """A gateway with a market, in a cgroup where one is given."""
    options = SimulatorOptions(admin_port=0, level1_port=0, level2_port=0, rate=500.0)
    settings = {
        "guards": {"hold_s": HOLD_S},
        "state_dir": str(folder / "state"),
        "security": {"allow_local_admin": True},
    }
    with open_stage() as stage:
        simulator = stage.start_simulator(options)
        with GatewayProcess(
            folder,
            level1_port=simulator.level1_port,
            admin_port=simulator.admin_port,
            settings=settings,
        ) as gateway:
            with within(group):
                gateway.start()
            yield gateway


@contextlib.contextmanager
def descriptors(gateway: GatewayProcess) -> Iterator[Press]:
    """Shrinks the limit of open files around those that are open."""
    process = psutil.Process(gateway.pid)
    before = resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE)
    with zmq.Context() as context:
        idle = [context.socket(zmq.SUB) for _ in range(IDLE_CONSUMERS)]
        for one in idle:
            one.setsockopt(zmq.LINGER, 0)
            one.connect(gateway.data)
            one.subscribe("sys,goodbye,")
        wait_until(lambda: process.num_fds() >= IDLE_CONSUMERS, what="all are connected")

        def press(share: float) -> None:
            limit = round(process.num_fds() / share) if share else before[0]
            resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE, (limit, before[1]))

        try:
            yield press
        finally:
            for one in idle:
                one.close()


@contextlib.contextmanager
def address_space(gateway: GatewayProcess) -> Iterator[Press]:
    """Shrinks the limit of memory that may be mapped around what is."""
    process = psutil.Process(gateway.pid)

    def press(share: float) -> None:
        limit = round(process.memory_info().vms / share) if share else resource.RLIM_INFINITY
        resource.prlimit(gateway.pid, resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))

    yield press


@contextlib.contextmanager
def memory_cgroup() -> Iterator[tuple[Path, Press]]:
    """A cgroup whose limit shrinks around what is used in it; begin within it to belong to it."""
    group = CGROUPS / f"gateway-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no memory cgroup can be made here: {error}")
    limit = group / "memory.limit_in_bytes"

    def used() -> int:
        stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        whole = int((group / "memory.usage_in_bytes").read_text())
        return whole - int(stat["total_inactive_file"])

    def press(share: float) -> None:
        limit.write_text(str(round(used() / share)) if share else "-1")

    try:
        yield group, press
    finally:
        wait_until(lambda: not (group / "cgroup.procs").read_text(), what="it has ended")
        group.rmdir()


@contextlib.contextmanager
def within(group: Path | None) -> Iterator[None]:
    """Let programs that are started here belong to a cgroup."""
    if group is None:
        yield
        return
    line = next(one for one in OWN_GROUPS.read_text().splitlines() if ":memory:" in one)
    (group / "cgroup.procs").write_text(str(os.getpid()))
    try:
        yield
    finally:
        home = CGROUPS / line.split(":", 2)[2].lstrip("/")
        (home / "cgroup.procs").write_text(str(os.getpid()))


def issue_of(requester: Requester, code: str) -> dict[str, Any] | None:
    """The issue about a resource, as `health` tells it."""
    issues = requester.result("health")["issues"]
    return next((dict(issue) for issue in issues if issue["code"] == code), None)


def await_step(requester: Requester, code: str, press: Press, share: float, *, words: str) -> None:
    """Press until `health` says what is given up."""

    def is_there() -> bool:
        press(share)
        issue = issue_of(requester, code)
        return issue is not None and words in issue["message"]

    wait_until(is_there, what=f"{code} says {words!r}", seconds=10.0)


def gap_ms(consumer: Consumer, topic: str, count: int = 6) -> float:
    """The shortest time between two messages of a topic."""
    times: list[float] = []
    while consumer.receive(0) is not None:
        continue
    for message in consumer.stream(20.0 * SLACK):
        if message.topic == topic and not message.flags & SNAPSHOT:
            times.append(message.at_s)
        if len(times) == count:
            break
    assert len(times) == count
    return min(b - a for a, b in itertools.pairwise(times)) * 1000


def prove_ladder(gateway: GatewayProcess, press: Press, code: str) -> float:
    """Climb every step and come down again; how long until all is as before, seconds."""
    slow = "quote@100,AAPL,"
    with (
        gateway.requester() as requester,
        gateway.consumer("quote,AAPL,", slow, "sys,alert,") as consumer,
    ):
        consumer.wait_for_topic(slow)
        requester.result("subscribe", client="old", symbols=["AAPL"], kinds=["quote"], lease_s=60)
        await_step(requester, code, press, SHARES["shed"], words="conflated topics are slower")
        assert gap_ms(consumer, slow) >= 300, "four times its interval"
        await_step(requester, code, press, SHARES["delay"], words="and snapshots wait")
        assert requester.error("snapshot", topics=["quote,AAPL,"])["code"] == "busy"
        private = "~0123456789abcd.quote,AAPL,"
        consumer.subscribe(private)
        consumer.wait_for_topic(private)
        await_step(requester, code, press, SHARES["watches"], words="new leases are refused")
        refused = requester.error("subscribe", client="new", symbols=["IBM"], kinds=["quote"])
        assert (refused["code"], refused["retry_ms"] > 0) == ("busy", True)
        consumer.subscribe("quote,MSFT,", "state,MSFT,")
        await_step(requester, code, press, SHARES["connections"], words="new connections and")
        with Requester(gateway.control) as late:
            assert late.error("metrics")["code"] == "busy"
            assert not late.result("health")["is_healthy"]
        with gateway.consumer("quote,AAPL,") as late_consumer:
            assert late_consumer.receive(1.0) is None, "a new connection is cut off"
            await_step(requester, code, press, SHARES["all"], words="nothing is left to give up")
            assert requester.result("health")["level"] == "critical"
            # Who is there is served, to the last.
            consumer.wait_for(
                lambda m: m.topic == "quote,AAPL," and not m.flags & SNAPSHOT, what="a quote"
            )
            assert not any(m.symbol == "MSFT" and m.kind == "quote" for m in consumer.messages)
            press(0)
            began_s = time.monotonic()
            wait_until(lambda: issue_of(requester, code) is None, what="it is over", seconds=10.0)
            recovered_s = time.monotonic() - began_s
            late_consumer.wait_for_topic("quote,AAPL,")
        # What had to wait comes by itself.
        consumer.wait_for_topic("quote,MSFT,")
        requester.result("subscribe", client="new", symbols=["IBM"], kinds=["quote"], lease_s=60)
        told = [m.values[0] for m in consumer.messages if m.kind == "sys" and m.symbol == "alert"]
    events = [(alert["event"], alert["level"]) for alert in told if alert["code"] == code]
    assert ("raised", "warning") in events
    assert ("changed", "critical") in events
    return recovered_s


@fault_row(69)
def test_every_step_for_want_of_descriptors(tmp_path: Path) -> None:
    """Consumers are told before the last descriptor is gone, and served all the time."""
    with running(tmp_path) as gateway, descriptors(gateway) as press:
        recovered_s = prove_ladder(gateway, press, "descriptors_guard")
    note(69, "descriptors run short, every step", recover_s=recovered_s)


@fault_row(69)
@pytest.mark.long
def test_descriptors_that_are_gone_are_survived(tmp_path: Path) -> None:
    """None is left at all: whoever is connected goes on, and all is well when some are freed."""
    with (
        running(tmp_path) as gateway,
        gateway.requester() as requester,
        gateway.consumer("quote,AAPL,") as consumer,
    ):
        consumer.wait_for_topic("quote,AAPL,")
        requester.result("ping")
        process = psutil.Process(gateway.pid)
        before = resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE, (process.num_fds(), before[1]))
        wait_until(lambda: issue_of(requester, "descriptors_guard") is not None, what="it is told")
        sequence = consumer.messages[-1].sequence
        crowd = [gateway.consumer("quote,AAPL,") for _ in range(20)]
        consumer.wait_for(lambda m: m.sequence > sequence + 20, what="quotes that go on")
        began_s = time.monotonic()
        resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE, before)
        for one in crowd:
            one.wait_for_topic("quote,AAPL,")
        recovered_s = time.monotonic() - began_s
        for one in crowd:
            one.close()
        assert requester.result("ping") == {}
    note(69, "no descriptor is left", recover_s=recovered_s)
    assert recovered_s <= (2.0 + HOLD_S + 3.0) * SLACK


@fault_row(78)
@pytest.mark.long
def test_every_step_for_want_of_memory(tmp_path: Path) -> None:
    """By the limit of this process, which any user may set."""
    with running(tmp_path) as gateway, address_space(gateway) as press:
        recovered_s = prove_ladder(gateway, press, "memory_guard")
    note(78, "memory runs short, every step", recover_s=recovered_s)


@fault_row(78)
@pytest.mark.long
def test_every_step_for_want_of_memory_in_a_cgroup(tmp_path: Path) -> None:
    """By the limit of a container, beyond which the kernel kills."""
    with memory_cgroup() as (group, press), running(tmp_path, group=group) as gateway:
        recovered_s = prove_ladder(gateway, press, "memory_guard")
    note(78, "memory of a cgroup runs short, every step", recover_s=recovered_s)


@fault_row(78)
@pytest.mark.long
def test_a_gateway_that_was_killed_for_memory_comes_back_with_its_leases(tmp_path: Path) -> None:
    """What no guard could prevent: the kernel kills it, and a supervisor starts it again."""
    with running(tmp_path) as gateway, gateway.consumer("quote,AAPL,") as consumer:
        consumer.wait_for_topic("quote,AAPL,")
        with gateway.requester() as requester:
            requester.result("subscribe", client="c", symbols=["MSFT"], kinds=["quote"], lease_s=60)
            saved = tmp_path / "state" / "leases.json"
            wait_until(lambda: saved.exists() and "MSFT" in saved.read_text(), what="it is kept")
        epoch = consumer.messages[-1].epoch
        gateway.kill()
        began_s = time.monotonic()
        gateway.start()
        consumer.wait_for(lambda m: m.epoch > epoch and m.kind == "quote", what="quotes anew")
        recovered_s = time.monotonic() - began_s
        with gateway.requester() as requester:
            (lease,) = requester.result("subscriptions")["leases"]
            assert lease["symbols"] == ["MSFT"]
    note(78, "killed, started again", recover_s=recovered_s)
    assert recovered_s <= 5.0 * SLACK
