"""The caches that turn texts into values, shared by all connections of the feed thread."""

from typing import Final

from gateway.counters import Complaints
from gateway.iqfeed.values import ConditionsCache, PriceCache, SizeCache
from gateway.normalize.contents import PlanCache
from gateway.normalize.suspicion import ANY_PRICE, PriceLimits


class Values:
    """One cache for each kind of text.

    Args:
        complaints: Told of texts that are no values.
        limits: Which prices are implausible.
    """

    __slots__ = ("conditions", "limits", "plans", "prices", "sizes")

    def __init__(self, complaints: Complaints, *, limits: PriceLimits = ANY_PRICE) -> None:
        self.limits: Final = limits
        self.prices: Final = PriceCache(complaints)
        self.sizes: Final = SizeCache(complaints)
        self.conditions: Final = ConditionsCache(complaints)
        self.plans: Final = PlanCache(complaints)
