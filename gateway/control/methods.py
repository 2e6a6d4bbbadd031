"""The table of control methods: adding a method is adding a row."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from gateway.control import visible
from gateway.control.desk import RequestDesk, parse_params
from gateway.control.lease_requests import Steps
from gateway.control.upstream_requests import NOBODY, Caller
from gateway.errors import UnknownMethod
from gateway.model.methods import METHODS, Role

Handler = Callable[[RequestDesk, Caller, Any], dict[str, Any] | Steps]


def _plain(handler: Callable[[RequestDesk, Any], dict[str, Any] | Steps]) -> Handler:
    """A method that is the same for every caller."""
    return lambda desk, _, params: handler(desk, params)


HANDLERS: Final[Mapping[str, Handler]] = {
    "hello": lambda desk, caller, params: desk.hello(params, caller),
    "ping": _plain(RequestDesk.ping),
    "describe": _plain(RequestDesk.describe),
    "subscribe": lambda desk, caller, params: desk.subscribe(params, caller),
    "unsubscribe": lambda desk, caller, params: desk.unsubscribe(params, caller),
    "renew": lambda desk, caller, params: desk.consumers.renew(params, caller),
    "subscriptions": lambda desk, caller, params: desk.consumers.subscriptions(params, caller),
    "snapshot": lambda desk, caller, params: desk.snapshot(params, caller),
    "health": visible.health,
    "metrics": lambda desk, _, params: desk.inside.metrics(params),
    "alerts": visible.alerts,
    "trends": lambda desk, _, params: desk.inside.trends(params),
    "diagnostics": visible.diagnostics,
    "symbols": visible.symbols,
    "replay": lambda desk, caller, params: desk.consumers.replay(params, caller),
    "errors": visible.errors,
    "why": visible.why,
    "resync": visible.resync,
    "admin.acknowledge": lambda desk, caller, params: desk.inside.acknowledge(caller, params),
    "admin.set_thresholds": lambda desk, caller, params: desk.inside.set_thresholds(caller, params),
    "admin.reload": lambda desk, caller, params: desk.inside.reload(caller, params),
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
        Unauthorized: The method takes another role than the caller's; or it is an administrator's,
            and nobody is one here.
        InvalidParams: The parameters do not fit.
        Overloaded: It can wait, and a resource is short.
    """
    desk.guard.check(caller, method)
    spec = METHODS.get(method)
    if spec is not None:
        desk.access.authorize(caller, method, spec.role)
        if spec.role is Role.ADMIN and not desk.access.is_by_user:
            desk.upstream.authorize(caller, method)
    handler = HANDLERS.get(method)
    if handler is None:
        raise UnknownMethod("no such method", method=method)
    return handler(desk, caller, parse_params(method, params))
