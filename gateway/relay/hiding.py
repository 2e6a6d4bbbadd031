"""What a relay with keys leaves out of the gateway's answers, for who may not know of others.

The gateway takes the relay for one client, and its consumers' leases and connections for the
relay's own: whose they are, and that they are not for each other's eyes, is known here only.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from gateway.control.visible import (
    ERRORS_MAX,
    without_others_alerts,
    without_others_errors,
)
from gateway.model import methods as m

DEMAND: Final = "Demand: a relay does not tell who wants it."
Params = Mapping[str, Any]


def _why(told: dict[str, Any], _: Params) -> dict[str, Any]:
    # Its first line is the one that names clients.
    return told | {"lines": [DEMAND, *told["lines"][1:]]}


def _errors(told: dict[str, Any], params: Params) -> dict[str, Any]:
    return without_others_errors(told, m.ErrorsParams.model_validate(params).limit)


HIDING: Final[Mapping[str, Callable[[dict[str, Any], Params], dict[str, Any]]]] = {
    "alerts": lambda told, _: without_others_alerts(told),
    "diagnostics": lambda told, _: told | {"clients": []},
    "errors": _errors,
    "why": _why,
}
"""By method: makes of the gateway's result, and what was asked, what may be told."""


def asked_of(method: str, params: Params) -> dict[str, Any]:
    """What the gateway is asked, so that enough is left of the answer."""
    return {**params, "limit": ERRORS_MAX} if method == "errors" else dict(params)
