"""What a relay's control loop does every second."""

import asyncio

import pytest

from gateway.clock import FakeClock
from gateway.control.upstream_requests import Caller
from gateway.errors import Unauthorized
from gateway.model.methods import Role
from gateway.policy.client_record import ClientRecord
from gateway.policy.entitlements import Entitlements
from gateway.policy.key_book import Grant, KeyBook
from gateway.relay.upkeep import Upkeep
from tests.support.open_access import AuditKept, open_access

BOB = Caller("01", "10.0.0.1", "bob")
BOOK = KeyBook([Grant(1, ClientRecord("bob", "k" * 40, Role.CONSUMER, ()))])


def test_folded_denials_are_told_without_another_one() -> None:
    """Who was denied a hundred times and gave up: the last count is told all the same."""
    clock, audit = FakeClock(), AuditKept()
    access = open_access(clock, Entitlements(lambda: BOOK), audit=audit)
    for _ in range(100):
        with pytest.raises(Unauthorized):
            access.authorize(BOB, "admin.evict", Role.ADMIN)
    clock.advance(seconds=61)
    asyncio.run(Upkeep(access).look())
    assert [event.get("count") for event in audit.named("rpc_denied")] == [None, 99]
