"""The table of control methods: adding a method is adding a row."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from gateway.control.desk import RequestDesk, Steps, parse_params
from gateway.control.upstream_requests import NOBODY, Caller
from gateway.errors import UnknownMethod
from gateway.model.methods import METHODS, Role

Handler = Callable[[RequestDesk, Caller, Any], dict[str, Any] | Steps]


def _plain(handler: Callable[[RequestDesk, Any], dict[str, Any] | Steps]) -> Handler:
    """A method that is the same for every caller."""
    return lambda desk, _, params: handler(desk, params)


HANDLERS: Final[Mapping[str, Handler]] = {
    "hello": _plain(RequestDesk.hello),
    "ping": _plain(RequestDesk.ping),
    "describe": _plain(RequestDesk.describe),
    "subscribe": _plain(RequestDesk.subscribe),
    "unsubscribe": _plain(RequestDesk.unsubscribe),
    "renew": lambda desk, _, params: desk.consumers.renew(params),
    "subscriptions": lambda desk, _, params: desk.consumers.subscriptions(params),
    "snapshot": _plain(RequestDesk.snapshot),
    "health": lambda desk, _, params: desk.inside.health(params),
    "metrics": lambda desk, _, params: desk.inside.metrics(params),
    "alerts": lambda desk, _, params: desk.inside.alerts(params),
    "trends": lambda desk, _, params: desk.inside.trends(params),
    "diagnostics": lambda desk, _, params: desk.inside.diagnostics(params),
    "symbols": lambda desk, _, params: desk.inside.symbols(params),
    "replay": lambda desk, _, params: desk.consumers.replay(params),
    "errors": lambda desk, _, params: desk.upstream.errors(params),
    "why": lambda desk, _, params: desk.upstream.why(params),
    "resync": lambda desk, caller, params: desk.upstream.resync(caller, params),
    "admin.acknowledge": lambda desk, caller, params: desk.inside.acknowledge(caller, params),
    "admin.set_thresholds": lambda desk, caller, params: desk.inside.set_thresholds(caller, params),
    "admin.evict": lambda desk, caller, params: desk.consumers.evict(caller, params),
    "admin.breaker_reset": lambda desk, caller, params: desk.upstream.reset_breaker(caller, params),
    "admin.reconnect": lambda desk, caller, params: desk.upstream.reconnect(caller, params),
}
"""Every method this gateway has."""


def answer(
    desk: RequestDesk, method: str, params: object, *, caller: Caller = NOBODY
) -> dict[str, Any] | Steps:
    """Begin to answer one request.

    Args:
        desk: Where the meaning is.
        method: As the client spelled it.
        params: As the client sent them.
        caller: Who that is, as far as it is known.

    Returns:
        The result, or a generator that yields commands for the feed thread and returns it.

    Raises:
        UnknownMethod: Not a method of this gateway.
        Unauthorized: An admin method, and nobody is an administrator here.
        InvalidParams: The parameters do not fit.
    """
    spec = METHODS.get(method)
    if spec is not None and spec.role is Role.ADMIN:
        desk.upstream.authorize(caller, method)
    handler = HANDLERS.get(method)
    if handler is None:
        raise UnknownMethod("no such method", method=method)
    return handler(desk, caller, parse_params(method, params))
