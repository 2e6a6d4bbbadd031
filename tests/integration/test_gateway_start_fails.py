"""A start that fails half-way leaves nothing behind."""

import threading
from pathlib import Path

import pytest

from gateway.app import Gateway
from gateway.runtime.state_files import StateFiles
from gateway.settings import load_settings

ANY_PORT = {"bind": "tcp://127.0.0.1:*"}
ANY_PORTS = {"data": ANY_PORT, "control": ANY_PORT, "http": {"bind": "127.0.0.1:0"}}


@pytest.mark.asyncio
async def test_a_failure_after_the_feed_thread_has_begun_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that could not start must be able to end, and its ports must be free again."""

    def fail(_: StateFiles) -> list[dict[str, object]]:
        raise RuntimeError("the disk is on fire")

    monkeypatch.setattr(StateFiles, "read_leases", fail)
    overrides = ANY_PORTS | {"state_dir": str(tmp_path)}
    gateway = Gateway(load_settings(None, overrides=overrides))
    with pytest.raises(RuntimeError, match="on fire"):
        await gateway.start()
    assert not [thread for thread in threading.enumerate() if thread.name == "feed"]


@pytest.mark.asyncio
async def test_a_failure_before_the_feed_thread_has_begun_closes_its_socket(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """ZeroMQ waits for ever for a socket that nobody closes."""

    def fail(_: Gateway) -> None:
        raise RuntimeError("nothing fits")

    monkeypatch.setattr(Gateway, "_make_control", fail)
    gateway = Gateway(load_settings(None, overrides=ANY_PORTS))
    with pytest.raises(RuntimeError, match="nothing fits"):
        await gateway.start()
