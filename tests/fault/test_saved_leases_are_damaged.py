"""The file of leases is not what we wrote: the gateway starts without what it cannot use."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.fake_iqconnect import FakeIqconnect
from tests.support.stage import free_ports, open_stage

pytestmark = pytest.mark.slow


def record(symbol: str, kinds: list[str], **changes: Any) -> dict[str, Any]:
    """One lease as it is kept, with a minute to live."""
    whole = {
        "lease_id": f"{abs(hash((symbol, *kinds))):024x}"[:24],
        "client": "c",
        "lease_s": 60,
        "expires_us": time.time_ns() // 1000 + 60_000_000,
        "claims": [[symbol, kinds]],
    }
    return whole | changes


DAMAGED = {
    "empty": b"",
    "cut": json.dumps([record("AAPL", ["quote"])]).encode()[:-20],
    "binary": bytes(range(256)),
    "another shape": b'{"leases": 1}',
    "a number for a name": json.dumps([record("AAPL", ["quote"], client=7)]).encode(),
}


def start_with(tmp_path: Path, data: bytes) -> tuple[list[str], list[dict[str, Any]]]:
    """Start a gateway on a file of leases.

    Returns:
        What it asked of IQConnect until a later lease was asked for, and its leases.
    """
    (tmp_path / "leases.json").write_bytes(data)
    fake = FakeIqconnect()
    with open_stage() as stage:
        stage.start_fake(fake)
        gateway = stage.start_gateway(
            level1_port=fake.port, admin_port=free_ports(1)[0], state_dir=tmp_path
        )
        requester = stage.requester()
        leases = requester.result("subscriptions")["leases"]
        requester.result("subscribe", client="later", symbols=["LATER"], kinds=["quote"])
        fake.wait_for_command("wLATER")
        assert gateway.failure is None
        return [c for c in fake.commands if c[0] == "w"], leases


@pytest.mark.parametrize("data", DAMAGED.values(), ids=DAMAGED)
def test_a_file_that_cannot_be_read_restores_nothing(tmp_path: Path, data: bytes) -> None:
    """A gateway that refuses to start over a damaged cache is worse than the damage."""
    assert start_with(tmp_path, data) == (["wLATER"], [])


def test_good_leases_are_restored_beside_unusable_ones(tmp_path: Path) -> None:
    """A symbol or kind of another version must not stop the feed or cost the other leases."""
    records = [
        record("AAPL", ["quote"]),
        record("bad;symbol", ["quote"]),
        record("A\r\nS,NEWSOFF", ["quote"]),
        record("TSLA", ["no_such_kind"]),
        record("OVER", ["quote"], expires_us=1),
        record("MSFT", ["quote", "trade"]),
    ]
    watches, leases = start_with(tmp_path, json.dumps(records).encode())
    assert watches == ["wAAPL", "wMSFT", "wLATER"]
    assert [lease["symbols"] for lease in leases] == [["AAPL"], ["MSFT"]]
