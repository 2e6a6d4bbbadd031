"""How a client comes to a gateway and leaves it, over real sockets."""

import os
import subprocess
import sys
import threading

import pytest
from gateway_client import DecodeError, GatewayClient, NotConnected, RequestTimedOut

from tests.unit.client.fake_gateway import FakeGateway, running

WAIT_S = 10.0


def test_connect_says_why_not() -> None:
    """An unreachable gateway is an answer within the deadline, not an exception or a hang."""
    with running() as fake:
        fake.vanish()
        client = GatewayClient(fake.data_endpoint, fake.control_endpoint, connect_timeout_s=0.1)
        assert client.connect() is False
        assert isinstance(client.last_error, RequestTimedOut)
        assert not client.is_connected
        with pytest.raises(RequestTimedOut), client:
            pytest.fail("entered without a gateway")


def test_connect_needs_a_heartbeat(gateway: FakeGateway) -> None:
    """Replies alone do not make a data connection; the hint names the endpoint to check."""
    gateway.has_heartbeats = False
    client = GatewayClient(gateway.data_endpoint, gateway.control_endpoint, connect_timeout_s=0.1)
    assert client.connect() is False
    assert client.last_error is not None
    assert "data_endpoint" in client.last_error.hint


def test_connect_refuses_a_gateway_of_another_protocol(gateway: FakeGateway) -> None:
    """Better no connection than messages misread."""
    gateway.handlers["hello"] = lambda _: {"protocol": [7]}
    client = GatewayClient(gateway.data_endpoint, gateway.control_endpoint)
    assert client.connect() is False
    assert isinstance(client.last_error, NotConnected)
    gateway.handlers["hello"] = lambda _: []
    assert client.connect() is False
    assert isinstance(client.last_error, DecodeError)


def test_client_leaves_nothing_behind(gateway: FakeGateway) -> None:
    """Threads and sockets end with the client, and it may connect again."""
    threads = threading.active_count()
    descriptors = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    client = GatewayClient(gateway.data_endpoint, gateway.control_endpoint)
    client.disconnect()
    for _ in range(2):
        assert client.connect()
        assert client.connect()
        client.disconnect()
        client.disconnect()
    assert client.next_message() is None
    assert threading.active_count() == threads
    if descriptors:
        gateway.wait_for(lambda: len(os.listdir("/proc/self/fd")) <= descriptors)
    with pytest.raises(NotConnected):
        client.call("ping")
    assert client.get_health_status().health_level == "critical"


def test_forgotten_client_warns_and_ends(gateway: FakeGateway) -> None:
    """A client nobody disconnected must not keep a thread for ever."""
    threads = threading.active_count()
    client = GatewayClient(gateway.data_endpoint, gateway.control_endpoint)
    assert client.connect()
    with pytest.warns(ResourceWarning, match="was not disconnected"):
        client.__del__()
    client.disconnect()
    gateway.wait_for(lambda: threading.active_count() == threads)


@pytest.mark.slow
def test_program_that_forgets_to_disconnect_still_exits(gateway: FakeGateway) -> None:
    """The reader thread is a daemon: an exception in the program ends the program."""
    program = (
        "from gateway_client import GatewayClient\n"
        f"client = GatewayClient({gateway.data_endpoint!r}, {gateway.control_endpoint!r})\n"
        "assert client.connect()\n"
        "raise SystemExit(7)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], timeout=WAIT_S, check=False)
    assert done.returncode == 7


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_forked_child_is_told_to_make_its_own(client: GatewayClient) -> None:
    """The reader thread does not exist in the child: waiting for it would last for ever."""
    child = os.fork()
    if not child:
        status = 1
        try:
            client.next_message()
        except NotConnected:
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
