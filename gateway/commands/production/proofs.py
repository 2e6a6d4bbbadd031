"""The proofs: each does what it is about and gives one check."""

from collections.abc import Iterator
from typing import Any, Final

from gateway_client import GatewayClient, GatewayClientError, SecurityValidationError

from gateway.clock import SystemClock
from gateway.commands.alert_checks import obstacle_of_command, obstacle_of_webhook
from gateway.commands.doctor import iqconnect_steps
from gateway.commands.doctor.findings import Outcome
from gateway.commands.doctor.visit import Visit
from gateway.commands.fault import exchange
from gateway.commands.production.checks import (
    ERRORS_PERCENT_MAX,
    LATENCY_MS_MAX,
    RECOVERY_S_MAX,
    THROUGHPUT_MIN,
    Check,
)
from gateway.commands.production.consumer import CountingConsumer
from gateway.model.error_codes import ErrorCode
from gateway.settings.alerts import AlertSettings

SYMBOLS: Final = (
    "AAPL",
    "MSFT",
    "NVDA",
    "AMZN",
    "GOOGL",
    "TSLA",
    "BRK.B",
    "@ES#",
    "QCL#",
    "EURUSD.FXCM",
)
"""Of the simulated market; all of them have quotes at any time."""
BAD_SYMBOL: Final = "INVALID;SYMBOL"
CLIENT: Final = "validation"
WARM_UP_S_MAX: Final = 10.0
MEASURED_S: Final = 4.0
AWAY_S: Final = 1.0
"""How long the simulated IQConnect is away."""
HEALTHY_S_MAX: Final = 10.0
_CLOCK: Final = SystemClock()


def alerts(settings: AlertSettings) -> Iterator[Check]:
    """Whoever is to be told of alerts could be told; nothing to prove without them."""
    program, address = obstacle_of_command(settings), obstacle_of_webhook(settings)
    tried = (("program", settings.command, program), ("web address", settings.webhook_url, address))
    for title, is_set, obstacle in tried:
        if is_set:
            told = obstacle.message if obstacle is not None else f"the {title} is there"
            fix = obstacle.fix if obstacle is not None else ""
            yield Check(f"Alert Test: {title}", obstacle is None, told, fix)


def connection(visit: Visit, *, is_simulated: bool) -> Iterator[Check]:
    """Reach IQConnect: admin port, login, and the handshake on both streaming ports."""
    named = "simulated IQConnect" if is_simulated else "configured IQConnect"
    admin = iqconnect_steps.iqconnect(visit)
    login = iqconnect_steps.login(visit)
    ports = iqconnect_steps.ports(visit)
    agreed = iqconnect_steps.protocol(visit, is_logged_in=not login.is_problem)
    titles = ("admin port", "login", "Level 1 and Level 2 ports", "Level 1 and Level 2 handshake")
    for title, finding in zip(titles, (admin, login, ports, agreed), strict=True):
        is_passed = finding.outcome is Outcome.OK
        is_tried = finding.outcome is not Outcome.SKIPPED
        detail = finding.message if is_tried else f"not tried: {finding.message}"
        fix = finding.fix or "Correct what failed before it."
        note = finding.fix if is_passed and not is_simulated else ""
        yield Check(f"Connection Test: {title} ({named})", is_passed, detail, fix, note=note)


def performance(consumer: CountingConsumer, client: GatewayClient) -> Iterator[Check]:
    """Measure a bare consumer at a high rate, and what the gateway says of itself."""
    consumer.read(WARM_UP_S_MAX, lambda: len(consumer.is_stale) >= len(SYMBOLS))
    consumer.reset()
    started_ns = _CLOCK.monotonic_ns()
    consumer.read(MEASURED_S)
    rate = consumer.received / ((_CLOCK.monotonic_ns() - started_ns) / 1e9)
    yield Check(
        "Performance Test: throughput",
        rate > THROUGHPUT_MIN,
        f"{rate:.0f} msg/s received by one consumer (target > {THROUGHPUT_MIN:.0f})",
        "Give the machine more room; end other programs and repeat.",
        {"messages_per_second": round(rate, 1)},
    )
    metrics = client.get_metrics().get("client_metrics", {})
    yield from _latency(consumer, metrics)
    errors = float(metrics.get("processing_errors", 100.0))
    yield Check(
        "Performance Test: processing errors",
        errors < ERRORS_PERCENT_MAX,
        f"{errors:.3f} % of lines (target < {ERRORS_PERCENT_MAX:g})",
        "Report the samples in `metrics`: the simulator's lines must all be understood.",
        {"processing_errors_percent": errors},
    )


def _latency(consumer: CountingConsumer, metrics: dict[str, Any]) -> Iterator[Check]:
    own_ms = float(metrics.get("average_latency_ms", LATENCY_MS_MAX))
    p99_us = metrics.get("p99_latency_us")
    worst = f", p99 {p99_us / 1000:.2f} ms" if isinstance(p99_us, int | float) else ""
    age_ms = consumer.age_ms_mean
    yield Check(
        "Performance Test: latency",
        max(own_ms, age_ms) < LATENCY_MS_MAX,
        f"{own_ms:.2f} ms on average in the gateway{worst}; {age_ms:.2f} ms until a consumer has "
        f"it (target < {LATENCY_MS_MAX:g} ms)",
        "Give the machine more room; end other programs and repeat.",
        {"average_latency_ms": round(own_ms, 3), "consumer_latency_ms": round(age_ms, 3)},
    )


def loss(consumer: CountingConsumer) -> Check:
    """By sequence, everything that was published has arrived."""
    is_whole = consumer.lost == 0 and consumer.unreadable == 0
    detail = f"{consumer.lost} messages lost by sequence, {consumer.unreadable} unreadable"
    advice = "Raise data.high_water_mark, or give the machine more room."
    return Check("Performance Test: loss", is_whole, detail, advice, {"lost": consumer.lost})


def security(client: GatewayClient) -> Iterator[Check]:
    """An invalid symbol is refused by the client before sending, and by the gateway's requests."""
    name = "Security Test: invalid symbol refused by the client"
    before = client.statistics().requests
    try:
        client.subscribe_symbol(BAD_SYMBOL, ["l1"])
    except SecurityValidationError:
        sent = client.statistics().requests - before
        told = f"{BAD_SYMBOL} refused, {'nothing was sent' if not sent else 'yet it was sent'}"
        yield Check(name, sent == 0, told, "Report this: it must never be sent.")
    else:
        yield Check(name, False, "Should have rejected invalid symbol", "Report this.")
    name = "Security Test: invalid symbol refused by the gateway"
    params = {"client": CLIENT, "symbols": [BAD_SYMBOL, "AAPL"], "kinds": ["l1"]}
    try:
        rejected = client.call("subscribe", params).get("rejected", [])
    except (GatewayClientError, AttributeError) as error:
        yield Check(name, False, f"no usable answer: {type(error).__name__}", "Report this.")
        return
    codes = {row.get("symbol"): row.get("code") for row in rejected if isinstance(row, dict)}
    is_passed = codes == {BAD_SYMBOL: ErrorCode.SYMBOL_INVALID}
    detail = f"{BAD_SYMBOL}: {codes.get(BAD_SYMBOL)}, and the symbol beside it was taken"
    yield Check(name, is_passed, detail if is_passed else f"answered {codes}", "Report this.")


def recovery(consumer: CountingConsumer, control_port: int) -> Check:
    """Let IQConnect end and come back; count until every symbol has live prices again."""
    told_stale: set[str] = set()

    def is_recovered() -> bool:
        told_stale.update(symbol for symbol, is_stale in consumer.is_stale.items() if is_stale)
        return told_stale >= set(SYMBOLS) and not any(consumer.is_stale.values())

    started_ns = _CLOCK.monotonic_ns()
    answer = exchange({"do": "restart", "down_s": AWAY_S}, control_port=control_port, timeout_s=5.0)
    is_done = answer.get("ok") is True and consumer.read(RECOVERY_S_MAX, is_recovered)
    seconds = (_CLOCK.monotonic_ns() - started_ns) / 1e9
    if is_done:
        detail = (
            f"live again {seconds:.1f} s after IQConnect ended, which was away for {AWAY_S:g} s; "
            f"consumers were told meanwhile (target < {RECOVERY_S_MAX:g} s)"
        )
    else:
        fresh = sum(not is_stale for is_stale in consumer.is_stale.values())
        detail = (
            f"not live after {seconds:.1f} s: {len(told_stale)} of {len(SYMBOLS)} symbols were "
            f"told as stale, {fresh} have live prices"
        )
    return Check(
        "Recovery Test: IQConnect ends and comes back",
        is_done and seconds < RECOVERY_S_MAX,
        detail,
        "Lower connection.timeout_seconds, retry_backoff_max and breaker_open_seconds.",
        {"recovery_seconds": round(seconds, 2)},
    )


def health(consumer: CountingConsumer, client: GatewayClient) -> Check:
    """The gateway answers `health`, and says healthy after the recovery."""
    status = client.get_health_status()
    deadline_ns = _CLOCK.monotonic_ns() + round(HEALTHY_S_MAX * 1e9)
    while not status.is_healthy and _CLOCK.monotonic_ns() < deadline_ns:
        # A consumer that stopped reading would be an issue of its own.
        consumer.read(0.25)
        status = client.get_health_status()
    detail = status.health_level
    if status.error_message is not None:
        detail = f"{detail}: {ascii(status.error_message)[1:-1]}"
    hints = [str(issue.get("hint")) for issue in status.issues]
    return Check(
        "Health Test: the gateway's own verdict",
        status.is_healthy and status.live and status.ready,
        detail,
        hints[0] if hints else "",
    )
