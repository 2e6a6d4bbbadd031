"""The simulator's control port and timelines, over real sockets."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.commands.fault import parse_params, send_fault
from gateway.errors import ConfigError
from gateway.simulator import Simulator, SimulatorOptions
from gateway.simulator.control import CLIENTS_MAX, LINE_BYTES_MAX
from gateway.simulator.main import serve
from tests.integration.test_simulator_level1 import running, until
from tests.unit.simulator.raw_client import RawClient


def control_port_of(simulator: Simulator) -> int:
    """The number of an open control port."""
    assert simulator.control_port
    return simulator.control_port


class Controller:
    """One client of a control port."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def ask_raw(self, data: bytes) -> dict[str, object]:
        """Send bytes and read one answer."""
        self._writer.write(data)
        return await self.answer()

    async def answer(self) -> dict[str, object]:
        """The next answer; empty at the end of the conversation."""
        async with asyncio.timeout(10):
            line = await self._reader.readline()
        found: dict[str, object] = json.loads(line) if line else {}
        return found

    async def ask(self, **command: object) -> dict[str, object]:
        """Send one command and read its answer."""
        return await self.ask_raw(json.dumps(command).encode() + b"\n")

    def close(self) -> None:
        """Leave."""
        self._writer.close()


@asynccontextmanager
async def controlling(simulator: Simulator) -> AsyncIterator[Controller]:
    """A client of a simulator's control port."""
    streams = await asyncio.open_connection("127.0.0.1", control_port_of(simulator))
    controller = Controller(*streams)
    try:
        yield controller
    finally:
        controller.close()


@pytest.mark.asyncio
async def test_a_fault_is_asked_for_by_a_line_and_answered_by_one() -> None:
    """Anything that can open a socket can break things on purpose."""
    async with running(control_port=0) as simulator, controlling(simulator) as controller:
        client = await RawClient.connect(simulator.level1_port)
        await client.line()
        answer = await controller.ask(do="close", port="level1")
        assert (answer["ok"], answer["connections"]) == (True, 1)
        assert isinstance(answer["at_us"], int)
        assert await client.is_closed()
        await client.close()
        answer = await controller.ask(do="status")
        assert answer["clients_accepted"] == 1
        for on in (True, False):
            assert (await controller.ask(do="refuse", port="admin", on=on))["ok"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"close level1\n", ("a JSON object with `do`", "close level1")),
        (b"[1]\n", ("a JSON object with `do`",)),
        (b'{"port": "level1"}\n', ("a JSON object with `do`",)),
        (b"\xff\xfe\n", ("a JSON object with `do`",)),
        (b"[" * 100_000 + b"\n", ("a JSON object with `do`",)),
        (b'{"do": ["close"]}\n', ("unknown fault", "Known: close")),
        (b'{"do": "close"}\n', ("close needs port",)),
        (b'{"do": "close", "port": "level1", "name": 1}\n', ("no such parameter", "name")),
    ],
)
@pytest.mark.asyncio
async def test_a_line_that_is_no_command_gets_an_error_and_the_next_is_heard(
    line: bytes, words: tuple[str, ...]
) -> None:
    """A typing error ends nothing."""
    async with running(control_port=0) as simulator, controlling(simulator) as controller:
        answer = await controller.ask_raw(line)
        assert answer["ok"] is False
        told = f"{answer['error']} {answer['hint']}"
        assert all(word in told for word in words), told
        assert len(told) < 2000
        assert (await controller.ask(do="status"))["ok"]


@pytest.mark.asyncio
async def test_a_line_without_an_end_is_bounded() -> None:
    """The control port must not become the fault."""
    async with running(control_port=0) as simulator, controlling(simulator) as controller:
        answer = await controller.ask_raw(b"x" * (LINE_BYTES_MAX + 1))
        assert "too long" in str(answer["error"])
        assert await controller.answer() == {}
        assert simulator.counts.control_lines_refused == 1


@pytest.mark.asyncio
async def test_the_number_of_controllers_is_bounded() -> None:
    """A script that forgets to close its sockets hears of it."""
    async with running(control_port=0) as simulator:
        streams = [
            await asyncio.open_connection("127.0.0.1", control_port_of(simulator))
            for _ in range(CLIENTS_MAX)
        ]
        first = Controller(*streams[0])
        assert (await first.ask(do="status"))["ok"]
        async with controlling(simulator) as late:
            assert "too many clients" in str((await late.answer())["error"])
        assert simulator.counts.control_clients_refused == 1
        for _, writer in streams:
            writer.close()


@pytest.mark.asyncio
async def test_a_control_port_that_is_taken_is_refused() -> None:
    """Two simulators must not share one set of faults."""
    async with running(control_port=0) as simulator:
        other = Simulator(
            SimulatorOptions(
                admin_port=0, level1_port=0, level2_port=0,
                control_port=control_port_of(simulator),
            )
        )  # fmt: skip
        with pytest.raises(ConfigError, match="already in use"):
            await other.start()


@pytest.mark.asyncio
async def test_a_restart_by_the_control_port_leaves_the_control_port() -> None:
    """Whoever broke it must be able to go on."""
    async with running(control_port=0) as simulator, controlling(simulator) as controller:
        assert (await controller.ask(do="restart", down_s=600))["ok"]
        assert not simulator.ports["admin"].is_listening
        assert (await controller.ask(do="clear"))["ok"]
        assert simulator.ports["admin"].is_listening


@pytest.mark.slow
@pytest.mark.asyncio
async def test_a_timeline_happens_in_its_time_and_is_announced(tmp_path: Path) -> None:
    """The printed schedule and the seed repeat a run."""
    path = tmp_path / "faults.yaml"
    path.write_text(
        "- {at_s: 0.05, do: protocols, versions: ['6.1']}\n"
        "- {every_s: 0.1, times: 2, do: dtn, up: true}\n"
        "- {at_s: 0.15, do: halt, symbol: NOPE}\n"
    )
    async with running(timeline=path) as simulator:
        counts = simulator.counts
        lines: list[str] = []
        simulator.faults.announce = lines.append
        await until(lambda: counts.timeline_faults == 3, lambda: asyncio.sleep(0.01))
        assert counts.timeline_faults_refused == 1
        assert simulator.status.protocols == ("6.1",)
        assert [line.split()[1] for line in lines] == ["0.050", "0.100", "entry", "0.200"]
        assert "NOPE" in lines[2]


@pytest.mark.asyncio
async def test_serving_prints_the_control_port_and_the_schedule(tmp_path: Path) -> None:
    """A person needs both to do it again."""
    path = tmp_path / "faults.yaml"
    path.write_text("- {between_s: [50, 60], do: close, port: level1}\n")
    lines: list[str] = []
    options = SimulatorOptions(
        admin_port=0, level1_port=0, level2_port=0, control_port=0, timeline=path, seed=5
    )
    task = asyncio.create_task(serve(options, announce=lines.append))
    await until(lambda: len(lines) >= 6, lambda: asyncio.sleep(0.01))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert lines[3].startswith("control listening on 127.0.0.1:")
    assert "seed 5" in lines[4]
    assert "close port=level1" in lines[5]


@pytest.mark.asyncio
async def test_the_command_sends_one_fault_and_prints_the_answer(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The same in a terminal."""
    async with running(control_port=0) as simulator:
        number = control_port_of(simulator)

        async def run(name: str, *params: str) -> tuple[int, str]:
            code = await asyncio.to_thread(
                send_fault, name, [*params], control_port=number, timeout_s=5.0
            )
            shown = capsys.readouterr()
            return code, shown.out + shown.err

        code, text = await run("protocols", "versions=6.1,6.0")
        assert (code, json.loads(text)["versions"]) == (0, ["6.1", "6.0"])
        assert (await run("half_open", "port=level1", "on=false"))[0] == 0
        code, text = await run("clsoe")
        assert code == 1
        assert "Did you mean close?" in text
        assert (await run("close", "port"))[0] == 2
    code, text = await run("status")
    assert code == 1
    assert "--control-port" in text


def test_texts_stay_texts_on_a_command_line() -> None:
    """A version is no number, and a symbol `true` no truth value."""
    assert parse_params("protocols", ["versions=6.1"]) == {"versions": "6.1"}
    assert parse_params("halt", ["symbol=true"]) == {"symbol": "true"}
    assert parse_params("burst", ["factor=2", "seconds=1.5"]) == {"factor": 2, "seconds": 1.5}
