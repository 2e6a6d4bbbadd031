"""What each client may hear and ask for, as its file says.

What is denied is denied, whatever else allows it; what nothing allows is denied too. So no line
that is missing, and none that is misspelled, gives anybody more than a line that is there.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from gateway.model.messages import L1_KINDS, L2_KINDS, SYS_NAMES, Kind
from gateway.model.methods import Role
from gateway.policy.client_record import ClientRecord, Quotas, Rule
from gateway.policy.key_book import KeyBook
from gateway.policy.patterns import Patterns

RANKS: Final[Mapping[Role, int]] = {Role.MONITOR: 0, Role.CONSUMER: 1, Role.ADMIN: 2}
"""Each role may ask for what those before it may."""
MARKET_KINDS: Final = tuple(kind for kind in Kind if kind is not Kind.SYS)
"""Kinds that a client's file speaks of; `sys` is the role's."""
MONITORED_KINDS: Final = frozenset({Kind.STATE})
"""All a monitor may hear of symbols: how they are, and not what they cost."""
OPEN_NAMES: Final = frozenset({"heartbeat", "feed", "goodbye"})
"""System topics for everybody: they name no symbol and no client."""
SYSTEM_NAMES: Final = tuple(name for name in SYS_NAMES if name != "client")
"""System topics that are public."""
NO_QUOTAS: Final = Quotas()
"""Of those whose file is gone."""
_GROUPS: Final[Mapping[str, Iterable[str]]] = {"l1": L1_KINDS, "l2": L2_KINDS, "*": MARKET_KINDS}


def _by_kind(rules: Iterable[Rule]) -> dict[str, Patterns]:
    """The symbols that rules name, by kind."""
    named: dict[str, set[str]] = {kind.value: set() for kind in MARKET_KINDS}
    for rule in rules:
        for kind in {k for name in rule.kinds for k in _GROUPS.get(name, (name,))} & named.keys():
            named[kind].update(rule.symbols)
    made: dict[frozenset[str], Patterns] = {}
    for patterns in named.values():
        if frozenset(patterns) not in made:
            made[frozenset(patterns)] = Patterns(patterns)
    return {kind: made[frozenset(patterns)] for kind, patterns in named.items()}


class UserRights:
    """What one client may do, worked out of its file; never changed.

    Args:
        record: The client's file.
    """

    __slots__ = ("_allow", "_deny", "_kinds", "quotas", "record", "role", "user")

    def __init__(self, record: ClientRecord) -> None:
        self.record: Final = record
        self.user: Final = record.name
        self.role: Final[Role | None] = record.role
        self.quotas: Final = record.quotas
        self._allow: Final = _by_kind(record.allow or ())
        self._deny: Final = _by_kind(record.deny)
        is_monitor = record.role is Role.MONITOR
        self._kinds: Final = [k for k in MARKET_KINDS if not is_monitor or k in MONITORED_KINDS]

    def may(self, kind: str, symbol: str) -> bool:
        """Whether it may hear a kind of a symbol, all its variants included.

        Args:
            kind: Base kind.
            symbol: Verbatim; a distributor for news, a name for sys.
        """
        if kind == Kind.SYS:
            return self._may_system(symbol)
        return (
            kind in self._kinds and symbol in self._allow[kind] and symbol not in self._deny[kind]
        )

    def may_all(self, kind: str, prefix: str) -> bool:
        """Whether it may hear a kind of every symbol that begins so."""
        if kind == Kind.SYS:
            return all(self._may_system(name) for name in SYSTEM_NAMES if name.startswith(prefix))
        if kind not in self._kinds or self._deny[kind].has_any(prefix):
            return False
        return self._allow[kind].has_all(prefix)

    def may_see(self, symbol: str) -> bool:
        """Whether it may know that there is a symbol: it may hear something of it."""
        return any(self.may(kind, symbol) for kind in self._kinds)

    def may_ask(self, role: Role) -> bool:
        """Whether it may use the methods of a role."""
        return self.role is None or RANKS[self.role] >= RANKS[role]

    @property
    def sees_others(self) -> bool:
        """Whether it may know of other clients; a consumer may not."""
        return self.role is not Role.CONSUMER

    @property
    def hears_everything(self) -> bool:
        """Whether there is no symbol, and nothing of any, that it may not hear."""
        return all(self.may_all(kind, "") for kind in MARKET_KINDS)

    def _may_system(self, name: str) -> bool:
        if name == "alert":
            # Alerts name consumers that fall behind.
            return self.sees_others
        if name == "tails":
            # They name the topics of every symbol. A client is told of those that it hears on its
            # own topic; behind a relay it has none that the gateway knows.
            return self.record.is_relay and self.hears_everything
        return name in OPEN_NAMES


class _Everybody(UserRights):
    """A gateway without keys: whoever reaches it may do everything but administer it."""

    __slots__ = ()

    def __init__(self) -> None:
        everything = (Rule(kinds=("*",), symbols=("*",)),)
        super().__init__(
            ClientRecord(name="", public_key="", role=Role.ADMIN, allow=everything, is_relay=True)
        )

    def may(self, kind: str, symbol: str) -> bool:
        del kind, symbol
        return True

    def may_all(self, kind: str, prefix: str) -> bool:
        del kind, prefix
        return True

    def may_see(self, symbol: str) -> bool:
        del symbol
        return True

    @property
    def hears_everything(self) -> bool:
        return True


EVERYBODY: Final = _Everybody()
"""Rights of anybody at a gateway without keys, and of the gateway itself."""


class Entitlements:
    """What everybody may do; used in one thread.

    Args:
        book: Reads what the clients' files say now; None without keys.
    """

    def __init__(self, book: Callable[[], KeyBook] | None = None) -> None:
        self._book = book
        self._known: dict[str, UserRights] = {}

    @property
    def are_on(self) -> bool:
        """Whether there are keys, and so anything to judge by."""
        return self._book is not None

    @property
    def book(self) -> KeyBook | None:
        """What the files say now; another object when they have changed. None without keys."""
        return None if self._book is None else self._book()

    def of(self, user: str) -> UserRights | None:
        """What a client may do now; None when there is no such client any more."""
        if self._book is None:
            return EVERYBODY
        grant = self._book().of_user(user)
        if grant is None:
            self._known.pop(user, None)
            return None
        known = self._known.get(user)
        if known is None or known.record is not grant.record:
            known = self._known[user] = UserRights(grant.record)
        return known

    def may(self, user: str, kind: str, symbol: str) -> bool:
        """Whether a client may hear a kind of a symbol."""
        rights = self.of(user)
        return rights is not None and rights.may(kind, symbol)

    def quotas_of(self, user: str) -> Quotas:
        """What a client's file bounds otherwise than the settings do."""
        rights = self.of(user)
        return NO_QUOTAS if rights is None else rights.quotas
