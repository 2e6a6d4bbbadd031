"""What the gateway watches by itself, whoever listens: a lease of its own on what a file lists."""

from collections.abc import Generator, Iterable, Iterator
from typing import Any, Final

from gateway.control.claims import batches, services_of
from gateway.control.feed_commands import FeedCommand, Standing, Unwatch, Watch
from gateway.errors import bounded
from gateway.health.facts import FeedHistory
from gateway.health.verdict import Issue
from gateway.policy.demand import Service
from gateway.policy.leases import Claim, Lease, Leases

Steps = Generator[FeedCommand | None, Any, None]
Wish = tuple[str, Service]
"""A symbol and a service: asked for once, or not."""
NAMED_MAX: Final = 5
CLAIMS_PER_SLICE: Final = 250
"""Symbols looked at before others have their turn."""


class OwnWatch:
    """Holds the gateway's own lease to what is wanted; used in the control loop, one at a time.

    Args:
        leases: Living leases, of which one is ours.
        history: The feed thread's reports, which know the login's limit.
    """

    def __init__(self, leases: Leases, history: FeedHistory) -> None:
        self._leases = leases
        self._history = history
        self.claims: tuple[Claim, ...] = ()
        """What is wanted."""
        self.refused: dict[str, str] = {}
        """What of it there was no room for: symbol and error code."""
        self._held: dict[Wish, None] = {}
        """What the feed thread has counted for us, each once."""
        self._refused_wishes: set[Wish] = set()
        self._is_changing = False
        self.is_settled = True
        """Whether all that is wanted is held or refused, and nothing else is held."""

    def change(self, claims: Iterable[Claim]) -> Steps:
        """Watch these from now on, and no others; symbols that stay are not touched.

        What is new is asked for before what is gone is given back, so that a symbol of which only
        the kinds change stays watched. After an error a call with the claims before undoes it; if
        that fails as well, `settle` does what is left.
        """
        self.claims = tuple(claims)
        self._refused_wishes = set()
        self.refused = {}
        yield from self.settle()

    def settle(self) -> Steps:
        """Ask for what is wanted and not held, and give back what is held and not wanted."""
        self.is_settled, self._is_changing = False, True
        try:
            yield from self._settle()
            self.is_settled = True
        finally:
            self._is_changing = False

    def _settle(self) -> Steps:
        wanted: dict[Wish, Claim] = {}
        for number, claim in enumerate(self.claims, 1):
            for service in services_of(claim.kinds):
                wanted[claim.symbol, service] = claim
            if number % CLAIMS_PER_SLICE == 0:
                yield None
        if not wanted and not self._held:
            return
        lease = self._leases.own()
        for wish in self._held.keys() & wanted.keys():
            # Other kinds may be told of, without another service that delivers them.
            lease.claims[wish[0]] = wanted[wish]
        come = [w for w in wanted if w not in self._held and w not in self._refused_wishes]
        for part in batches(come):
            # Each wish on its own, or nobody would know which of a symbol's was refused.
            answered: list[Standing] = yield Watch(tuple((s, (service,)) for s, service in part))
            for wish, standing in zip(part, answered, strict=True):
                if standing.error is None:
                    self._held[wish] = None
                    lease.claims[wish[0]] = wanted[wish]
                else:
                    self._refused_wishes.add(wish)
                    self.refused[wish[0]] = str(standing.error)
        yield from self._give_back([wish for wish in self._held if wish not in wanted], lease)
        if not lease.claims:
            self._leases.release(lease.client, lease_id=None, symbols=None, kinds=None)
        self._leases.revision += 1

    def _give_back(self, gone: list[Wish], lease: Lease) -> Steps:
        for part in batches(gone):
            yield Unwatch(tuple((symbol, (service,)) for symbol, service in part))
            for wish in part:
                del self._held[wish]
                if not any((wish[0], service) in self._held for service in Service):
                    lease.claims.pop(wish[0], None)

    def issues(self) -> Iterator[Issue]:
        """What of the file is not watched, or cannot be."""
        if self.refused:
            some = ", ".join(bounded(symbol) for symbol in list(self.refused)[:NAMED_MAX])
            yield Issue(
                "symbols_file_refused",
                "warning",
                f"{len(self.refused)} symbols of symbols_file are not watched, such as {some}",
                "There is no room for them: raise data.symbol_count_max and restart, or let "
                "consumers release what they do not need, then reload.",
            )
        if not self.is_settled and not self._is_changing:
            yield self._unsettled()
        report = self._history.newest
        limit = report.max_symbols if report is not None else None
        if limit is not None and len(self.claims) > limit:
            yield Issue(
                "symbols_file_over_limit",
                "warning",
                f"symbols_file lists {len(self.claims)} symbols, IQFeed lets this login watch "
                f"{limit}",
                "Take symbols out of the file and reload, or ask DTN for a higher limit.",
            )

    def _unsettled(self) -> Issue:
        wanted = {(c.symbol, service) for c in self.claims for service in services_of(c.kinds)}
        missing = {symbol for symbol, _ in wanted - self._held.keys() - self._refused_wishes}
        surplus = {symbol for symbol, _ in self._held.keys() - wanted}
        return Issue(
            "symbols_file_unsettled",
            "warning",
            f"{len(missing)} symbols of symbols_file are not watched yet, and {len(surplus)} are "
            "watched that it does not list, or more of them than it lists",
            "The feed thread was too busy to be told; it is tried again each second.",
        )

    def as_map(self) -> dict[str, int]:
        """How much is wanted, and how much of it is held; for `diagnostics`."""
        held = len({symbol for symbol, _ in self._held})
        return {"symbols": len(self.claims), "held": held, "refused": len(self.refused)}
