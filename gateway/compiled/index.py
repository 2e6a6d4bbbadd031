"""Things by name, for Python and for readers of the extension's alike."""

from typing import Any, Final, Generic, Protocol, TypeVar

ItemT = TypeVar("ItemT")


class Table(Protocol):
    """Where readers look things up."""

    def add(self, item: Any, /) -> None:
        """Add a thing, in place of one of its name."""

    def remove(self, name: str, /) -> None:
        """Take one out, if it is there."""


TableT = TypeVar("TableT", bound=Table)


class NameIndex(dict[str, ItemT], Generic[ItemT, TableT]):
    """Things by name; what is set, deleted or popped is so for readers, too.

    Args:
        table: Empty.
    """

    def __init__(self, table: TableT) -> None:
        super().__init__()
        self.table: Final = table
        """Where readers look things up."""

    def __setitem__(self, name: str, item: ItemT) -> None:
        super().__setitem__(name, item)
        self.table.add(item)

    def __delitem__(self, name: str) -> None:
        self.table.remove(name)
        super().__delitem__(name)

    def pop(self, name: str, *default: Any) -> Any:
        """Take one out."""
        self.table.remove(name)
        return super().pop(name, *default)
