"""Everything that can be made to go wrong, by name: the one door for tests and people."""

import random
from typing import TYPE_CHECKING, Any

from gateway.errors import ConfigError
from gateway.simulator.feed_faults import FeedFaults
from gateway.simulator.market_faults import MarketFaults
from gateway.simulator.port_faults import PortFaults
from gateway.simulator.verbs import Verb, verb_named

if TYPE_CHECKING:
    from gateway.simulator.simulator import Simulator


class Faults:
    """Runs the faults of `verbs.VERBS` on one simulator.

    Args:
        simulator: What is to go wrong.
    """

    def __init__(self, simulator: "Simulator") -> None:
        self._simulator = simulator
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
        verb = verb_named(name)
        result = self._run(verb, verb.read(params))
        if self._is_of_listening(verb, is_begun=True):
            if name == "restart":
                await self._ports.drop_restarted()
            else:
                await self._ports.listen()
        return result

    def _is_of_listening(self, verb: Verb, *, is_begun: bool = False) -> bool:
        if not verb.is_of_listening or not self._simulator.is_started:
            return False
        return is_begun or verb.name != "clear" or self._ports.is_refusing

    def _run(self, verb: Verb, values: dict[str, Any]) -> dict[str, object]:
        # What was said before the fault is not its business.
        self._simulator.flush()
        result = self._actions[verb.name](**values)
        self._simulator.flush()
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
