"""Everything that can be made to go wrong, by name: the one door for tests and people."""

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from gateway.errors import ConfigError
from gateway.simulator.feed_faults import FeedFaults
from gateway.simulator.market_faults import MarketFaults
from gateway.simulator.port_faults import PortFaults
from gateway.simulator.timeline import Timeline
from gateway.simulator.verbs import Verb, verb_named

if TYPE_CHECKING:
    from gateway.simulator.simulator import Simulator

SECOND_NS: Final = 1_000_000_000

_log = logging.getLogger(__name__)


class Faults:
    """Runs the faults of `verbs.VERBS` on one simulator.

    Args:
        simulator: What is to go wrong.
    """

    def __init__(self, simulator: "Simulator") -> None:
        self._simulator = simulator
        self.announce: Callable[[str], None] = _log.info
        """Told of each fault of a timeline."""
        rng = random.Random(f"{simulator.options.seed}/faults")
        self._ports = PortFaults(simulator, rng)
        self._feed = FeedFaults(simulator)
        self._market = MarketFaults(simulator)
        self._actions = {
            **self._ports.actions,
            **self._feed.actions,
            **self._market.actions,
            "status": self._status,
            "clear": self._clear,
        }

    def apply(self, name: str, /, **params: object) -> dict[str, object]:
        """Let something go wrong, at once; needs neither sockets nor a loop.

        Args:
            name: One of `VERBS`.
            params: Its parameters.

        Returns:
            When (`at_us`), and what was met.

        Raises:
            ConfigError: There is no such fault, a parameter does not fit, or listening sockets
                would change: `act` can do that.
        """
        verb = verb_named(name)
        values = verb.read(params)
        if self._is_of_listening(verb):
            raise ConfigError(
                "this changes listening sockets", hint=f"Await act({name!r}, …).", do=name
            )
        return self._run(verb, values)

    async def act(self, name: str, /, **params: object) -> dict[str, object]:
        """Let something go wrong; ports that it opens or closes are so when this returns.

        Only `restart` returns while its ports are closed; they open when their time has come.

        Args:
            name: One of `VERBS`.
            params: Its parameters.

        Returns:
            When (`at_us`), and what was met.

        Raises:
            ConfigError: There is no such fault, a parameter does not fit, or a port is taken.

        Cancel safety: what was begun stays begun.
        """
        return await self.act_on(name, params)

    async def act_on(self, name: object, params: Mapping[str, object]) -> dict[str, object]:
        """The same for a name and parameters that came from outside."""
        verb = verb_named(name)
        values = verb.read(params)
        if not self._is_of_listening(verb, is_begun=True):
            return self._run(verb, values)
        async with self._ports.listening:
            try:
                await self._ports.stop_accepting(verb.name, values)
            finally:
                # Also when cancelled: a port must not listen and accept nobody.
                result = self._run(verb, values)
        if verb.name == "restart":
            await self._ports.drop_restarted()
        else:
            await self._ports.listen()
        return result

    async def follow(self, timeline: Timeline) -> None:
        """Let a timeline's faults happen in their time, until cancelled."""
        clock, counts = self._simulator.clock, self._simulator.counts
        start_ns = clock.monotonic_ns()
        for planned in timeline.plan():
            passed_s = (clock.monotonic_ns() - start_ns) / SECOND_NS
            await asyncio.sleep(max(planned.at_s - passed_s, 0))
            try:
                answer = await self.act_on(planned.name, planned.params)
            except ConfigError as problem:
                counts.timeline_faults_refused += 1
                self.announce(f"timeline: entry {planned.place} refused: {problem}")
            else:
                counts.timeline_faults += 1
                self.announce(f"timeline: {planned.text().strip()}, at_us={answer['at_us']}")

    def _is_of_listening(self, verb: Verb, *, is_begun: bool = False) -> bool:
        if not verb.is_of_listening or not self._simulator.is_started:
            return False
        return is_begun or verb.name != "clear" or self._ports.is_refusing

    def _run(self, verb: Verb, values: dict[str, Any]) -> dict[str, object]:
        # What was said before the fault is not its business.
        self._simulator.flush()
        result = self._actions[verb.name](**values)
        self._simulator.flush()
        if result.get("connections") == 0:
            result = {**result, "hint": "nobody is connected to that port now"}
        return {"at_us": self._simulator.clock.utc_us(), **result}

    def _status(self) -> dict[str, object]:
        return {"link": self._simulator.login.link.value, **self._simulator.statistics()}

    def _clear(self) -> dict[str, object]:
        self._market.clear()
        self._feed.clear()
        self._ports.clear()
        return {}

    async def stop(self) -> None:
        """Let nothing more happen."""
        await self._ports.stop()
