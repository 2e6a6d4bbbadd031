"""Resources that run short, as issues: what is short, what is given up for it, and what to do."""

from collections.abc import Iterator
from typing import Final

from gateway.health.verdict import Issue
from gateway.policy.guards import Guards, Resource, Step, Use

GIVEN_UP: Final = {
    Step.SHED: "conflated topics are slower",
    Step.DELAY: "conflated topics are slower, and snapshots wait",
    Step.REFUSE_WATCHES: "new leases are refused, new watches and snapshots wait",
    Step.REFUSE_CONNECTIONS: "new connections and leases are refused, new watches wait",
    Step.CRITICAL: "new connections and leases are refused, and nothing is left to give up",
}
"""What each step means for consumers."""
HINTS: Final = {
    Resource.MEMORY: "Give the process more memory (container limit, guards.memory_mb_max), or "
    "lower replay.memory_mb_max, data.high_water_mark or the number of symbols; `subscriptions` "
    "shows consumers that are behind, `admin.evict` cuts one off.",
    Resource.DESCRIPTORS: "Raise the limit of open files (ulimit -n, LimitNOFILE), or close "
    "consumers that are not needed: each has a descriptor for every socket.",
    Resource.THREADS: "Raise the limit of processes (ulimit -u, pids.max), or see `diagnostics` "
    "for threads that do not end.",
    Resource.QUEUES: "The processor is too slow for what is asked: watch fewer symbols, ask more "
    "slowly, or give the machine more room.",
}
"""What to do."""


def guard_issues(guards: Guards) -> Iterator[Issue]:
    """The resources that are short, one issue each."""
    for resource, step, use in guards.short():
        yield Issue(
            f"{resource.value}_guard",
            "critical" if step >= Step.CRITICAL else "warning",
            f"{resource.value}: {_spell(use)} used; {GIVEN_UP[step]}",
            HINTS[resource],
        )


def _spell(use: Use) -> str:
    unit = f" {use.unit}" if use.unit else ""
    source = f" ({use.source})" if use.source else ""
    return f"{use.used:.0f} of {use.limit:.0f}{unit}{source}, {use.share:.0%},"
