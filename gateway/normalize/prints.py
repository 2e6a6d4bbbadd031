"""What is known of a symbol's trades: whether the next one comes in order."""

from typing import Final

CENTERS_MAX: Final = 64
"""Market centers of a symbol whose trade ids are followed."""


class Prints:
    """What is known of a symbol's trades: whether the next one comes in order."""

    __slots__ = ("date_text", "has_sizes", "newest_us", "tick_ids")

    def __init__(self) -> None:
        self.newest_us = 0
        """The vendor's time of the newest trade, UTC; 0 before the first."""
        self.date_text = ""
        """The date that `tick_ids` count on."""
        self.tick_ids: dict[str, int] = {}
        """The newest trade id by market center: they count up, each center's by itself."""
        self.has_sizes = False
        """Whether a trade ever had a size; an index's have none."""

    def is_late(
        self, event_us: int | None, trade_id: int | None, center: str, date_text: str
    ) -> bool:
        """Whether a trade is older than one that was published; it is remembered if not.

        Time decides. Ids count up within a day and a market center, as a rule only: where time has
        moved on, a smaller id is the first of another numbering, as after a restart of the vendor.

        Args:
            event_us: The vendor's time of the trade, UTC.
            trade_id: The vendor's number of it.
            center: Its market center, as text.
            date_text: Its date, as text.
        """
        if date_text != self.date_text:
            self.date_text = date_text
            self.tick_ids.clear()
        is_newer = event_us is not None and event_us > self.newest_us
        is_late = event_us is not None and event_us < self.newest_us
        if trade_id is not None:
            known = self.tick_ids.get(center)
            is_behind = known is not None and trade_id < known
            is_late = is_late or (is_behind and not is_newer)
            # Without a time the newest id is all there is; a wrong one must not stand for a day.
            is_next = not is_behind or is_newer or event_us is None
            if is_next and (known is not None or len(self.tick_ids) < CENTERS_MAX):
                self.tick_ids[center] = trade_id
        if event_us is not None and is_newer:
            self.newest_us = event_us
        return is_late
