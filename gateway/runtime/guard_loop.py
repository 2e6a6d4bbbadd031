"""Looks at resources once a second and lets both threads give up what has to be."""

import asyncio
from collections.abc import Callable, Mapping

from gateway.control.feed_commands import SetPressure
from gateway.control.guard_desk import GuardDesk
from gateway.errors import Overloaded
from gateway.logs import get_logger
from gateway.policy.guards import Guards, Resource, Step, Use
from gateway.runtime.feed_access import FeedAccess


class GuardLoop:
    """Applies the guards.

    Args:
        guards: Judges.
        read: Reads what is used of what there is.
        desk: Refuses requests.
        access: Tells the feed thread.
        interval_s: From one look to the next.
    """

    def __init__(
        self,
        guards: Guards,
        *,
        read: Callable[[], Mapping[Resource, Use]],
        desk: GuardDesk,
        access: FeedAccess,
        interval_s: float = 1.0,
    ) -> None:
        self._guards = guards
        self._read = read
        self._desk = desk
        self._access = access
        self._interval_s = interval_s
        self._told = Step.NONE
        self._log = get_logger("guards")

    async def run(self) -> None:
        """Look until cancelled.

        Cancel safety: what was given up stays given up; the process is about to end.
        """
        while True:
            self.look()
            await asyncio.sleep(self._interval_s)

    def look(self) -> None:
        """Look once, and pass on what has changed."""
        step = self._guards.look(self._read())
        if step != self._desk.step:
            short = {
                resource.value: f"{use.share:.0%}" for resource, _, use in self._guards.short()
            }
            write = self._log.warning if step > self._desk.step else self._log.info
            write("resources: another step", step=step.name.lower(), **short)
            self._desk.step = step
        if step != self._told:
            try:
                self._access.tell(SetPressure(step))
            except Overloaded:
                # Its queue is full; the next look tells it.
                return
            self._told = step
