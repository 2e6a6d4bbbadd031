"""Snapshot requests: paced, never doubled, never awaited for ever."""

from gateway_client.joins import ANSWER_NS_MAX, Joins


def test_only_so_many_are_outstanding() -> None:
    """A peer may hold a limited number of subscriptions; the rest waits its turn."""
    joins = Joins(outstanding_max=2)
    for symbol in "ABC":
        joins.ask(f"quote,{symbol},")
    first = joins.start(0)
    assert [private.partition(".")[2] for private in first] == ["quote,A,", "quote,B,"]
    assert joins.start(0) == []
    assert joins.open_count == 3
    assert joins.answered(first[0]) == "quote,A,"
    assert joins.answered(first[0]) is None
    assert len(joins.start(0)) == 1


def test_asking_again_before_the_answer_changes_nothing() -> None:
    """The answer travels behind whatever made us ask again, so it serves both wishes."""
    joins = Joins()
    joins.ask("quote,A,")
    joins.ask("quote,A,")
    (private,) = joins.start(0)
    joins.ask("quote,A,")
    assert joins.start(0) == []
    joins.answered(private)
    joins.ask("quote,A,")
    assert joins.start(0) != [private]


def test_overdue_answer_is_asked_for_again_as_often_as_it_takes() -> None:
    """Each try has a fresh nonce: who was told of a gap waits for its end."""
    joins = Joins()
    joins.ask("quote,A,")
    seen = set()
    now_ns = 0
    for count in range(1, 21):
        (private,) = joins.start(now_ns)
        seen.add(private)
        assert joins.overdue(now_ns) == []
        deadline_ns = joins.deadline_ns()
        assert deadline_ns == now_ns + ANSWER_NS_MAX
        now_ns = deadline_ns
        assert joins.overdue(now_ns) == [private]
        assert len(seen) == joins.unanswered_count == count
    (private,) = joins.start(now_ns)
    assert joins.answered(private) == "quote,A,"
    assert joins.deadline_ns() is None


def test_forgotten_topic_gives_its_private_topic_back() -> None:
    """Unsubscribing must not leave the private subscription behind."""
    joins = Joins()
    joins.ask("quote,A,")
    (private,) = joins.start(0)
    assert joins.forget("quote,A,") == private
    assert joins.forget("quote,A,") is None
    joins.ask("quote,B,")
    assert joins.forget("quote,B,") is None
    assert joins.start(0) == []


def test_fresh_socket_asks_anew() -> None:
    """Private subscriptions do not move to the new socket: their wishes do."""
    joins = Joins()
    joins.ask("quote,A,")
    (private,) = joins.start(0)
    joins.restart()
    assert joins.answered(private) is None
    (again,) = joins.start(0)
    assert again != private
