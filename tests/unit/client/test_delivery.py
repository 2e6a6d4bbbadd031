"""The queue to the application: order, conflation, skips, age, waking."""

import threading
from typing import Any

import pytest
from gateway_client.delivery import DeliveryQueue
from gateway_client.entries import Pending, Slot
from gateway_client.events import Disconnected, Event, Gap, GatewayRestarted, Overrun
from hypothesis import given
from hypothesis import strategies as st

EPOCH = 5
STATE_TYPE = 9


def slot(topic: str) -> Slot:
    """A topic's place."""
    kind, symbol, _ = topic.split(",")
    has_value = kind in ("quote", "order")
    return Slot(topic, kind=kind, symbol=symbol, has_value=has_value)


def message(where: Slot, sequence: int, *, is_state: bool, **more: Any) -> Pending:
    """A message of a sequence."""
    header = (more.pop("type", 1), EPOCH, sequence, 0, 1, None)
    return Pending(where, (*header, 1), is_state=is_state, merged_index=6, **more)


def put(queue: DeliveryQueue, *batch: Pending | Event, at_ns: int = 0) -> None:
    """What one turn of the reader brings."""
    queue.extend(batch, at_ns)


def lost(topic: str, first: int, last: int, *, is_final: bool = True) -> Gap:
    """What a skip says of a range."""
    return Gap(topic, first, last, healed=False, epoch=EPOCH, is_final=is_final)


def drain(queue: DeliveryQueue) -> list[Any]:
    """What the application gets: sequences of messages, events as they are."""
    found: list[Any] = []
    while (entry := queue.pop()) is not None:
        found.append(entry.items[2] if isinstance(entry, Pending) else entry)
    return found


def test_fast_application_gets_everything_in_order() -> None:
    """Below the mark nothing is conflated."""
    queue = DeliveryQueue(capacity=10, conflate_above=5)
    quotes = slot("quote,A,")
    for value in range(20):
        put(queue, message(quotes, value, is_state=True))
        assert drain(queue) == [value]
    assert (queue.conflated_count, queue.dropped_count) == (0, 0)


def test_newest_state_replaces_the_one_that_waits() -> None:
    """The replaced ones are counted into the message that stands for them."""
    queue = DeliveryQueue(capacity=10, conflate_above=1)
    quotes = slot("quote,A,")
    put(queue, *(message(quotes, value, is_state=True) for value in range(5)))
    entry = queue.pop()
    assert isinstance(entry, Pending)
    assert (entry.items[2], entry.merged_add) == (4, 4)
    put(queue, message(quotes, 5, is_state=True))
    assert drain(queue) == [5]


def test_full_queue_skips_what_waits() -> None:
    """What is read next is current, and behind the word of what was skipped."""
    queue = DeliveryQueue(capacity=4, conflate_above=4)
    trades = slot("trade,A,")
    for value in range(1, 12):
        put(queue, message(trades, value, is_state=False))
    assert drain(queue) == [Overrun("trade,A,", 10), lost("trade,A,", 1, 10), 11]
    assert (queue.dropped_count, queue.skip_count) == (10, 3)
    assert drain(queue) == []


def test_values_survive_a_skip() -> None:
    """Only the newest of each topic, with what it stands for."""
    queue = DeliveryQueue(capacity=6, conflate_above=6)
    quotes, others, trades = slot("quote,A,"), slot("quote,B,"), slot("trade,A,")
    put(queue, *(message(quotes, value, is_state=True) for value in (1, 2, 3)))
    put(queue, message(others, 7, is_state=True))
    put(queue, *(message(trades, value, is_state=False) for value in (1, 2, 3)))
    overrun, gap, newest, *rest = [queue.pop() for _ in range(5)]
    assert [overrun, gap] == [Overrun("trade,A,", 2), lost("trade,A,", 1, 2)]
    assert isinstance(newest, Pending)
    assert (newest.items[2], newest.merged_add) == (3, 2)
    assert [entry.items[2] for entry in rest if isinstance(entry, Pending)] == [7, 3]


def test_more_values_than_half_the_room_are_asked_for_anew() -> None:
    """Otherwise a queue full of values would never get room again."""
    told: list[Any] = []
    queue = DeliveryQueue(capacity=4, conflate_above=4, on_overrun=lambda *what: told.append(what))
    for number in range(5):
        put(queue, message(slot(f"quote,S{number},"), number, is_state=True))
    assert drain(queue) == [Overrun(None, 2, unnamed=2), 2, 3, 4]
    assert told == [(Overrun(None, 2, unnamed=2), {"quote,S0,", "quote,S1,"}, [])]
    quotes = slot("quote,S0,")
    put(queue, message(quotes, 9, is_state=True))
    assert drain(queue) == [9]


def test_each_range_is_told_and_holes_are_not() -> None:
    """What was never received is not said to be skipped: its own Gap stands."""
    queue = DeliveryQueue(capacity=7, conflate_above=7)
    trades, others = slot("trade,A,"), slot("trade,B,")
    hole = Gap("trade,A,", 3, 4, healed=False, epoch=EPOCH)
    put(queue, *(message(trades, value, is_state=False) for value in (1, 2)), hole)
    put(queue, *(message(trades, value, is_state=False) for value in (5, 6)))
    put(queue, message(others, 9, is_state=False), message(trades, 7, is_state=False))
    put(queue, message(trades, 8, is_state=False))
    assert drain(queue) == [
        Overrun(None, 6),
        lost("trade,A,", 1, 2),
        lost("trade,A,", 5, 7),
        lost("trade,B,", 9, 9),
        hole,
        8,
    ]


def test_recovered_messages_that_are_skipped_are_lost() -> None:
    """The word that they came must not stand beside the word that they never will."""
    queue = DeliveryQueue(capacity=5, conflate_above=5)
    trades = slot("trade,A,")
    hole = Gap("trade,A,", 2, 5, healed=False, epoch=EPOCH)
    closed = Gap("trade,A,", 2, 5, healed=True, epoch=EPOCH)
    put(queue, hole, *(message(trades, value, is_state=False) for value in (2, 3)))
    assert [queue.pop(), queue.pop()] != []
    put(queue, message(trades, 4, is_state=False), message(trades, 5, is_state=False), closed)
    put(queue, message(trades, 7, is_state=False), message(trades, 8, is_state=False))
    assert drain(queue) == [
        Overrun("trade,A,", 4),
        lost("trade,A,", 3, 5),
        lost("trade,A,", 7, 7),
        Gap("trade,A,", 2, 2, healed=True, epoch=EPOCH),
        8,
    ]


def test_ranges_told_one_by_one_are_bounded() -> None:
    """Beyond a thousand the Overrun says how many more."""
    queue = DeliveryQueue(capacity=1_500, conflate_above=1_500)
    for number in range(1_500):
        put(queue, message(slot(f"trade,S{number},"), 1, is_state=False))
    put(queue, message(slot("trade,S0,"), 2, is_state=False))
    overrun, *gaps, newest = drain(queue)
    assert overrun == Overrun(None, 1_500, unnamed=500)
    assert gaps == [lost(f"trade,S{number},", 1, 1) for number in range(1_000)]
    assert newest == 2


def test_events_of_the_client_survive_a_skip() -> None:
    """Restarts and silence are told whatever happens; a queue full of them is bounded too."""
    queue = DeliveryQueue(capacity=1, conflate_above=1)
    final = lost("trade,A,", 1, 2)
    put(queue, message(slot("trade,A,"), 3, is_state=False))
    put(queue, final, Disconnected("silence", 3.0), GatewayRestarted(5, 6))
    put(queue, message(slot("sys,goodbye,"), 7, is_state=False))
    assert drain(queue) == [
        Overrun("trade,A,", 1),
        lost("trade,A,", 3, 3),
        final,
        Disconnected("silence", 3.0),
        GatewayRestarted(5, 6),
        7,
    ]
    for sequence in range(1, 1_401):
        put(queue, lost("trade,A,", 2 * sequence, 2 * sequence), GatewayRestarted(5, 6))
        assert len(queue) <= 1_000 + 1 + 2
    found = drain(queue)
    gaps = [item.first_missing for item in found if isinstance(item, Gap)]
    (overrun,) = (item for item in found if isinstance(item, Overrun))
    restarts = found.count(GatewayRestarted(5, 6))
    assert sorted(gaps) == [2 * sequence for sequence in range(1, 1_401)]
    assert (overrun.topic, overrun.unnamed) == (None, 1_400 - restarts)


def test_books_are_told_apart_from_what_is_lost_for_good() -> None:
    """Their rows come again as an image; an answer that is skipped is asked for again."""
    told: list[Any] = []
    queue = DeliveryQueue(capacity=3, conflate_above=3, on_overrun=lambda *what: told.append(what))
    orders, others = slot("order,A,"), slot("order,B,")
    put(queue, *(message(orders, value, is_state=False) for value in (1, 2)))
    put(queue, message(others, 0, is_state=False, type=STATE_TYPE))
    put(queue, message(others, 4, is_state=False, is_snapshot=True))
    put(queue, *(message(orders, value, is_state=False) for value in (3, 4, 5)))
    gaps = [lost("order,A,", 1, 3, is_final=False)]
    overrun = Overrun(None, 5, unnamed=2)
    assert drain(queue) == [overrun, *gaps, 4, 5]
    assert told == [(overrun, {"order,A,", "order,B,"}, gaps)]


def test_age_of_what_waits() -> None:
    """It is what makes a slow application visible to the gateway."""
    queue = DeliveryQueue(capacity=9, conflate_above=9)
    trades = slot("trade,A,")
    assert queue.age_ns(5) == 0
    put(queue, message(trades, 1, is_state=False), at_ns=1_000_000_000)
    put(queue, message(trades, 2, is_state=False), at_ns=2_000_000_000)
    put(queue, message(trades, 3, is_state=False), at_ns=2_001_000_000)
    assert queue.age_ns(4_000_000_000) == 3_000_000_000
    queue.pop()
    assert queue.age_ns(4_000_000_000) == 2_000_000_000
    queue.pop()
    assert queue.age_ns(4_000_000_000) == 2_000_000_000
    queue.pop()
    assert queue.age_ns(4_000_000_000) == 0


def test_old_messages_are_skipped_only_if_asked_for() -> None:
    """By default a trade waits for as long as there is room."""
    for skip_after_ns, expected in (
        (None, [1, 2, 3]),
        (1_000, [Overrun("trade,A,", 2), lost("trade,A,", 1, 2), 3]),
    ):
        queue = DeliveryQueue(capacity=9, conflate_above=9, skip_after_ns=skip_after_ns)
        trades = slot("trade,A,")
        put(queue, *(message(trades, value, is_state=False) for value in (1, 2)))
        queue.skip_if_old(1_000)
        assert queue.skip_count == 0
        queue.skip_if_old(1_001)
        put(queue, message(trades, 3, is_state=False), at_ns=2_000)
        assert drain(queue) == expected


@pytest.mark.slow
@given(
    st.integers(1, 8),
    st.lists(st.tuples(st.sampled_from(["quote", "trade"]), st.sampled_from("AB")), max_size=80),
    st.data(),
)
def test_nothing_vanishes_uncounted(
    capacity: int, sent: list[tuple[str, str]], data: st.DataObject
) -> None:
    """Delivered, merged and skipped add up, order per topic holds, the bound holds."""
    queue = DeliveryQueue(capacity=capacity, conflate_above=data.draw(st.integers(1, capacity)))
    slots = {(kind, name): slot(f"{kind},{name},") for kind in ("quote", "trade") for name in "AB"}
    got: list[tuple[str, int]] = []
    gone: list[tuple[str, int]] = []
    counted = named = gap_count = gap_peak = 0  # The Gaps of an Overrun that wait.

    def read() -> None:
        nonlocal counted, named, gap_count, gap_peak
        before = len(queue)
        entry = queue.pop()
        if isinstance(entry, Pending):
            got.append((entry.slot.topic, entry.items[2]))
            counted += 1 + entry.merged_add
        elif isinstance(entry, Overrun):
            counted += entry.dropped
            named += entry.dropped - entry.unnamed
            gap_count += len(queue) - before + 1
            gap_peak = max(gap_peak, gap_count)
        elif isinstance(entry, Gap):
            gap_count -= 1
            gone.extend(
                (entry.topic, value) for value in range(entry.first_missing, entry.last_missing + 1)
            )

    for value, key in enumerate(sent):
        put(queue, message(slots[key], value, is_state=key[0] == "quote"))
        assert len(queue) <= 2 * capacity + 1 + gap_peak
        for _ in range(data.draw(st.integers(0, 2))):
            read()
    while len(queue):
        read()
    assert counted == len(sent)
    assert named == len(gone)
    trades = [(slots[key].topic, value) for value, key in enumerate(sent) if key[0] == "trade"]
    assert sorted([*gone, *(entry for entry in got if entry[0].startswith("trade"))]) == sorted(
        trades
    )
    for where in slots.values():
        values = [value for topic, value in got if topic == where.topic]
        assert values == sorted(values)


def test_waiting_ends_with_an_entry_a_deadline_or_the_end() -> None:
    """No call waits without a way out."""
    queue = DeliveryQueue(capacity=2, conflate_above=2)
    assert queue.wait(0) is False
    assert queue.wait(0.001) is False
    ready: list[bool] = []
    reader = threading.Thread(target=lambda: ready.append(queue.wait(None)))
    reader.start()
    put(queue, message(slot("trade,A,"), 1, is_state=False))
    reader.join()
    assert ready == [True]
    queue.close()
    assert queue.wait(None) is True
    assert drain(queue) == [1]
    assert queue.wait(None) is False
    assert queue.is_closed


@pytest.mark.parametrize("has_entry", [True, False])
def test_waker_is_called_once_or_not_at_all(has_entry: bool) -> None:
    """An event loop is woken for news only, and never after it gave up."""
    queue = DeliveryQueue(capacity=9, conflate_above=9)
    calls: list[int] = []

    def wake() -> None:
        calls.append(1)

    if has_entry:
        put(queue, Gap("t,A,", 1, 1, healed=False))
        assert queue.call_when_ready(wake) is False
        return
    assert queue.call_when_ready(wake)
    queue.forget(wake)
    put(queue, Gap("t,A,", 1, 1, healed=False))
    assert calls == []
    queue.pop()
    assert queue.call_when_ready(wake)
    queue.close()
    queue.close()
    assert calls == [1]
    assert queue.call_when_ready(wake) is False
