"""Who has which key at one moment: made anew with every change, never changed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from gateway.policy.client_record import ClientRecord, Quotas
from gateway.policy.curve_keys import key_bytes


@dataclass(frozen=True, slots=True)
class Grant:
    """What lets a client in, under a number that its connections carry.

    A connection lives as long as its grant: when the file is gone, or says something else about
    key, addresses or rights, the number is another one.
    """

    number: int
    """1 or more; never given twice in one run."""
    record: ClientRecord
    """What its file says."""


class KeyBook:
    """All clients that may connect.

    Args:
        grants: One for each client.
    """

    __slots__ = ("_by_key", "_by_name")

    def __init__(self, grants: Iterable[Grant] = ()) -> None:
        self._by_name: Final[Mapping[str, Grant]] = {grant.record.name: grant for grant in grants}
        self._by_key: Final[Mapping[bytes | None, Grant]] = {
            key_bytes(grant.record.public_key): grant for grant in self._by_name.values()
        }

    def __len__(self) -> int:
        return len(self._by_name)

    @property
    def grants(self) -> Mapping[str, Grant]:
        """All of them, by user."""
        return self._by_name

    def of_key(self, key: bytes) -> Grant | None:
        """Whose key it is; None for nobody's."""
        return self._by_key.get(key)

    def of_user(self, user: str) -> Grant | None:
        """What a client may do; None when there is no such client any more."""
        return self._by_name.get(user)

    def is_current(self, user: str, number: int) -> bool:
        """Whether a connection that was let in by a grant may live on."""
        grant = self._by_name.get(user)
        return grant is not None and grant.number == number


def lets_live(old: ClientRecord, new: ClientRecord) -> bool:
    """Whether connections made under the old file may go on under the new one.

    Quotas are read anew with every use; all else was judged when they came, and is judged again
    when they come back.
    """
    return replace(old, quotas=Quotas(), since=None) == replace(new, quotas=Quotas(), since=None)
