"""Who is let in, and how often."""

from ipaddress import ip_network

from gateway.clock import FakeClock
from gateway.policy.admission import (
    STRANGER_BURST_MAX,
    STRANGER_NS,
    USER_BURST_MAX,
    USER_NS,
    Admission,
    Attempt,
    Reason,
)
from gateway.policy.client_record import ClientRecord
from gateway.policy.curve_keys import key_bytes
from gateway.policy.key_book import Grant, KeyBook
from tests.support.keyring import new_pair

ALICE = ClientRecord("alice", new_pair().public)
BOB = ClientRecord("bob", new_pair().public, addresses=(ip_network("10.0.0.0/8"),))
HERE = "192.0.2.1"


def attempt(record: ClientRecord, address: str = HERE) -> Attempt:
    """A handshake of a client."""
    return Attempt(address, b"CURVE", key_bytes(record.public_key) or b"")


def stranger(address: str = HERE) -> Attempt:
    """A handshake of somebody else."""
    return Attempt(address, b"CURVE", key_bytes(new_pair().public) or b"")


class Bench:
    """An admission whose time and book the test holds."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.book = KeyBook([Grant(7, ALICE), Grant(8, BOB)])
        self.admission = Admission(self.clock, book=lambda: self.book)

    def reason(self, one: Attempt) -> Reason | None:
        """Why a handshake is refused; None when it is not."""
        return self.admission.judge(one).reason


def test_a_known_key_is_let_in_by_its_name() -> None:
    """The name is what everything is counted to."""
    verdict = Bench().admission.judge(attempt(ALICE))
    assert verdict.grant == Grant(7, ALICE)
    assert (verdict.user, verdict.reason) == ("alice", None)
    assert verdict.fingerprint == ALICE.public_key[:8]


def test_strangers_are_refused() -> None:
    """Whatever they bring."""
    bench = Bench()
    assert bench.reason(stranger()) is Reason.UNKNOWN_KEY
    assert bench.reason(Attempt(HERE, b"NULL", b"")) is Reason.MECHANISM
    assert bench.reason(Attempt(HERE, b"PLAIN", b"x" * 32)) is Reason.MECHANISM
    assert bench.reason(Attempt(HERE, b"CURVE", b"x" * 31)) is Reason.MECHANISM


def test_a_key_from_elsewhere_is_refused_and_named() -> None:
    """Somebody has bob's key: bob must be told."""
    bench = Bench()
    assert bench.admission.judge(attempt(BOB, "10.2.3.4")).grant is not None
    verdict = bench.admission.judge(attempt(BOB, HERE))
    assert (verdict.grant, verdict.reason, verdict.user) == (None, Reason.ADDRESS, "bob")


def test_a_book_that_changes_holds_at_once() -> None:
    """A revoked key must not come in by an old book."""
    bench = Bench()
    bench.book = KeyBook()
    assert bench.reason(attempt(ALICE)) is Reason.UNKNOWN_KEY


def test_strangers_of_one_address_have_a_pace() -> None:
    """Beyond it nothing is said any more about their keys."""
    bench = Bench()
    for _ in range(STRANGER_BURST_MAX):
        assert bench.reason(stranger()) is Reason.UNKNOWN_KEY
    assert bench.reason(stranger()) is Reason.RATE_LIMITED
    assert bench.reason(stranger("192.0.2.2")) is Reason.UNKNOWN_KEY
    bench.clock.advance(seconds=STRANGER_NS / 1e9)
    assert bench.reason(stranger()) is Reason.UNKNOWN_KEY


def test_a_known_key_is_not_shut_out_by_strangers_at_its_address() -> None:
    """Else anybody behind the same address could."""
    bench = Bench()
    for _ in range(10 * STRANGER_BURST_MAX):
        bench.reason(stranger())
    assert bench.reason(attempt(ALICE)) is None


def test_one_user_has_a_pace_that_a_restart_does_not_reach() -> None:
    """A client that connects in a loop costs a handshake's work each time."""
    bench = Bench()
    for _ in range(USER_BURST_MAX):
        assert bench.reason(attempt(ALICE)) is None
    verdict = bench.admission.judge(attempt(ALICE))
    assert (verdict.grant, verdict.reason, verdict.user) == (None, Reason.RATE_LIMITED, "alice")
    assert bench.reason(attempt(BOB, "10.0.0.1")) is None
    bench.clock.advance(seconds=USER_NS / 1e9)
    assert bench.reason(attempt(ALICE)) is None
