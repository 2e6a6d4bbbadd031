"""The guards of memory, descriptors and threads, made from settings."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from gateway.clock import Clock
from gateway.control.desk import RequestDesk
from gateway.health.guard_issues import guard_issues
from gateway.policy.guards import GuardRules, Guards
from gateway.runtime.feed_access import FeedAccess
from gateway.runtime.guard_loop import GuardLoop
from gateway.runtime.resources import ResourceGauge
from gateway.settings import Settings

SECOND_NS: Final = 1_000_000_000
Queues = Callable[[], Mapping[str, tuple[int, int]]]


def make_guards(
    settings: Settings,
    desk: RequestDesk,
    access: FeedAccess,
    queues: Queues,
    clock: Clock,
) -> GuardLoop:
    """Make what looks at resources, and let `health` and the control socket know of it.

    Args:
        settings: As checked by `load_settings`.
        desk: Answers requests, or refuses them.
        access: Tells the feed thread.
        queues: The control loop's queues.
        clock: The gateway's.
    """
    given = settings.guards
    rules = GuardRules(
        soft=given.soft_share,
        hard=given.hard_share,
        margin=given.clear_margin,
        hold_ns=round(given.hold_s * SECOND_NS),
    )
    guards = Guards(rules, clock)
    gauge = ResourceGauge(
        memory_mb_max=given.memory_mb_max,
        threads_max=given.threads_max,
        queues=partial(_queues, queues, desk),
    )
    desk.inside.monitor.register_conditions(partial(guard_issues, guards))
    read = gauge.read if given.enabled else dict
    return GuardLoop(guards, read=read, desk=desk.guard, access=access)


def _queues(own: Queues, desk: RequestDesk) -> dict[str, tuple[int, int]]:
    """The queues that must not fill; of requests as many wait as the settings want."""
    queues = {name: queue for name, queue in own().items() if name != "requests"}
    report = desk.inside.report
    links = report.links if report is not None else ()
    return queues | {
        f"lines of {link.port}": (link.held_lines, link.held_lines_max)
        for link in links
        if link.held_lines_max
    }
