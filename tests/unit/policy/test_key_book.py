"""Who has which key, and whose connections may live on."""

from dataclasses import replace
from ipaddress import ip_network

from gateway.model.methods import Role
from gateway.policy.client_record import ClientRecord, Quotas, Rule
from gateway.policy.curve_keys import key_bytes
from gateway.policy.key_book import Grant, KeyBook, lets_live
from tests.support.keyring import new_pair

ALICE = ClientRecord("alice", new_pair().public)
BOB = ClientRecord("bob", new_pair().public)


def test_a_key_has_one_owner() -> None:
    """The key is all that a handshake proves."""
    book = KeyBook([Grant(1, ALICE), Grant(2, BOB)])
    assert book.of_key(key_bytes(BOB.public_key) or b"") == Grant(2, BOB)
    assert book.of_key(b"\0" * 32) is None
    assert book.of_key(b"") is None
    assert book.of_user("alice") == Grant(1, ALICE)
    assert book.of_user("") is None
    assert len(book) == 2


def test_a_connection_lives_as_long_as_its_grant() -> None:
    """A name that comes back with another key is another grant."""
    book = KeyBook([Grant(3, ALICE)])
    assert book.is_current("alice", 3)
    assert not book.is_current("alice", 1)
    assert not book.is_current("bob", 3)
    assert not KeyBook().is_current("", 0)


def test_what_was_judged_at_the_door_is_judged_again() -> None:
    """A connection that was let in under a wider file must not keep it."""
    for change in (
        {"public_key": BOB.public_key},
        {"role": Role.ADMIN},
        {"addresses": (ip_network("10.0.0.0/8"),)},
        {"is_local_allowed": False},
        {"allow": ()},
        {"deny": (Rule(("*",), ("*",)),)},
    ):
        assert not lets_live(ALICE, replace(ALICE, **change)), change


def test_quotas_do_not_cut_anybody() -> None:
    """They are read anew with every use; a cut would cost a gap."""
    assert lets_live(ALICE, replace(ALICE, quotas=Quotas(leases_max=1), since="2026-01-01"))
