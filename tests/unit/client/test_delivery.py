"""The queue to the application: order, conflation, counted loss, waking."""

import threading
from typing import Any

import pytest
from gateway_client.delivery import DeliveryQueue, Pending, Slot
from gateway_client.events import Disconnected, Gap, Overrun
from hypothesis import given
from hypothesis import strategies as st


def slot(topic: str) -> Slot:
    """A topic's place."""
    kind, symbol, _ = topic.split(",")
    return Slot(topic, kind=kind, symbol=symbol)


def message(where: Slot, value: int, *, is_state: bool) -> Pending:
    """A message that carries a number."""
    return Pending(where, (value, 1), is_state=is_state, merged_index=1)


def drain(queue: DeliveryQueue) -> list[Any]:
    """What the application gets: numbers for messages, events as they are."""
    found: list[Any] = []
    while (entry := queue.pop()) is not None:
        found.append(entry.items[0] if isinstance(entry, Pending) else entry)
    return found


def test_fast_application_gets_everything_in_order() -> None:
    """Below the mark nothing is conflated."""
    queue = DeliveryQueue(capacity=10, conflate_above=5)
    quotes = slot("quote,A,")
    for value in range(20):
        queue.extend([message(quotes, value, is_state=True)])
        assert drain(queue) == [value]
    assert (queue.conflated_count, queue.dropped_count) == (0, 0)


def test_newest_state_replaces_the_one_that_waits() -> None:
    """The replaced ones are counted into the message that stands for them."""
    queue = DeliveryQueue(capacity=10, conflate_above=1)
    quotes = slot("quote,A,")
    queue.extend(message(quotes, value, is_state=True) for value in range(5))
    entry = queue.pop()
    assert isinstance(entry, Pending)
    assert (entry.items[0], entry.merged_add) == (4, 4)
    queue.extend([message(quotes, 5, is_state=True)])
    assert drain(queue) == [5]


def test_overrun_stands_where_the_loss_happened() -> None:
    """One topic is named, several are not, and what fits again comes after."""
    queue = DeliveryQueue(capacity=2, conflate_above=2)
    trades, others = slot("trade,A,"), slot("trade,B,")
    queue.extend(message(trades, value, is_state=False) for value in range(5))
    assert queue.pop() is not None
    assert queue.pop() is not None
    queue.extend([message(trades, 5, is_state=False), message(others, 6, is_state=False)])
    queue.extend([message(trades, 7, is_state=False)])
    assert drain(queue) == [Overrun("trade,A,", 3), 5, Overrun(None, 2)]
    assert queue.dropped_count == 5


def test_full_queue_still_tells_of_disconnection() -> None:
    """Gaps count as loss like the messages around them; the connection's own events always fit."""
    queue = DeliveryQueue(capacity=1, conflate_above=1)
    queue.extend([message(slot("trade,A,"), 1, is_state=False)])
    queue.extend([Gap("trade,A,", 1, 2, healed=False), Disconnected("silence", 3.0)])
    assert drain(queue) == [1, Overrun("trade,A,", 1), Disconnected("silence", 3.0)]


@pytest.mark.slow
@given(
    st.integers(1, 8),
    st.lists(st.tuples(st.sampled_from("qt"), st.sampled_from("AB")), max_size=80),
    st.data(),
)
def test_nothing_vanishes_uncounted(
    capacity: int, sent: list[tuple[str, str]], data: st.DataObject
) -> None:
    """Delivered, merged and dropped add up, order per topic holds, the bound holds."""
    queue = DeliveryQueue(capacity=capacity, conflate_above=data.draw(st.integers(1, capacity)))
    slots = {name: slot(f"{name[0]},{name[1]},") for name in ["qA", "qB", "tA", "tB"]}
    got: list[tuple[str, int]] = []
    counted = 0

    def read() -> None:
        nonlocal counted
        entry = queue.pop()
        if isinstance(entry, Pending):
            got.append((entry.slot.topic, entry.items[0]))
            counted += 1 + entry.merged_add
        elif isinstance(entry, Overrun):
            counted += entry.dropped

    for value, (kind, symbol) in enumerate(sent):
        where = slots[kind + symbol]
        queue.extend([message(where, value, is_state=kind == "q")])
        assert len(queue) <= 2 * capacity + 1
        for _ in range(data.draw(st.integers(0, 2))):
            read()
    while len(queue):
        read()
    assert counted == len(sent)
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
    queue.extend([message(slot("trade,A,"), 1, is_state=False)])
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
        queue.extend([Gap("t,A,", 1, 1, healed=False)])
        assert queue.call_when_ready(wake) is False
        return
    assert queue.call_when_ready(wake)
    queue.forget(wake)
    queue.extend([Gap("t,A,", 1, 1, healed=False)])
    assert calls == []
    queue.pop()
    assert queue.call_when_ready(wake)
    queue.close()
    queue.close()
    assert calls == [1]
    assert queue.call_when_ready(wake) is False


def test_topics_of_a_loss_are_told_to_the_engine() -> None:
    """What was dropped is fetched anew once the application has room again."""
    told: list[set[str]] = []
    queue = DeliveryQueue(
        capacity=1, conflate_above=1, on_overrun=lambda topics: told.append(set(topics))
    )
    orders, others = slot("order,A,"), slot("order,B,")
    queue.extend(message(orders, value, is_state=False) for value in range(3))
    assert drain(queue) == [0, Overrun("order,A,", 2)]
    queue.extend(message(where, 1, is_state=False) for where in (orders, orders, others))
    assert drain(queue) == [1, Overrun(None, 2)]
    assert told == [{"order,A,"}, {"order,A,", "order,B,"}]
