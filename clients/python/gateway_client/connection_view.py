"""A read-only look at the gateway's upstream connections; nothing can be set here."""

from collections.abc import Awaitable
from typing import Any, Protocol

from gateway_client.results import BreakerStatus, breaker_of


class Asker(Protocol):
    """What a look needs of a client."""

    def get_metrics(self) -> dict[str, Any]:
        """Ask for figures."""
        ...

    def get_error_history(self) -> list[dict[str, Any]]:
        """Ask for errors."""
        ...


class AsyncAsker(Protocol):
    """The same, to be awaited."""

    async def get_metrics(self) -> dict[str, Any]:
        """Ask for figures."""
        ...

    async def get_error_history(self) -> list[dict[str, Any]]:
        """Ask for errors."""
        ...


class ConnectionView:
    """The gateway's upstream connections; each look is a request, with errors as in `call`."""

    def __init__(self, client: Asker) -> None:
        self._client = client

    def get_error_history(self) -> list[dict[str, Any]]:
        """List the gateway's errors, oldest first."""
        return self._client.get_error_history()

    @property
    def circuit_breaker(self) -> BreakerStatus | None:
        """The gravest breaker; None when the gateway does not tell of any."""
        return breaker_of(self._client.get_metrics())

    @property
    def failure_count(self) -> int:
        """Failures the gravest breaker has counted, 0 without one."""
        return _failures(self.circuit_breaker)


class AsyncConnectionView:
    """The gateway's upstream connections; each look is a request, to be awaited."""

    def __init__(self, client: AsyncAsker) -> None:
        self._client = client

    async def get_error_history(self) -> list[dict[str, Any]]:
        """List the gateway's errors, oldest first."""
        return await self._client.get_error_history()

    @property
    def circuit_breaker(self) -> Awaitable[BreakerStatus | None]:
        """The gravest breaker, awaited; None when the gateway does not tell of any."""
        return self._breaker()

    @property
    def failure_count(self) -> Awaitable[int]:
        """Failures the gravest breaker has counted, awaited; 0 without one."""
        return self._failure_count()

    async def _breaker(self) -> BreakerStatus | None:
        return breaker_of(await self._client.get_metrics())

    async def _failure_count(self) -> int:
        return _failures(await self._breaker())


def _failures(breaker: BreakerStatus | None) -> int:
    return 0 if breaker is None else breaker.failure_count
