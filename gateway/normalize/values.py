"""The caches that turn texts into values, shared by all connections of the feed thread."""

from typing import Final

from gateway.counters import Complaints
from gateway.iqfeed.values import ConditionsCache, PriceCache, SizeCache
from gateway.normalize.contents import PlanCache


class Values:
    """One cache for each kind of text.

    Args:
        complaints: Told of texts that are no values.
    """

    __slots__ = ("conditions", "plans", "prices", "sizes")

    def __init__(self, complaints: Complaints) -> None:
        self.prices: Final = PriceCache(complaints)
        self.sizes: Final = SizeCache(complaints)
        self.conditions: Final = ConditionsCache(complaints)
        self.plans: Final = PlanCache(complaints)
