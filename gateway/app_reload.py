"""Reading the configuration again while the gateway runs: all of it takes effect, or nothing."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.control.audit_trail import AuditTrail
from gateway.control.feed_commands import FeedCommand, ReloadConfiguration
from gateway.control.own_watch import OwnWatch
from gateway.errors import ConfigError, GatewayError, InvalidParams, Overloaded, RpcError, bounded
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
from gateway.settings.contradictions import contradictions_of
from gateway.settings.log import LogSettings

CHANGES_TOLD_MAX: Final = 200
"""Changes that one answer and one line of the log name; how many more there are is said."""

LAST_S_MAX: Final = 2.0
"""For a reload that is running when the gateway ends."""
SETTLE_S: Final = 1.0
"""Between two attempts to do what a reload could not."""
CORRECT_HINT: Final = "Correct the file and reload; a restart would fail."
AGAIN_HINT: Final = "The gateway was too busy; reload again."
RESTART_HINT: Final = "Restart to take all of it over at one time."
UNEXPECTED_HINT: Final = "Correct the files that were changed last; the log says what was read."


@dataclass(frozen=True, slots=True)
class Reloading:
    """What only the program that runs the gateway can do."""

    load: Callable[[], Settings]
    """Reads the configuration again; raises ConfigError. Called in a thread."""
    apply_log: Callable[[LogSettings], object] = lambda _: None
    """Takes over what of the log's settings may change."""
    credential_changes: Callable[[], list[str]] = list
    """Names the credentials that are others than those that run; raises ConfigError. Called in a
    thread."""


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
        self._requested: asyncio.Task[dict[str, Any]] | None = None
        """The reload that a request has asked for and that runs."""
        self._asked = asyncio.Event()
        self._refused = ""
        self._refusal_hint = ""
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

        Cancel safety: a signal's reload is not finished, a request's has some time; the gateway
        ends.
        """
        try:
            while True:
                await self._serve()
        finally:
            if (requested := self._requested) is not None:
                await asyncio.wait([requested], timeout=LAST_S_MAX)
                requested.cancel()
                await asyncio.gather(requested, return_exceptions=True)

    async def _serve(self) -> None:
        """Do what is asked for next, or what is left to be done."""
        try:
            async with asyncio.timeout(SETTLE_S):
                await self._asked.wait()
        except TimeoutError:
            await self._settle()
            return
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

        Raises:
            Overloaded: Another reload is running.

        Cancel safety: a reload that has begun goes on, or it might take effect by half.
        """
        if not isinstance(command, ReloadConfiguration):
            return await self._ask(command)
        if self._turn.locked() or self._requested is not None:
            # Who gives up waiting leaves a reload behind: they must not pile up.
            raise Overloaded("another reload is running", hint="Ask again when it is over.")
        self._requested = asyncio.create_task(self.reload(command.source))
        self._requested.add_done_callback(self._on_requested_done)
        return await asyncio.shield(self._requested)

    def _on_requested_done(self, task: asyncio.Task[dict[str, Any]]) -> None:
        self._requested = None
        if not task.cancelled() and task.exception() is not None:
            self._log.debug("reload refused", reason=str(task.exception()))

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
        runs = with_live_of(self.settings, new)
        _refuse_halves(runs)
        # By the limit that runs, which is the one that the feed thread keeps to.
        claims = await asyncio.to_thread(read_own_claims, runs)
        secrets = await asyncio.to_thread(self._reloading.credential_changes)
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
        self._apply(new, runs, hours)
        self._refused = ""
        return self._tell(changes, listed, secrets, source)

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

    def _apply(self, new: Settings, runs: Settings, hours: TradingHours) -> None:
        monitor = self._parts.monitor
        monitor.set_limits(new.health.thresholds)
        monitor.set_hours(hours)
        self._parts.leases.set_limits(**new.leases.model_dump())
        self._reloading.apply_log(new.log)
        self.settings = runs

    def _tell(
        self, changes: list[Change], listed: str, secrets: list[str], source: str
    ) -> dict[str, Any]:
        changed = [change.name for change in changes if change.is_live]
        waiting = [change.name for change in changes if not change.is_live] + secrets
        differences = [str(change) for change in changes]
        differences += [f"{name} has changed, and is not shown" for name in secrets]
        if listed:
            changed.append("symbols_file")
            differences.append(listed)
        differences += self._not_taken()
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

    def _not_taken(self) -> list[str]:
        """What of the clients' files does not hold: each is judged on its own."""
        doors = self._parts.doors
        if doors is None:
            return []
        told = [f"security.keys_dir: not taken: {why}" for why in doors.refused.values()]
        if doors.untrusted:
            told.insert(0, f"security.keys_dir: nothing new is believed: {doors.untrusted}")
        return told

    def _refusal(self, error: Exception, source: str) -> GatewayError:
        """Say why a configuration is not taken over.

        Returns:
            What the asker is told: a busy gateway's own error, or what is wrong with the files.
        """
        is_expected = isinstance(error, GatewayError | OSError)
        reason = str(error) if is_expected else f"{type(error).__name__}: {bounded(str(error))}"
        self._refused = reason
        self._refusal_hint = CORRECT_HINT
        if isinstance(error, ConfigError) and error.hint == RESTART_HINT:
            self._refusal_hint = RESTART_HINT
        elif isinstance(error, RpcError):
            self._refusal_hint = AGAIN_HINT
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
                f"the configuration on disk was not taken over: {self._refused}",
                f"What runs is the one before. {self._refusal_hint}",
            )


def _refuse_halves(runs: Settings) -> None:
    """Refuse a half of a change that only makes sense with another one, which needs a restart.

    Raises:
        ConfigError: What would run contradicts itself.
    """
    found = next(contradictions_of(runs), None)
    if found is not None:
        raise ConfigError(f"with what needs a restart left as it runs, {found}", hint=RESTART_HINT)


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
