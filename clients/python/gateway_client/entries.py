"""What waits in the queue to the application. No I/O."""

from typing import Final

from gateway_client import codec
from gateway_client.layouts import Items

STATE_TYPE: Final = codec.TYPE_OF_KIND["state"]
"""On a topic of another kind it is an answer that says why there is no snapshot."""


class Slot:
    """One topic's place for a state message that waits in the queue."""

    __slots__ = ("has_value", "kind", "pending", "symbol", "topic")

    def __init__(self, topic: str, *, kind: str, symbol: str, has_value: bool = False) -> None:
        self.topic = topic
        self.kind = kind
        self.symbol = symbol
        self.has_value = has_value
        """Whether a newer message, or an image, stands for those that were lost."""
        self.pending: Pending | None = None


class Pending:
    """A message on its way to the application, decoded only when it gets there."""

    __slots__ = ("is_snapshot", "is_state", "items", "merged_add", "merged_index", "slot")

    def __init__(
        self,
        slot: Slot,
        items: Items,
        *,
        is_state: bool,
        merged_index: int | None = None,
        is_snapshot: bool = False,
    ) -> None:
        self.slot = slot
        self.items = items
        self.is_state = is_state
        self.merged_index = merged_index
        self.merged_add = 0
        """Updates of the replaced messages."""
        self.is_snapshot = is_snapshot
        """Whether it answers a snapshot request."""

    def replace(self, newer: "Pending") -> None:
        """Take the newer message's value, adding up how many updates it stands for."""
        self.merged_add += newer.merged_add + _merged(self.items, self.merged_index)
        self.items = newer.items
        self.is_snapshot = newer.is_snapshot

    def stand_for(self, older: "Pending") -> None:
        """Count an older message's updates too: it will not be delivered."""
        self.merged_add += older.merged_add + _merged(older.items, older.merged_index)


def _merged(items: Items, index: int | None) -> int:
    value = items[index] if index is not None and index < len(items) else None
    return value if type(value) is int and value > 0 else 1
