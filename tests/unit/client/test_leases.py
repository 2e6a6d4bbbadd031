"""Leases: renewed in time, sooner when in doubt, replaced when there are too many."""

from gateway_client.leases import DOUBT_NS, DOUBTS_MAX, LEASES_MAX, RENEW_NS_MAX, LeaseBook

HALF_NS = 10_000_000_000


def test_lease_is_renewed_at_half_its_life() -> None:
    """One lost renewal must leave time for another."""
    book = LeaseBook(lease_s=20)
    book.want(["A"], ["quote"])
    book.add("1", ["A"], 0)
    assert book.deadline_ns() == HALF_NS
    assert book.due(HALF_NS - 1) == []
    (lease,) = book.due(HALF_NS)
    assert book.due(HALF_NS) == []
    assert book.deadline_ns() is None
    book.retry(lease.lease_id, HALF_NS)
    assert book.deadline_ns() == HALF_NS + HALF_NS // 8
    book.renewed(lease.lease_id, HALF_NS)
    assert book.deadline_ns() == 2 * HALF_NS
    book.renewed("gone", 0)
    assert book.renewed_count == 2


def test_long_lease_is_renewed_every_ten_seconds() -> None:
    """The gateway learns of loss and lag by it."""
    book = LeaseBook(lease_s=60)
    book.want(["A"], ["quote"])
    book.add("1", ["A"], 0)
    assert book.deadline_ns() == RENEW_NS_MAX == 10_000_000_000
    book.renewed("1", RENEW_NS_MAX)
    assert book.deadline_ns() == 2 * RENEW_NS_MAX


def test_missing_subscriptions_are_looked_at_again_soon() -> None:
    """Whether the repair has worked is known after two seconds; but not for ever so often."""
    book = LeaseBook(lease_s=60)
    book.want(["A"], ["quote"])
    book.add("1", ["A"], 0)
    waits = []
    for _ in range(DOUBTS_MAX + 2):
        book.renewed("1", 0, is_in_doubt=True)
        waits.append(book.deadline_ns())
    assert waits == [DOUBT_NS] * DOUBTS_MAX + [RENEW_NS_MAX] * 2
    book.renewed("1", 0)
    assert book.deadline_ns() == RENEW_NS_MAX
    book.renewed("1", 0, is_in_doubt=True)
    assert book.deadline_ns() == DOUBT_NS
    book.renewed("gone", 0, is_in_doubt=True)


def test_expired_lease_names_what_it_kept() -> None:
    """Only what is still wanted is taken again."""
    book = LeaseBook(lease_s=60)
    book.want(["A", "B"], ["quote", "trade"])
    book.add("1", ["A", "B"], 0)
    assert book.drop(["A"], ["quote"]) == ["quote,A,"]
    assert book.drop(["B"], None) == ["quote,B,", "trade,B,"]
    lease = book.expire("1")
    assert lease is not None
    assert book.groups(lease.symbols) == [(("A",), ("trade",))]
    assert book.expire("1") is None


def test_lease_that_keeps_nothing_is_forgotten() -> None:
    """Renewing it would keep upstream watches alive that nobody wants."""
    book = LeaseBook(lease_s=60)
    book.want(["A", "B"], ["quote"])
    book.add("1", ["A"], 0)
    book.add("2", ["B"], 0)
    book.drop(["A"], None)
    book.prune()
    assert len(book) == 1
    assert (book.is_wanted("A"), book.is_wanted("B")) == (False, True)
    assert book.kinds_of("B") == ("quote",)
    assert book.symbol_count == 1


def test_starting_over_groups_by_kinds() -> None:
    """Everything wanted comes back in few requests of bounded size."""
    book = LeaseBook(lease_s=60)
    symbols = [f"S{number}" for number in range(5_001)]
    book.want(symbols, ["quote"])
    book.want(["X"], ["trade"])
    for number in range(LEASES_MAX + 1):
        book.add(str(number), ["X"], 0)
    assert book.has_too_many()
    groups = book.start_over()
    assert [(len(members), kinds) for members, kinds in groups] == [
        (5_000, ("quote",)), (1, ("quote",)), (1, ("trade",)),
    ]  # fmt: skip
    assert len(book) == 0
