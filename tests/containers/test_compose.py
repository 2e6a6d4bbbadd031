"""`docker compose up`: everything comes up, shows prices, and comes back whatever ends it."""

import json
import os
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from tests.containers.engine import COMPOSE, Engine, Project
from tests.containers.watch import Watch
from tests.support.fault_table import note
from tests.support.slack import SLACK

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
FOLDER = Path(__file__).resolve().parent
SYMBOLS = ("AAPL", "MSFT", "GOOGL", "AMZN", "TSLA", "NVDA", "@ES#")
SERVICE_S_MAX = 5.0
CLIENTS_BACK_S_MAX = 10.0
VARIABLES = {"SIMULATOR_RATE": "2000", "GATEWAY_MEMORY": "192m"}
# Processes smaller than the gateway until the limit is hit: the kernel then takes the largest.
FILL_MEMORY = """
import os, time
while True:
    if not os.fork():
        kept = bytearray(16 << 20)
        kept[::4096] = b"x" * len(kept[::4096])
        time.sleep(60)
    time.sleep(0.05)
"""


@pytest.fixture(scope="module")
def project(engine: Engine) -> Iterator[Project]:
    """Everything, up and healthy."""
    project = Project(engine, "iqfeed-test", variables=VARIABLES)
    project.down()
    try:
        began_s = time.monotonic()
        project.up()
        project.wait_healthy("gateway")
        print(f"up and healthy after {time.monotonic() - began_s:.1f} s")
        yield project
    finally:
        project.down()


@pytest.fixture
def forgetful(project: Project) -> Iterator[Project]:
    """The same with a gateway that keeps no leases itself."""
    more = [FOLDER / "compose.forgetful.yaml"]
    forgetful = Project(project.engine, "iqfeed-test", more=more, variables=VARIABLES)
    forgetful.up("gateway")
    yield forgetful
    project.up("gateway")


@pytest.fixture
def watch(project: Project) -> Iterator[Watch]:
    """A consumer in a container of its own that has live quotes of every symbol."""
    project.wait_healthy("gateway")
    with Watch(project, "iqfeed-test-watch", SYMBOLS) as watch:
        watch.wait_live()
        yield watch


def allowed_s(seconds: float) -> float:
    """A limit for a machine that nobody else uses; others' work makes everything longer.

    It says what that came to: a figure under load is not one of a machine that is free.
    """
    load, count = os.getloadavg()[0], os.cpu_count() or 1
    limit_s = seconds * SLACK * max(1.0, load / count)
    print(f"limit {limit_s:.1f} s: {seconds:g} s on a free machine, here {under_load()}")
    return limit_s


def under_load() -> str:
    """How many processes want a processor, for figures that depend on it."""
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"


def live_again(project: Project, *, after_s: float) -> float:
    """When the gateway wrote that prices are live, in a run that began later; Unix time."""
    log = project.run("logs", "--no-log-prefix", "--no-color", "gateway").stdout
    moments = [
        datetime.fromisoformat(entry["timestamp"]).timestamp()
        for line in log.splitlines()
        if (at := line.find("{")) >= 0
        and (entry := json.loads(line[at:]))["event"] == "prices are live"
    ]
    return min(moment for moment in moments if moment > after_s)


def test_keys_are_made_once(project: Project) -> None:
    """A second start changes nothing, or every client would be locked out."""
    gateway = project.container("gateway")
    read = "import pathlib; print(pathlib.Path('/keys/gateway/server.key').read_text())"
    before = project.engine.exec_python(gateway, read)
    again = project.run("run", "--rm", "prepare").stdout
    assert "is there" in again
    assert "consumer has its keys" in again
    assert project.engine.exec_python(gateway, read) == before


def test_live_prices_are_in_the_consumers_log(project: Project) -> None:
    """That is all a newcomer wants to see."""
    end_s = time.monotonic() + 30.0
    while not all(
        f"quote@1000 {symbol}" in (log := project.run("logs", "consumer").stdout)
        for symbol in ("AAPL", "MSFT", "@ES#")
    ):
        assert time.monotonic() < end_s, log[-2_000:]
        time.sleep(0.5)


def test_prometheus_scrapes_it_and_has_its_rules(project: Project) -> None:
    """Over the network of the project, by the gateway's name."""
    gateway = project.container("gateway")
    ask = (
        "import urllib.request as r;"
        "print(r.urlopen('http://prometheus:9090/api/v1/{}', timeout=5).read().decode())"
    )
    end_s = time.monotonic() + 30.0
    while True:
        told = json.loads(project.engine.exec_python(gateway, ask.format("query?query=up")))
        if [sample["value"][1] for sample in told["data"]["result"]] == ["1"]:
            break
        assert time.monotonic() < end_s, told
        time.sleep(0.5)
    groups = json.loads(project.engine.exec_python(gateway, ask.format("rules")))["data"]["groups"]
    assert sum(len(group["rules"]) for group in groups) >= 10


def test_nobody_inside_is_root_or_can_write(project: Project) -> None:
    """What takes the process over finds no tool, no right, and no place for anything."""
    code = """
import json, os, pathlib, shutil
def error(path):
    try:
        pathlib.Path(path).write_text("x")
    except OSError as error:
        return error.errno
    os.unlink(path)
    return 0
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines())
print(json.dumps({
    "user": [os.getuid(), os.getgid()],
    "capabilities": int(status["CapEff"], 16) | int(status["CapBnd"], 16),
    "no_new_privileges": status["NoNewPrivs"].strip(),
    "root": error("/x"), "program": error("/opt/iqfeed-gateway/x"),
    "keys": error("/keys/gateway/x"),
    "logs": error("/var/log/iqfeed/x"),
    "tools": [name for name in ("gcc", "cc", "make", "git", "curl") if shutil.which(name)],
    "pip": pathlib.Path("/opt/iqfeed-gateway/bin/pip").exists(),
}))
"""
    told = json.loads(project.engine.exec_python(project.container("gateway"), code))
    read_only = 30
    assert told == {
        "user": [10001, 10001],
        "capabilities": 0,
        "no_new_privileges": "1",
        "root": read_only,
        "program": read_only,
        "keys": read_only,
        "logs": 0,
        "tools": [],
        "pip": False,
    }


def test_a_gateway_that_is_killed_is_back_within_five_seconds(
    project: Project, watch: Watch
) -> None:
    """Its policy starts it anew, and consumers have live prices of every symbol by themselves."""
    gateway = project.container("gateway")
    killed_s = project.engine.kill(gateway)
    recover_s = watch.wait_live(after_s=killed_s) - killed_s
    healthy_s = project.wait_healthy("gateway")
    restarts = project.engine.inspect(gateway)["RestartCount"]
    more = f"{restarts} restart, {under_load()}"
    note(79, "kill -9 of the gateway's container", recover_s=recover_s, more=more)
    print(f"row 79: full service {recover_s:.2f} s after kill -9, healthy {healthy_s:.1f} s later")
    print(f"row 79: {more}")
    assert "GatewayRestarted" in watch.names()
    assert restarts >= 1
    assert recover_s <= allowed_s(SERVICE_S_MAX)


def test_at_the_memory_limit_it_is_killed_and_comes_back(forgetful: Project, watch: Watch) -> None:
    """Leases are nowhere but with the clients here, and they bring them."""
    engine, gateway = forgetful.engine, forgetful.container("gateway")
    began_s = time.time()
    engine.run("exec", "--detach", gateway, "/opt/iqfeed-gateway/bin/python", "-c", FILL_MEMORY)
    watch.wait(lambda _: "GatewayRestarted" in watch.names(), what="a restart")
    live_s = watch.wait_live(after_s=began_s)
    events = [
        json.loads(line)
        for line in engine.run(
            *("events", "--since", f"{began_s:.3f}", "--until", f"{time.time():.3f}"),
            *("--filter", f"container={gateway}", "--format", "{{json .}}"),
        ).stdout.splitlines()
    ]
    assert [event for event in events if event["Action"] == "oom"]
    (died,) = [event for event in events if event["Action"] == "die"]
    assert died["Actor"]["Attributes"]["exitCode"] == "137"
    died_s = died["timeNano"] / 1e9
    ready_s, recover_s = live_again(forgetful, after_s=died_s) - died_s, live_s - died_s
    forgetful.wait_healthy("gateway")
    more = f"137, oom; the gateway itself ready after {ready_s:.2f} s; {under_load()}"
    note(78, "memory limit of the container hit", recover_s=recover_s, more=more)
    print(f"row 78: {more}; full service {recover_s:.2f} s after its end")
    assert ready_s <= allowed_s(SERVICE_S_MAX)
    assert recover_s <= allowed_s(CLIENTS_BACK_S_MAX)


def test_a_stop_drains_and_says_goodbye(project: Project, watch: Watch) -> None:
    """Within the grace period, to the last message, and with exit code 0."""
    began_s = time.monotonic()
    project.run("stop", "gateway")
    stop_s = time.monotonic() - began_s
    state = project.state("gateway")
    watch.wait(lambda _: "Goodbye" in watch.names(), what="a goodbye")
    data = [told for told in list(watch.told) if told["what"] in ("Quote", "Trade", "Goodbye")]
    try:
        more = f"exit {state['ExitCode']} after {stop_s:.2f} s, {under_load()}"
        note(80, "docker stop under load", more=more)
        print(f"row 80: {more}, goodbye {data[-1]['details']}")
        assert state["ExitCode"] == 0
        assert not state["OOMKilled"]
        assert stop_s <= allowed_s(SERVICE_S_MAX)
        assert data[-1]["what"] == "Goodbye", "nothing comes after it"
        assert data[-1]["details"]["resume_expected"] is True
        assert not {"Gap", "Overrun"} & set(watch.names())
    finally:
        project.up("gateway")


def test_a_configuration_that_cannot_be_used_starts_nothing(engine: Engine) -> None:
    """It ends with 78 and the reason, instead of in a gateway that is started again and again."""
    wrong = Project(engine, "iqfeed-wrong", file=COMPOSE, more=[FOLDER / "compose.wrong.yaml"])
    wrong.down()
    try:
        up = wrong.up("gateway", is_checked=False)
        assert up.returncode != 0
        assert wrong.state("prepare")["ExitCode"] == 78
        assert wrong.engine.inspect(wrong.container("prepare"))["RestartCount"] == 0
        assert wrong.state("gateway")["Status"] == "created", "it was never started"
        said = wrong.run("logs", "prepare")
        assert "data.bind is no address to bind" in f"{said.stdout}{said.stderr}"
        note(83, "a wrong setting in compose", more="exit 78, gateway never started")
    finally:
        wrong.down()
