"""The figures of `metrics`: of consumers, connections, topics and the process."""

from collections.abc import Mapping
from typing import Any

from gateway.control.admin_port import AdminPort
from gateway.health.facts import FeedHistory
from gateway.health.readings import client_metrics


def figures_of(
    history: FeedHistory,
    *,
    admin: AdminPort,
    lease_count: int,
    counts: Mapping[str, int],
    process: Mapping[str, Any],
    readings: Mapping[str, float | None],
) -> dict[str, Any]:
    """Answer `metrics`.

    Args:
        history: The feed thread's last reports.
        admin: The admin connection.
        lease_count: Living leases.
        counts: What was counted outside the feed thread, by label.
        process: Memory, processor and threads of this process.
        readings: The figures of the monitor's last check.
    """
    report = history.newest
    admin_report = admin.report()
    links = {admin_report.port: admin_report.as_map()}
    connections: dict[str, Any] = {"links": links, "login": admin.login}
    topics: dict[str, Any] = {}
    if report is not None:
        links.update({link.port: link.as_map() for link in report.links})
        connections |= {
            "ports": report.ports,
            "consumers": report.connection_count,
            "consumers_slow": len(report.slow_consumers),
            "consumers_unmeasured": report.unmeasured_count,
            "max_symbols": report.max_symbols,
        }
        topics = {
            "topics": report.topic_count,
            "subscriptions": report.subscription_count,
            "symbols": report.symbols,
            "books": report.books,
            "leases": lease_count,
        }
    return {
        "client_metrics": client_metrics(history, counts, readings),
        "connections": connections,
        "topics": topics,
        "process": dict(process),
        "gateway": None,
    }
