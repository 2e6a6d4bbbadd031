"""The fake gateway, for the client's tests of this folder."""

from collections.abc import Iterator

import pytest
from gateway_client import GatewayClient

from tests.unit.client.fake_gateway import FakeGateway, running


@pytest.fixture
def gateway() -> Iterator[FakeGateway]:
    """A gateway with a heartbeat every 20 ms."""
    with running() as fake:
        yield fake


@pytest.fixture
def client(gateway: FakeGateway) -> Iterator[GatewayClient]:
    """A connected client."""
    with GatewayClient(gateway.data_endpoint, gateway.control_endpoint) as connected:
        yield connected
