"""Faults of the link to DTN, of the account and of what IQConnect understands."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from gateway.errors import ConfigError
from gateway.simulator.fields import INDEX, PROTOCOLS

if TYPE_CHECKING:
    from gateway.simulator.simulator import Simulator

Result = dict[str, object]


class FeedFaults:
    """What can happen to the login and the account.

    Args:
        simulator: Whose login.
    """

    def __init__(self, simulator: "Simulator") -> None:
        self._simulator = simulator
        self.actions: dict[str, Callable[..., Result]] = {
            "dtn": self._dtn,
            "login_replaced": self._login_replaced,
            "symbol_limit": self._symbol_limit,
            "protocols": self._protocols,
            "fields": self._fields,
        }

    def _dtn(self, up: bool) -> Result:
        self._simulator.set_server_connected(up)
        return {"link": self._simulator.login.link.value}

    def _login_replaced(self) -> Result:
        self._simulator.login.replace()
        return {"link": self._simulator.login.link.value}

    def _symbol_limit(self, limit: int) -> Result:
        self._simulator.roster.symbol_limit = limit
        self._simulator.status.symbol_limit = limit
        return {"symbols": len(self._simulator.roster)}

    def _protocols(self, versions: tuple[str, ...]) -> Result:
        _require_known("protocol", versions, PROTOCOLS)
        self._simulator.status.protocols = versions
        return {"versions": [*versions]}

    def _fields(self, refused: tuple[str, ...]) -> Result:
        _require_known("field", refused, tuple(INDEX))
        self._simulator.status.fields_refused = frozenset(refused)
        return {"refused": [*refused]}

    def clear(self) -> None:
        """End everything that lasts."""
        self._symbol_limit(self._simulator.options.symbol_limit)
        self._protocols(PROTOCOLS)
        self._fields(())
        self._simulator.login.end_fault()


def _require_known(what: str, names: tuple[str, ...], known: tuple[str, ...]) -> None:
    for name in names:
        if name not in known:
            raise ConfigError(f"unknown {what}", hint=f"Known: {', '.join(known)}.", **{what: name})
