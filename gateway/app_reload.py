"""Reading the configuration again while the gateway runs: all of it takes effect, or nothing."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.control.audit_trail import AuditTrail
from gateway.control.feed_commands import FeedCommand, ReloadConfiguration
from gateway.control.own_watch import OwnWatch
from gateway.errors import ConfigError, GatewayError, InvalidParams, RpcError, bounded
from gateway.health.monitor import HealthMonitor
from gateway.health.sessions import TradingHours
from gateway.health.verdict import Issue
from gateway.logs import get_logger
from gateway.policy.leases import Claim, Leases
from gateway.runtime.doorkeeper import Doorkeeper
from gateway.runtime.rpc_server import Ask, drive
from gateway.runtime.watch_file import read_watch_list
from gateway.settings import Settings, masked
from gateway.settings.changes import Change, changes_between, with_live_of
from gateway.settings.log import LogSettings

CHANGES_TOLD_MAX: Final = 200
"""Changes that one answer and one line of the log name; how many more there are is said."""

SETTLE_S: Final = 1.0
"""Between two attempts to do what a reload could not."""
UNEXPECTED_HINT: Final = "Correct the files that were changed last; the log says what was read."


@dataclass(frozen=True, slots=True)
class Reloading:
    """What only the program that runs the gateway can do."""

    load: Callable[[], Settings]
    """Reads the configuration again; raises ConfigError. Called in a thread."""
    apply_log: Callable[[LogSettings], object] = lambda _: None
    """Takes over what of the log's settings may change."""


@dataclass(frozen=True, slots=True)
class LiveParts:
    """What can be told of new settings."""

    monitor: HealthMonitor
    """Takes thresholds and trading hours."""
    leases: Leases
    """Takes clients' limits."""
    own: OwnWatch
    """Takes the symbols that are watched whoever listens."""
    doors: Doorkeeper | None
    """Reads clients' files; None without keys."""


class Reloader:
    """Takes a configuration over, or refuses it as a whole; used in the control loop.

    Args:
        settings: What the gateway runs with.
        reloading: Reads the configuration again; None where there is nothing to be read.
        parts: What takes the new settings.
        ask: Asks the feed thread.
        trail: Takes what was loaded and what was refused.
    """

    def __init__(
        self,
        settings: Settings,
        reloading: Reloading | None,
        parts: LiveParts,
        *,
        ask: Ask,
        trail: AuditTrail,
    ) -> None:
        self.settings = settings
        """What the gateway runs with."""
        self._reloading = reloading if reloading is not None else Reloading(lambda: settings)
        self._parts = parts
        self._ask = ask
        self._trail = trail
        self._log = get_logger("gateway")
        self._turn = asyncio.Lock()
        self._asked = asyncio.Event()
        self._refused = ""
        parts.monitor.register_conditions(self.issues)
        parts.monitor.register_conditions(parts.own.issues)

    async def begin(self, claims: Sequence[Claim]) -> None:
        """Watch what `symbols_file` lists, for the first time."""
        await drive(self._parts.own.change(claims), self._ask)

    def ask_soon(self) -> None:
        """Read the configuration again as soon as that may be; asked twice it is read once."""
        self._asked.set()

    async def run(self) -> None:
        """Do what signals ask for, and what reloads have left to be done, until cancelled.

        Cancel safety: a reload that has begun is not finished; the gateway ends.
        """
        while True:
            try:
                async with asyncio.timeout(SETTLE_S):
                    await self._asked.wait()
            except TimeoutError:
                await self._settle()
                continue
            self._asked.clear()
            try:
                await self.reload("signal")
            except GatewayError as error:
                # Told already; the old configuration stays.
                self._log.debug("reload refused", reason=error.text)

    async def _settle(self) -> None:
        """Bring what is watched to what is wanted, where a change broke off and so did its undo."""
        if self._parts.own.is_settled or self._turn.locked():
            return
        async with self._turn:
            try:
                await drive(self._parts.own.settle(), self._ask)
            except GatewayError as error:
                self._log.debug("symbols_file not settled yet", reason=error.text)

    async def ask(self, command: FeedCommand) -> Any:
        """Answer a reload, and pass all else on to the feed thread.

        Cancel safety: a reload that has begun goes on, or it might take effect by half.
        """
        if isinstance(command, ReloadConfiguration):
            return await asyncio.shield(asyncio.create_task(self.reload(command.source)))
        return await self._ask(command)

    async def reload(self, source: str) -> dict[str, Any]:
        """Read everything again, and take it over.

        Args:
            source: Who asked, for the audit log.

        Returns:
            `changed`, `restart_needed`, `differences`, as `admin.reload` answers them.

        Raises:
            InvalidParams: Something cannot be used; everything stays as it was.
        """
        async with self._turn:
            try:
                return await self._take_over(source)
            except Exception as error:
                # What runs is well, whatever a file does to who reads it: that is a refusal.
                refusal = self._refusal(error, source)
                if refusal is error:
                    raise
                raise refusal from error

    async def _take_over(self, source: str) -> dict[str, Any]:
        new = await asyncio.to_thread(self._reloading.load)
        claims = await asyncio.to_thread(read_own_claims, new)
        hours = TradingHours(new.health.sessions, new.health.closed_days)
        before = self._parts.own.claims
        await self._change_watches(claims, before)
        keys_failure = await self._look_at_keys()
        if keys_failure:
            await self._undo_watches(before)
            raise ConfigError(
                "the files of keys cannot be read",
                hint="Make security.keys_dir readable again.",
                reason=keys_failure,
            )
        # From here on nothing can fail.
        changes = self._changes_to(new)
        listed = _change_of_lists(before, claims)
        self._apply(new, hours)
        self._refused = ""
        return self._tell(changes, listed, source)

    async def _change_watches(self, claims: Sequence[Claim], before: Sequence[Claim]) -> None:
        """Watch what is listed now; after an error, what was listed before."""
        try:
            await drive(self._parts.own.change(claims), self._ask)
        except Exception:
            await self._undo_watches(before)
            raise

    async def _undo_watches(self, before: Sequence[Claim]) -> None:
        try:
            await drive(self._parts.own.change(before), self._ask)
        except GatewayError as error:
            # What it is about is told by `issues` until `_settle` has done it.
            self._log.warning("watches are put back later", reason=error.text)

    async def _look_at_keys(self) -> str:
        doors = self._parts.doors
        return await doors.look_and_wait() if doors is not None else ""

    def _changes_to(self, new: Settings) -> list[Change]:
        """What differs from what runs, thresholds that `admin.set_thresholds` changed included."""
        health = self.settings.health.model_copy(update={"thresholds": self._parts.monitor.limits})
        return changes_between(self.settings.model_copy(update={"health": health}), new)

    def _apply(self, new: Settings, hours: TradingHours) -> None:
        monitor = self._parts.monitor
        monitor.set_limits(new.health.thresholds)
        monitor.set_hours(hours)
        self._parts.leases.set_limits(**new.leases.model_dump())
        self._reloading.apply_log(new.log)
        self.settings = with_live_of(self.settings, new)

    def _tell(self, changes: list[Change], listed: str, source: str) -> dict[str, Any]:
        changed = [change.name for change in changes if change.is_live]
        waiting = [change.name for change in changes if not change.is_live]
        differences = [str(change) for change in changes]
        if listed:
            changed.append("symbols_file")
            differences.append(listed)
        refused = self._parts.doors.refused if self._parts.doors is not None else {}
        differences += [f"security.keys_dir: not taken: {why}" for why in refused.values()]
        answer = {
            "changed": list(dict.fromkeys(_bounded(changed))),
            "restart_needed": _bounded(waiting),
            "differences": _bounded(differences),
        }
        self._trail.configured(masked(self.settings), source=source)
        self._log.info("configuration reloaded", source=source, **answer)
        if waiting:
            self._log.warning(
                "settings need a restart", settings=answer["restart_needed"], source=source
            )
        return answer

    def _refusal(self, error: Exception, source: str) -> GatewayError:
        """Say why a configuration is not taken over.

        Returns:
            What the asker is told: a busy gateway's own error, or what is wrong with the files.
        """
        is_expected = isinstance(error, GatewayError | OSError)
        reason = str(error) if is_expected else f"{type(error).__name__}: {bounded(str(error))}"
        self._refused = reason
        hint = error.hint if isinstance(error, GatewayError) else UNEXPECTED_HINT
        self._log.error(
            "configuration not reloaded",
            source=source,
            reason=reason,
            hint=hint,
            exc_info=None if is_expected else error,
        )
        self._trail.configuration_refused(reason, source=source)
        if isinstance(error, RpcError):
            return error
        return InvalidParams(f"nothing was changed: {reason}", hint=hint)

    def issues(self) -> Iterator[Issue]:
        """A configuration on disk that a restart would fail with."""
        if self._refused:
            yield Issue(
                "configuration_refused",
                "warning",
                f"the configuration on disk cannot be used: {self._refused}",
                "What runs is the one before. Correct the file and reload; a restart would fail.",
            )


def read_own_claims(settings: Settings) -> tuple[Claim, ...]:
    """Read what is watched whoever listens.

    Raises:
        ConfigError: `symbols_file` cannot be used.
    """
    maximum = settings.data.symbol_count_max
    return read_watch_list(settings.symbols_file, symbol_count_max=maximum)


def _change_of_lists(before: Sequence[Claim], after: Sequence[Claim]) -> str:
    """What changed in the file of symbols; empty when nothing did."""
    old, new = {c.symbol: c.kinds for c in before}, {c.symbol: c.kinds for c in after}
    if old == new:
        return ""
    other = sum(old[symbol] != new[symbol] for symbol in old.keys() & new.keys())
    come, gone = len(new.keys() - old.keys()), len(old.keys() - new.keys())
    return (
        f"symbols_file: {len(old)} -> {len(new)} symbols ({come} new, {gone} gone, {other} with "
        "other kinds)"
    )


def _bounded(names: list[str]) -> list[str]:
    more = len(names) - CHANGES_TOLD_MAX
    return [*names[:CHANGES_TOLD_MAX], f"and {more} more"] if more > 0 else names
