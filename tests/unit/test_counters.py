"""What the gateway counts, and the few bad lines it keeps as evidence."""

from gateway.counters import (
    SAMPLE_CHARACTERS_MAX,
    SAMPLES_MAX,
    Complaints,
    Counter,
    Counters,
    Sample,
)


def test_every_counter_has_a_label_of_its_own_and_a_sentence() -> None:
    """Labels become metric names: two equal ones would be one number."""
    assert len({counter.label for counter in Counter}) == len(Counter)
    for counter in Counter:
        assert counter.label == counter.name.lower()
        assert counter.sentence.endswith(".")


def test_all_counters_are_there_from_the_start() -> None:
    """A counter that appears with its first event hides that nothing happened before."""
    assert Counters().as_map() == {counter.label: 0 for counter in Counter}


def test_counting_adds_to_one_counter_only() -> None:
    """Each number means what its sentence says."""
    counters = Counters()
    counters.add(Counter.FEED_BYTES, 500)
    counters.add(Counter.FEED_BYTES)
    assert counters.value(Counter.FEED_BYTES) == 501
    assert sum(counters.as_map().values()) == 501


def test_complaints_are_sampled_at_powers_of_two() -> None:
    """A million bad lines must leave twenty samples, not a million."""
    counters, told = Counters(), list[Sample]()
    complaints = Complaints(counters, on_sample=told.append)
    for number in range(1, 101):
        complaints.complain(Counter.LINES_INVALID, f"line {number}", "broken")
    assert [sample.count for sample in told] == [1, 2, 4, 8, 16, 32, 64]
    assert [sample.line for sample in told][:3] == ["'line 1'", "'line 2'", "'line 4'"]
    assert list(complaints.samples) == told
    assert counters.value(Counter.LINES_INVALID) == 100


def test_each_counter_is_sampled_by_its_own_count() -> None:
    """The first line of a rare fault is kept, however many others came before."""
    complaints = Complaints(Counters())
    for _ in range(7):
        complaints.complain(Counter.LINES_INVALID, "x", "broken")
    complaints.complain(Counter.LINES_TRUNCATED, "y", "short")
    newest = complaints.samples[-1]
    assert (newest.counter, newest.count, newest.detail) == (Counter.LINES_TRUNCATED, 1, "short")


def test_samples_are_bounded_in_number() -> None:
    """Memory must not depend on what a feed sends; the newest evidence is kept."""
    complaints = Complaints(Counters())
    for counter in Counter:
        for _ in range(2):
            complaints.complain(counter, counter.label, "broken")
    assert len(complaints.samples) == SAMPLES_MAX
    assert complaints.samples[-1].counter is list(Counter)[-1]


def test_a_sample_is_escaped_and_cut() -> None:
    """The line goes to logs and to `metrics`: it must neither forge nor flood them."""
    complaints = Complaints(Counters())
    complaints.complain(Counter.LINES_OVERSIZE, "\x1b[31m\r\n" + "x" * 70_000, "too long")
    line = complaints.samples[0].line
    assert line.isprintable()
    assert line.isascii()
    assert len(line) <= SAMPLE_CHARACTERS_MAX + len("...")


def test_some_counters_are_read_at_once() -> None:
    """What is read before and after every read of the feed must be quick."""
    counters = Counters()
    read = counters.reader(Counter.FEED_LINES, Counter.RPC_ERRORS)
    counters.add(Counter.RPC_ERRORS, 3)
    assert read() == (0, 3)
