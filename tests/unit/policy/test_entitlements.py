"""What a client's file lets it hear and ask for."""

from gateway.model.messages import Kind
from gateway.model.methods import Role
from gateway.policy.client_record import ClientRecord, Quotas, Rule
from gateway.policy.entitlements import EVERYBODY, Entitlements, UserRights
from gateway.policy.key_book import Grant, KeyBook

ALL = Rule(("*",), ("*",))


def record(
    role: Role = Role.CONSUMER,
    allow: tuple[Rule, ...] | None = (ALL,),
    deny: tuple[Rule, ...] = (),
    *,
    is_relay: bool = False,
) -> ClientRecord:
    """One client's file."""
    return ClientRecord(
        "bob", "k" * 40, role, allow, deny, quotas=Quotas(leases_max=3), is_relay=is_relay
    )


def test_what_nothing_allows_is_denied() -> None:
    """A file without `allow` is not one that allows everything."""
    for nothing in (None, ()):
        rights = UserRights(record(allow=nothing))
        assert not rights.may(Kind.QUOTE, "AAPL")
        assert not rights.may_see("AAPL")
        assert not rights.may_all(Kind.QUOTE, "")
        assert rights.may(Kind.SYS, "heartbeat")


def test_groups_stand_for_their_kinds() -> None:
    """As `subscribe` takes them, `state` included."""
    rights = UserRights(record(allow=(Rule(("l1",), ("AAPL",)),)))
    assert all(rights.may(kind, "AAPL") for kind in ("quote", "trade", "summary", "state"))
    assert not any(rights.may(kind, "AAPL") for kind in ("order", "depth", "book", "news"))
    assert rights.may_see("AAPL")


def test_deny_wins() -> None:
    """Whatever allows it."""
    rights = UserRights(record(deny=(Rule(("l2",), ("@ES*",)),)))
    assert not rights.may("order", "@ESZ25")
    assert rights.may("order", "AAPL")
    assert rights.may("quote", "@ESZ25")
    assert not rights.may_all("order", "@")
    assert rights.may_all("order", "A")
    assert not rights.hears_everything


def test_roles_are_ranked() -> None:
    """Each may do what those before it may."""
    can = {
        role: [other for other in Role if UserRights(record(role)).may_ask(other)] for role in Role
    }
    assert can == {
        Role.MONITOR: [Role.MONITOR],
        Role.CONSUMER: [Role.MONITOR, Role.CONSUMER],
        Role.ADMIN: [Role.MONITOR, Role.CONSUMER, Role.ADMIN],
    }


def test_a_monitor_hears_how_symbols_are_and_no_prices() -> None:
    """Whoever watches the gateway needs no market data, and no licence for it."""
    rights = UserRights(record(Role.MONITOR))
    assert rights.may(Kind.STATE, "AAPL")
    assert not any(rights.may(k, "AAPL") for k in Kind if k not in (Kind.STATE, Kind.SYS))
    assert rights.sees_others
    assert not UserRights(record()).sees_others


def test_system_topics_go_by_role() -> None:
    """Alerts name clients, tails name symbols."""
    public = ("heartbeat", "feed", "goodbye")
    for role in Role:
        rights = UserRights(record(role))
        assert all(rights.may(Kind.SYS, name) for name in public)
        assert rights.may(Kind.SYS, "alert") == (role is not Role.CONSUMER)
        assert not rights.may(Kind.SYS, "tails")
        assert not rights.may(Kind.SYS, "client")
        assert not rights.may_all(Kind.SYS, "")
        assert rights.may_all(Kind.SYS, "heart")
    assert UserRights(record(is_relay=True)).may(Kind.SYS, "tails")
    some = (Rule(("quote",), ("*",)),)
    assert not UserRights(record(allow=some, is_relay=True)).may(Kind.SYS, "tails")


def test_without_keys_everybody_may_do_everything() -> None:
    """As it is on one machine."""
    entitlements = Entitlements()
    assert not entitlements.are_on
    assert entitlements.book is None
    assert entitlements.of("anybody") is EVERYBODY
    assert entitlements.may("", Kind.QUOTE, "AAPL")
    assert entitlements.quotas_of("") == Quotas()
    assert EVERYBODY.may_all(Kind.SYS, "")
    assert EVERYBODY.may_see("x")
    assert EVERYBODY.hears_everything
    assert EVERYBODY.may_ask(Role.ADMIN)


def test_a_book_that_changes_is_judged_by_at_once() -> None:
    """Nothing of the old file is remembered."""
    books = [KeyBook([Grant(1, record())])]
    entitlements = Entitlements(lambda: books[-1])
    assert entitlements.are_on
    assert entitlements.book is books[0]
    assert entitlements.may("bob", Kind.QUOTE, "AAPL")
    assert entitlements.of("bob") is entitlements.of("bob")
    assert entitlements.quotas_of("bob").leases_max == 3
    books.append(KeyBook([Grant(2, record(deny=(ALL,)))]))
    assert not entitlements.may("bob", Kind.QUOTE, "AAPL")
    books.append(KeyBook())
    assert entitlements.of("bob") is None
    assert not entitlements.may("bob", Kind.QUOTE, "AAPL")
    assert entitlements.quotas_of("bob") == Quotas()
