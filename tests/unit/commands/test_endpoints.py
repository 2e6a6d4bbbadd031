"""Addresses that people type, and whether anybody listens there."""

import socket
from pathlib import Path

import pytest

from gateway.commands.endpoints import nobody_at, problem_of_endpoint
from tests.support.stage import free_ports


@pytest.mark.parametrize(
    ("endpoint", "problem"),
    [
        ("tcp://127.0.0.1:7701", ""),
        ("tcp://[::1]:7701", ""),
        ("tcp://gateway.example:7701", ""),
        ("ipc:///run/gateway", ""),
        ("localhost:7701", "write tcp://localhost:7701"),
        ("tcp://127.0.0.1", "is no address"),
        ("127.0.0.1", "is no address"),
        ("7701", "is no address"),
        ("", "is no address"),
        ("tcp://127.0.0.1:70000", "is no address"),
        ("http://127.0.0.1:7701", "is no address"),
        ("ipc://", "is no address"),
    ],
)
def test_what_is_no_address_is_told(endpoint: str, problem: str) -> None:
    """An empty answer: it can be tried."""
    told = problem_of_endpoint(endpoint)
    assert problem in told
    assert bool(told) is bool(problem)


def test_only_a_refusal_counts(tmp_path: Path) -> None:
    """Who listens may be a gateway, and so may who cannot be reached this moment."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert nobody_at(f"tcp://127.0.0.1:{server.getsockname()[1]}") == ""
    assert nobody_at(f"tcp://127.0.0.1:{free_ports(1)[0]}") == "connection refused"
    assert nobody_at("tcp://no-such-host.invalid:7701") == ""
    assert nobody_at(f"ipc://{tmp_path}/nobody") == "no such file or directory"
