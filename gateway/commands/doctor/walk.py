"""The walk itself: each step in its turn, one line as it goes, and what to fix first."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from gateway_client import CurveKeys

from gateway import __version__
from gateway.commands.alert_checks import obstacles, told_to
from gateway.commands.doctor import account_steps, gateway_steps, iqconnect_steps
from gateway.commands.doctor.findings import (
    STEPS,
    Finding,
    ending,
    first_problem,
    ok,
    problem,
    skipped,
)
from gateway.commands.doctor.visit import Visit
from gateway.commands.validate import check_configuration, counted
from gateway.errors import ConfigError, bounded
from gateway.settings import Configs
from gateway.settings.files import spelled

EXIT_CONFIG: Final = 78
EXIT_PROBLEM: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorOptions:
    """What the command was told."""

    config: Configs = None
    """The configuration files; None for defaults and environment."""
    symbol: str = "AAPL"
    """What to look for."""
    control: str | None = None
    """The gateway's control socket; None for the configuration's."""
    data: str | None = None
    """The gateway's data socket; None for the configuration's."""
    seconds: float = 5.0
    """Longest time of one look."""
    is_level2_wanted: bool = True
    """Whether Level 2 matters."""
    is_json: bool = False
    """One JSON object instead of lines."""
    keys: CurveKeys | None = None
    """For a gateway that asks for them."""


def examine(options: DoctorOptions) -> int:
    """Walk the whole way and print what was found.

    Args:
        options: As given.

    Returns:
        0 when all is well, 1 with a problem, 78 when the configuration cannot be used.
    """
    findings = []
    for finding in walk(options):
        findings.append(finding)
        if not options.is_json:
            print(finding.as_line(), flush=True)
    code = exit_code(findings)
    if options.is_json:
        first = first_problem(findings)
        told = {
            "is_well": code == 0,
            "exit_code": code,
            "symbol": options.symbol,
            "version": __version__,
            "first": first.as_map() if first is not None else None,
            "steps": [finding.as_map() for finding in findings],
        }
        print(json.dumps(told, indent=2))
    else:
        print("\n".join(ending(findings)), flush=True)
    return code


def exit_code(findings: list[Finding]) -> int:
    """0 when all is well, 1 with a problem, 78 when the configuration cannot be used."""
    first = first_problem(findings)
    if first is None:
        return 0
    return EXIT_CONFIG if first.step == STEPS[0] else EXIT_PROBLEM


def walk(options: DoctorOptions) -> Iterator[Finding]:
    """Take every step.

    Args:
        options: As given.

    Yields:
        What each step found, as soon as it has.
    """
    visit = Visit(
        symbol=options.symbol,
        seconds=options.seconds,
        is_level2_wanted=options.is_level2_wanted,
        control=options.control,
        keys=options.keys,
        data=options.data,
        config=spelled(options.config, between=" --config ") or None,
    )
    with visit.opened:
        first = configuration(visit, options.config)
        yield first
        if first.is_problem:
            for step in STEPS[1:]:
                yield skipped(step, "no_configuration", "the configuration cannot be used")
            return
        findings: dict[str, Finding] = {}

        def is_well() -> bool:
            return not any(finding.is_problem for finding in findings.values())

        steps: tuple[Callable[[], Finding], ...] = (
            lambda: iqconnect_steps.iqconnect(visit),
            lambda: iqconnect_steps.login(visit),
            lambda: iqconnect_steps.ports(visit),
            lambda: iqconnect_steps.protocol(visit, is_logged_in=not findings["login"].is_problem),
            lambda: account_steps.entitlement(visit),
            lambda: account_steps.symbol(visit),
            lambda: gateway_steps.gateway(visit, is_well_so_far=is_well()),
            lambda: gateway_steps.consumer(visit),
            lambda: alerts(visit),
        )
        for take in steps:
            finding = take()
            findings[finding.step] = finding
            yield finding


def configuration(visit: Visit, config: Configs) -> Finding:
    """Can the configuration be read and used, and does it agree with itself?"""
    try:
        visit.settings, visit.credentials, warnings = check_configuration(config)
    except ConfigError as error:
        return problem("configuration", "configuration", str(error), error.hint)
    source = bounded(spelled(config))[1:-1] or "no file"
    count = f"; {counted(warnings)}, `validate` lists them" if warnings else ""
    return ok("configuration", f"{source}, then the environment{count}")


def alerts(visit: Visit) -> Finding:
    """Could those who are to be told of alerts be told?"""
    settings = visit.known.alerts
    found = obstacles(settings)
    if found:
        message = "; ".join(obstacle.message for obstacle in found)
        return problem("alerts", found[0].code, message, " ".join(one.fix for one in found))
    names = told_to(settings)
    if not names:
        return ok("alerts", "told to consumers and the log alone", code="nobody_else")
    return ok("alerts", f"{' and '.join(names)} can be reached")
