"""The hub: computed once for all pages, not at all without one, and nobody waits for a slow one."""

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from gateway.control.feed_commands import FeedCommand, PeersReport, ReadPeers, SymbolRows
from gateway.control.status_stream import StatusComposer
from gateway.control.status_symbols import SymbolFollower
from gateway.counters import Counter, Counters
from gateway.errors import Overloaded
from gateway.runtime.status_hub import WAITING_BYTES_MAX, Outbox, StatusHub
from tests.unit.control.desk_bench import Bench
from tests.unit.health.feed_reports import GOOD

pytestmark = pytest.mark.asyncio


class Feed:
    """A feed thread that answers, or does not."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.asked: list[FeedCommand] = []
        self.is_stuck = False
        self.error: Overloaded | None = None

    async def ask(self, command: FeedCommand) -> Any:
        """Answer a command."""
        self.asked.append(command)
        if self.is_stuck:
            await asyncio.Event().wait()
        if self.error is not None:
            raise self.error
        if isinstance(command, ReadPeers):
            return PeersReport([], 0, 0)
        answer = self.bench.execute(command)
        assert isinstance(answer, SymbolRows)
        return answer


class Scene:
    """A hub around a bench."""

    def __init__(self) -> None:
        self.bench = Bench()
        self.bench.history.add(GOOD)
        self.bench.subscribe("AAPL")
        self.bench.hear("AAPL")
        self.feed = Feed(self.bench)
        self.counters = Counters()
        self.hub = StatusHub(
            StatusComposer(self.bench.requests, clock=self.bench.clock),
            SymbolFollower(self.bench.clock),
            ask=self.feed.ask,
            counters=self.counters,
        )

    async def until(self, page: "AsyncGenerator[bytes, None]", name: str) -> Any:
        """Read a page's events up to the next one of a name."""
        async with asyncio.timeout(5.0):
            async for told in page:
                if told.startswith(f"event: {name}\n".encode()):
                    return json.loads(told.split(b"\ndata: ")[1])
        raise AssertionError(f"the stream ended before {name}")


@pytest.fixture
def scene() -> Scene:
    """A hub without a page."""
    return Scene()


async def test_nothing_is_computed_while_no_page_is_open(scene: Scene) -> None:
    """Most gateways run for months without anybody looking."""
    scene.hub.note_report()
    await asyncio.sleep(0.05)
    assert scene.feed.asked == []
    page = scene.hub.stream()
    await scene.until(page, "status")
    assert scene.hub.page_count == 1
    await page.aclose()
    assert scene.hub.page_count == 0
    asked = len(scene.feed.asked)
    scene.hub.note_report()
    await asyncio.sleep(0.3)
    assert len(scene.feed.asked) == asked
    assert [t for t in asyncio.all_tasks() if t.get_name().startswith("page")] == []


async def test_a_page_is_told_everything_and_then_what_changes(scene: Scene) -> None:
    """In the order in which its script needs it."""
    page = scene.hub.stream()
    assert await anext(page) == b"retry: 1000\n\n"
    assert set((await scene.until(page, "trends"))["series"]) >= {"messages", "lines"}
    table = await scene.until(page, "symbols")
    assert table["begin"]
    rows = table["rows"] or (await scene.until(page, "symbols"))["rows"]
    assert [row[:3] for row in rows] == [["AAPL", "live", None]]
    scene.bench.board.halt(scene.bench.board.symbols["AAPL"], is_halted=True)
    scene.hub.note_report()
    while True:
        # The row that was being told may come once more before.
        told = await scene.until(page, "symbols")
        if [row[:3] for row in told.get("rows", [])] == [["AAPL", "live", "halted"]]:
            break
    await page.aclose()


async def test_many_pages_are_computed_once(scene: Scene) -> None:
    """A wall of screens costs what one does."""
    pages = [scene.hub.stream() for _ in range(10)]
    for page in pages:
        await scene.until(page, "trends")
    await asyncio.sleep(0.1)
    peers = [c for c in scene.feed.asked if isinstance(c, ReadPeers)]
    assert len(peers) <= 2
    scene.hub.note_report()
    first = [await scene.until(page, "status") for page in pages]
    assert all(one["pages"] <= 10 for one in first)
    for page in pages:
        await page.aclose()


async def test_a_late_page_gets_the_whole_table(scene: Scene) -> None:
    """Changes alone would leave it with holes."""
    early = scene.hub.stream()
    await scene.until(early, "symbols")
    await asyncio.sleep(0.05)
    late = scene.hub.stream()
    table = await scene.until(late, "symbols")
    assert (table["begin"], table["complete"]) == (True, True)
    assert [row[0] for row in table["rows"]] == ["AAPL"]
    await late.aclose()
    await early.aclose()


async def test_a_feed_thread_that_hangs_does_not_keep_the_status(scene: Scene) -> None:
    """That it hangs is what has to be told."""
    scene.feed.is_stuck = True
    page = scene.hub.stream()
    for _ in range(3):
        await scene.until(page, "status")
    await page.aclose()


async def test_a_feed_thread_that_is_behind_is_asked_again(scene: Scene) -> None:
    """Refusing is not the end."""
    scene.feed.error = Overloaded("the feed thread is behind")
    page = scene.hub.stream()
    await scene.until(page, "status")
    await asyncio.sleep(0.05)
    assert scene.counters.value(Counter.PAGES_BEHIND) >= 1
    scene.feed.error = None
    scene.hub.note_report()
    assert await scene.until(page, "consumers") == {"rows": [], "total": 0, "slow": 0}
    await page.aclose()


async def test_a_page_that_does_not_take_what_it_is_told_is_cut_off(scene: Scene) -> None:
    """What waits for it is bounded, and the others are told as ever."""
    slow, good = scene.hub.stream(), scene.hub.stream()
    await scene.until(slow, "symbols")
    await scene.until(good, "symbols")
    big = b"x" * (WAITING_BYTES_MAX // 4)
    for _ in range(5):
        scene.hub._tell(big)
        await anext(good)
    assert [told async for told in slow] == []
    assert scene.counters.value(Counter.PAGES_CUT) == 1
    assert scene.hub.page_count == 1
    await good.aclose()


async def test_an_outbox_gives_what_was_put_in_its_order() -> None:
    """And waits for more."""
    outbox = Outbox()
    outbox.put(b"1")
    outbox.put(b"2")
    assert [await outbox.take(), await outbox.take()] == [b"1", b"2"]
    waiting = asyncio.ensure_future(outbox.take())
    await asyncio.sleep(0)
    outbox.put(b"3")
    assert await waiting == b"3"
    outbox.cut()
    outbox.put(b"4")
    assert await outbox.take() is None


async def test_a_fault_of_our_own_ends_the_streams_and_is_told(scene: Scene) -> None:
    """Pages come back by themselves and find everything begun anew."""
    page = scene.hub.stream()
    await scene.until(page, "symbols")
    history = scene.bench.requests.inside.history
    broken = history.reports.pop()
    history.reports.append(None)  # type: ignore[arg-type]
    scene.hub.note_report()
    async with asyncio.timeout(5.0):
        rest = [one async for one in page]
    assert all(one.startswith(b"event: ") for one in rest)
    assert scene.counters.value(Counter.HTTP_FAULTS) == 1
    assert scene.hub.page_count == 0
    history.reports[-1] = broken
    again = scene.hub.stream()
    await scene.until(again, "status")
    await again.aclose()
