"""The table of control methods: adding a method is adding a row."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from gateway.control.desk import RequestDesk, Steps, parse_params
from gateway.errors import Unauthorized, UnknownMethod
from gateway.model.methods import METHODS, Role

Handler = Callable[[RequestDesk, Any], dict[str, Any] | Steps]

HANDLERS: Final[Mapping[str, Handler]] = {
    "hello": RequestDesk.hello,
    "ping": RequestDesk.ping,
    "describe": RequestDesk.describe,
    "subscribe": RequestDesk.subscribe,
    "unsubscribe": RequestDesk.unsubscribe,
    "renew": RequestDesk.renew,
    "subscriptions": RequestDesk.subscriptions,
    "snapshot": RequestDesk.snapshot,
    "health": RequestDesk.health,
    "metrics": RequestDesk.metrics,
}
"""Every method this gateway has."""


def answer(desk: RequestDesk, method: str, params: object) -> dict[str, Any] | Steps:
    """Begin to answer one request.

    Args:
        desk: Where the meaning is.
        method: As the client spelled it.
        params: As the client sent them.

    Returns:
        The result, or a generator that yields commands for the feed thread and returns it.

    Raises:
        UnknownMethod: Not a method of this gateway.
        Unauthorized: An admin method.
        InvalidParams: The parameters do not fit.
    """
    handler = HANDLERS.get(method)
    if handler is None:
        spec = METHODS.get(method)
        if spec is not None and spec.role is Role.ADMIN:
            raise Unauthorized("admin methods are off", method=method)
        raise UnknownMethod("no such method", method=method)
    return handler(desk, parse_params(method, params))
