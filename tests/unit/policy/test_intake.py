"""What of a connection's bytes was not read is held against it, and nothing else."""

import pytest

from gateway.policy.intake import (
    FORGIVEN_PER_SECOND,
    NO_END,
    TOO_MUCH,
    TRUST,
    IntakeAccount,
    IntakeRules,
)

MS = 1_000_000
RULES = IntakeRules(burst_bytes=10_000, whole_bytes=1_000, whole_ns=100 * MS, trusted_bytes=50_000)


class Talk:
    """A connection that sends, and its reader."""

    def __init__(self, rules: IntakeRules = RULES) -> None:
        self.account = IntakeAccount(rules, now_ns=0)
        self.now_ns = self.received = self.taken = 0

    def look(self, *, sent: int = 0, read: int = 0, is_empty: bool = True, ms: int = 50) -> str:
        """Let some time pass and look."""
        self.now_ns += ms * MS
        self.received += sent
        self.taken += read
        return self.account.look(
            self.received, taken=self.taken, is_empty=is_empty, now_ns=self.now_ns
        )


def test_what_is_read_is_never_held_against_anybody() -> None:
    """Megabytes, as long as they are read."""
    talk = Talk()
    assert {talk.look(sent=5_000, read=5_000) for _ in range(10_000)} == {""}


def test_more_than_a_burst_is_too_much() -> None:
    """At once, whether the reader has come to it or not."""
    assert Talk().look(sent=10_100, is_empty=False) == TOO_MUCH


def test_a_message_without_an_end_is_found_when_all_else_was_read() -> None:
    """More than any message has, and still there: a moment later it must go."""
    talk = Talk()
    assert talk.look(sent=2_000) == ""
    assert talk.look() == NO_END


def test_a_busy_reader_is_no_proof_of_a_message_without_an_end() -> None:
    """It may be whole, and wait for its turn."""
    talk = Talk()
    talk.look(sent=2_000, is_empty=False)
    assert {talk.look(is_empty=False) for _ in range(100)} == {""}
    assert talk.look(read=2_000) == ""


def test_who_is_being_read_is_given_time() -> None:
    """Each frame that is read begins the wait anew."""
    talk = Talk()
    talk.look(sent=9_000)
    assert {talk.look(read=10) for _ in range(20)} == {""}


def test_what_was_read_gives_no_credit() -> None:
    """A connection cannot save up for a flood."""
    talk = Talk()
    for _ in range(100):
        talk.look(sent=10, read=100)
    rules = IntakeRules(burst_bytes=10_000, whole_bytes=1_000, whole_ns=100 * MS)
    other = Talk(rules)
    for _ in range(100):
        other.look(sent=10, read=100)
    assert other.look(sent=10_100) == TOO_MUCH


@pytest.mark.parametrize(("read", "is_cut"), [(0, True), (2_000, False)])
def test_who_was_read_may_send_more_at_once(read: int, is_cut: bool) -> None:
    """Up to a bound: whoever comes back with many subscriptions sends them all."""
    talk = Talk()
    talk.look(sent=read, read=read)
    allowed = RULES.burst_bytes + TRUST * read
    assert (talk.look(sent=RULES.burst_bytes + 1_000, is_empty=False) == TOO_MUCH) is is_cut
    assert allowed <= RULES.trusted_bytes
    assert talk.look(sent=RULES.trusted_bytes, is_empty=False) == TOO_MUCH


def test_heartbeats_are_forgiven() -> None:
    """For days: nobody is given them."""
    talk = Talk()
    for _ in range(100_000):
        assert talk.look(sent=FORGIVEN_PER_SECOND, ms=1_000) == ""
    assert talk.account.held == 0


def test_what_waits_in_the_kernel_is_asked_for_only_where_it_matters() -> None:
    """Each question costs a call of the system."""
    talk = Talk()
    talk.look(sent=500)
    assert not talk.account.may_matter(600)
    assert talk.account.may_matter(1_600)
