"""A tape comes out of the Level 1 port once, in order, and unchanged."""

import asyncio
import re
from pathlib import Path

import pytest

from gateway.simulator import Simulator, SimulatorOptions
from tests.unit.simulator.raw_client import RawClient

FIELDS = (
    "Most Recent Trade Date,Most Recent Trade Time,Most Recent Trade,Most Recent Trade Size,"
    "Total Volume,Bid,Ask,TickID,Message Contents,Most Recent Trade Market Center,"
    "Most Recent Trade Conditions,Most Recent Trade Aggressor,Most Recent Trade Day Code,"
    "Last,Open,High,Low,Close,Number of Trades Today"
)
SMALL = """# two days of a made-up equity
2021-03-01 09:29:59.900000,1.5200,1000,1000,1.5100,1.5200,1,E,11,17,0,1,
2021-03-01 09:30:00.100000,1.5300,100,1100,1.5100,1.5300,2,C,11,01,0,1,
2021-03-01 09:30:00.100000,1.5100,50,1150,1.5100,1.5300,1,O,19,87,0,1,
this line is no row
2021-03-01 09:30:02.500000,1.5500,200,1350,1.5400,1.5500,3,C,11,01,0,1,
2021-03-02 09:30:01.000000,1.5000,300,300,1.4900,1.5000,1,C,5,8A42,0,2,
2021-03-02 09:30:01.000100,1.5000,0,300,1.4900,1.5000,2,O,5,39,0,2,
!ENDMSG!,
"""


def options(tape: Path, speed: float = 0) -> SimulatorOptions:
    """A tape on free ports."""
    return SimulatorOptions(
        admin_port=0, level1_port=0, level2_port=0, tape=tape, tape_symbol="ZYXI", tape_speed=speed,
        record_trades=True,
    )  # fmt: skip


async def replay(simulator: Simulator, count: int) -> list[str]:
    """Watch the tape's symbol and take everything up to a number of updates."""
    client = await RawClient.connect(simulator.level1_port)
    await client.set_protocol()
    client.send(f"S,SELECT UPDATE FIELDS,{FIELDS}", "wZYXI")
    await client.until_prefix("P,ZYXI")
    lines: list[str] = []
    updates = 0
    while updates < count:
        lines.append(await client.line())
        updates += lines[-1].startswith("Q,")
    await client.close()
    return lines


def as_rows(lines: list[str]) -> list[str]:
    """Q lines turned back into rows of a history reply."""
    rows = []
    for line in lines:
        if line.startswith("Q,"):
            fields = line.split(",")[2:]
            month, day, year = fields[0].split("/")
            (basis,) = set(fields[8]) & set("CEO")
            rows.append(
                ",".join(
                    (f"{year}-{month}-{day} {fields[1]}", *fields[2:8], basis, *fields[9:13], "")
                )
            )
    return rows


@pytest.mark.asyncio
async def test_a_small_tape_is_replayed_line_by_line(tmp_path: Path) -> None:
    """Every letter and every derived column follows from the rows."""
    path = tmp_path / "tape.txt"
    path.write_text(SMALL)
    simulator = Simulator(options(path))
    await simulator.start()
    try:
        lines = await replay(simulator, 6)
        assert as_rows(lines) == [line for line in SMALL.splitlines() if line.startswith("2021")]
        told = [line if line[0] == "T" else line.split(",")[10] for line in lines]
        assert told == [
            "T,20210301 09:29:59", "Ebav",
            "T,20210301 09:30:00", "Caohlv", "Ov",
            "T,20210301 09:30:02", "Cbahv",
            "T,20210302 09:30:01", "Cbaohlcv", "Ov",
        ]  # fmt: skip
        tails = [line.split(",")[15:21] for line in lines if line[0] == "Q"]
        assert tails[0] == ["", "", "", "", "", "1"]
        assert tails[2] == ["1.5300", "1.5300", "1.5300", "1.5300", "", "3"]
        assert tails[3] == ["1.5500", "1.5300", "1.5500", "1.5300", "", "4"]
        assert tails[4] == ["1.5000", "1.5000", "1.5000", "1.5000", "1.5500", "1"]
        counts = simulator.statistics()
        assert (counts["tape_rows_sent"], counts["tape_rows_malformed"]) == (6, 1)
        assert "".join(trade.tick_id for trade in simulator.expected_trades) == "121312"
    finally:
        await simulator.stop()


@pytest.mark.asyncio
@pytest.mark.slow
async def test_after_its_end_a_tape_still_answers(tmp_path: Path) -> None:
    """A watch finds the last values, and time goes on."""
    path = tmp_path / "tape.txt"
    path.write_text(SMALL)
    simulator = Simulator(options(path))
    await simulator.start()
    try:
        await replay(simulator, 6)
        client = await RawClient.connect(simulator.level1_port)
        await client.set_protocol()
        client.send("wAAPL", "wZYXI")
        assert await client.until_prefix("n,") == "n,AAPL"
        snapshot = (await client.until_prefix("P,ZYXI")).split(",")
        assert snapshot[2:7] == ["1.5000", "0", "09:30:01.000100", "5", "300"]
        assert await client.until_prefix("T,20210302 09:30:0")
        await client.close()
    finally:
        await simulator.stop()


@pytest.mark.asyncio
@pytest.mark.slow
async def test_the_recorded_pace_is_kept_and_idle_seconds_are_told(tmp_path: Path) -> None:
    """Between rows the heartbeat goes on in tape time and never overtakes the next row."""
    path = tmp_path / "tape.txt"
    path.write_text("\n".join(SMALL.splitlines()[:6]) + "\n")
    simulator = Simulator(options(path, speed=1))
    await simulator.start()
    try:
        loop = asyncio.get_running_loop()
        began = loop.time()
        lines = await replay(simulator, 4)
        assert loop.time() - began > 2.5
        seconds = [line[-8:] for line in lines if line.startswith("T,")]
        assert seconds == sorted(seconds)
        assert set(seconds) >= {"09:29:59", "09:30:00", "09:30:02"}
        assert len(seconds) >= 4
    finally:
        await simulator.stop()


@pytest.mark.asyncio
async def test_a_tape_runs_several_times_faster(tmp_path: Path) -> None:
    """A day of tape must not take a day."""
    path = tmp_path / "tape.txt"
    path.write_text("\n".join(SMALL.splitlines()[:6]) + "\n")
    simulator = Simulator(options(path, speed=20))
    await simulator.start()
    try:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await replay(simulator, 4)
        assert 0.12 < loop.time() - began < 2
    finally:
        await simulator.stop()


@pytest.mark.asyncio
@pytest.mark.slow
async def test_a_tape_waits_while_nobody_watches(tmp_path: Path) -> None:
    """A row sent to nobody would be a row lost."""
    path = tmp_path / "tape.txt"
    rows = [
        f"2021-03-01 10:00:00.{number:06d},1.5000,100,{100 * (number + 1)},1.4900,1.5000,"
        f"{number + 1},C,11,01,0,1,"
        for number in range(100_000)
    ]
    path.write_text("\n".join(rows) + "\n")
    simulator = Simulator(options(path))
    await simulator.start()
    try:
        client = await RawClient.connect(simulator.level1_port)
        await client.set_protocol()
        client.send("wZYXI")
        await client.until_prefix("Q,ZYXI")
        client.send("rZYXI", "S,REQUEST WATCHES")
        await client.until_prefix("S,WATCHES")
        sent = simulator.statistics()["tape_rows_sent"]
        assert sent < 100_000
        await client.until_prefix("T,")
        assert simulator.statistics()["tape_rows_sent"] == sent
        client.send("wZYXI")
        await client.until_prefix("P,ZYXI")
        following = await client.until_prefix("Q,ZYXI")
        assert int(following.split(",")[6]) == 100 * (sent + 1)
        await client.close()
    finally:
        await simulator.stop()


@pytest.mark.asyncio
@pytest.mark.slow
@pytest.mark.long
async def test_a_slow_reader_slows_the_tape_and_loses_nothing(tmp_path: Path) -> None:
    """At full speed the source waits for room; no queue grows without bound."""
    path = tmp_path / "tape.txt"
    rows = [
        f"2021-03-01 10:00:00.{number:06d},1.5000,100,{100 * (number + 1)},1.4900,1.5000,"
        f"{number + 1},C,11,01,0,1,"
        for number in range(120_000)
    ]
    path.write_text("\n".join(rows) + "\n")
    simulator = Simulator(options(path))
    await simulator.start()
    try:
        client = await RawClient.connect(simulator.level1_port, receive_bytes=65_536)
        admin = await RawClient.connect(simulator.admin_port)
        await client.set_protocol()
        client.send("wZYXI")
        await client.until_prefix("P,ZYXI")
        before = -1
        while simulator.statistics()["tape_rows_sent"] != before:
            before = simulator.statistics()["tape_rows_sent"]
            await admin.lines(2)
        assert 0 < before < 120_000
        volumes: list[int] = []
        while len(volumes) < 120_000:
            line = await client.line()
            if line.startswith("Q,"):
                volumes.append(int(line.split(",")[6]))
        assert volumes == [100 * (number + 1) for number in range(120_000)]
        assert simulator.statistics()["slow_clients_closed"] == 0
        await client.close()
        await admin.close()
    finally:
        await simulator.stop()


@pytest.mark.asyncio
@pytest.mark.captured
@pytest.mark.slow
async def test_every_captured_row_comes_out_once_in_order_and_equal(samples: Path) -> None:
    """Three days of a real equity survive the way through the wire format."""
    path = samples / "lookup_ticks_oldest_csharp.txt"
    rows = [
        line.rstrip("\r\n")
        for line in path.read_text(encoding="latin-1").splitlines()
        if re.match(r"\d{4}-", line)
    ]
    assert len(rows) == 32_627
    simulator = Simulator(options(path))
    await simulator.start()
    try:
        assert as_rows(await replay(simulator, len(rows))) == rows
        assert simulator.statistics()["tape_rows_malformed"] == 0
    finally:
        await simulator.stop()


@pytest.mark.asyncio
async def test_a_tape_has_no_depth_and_waits_while_the_market_is_held(tmp_path: Path) -> None:
    """Level 2 says so, and a held tape goes on where it stood."""
    path = tmp_path / "tape.txt"
    path.write_text(SMALL)
    simulator = Simulator(options(path))
    await simulator.start()
    try:
        depth = await RawClient.connect(simulator.level2_port)
        depth.send("S,SET PROTOCOL,6.2", "WOR,ZYXI", "WPL,ZYXI", "WOR,AAPL")
        assert await depth.until_prefix("q,") == "q,ZYXI,"
        assert await depth.lines(2) == ["q,ZYXI,", "n,AAPL"]
        simulator.hold_market(True)
        client = await RawClient.connect(simulator.level1_port)
        await client.set_protocol()
        client.send("wZYXI")
        await client.until_prefix("P,ZYXI")
        client.send("S,REQUEST WATCHES")
        assert not [line for line in await client.until(is_watches) if line.startswith("Q,")]
        assert simulator.statistics()["tape_rows_sent"] == 0
        simulator.hold_market(False)
        await client.until_prefix("Q,ZYXI")
        for peer in (depth, client):
            await peer.close()
    finally:
        await simulator.stop()


def is_watches(line: str) -> bool:
    """Whether a line lists watches."""
    return line.startswith("S,WATCHES")
