"""The audit log of a real gateway process: what is in it, and what is found when it is changed."""

import hashlib
import json
import re
import signal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import GatewayProcess, run_command
from tests.support.stage import free_ports, wait_until

pytestmark = pytest.mark.slow


def started(folder: Path, **log: Any) -> GatewayProcess:
    """A gateway with an audit log, without IQConnect."""
    level1, admin = free_ports(2)
    settings: dict[str, Any] = {
        "log": {"directory": str(folder / "logs"), **log},
        "security": {"allow_local_admin": True},
    }
    return GatewayProcess(folder, level1_port=level1, admin_port=admin, settings=settings)


def verify(folder: Path, *options: str) -> tuple[int, dict[str, Any]]:
    """What the command says."""
    code, printed = run_command("audit", "verify", str(folder / "logs"), "--json", *options)
    return code, json.loads(printed.splitlines()[0])


def events(folder: Path) -> list[dict[str, Any]]:
    """Every line of the file in use."""
    text = (folder / "logs" / "audit.log").read_text(encoding="ascii")
    return [json.loads(line) for line in text.splitlines()]


def has_started(folder: Path, *, times: int) -> bool:
    """Whether so many starts are in the log."""
    return [event["event"] for event in events(folder)].count("gateway started") >= times


def chain_is_right_by_hand(folder: Path) -> bool:
    """Follow the chain as the documents say, without any code of the gateway's."""
    previous = "0" * 64
    for line in (folder / "logs" / "audit.log").read_text(encoding="ascii").splitlines():
        canonical = re.sub(r', "chain": "[0-9a-f]{64}"\}$', "}", line)
        previous = hashlib.sha256(f"{previous}\n{canonical}".encode()).hexdigest()
        if json.loads(line)["chain"] != previous:
            return False
    return True


@pytest.mark.parametrize("sync", ["second", "line"])
@pytest.mark.long
def test_grants_denials_deeds_start_and_stop_are_there(tmp_path: Path, sync: str) -> None:
    """One line each, whatever the number of symbols, in a chain that anybody can follow."""
    symbols = [f"S{number}" for number in range(5_000)]
    with started(tmp_path, audit_sync=sync) as gateway:
        gateway.start()
        with gateway.requester() as requester:
            leases = [
                requester.result(
                    "subscribe", client="desk", symbols=part, kinds=["quote"], lease_s=30
                )["lease_id"]
                for part in (symbols[:250], symbols)
            ]
            requester.result("unsubscribe", client="desk", lease_id=leases[1])
            requester.error("admin.evict", peer="nobody", reason="two\nlines")
            requester.result("admin.evict", peer="nobody", reason="it was told to")
            requester.error("admin.evict", peer="nobody")
        gateway.send_signal(signal.SIGTERM)
        assert gateway.wait()[0] == 0
    code, found = verify(tmp_path)
    assert (code, found["ok"], found["breaks"]) == (0, True, [])
    told = events(tmp_path)
    assert [event["event"] for event in told] == [
        "audit_file_begun",
        "configuration loaded",
        "gateway started",
        "lease granted",
        "lease granted",
        "lease released",
        "admin request",
        "admin request",
        "admin request",
        "gateway stopped",
    ]
    assert [event["no"] for event in told] == list(range(1, 11))
    digest = hashlib.sha256("\n".join(sorted(symbols)).encode()).hexdigest()
    assert (told[4]["symbols"], told[4]["digest"]) == (5_000, digest)
    assert [event["outcome"] for event in told[6:9]] == ["bad_request", "0 cut off", "bad_request"]
    assert re.fullmatch("[0-9a-f]{64}", told[1]["digest"])
    assert chain_is_right_by_hand(tmp_path)
    code, printed = run_command("audit", "show", str(tmp_path / "logs"), "--last", "3")
    assert code == 0
    assert len(printed.splitlines()) == 3
    assert "gateway stopped" in printed


@pytest.mark.long
def test_a_killed_gateway_goes_on_with_the_chain(tmp_path: Path) -> None:
    """Also behind a line that was cut in the middle, which is named; the numbers go on."""
    for run in range(3):
        with started(tmp_path) as gateway:
            gateway.start()
            wait_until(partial(has_started, tmp_path, times=run + 1), what="it is written")
            gateway.kill()
        if run == 1:
            with (tmp_path / "logs" / "audit.log").open("ab") as file:
                file.write(b'{"part": "audit", "event": "cut')
            code, found = verify(tmp_path)
            assert (code, [broken["what"] for broken in found["breaks"]]) == (1, ["torn"])
    code, found = verify(tmp_path)
    assert (code, found["torn"], found["breaks"]) == (0, 1, [])
    numbers = [event["no"] for event in events(tmp_path)]
    assert numbers == list(range(1, len(numbers) + 1))
    (torn,) = [event for event in events(tmp_path) if event["event"] == "audit_line_torn"]
    assert torn["torn"].endswith("cut")
    assert (tmp_path / "logs" / "audit.torn").read_bytes().endswith(b"cut")
    assert chain_is_right_by_hand(tmp_path)


@pytest.mark.long
def test_what_was_changed_is_told_with_file_and_line(tmp_path: Path) -> None:
    """By the command, by the next run, and for ever after."""
    with started(tmp_path) as gateway:
        gateway.start()
        gateway.send_signal(signal.SIGTERM)
        gateway.wait()
    _, before = verify(tmp_path)
    path = tmp_path / "logs" / "audit.log"
    whole = path.read_text(encoding="ascii")
    path.write_text(whole.replace("gateway started", "gateway stirred"), encoding="ascii")
    code, found = verify(tmp_path)
    assert code == 1
    assert found["breaks"][0] | {"detail": ""} == {
        "file": "audit.log",
        "line": 3,
        "what": "changed",
        "detail": "",
    }
    code, printed = run_command("audit", "verify", str(tmp_path / "logs"))
    assert code == 1
    assert "audit.log:3: changed" in printed
    lines = whole.splitlines(keepends=True)
    path.write_text("".join(lines[:-1]), encoding="ascii")
    _, found = verify(tmp_path)
    assert [broken["what"] for broken in found["breaks"]] == ["truncated"]
    with started(tmp_path) as gateway:
        gateway.start()
        wait_until(lambda: "damage" in events(tmp_path)[0], what="the next run says so")
        assert "the audit log is not as it was left" in gateway.printed()
        gateway.send_signal(signal.SIGTERM)
        gateway.wait()
    code, found = verify(tmp_path)
    assert code == 1
    assert found["breaks"][0]["file"] == "audit.log"
    code, found = verify(tmp_path, "--expect", before["chain"])
    assert (code, found["expected_chain_found"]) == (1, False)
    code, _ = run_command("audit", "verify", str(tmp_path / "nothing"))
    assert code == 78
