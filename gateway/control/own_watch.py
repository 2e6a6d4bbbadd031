"""What the gateway watches by itself, whoever listens: a lease of its own on what a file lists."""

from collections.abc import Generator, Iterable, Iterator
from typing import Any, Final

from gateway.control.claims import batches, wishes_of
from gateway.control.feed_commands import FeedCommand, Standing, Unwatch, Watch
from gateway.errors import bounded
from gateway.health.facts import FeedHistory
from gateway.health.verdict import Issue
from gateway.policy.leases import Claim, Leases

Steps = Generator[FeedCommand | None, Any, None]
NAMED_MAX: Final = 5


class OwnWatch:
    """Holds the gateway's own lease to what is wanted; used in the control loop.

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

    def change(self, claims: Iterable[Claim]) -> Steps:
        """Watch these from now on, and no others; symbols that stay are not touched.

        What is new is asked for before what is gone is given back, so that a symbol of which only
        the kinds change stays watched. After an error a call with the claims before undoes it.
        """
        self.claims = tuple(claims)
        wanted = {claim.symbol: claim for claim in self.claims}
        if not wanted and not self._held():
            return
        lease = self._leases.own()
        self.refused = {symbol: code for symbol, code in self.refused.items() if symbol in wanted}
        gone = [old for symbol, old in self._held().items() if wanted.get(symbol) != old]
        come = [new for symbol, new in wanted.items() if lease.claims.get(symbol) != new]
        for part in batches(come):
            answered: list[Standing] = yield Watch(wishes_of(part))
            errors = {s.symbol: s.error for s in answered if s.error is not None}
            for claim in part:
                self.refused.pop(claim.symbol, None)
                if claim.symbol in errors:
                    self.refused[claim.symbol] = str(errors[claim.symbol])
                    lease.claims.pop(claim.symbol, None)
                else:
                    lease.claims[claim.symbol] = claim
        for part in batches(gone):
            yield Unwatch(wishes_of(part))
            for claim in part:
                if lease.claims.get(claim.symbol) == claim:
                    del lease.claims[claim.symbol]
        if not lease.claims:
            self._leases.release(lease.client, lease_id=None, symbols=None, kinds=None)
        self._leases.revision += 1

    def _held(self) -> dict[str, Claim]:
        """What is held now."""
        return dict(self._leases.own().claims) if self._leases.has_own else {}

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

    def as_map(self) -> dict[str, int]:
        """How much is wanted, and how much of it is held; for `diagnostics`."""
        held = len(self._held())
        return {"symbols": len(self.claims), "held": held, "refused": len(self.refused)}
