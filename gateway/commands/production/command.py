"""Runs the proofs one after the other and reports."""

import contextlib
from collections.abc import Iterator
from typing import Final

from gateway_client import GatewayClient, GatewayClientError

from gateway.clock import SystemClock
from gateway.commands.doctor.visit import Visit
from gateway.commands.production import proofs
from gateway.commands.production.checks import HEADING, Check, as_json, ending, is_ready
from gateway.commands.production.consumer import CountingConsumer
from gateway.commands.production.stack import PrivateStack
from gateway.commands.validate import check_configuration, counted
from gateway.errors import ConfigError, ProgramFailed, bounded
from gateway.settings import Configs, Settings
from gateway.settings.files import spelled

EXIT_CONFIG: Final = 78
RATE: Final = 5_000.0
"""Market events a second of the private simulator: five times the target."""
LOOK_S: Final = 3.0
_CLOCK: Final = SystemClock()


def validate_production(config: Configs, *, is_simulated: bool, is_json: bool) -> int:
    """Prove that this machine and configuration are ready, and print the report.

    Args:
        config: YAML files; None for defaults and environment only.
        is_simulated: Whether the connection is tried with the built-in simulator instead of the
            configured IQConnect.
        is_json: One JSON object instead of lines.

    Returns:
        0 when ready, 1 when not, 78 when the configuration cannot be used.
    """
    started_ns = _CLOCK.monotonic_ns()
    if not is_json:
        print("\n".join(HEADING), flush=True)
    checks = []
    for check in _prove(config, is_simulated=is_simulated):
        checks.append(check)
        if not is_json:
            print("\n".join(check.as_lines()), flush=True)
    code = 0 if is_ready(checks) else 1
    if not checks[0].is_passed:
        code = EXIT_CONFIG
    if is_json:
        seconds = (_CLOCK.monotonic_ns() - started_ns) / 1e9
        print(as_json(checks, exit_code=code, seconds=seconds))
    else:
        print("\n".join(ending(checks)), flush=True)
    return code


def _prove(config: Configs, *, is_simulated: bool) -> Iterator[Check]:
    """Every check in its turn; the first is the configuration's."""
    source = bounded(spelled(config))[1:-1] or "no file"
    try:
        settings, credentials, warnings = check_configuration(config)
    except ConfigError as error:
        yield Check("Configuration Test", False, str(error), error.hint)
        return
    count = f"; {counted(warnings)}, `validate` lists them" if warnings else ""
    yield Check("Configuration Test", True, f"{source}, then the environment{count}")
    yield from proofs.alerts(settings.alerts)
    with contextlib.ExitStack() as opened:
        visit = Visit(
            symbol="AAPL",
            seconds=LOOK_S,
            is_level2_wanted=True,
            control=None,
            data=None,
            config=spelled(config, between=" --config ") or None,
            settings=settings,
            credentials=credentials,
        )
        stack = PrivateStack(settings, rate=RATE, opened=opened)
        try:
            stack.start_simulator()
        except ProgramFailed as error:
            yield Check("Private Simulator", False, str(error), error.hint)
            return
        if is_simulated:
            visit.settings = _simulated(settings, stack.ports)
        with visit.opened:
            yield from proofs.connection(visit, is_simulated=is_simulated)
        yield from _prove_private(stack)


def _prove_private(stack: PrivateStack) -> Iterator[Check]:
    """What is proven with a gateway of our own."""
    try:
        stack.start_gateway()
        client = GatewayClient(
            stack.endpoints["data"], stack.endpoints["control"], client_name=proofs.CLIENT
        )
        with client, CountingConsumer(stack.endpoints["data"]) as consumer:
            params = {"client": proofs.CLIENT, "symbols": list(proofs.SYMBOLS), "kinds": ["l1"]}
            client.call("subscribe", params)
            yield from proofs.performance(consumer, client)
            yield from proofs.security(client)
            yield proofs.recovery(consumer, stack.ports["control"])
            yield proofs.loss(consumer)
            yield proofs.health(consumer, client)
    except (ProgramFailed, GatewayClientError) as error:
        yield Check("Private Gateway", False, str(error), error.hint)
    except (OSError, ValueError) as error:
        yield Check("Private Simulator", False, bounded(str(error)), "Run the command again.")


def _simulated(settings: Settings, ports: dict[str, int]) -> Settings:
    """The settings with the simulator in IQConnect's place."""
    place = {
        "host": "127.0.0.1",
        "admin_port": ports["admin"],
        "level1_port": ports["level 1"],
        "level2_port": ports["level 2"],
    }
    return settings.model_copy(
        update={
            "iqconnect": settings.iqconnect.model_copy(update=place),
            "connection": settings.connection.model_copy(update={"host": None, "port": None}),
        }
    )
