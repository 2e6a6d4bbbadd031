"""`iqfeed-gateway relay` as a user starts, misconfigures and stops it."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.consumer import Consumer
from tests.support.processes import END_S_MAX, READY_S_MAX, run_command, start_command
from tests.support.requester import Requester
from tests.support.stage import Stage, free_ports, simulated

pytestmark = pytest.mark.slow
EXIT_CONFIG = 78


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """A gateway."""
    with simulated(rate=500.0, equity_count=12) as stage:
        yield stage


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_a_signal_and_ends_in_order(
    stage: Stage, tmp_path: Path, number: signal.Signals
) -> None:
    """A supervisor stops it as it stops the gateway; with a consumer connected, too."""
    data, control = (f"tcp://127.0.0.1:{port}" for port in free_ports(2))
    output = tmp_path / "relay.log"
    endpoints = stage.gateway.endpoints
    arguments = ["--data", endpoints["data"], "--control", endpoints["control"]]
    arguments += ["--bind-data", data, "--bind-control", control, "--name", "relay-7"]
    process = start_command("relay", *arguments, output=output)
    try:
        with Requester(control) as requester:
            requester.result("ping", seconds=READY_S_MAX)
            assert requester.result("hello")["relay"]["name"] == "relay-7"
        with Consumer(data, "quote,AAPL,", "sys,heartbeat,") as consumer:
            consumer.wait_for_topic("quote,AAPL,")
            consumer.wait_for_beats(1)
            process.send_signal(number)
            started_s = time.monotonic()
            assert process.wait(END_S_MAX) == 0
            assert time.monotonic() - started_s < END_S_MAX
            # What it had is delivered; nothing is said in the gateway's name.
            assert not [m for m in consumer.messages if m.topic == "sys,goodbye,"]
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    printed = output.read_text()
    assert "relay started" in printed
    assert "relay stopped" in printed
    assert "Traceback" not in printed


REFUSED: dict[str, tuple[list[str], str]] = {
    "another machine may subscribe": (
        ["--bind-data", "tcp://0.0.0.0:7710"],
        "relay.bind_data would let other machines in",
    ),
    "another machine may ask": (
        ["--bind-control", "tcp://192.168.1.5:7711"],
        "relay.bind_control would let other machines in",
    ),
    "prices of another machine": (
        ["--data", "tcp://192.168.1.5:7700"],
        "relay.data is on another machine",
    ),
    "requests to another machine": (
        ["--control", "tcp://example.com:7701"],
        "relay.control is on another machine",
    ),
    "no address": (["--data", "127.0.0.1:7700"], "relay.data is no address"),
    "no port": (["--data", "tcp://127.0.0.1:*"], "relay.data has no port"),
    "a port that does not exist": (
        ["--bind-data", "tcp://127.0.0.1:70000"],
        "relay.bind_data has a port that does not exist",
    ),
    "one address twice": (
        ["--bind-data", "tcp://127.0.0.1:7700"],
        "two of the relay's addresses are the same",
    ),
    "a name with a blank": (["--name", "a b"], "relay.name"),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_what_cannot_be_used_is_refused_with_a_reason(name: str) -> None:
    """As the gateway: exit 78, the setting's name, and what to do."""
    options, reason = REFUSED[name]
    code, printed = run_command("relay", *options)
    assert code == EXIT_CONFIG
    assert reason in printed
    assert "what to do" in printed
    assert "Traceback" not in printed


def test_an_address_that_is_taken_is_refused(stage: Stage) -> None:
    """Two relays on one port would each serve half."""
    taken = stage.gateway.endpoints["data"]
    data, control = (f"tcp://127.0.0.1:{port}" for port in free_ports(2))
    for option, setting in (("--bind-data", "bind_data"), ("--bind-control", "bind_control")):
        arguments = {"--bind-data": data, "--bind-control": control} | {option: taken}
        code, printed = run_command("relay", *(text for pair in arguments.items() for text in pair))
        assert code == EXIT_CONFIG
        assert f"relay.{setting} cannot be bound" in printed
