"""What a relay asks of the gateway, and when it takes it back."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.relay.interest import Interest
from gateway.wire.topics import grants_of

TOPICS = (
    b"",
    b"quote,",
    b"quote,AAPL,",
    b"trade,",
    b"quote@",
    b"~0123456789abcdef.quote,AAPL,",
    b"x",
)


def test_a_topic_is_asked_for_once() -> None:
    """Two reasons are one subscription."""
    interest = Interest(b"sys,heartbeat,")
    assert interest.gain(b"quote,AAPL,") == (b"quote,AAPL,",)
    assert interest.gain(b"sys,heartbeat,") == ()
    assert interest.lose(b"sys,heartbeat,") == ()
    assert interest.lose(b"quote,AAPL,") == (b"quote,AAPL,",)
    assert interest.in_order() == [b"sys,heartbeat,"]


def test_everything_and_a_part_of_it_are_two_reasons() -> None:
    """Who leaves with the empty subscription must not take `quote,` from another."""
    interest = Interest()
    assert set(interest.gain(b"")) == set(grants_of(b""))
    assert interest.gain(b"quote,") == ()
    assert set(interest.lose(b"")) == set(grants_of(b"")) - {b"quote,"}
    assert interest.lose(b"quote,") == (b"quote,",)
    assert len(interest) == 0


def test_the_relays_own_come_first_and_private_topics_last() -> None:
    """Silence is judged by the first; a snapshot is worthless before its data topic."""
    own = (b"sys,heartbeat,", b"~0123456789abcdef.sys,client,")
    interest = Interest(*own)
    for topic in (
        b"~zzzzzzzzzzzzzzzz.quote,A,",
        b"quote,A,",
        b"~00000000000000.book,B,",
        b"~odd",
        b"",
    ):
        interest.gain(topic)
    order = interest.in_order()
    assert tuple(order[:2]) == own
    private = [topic.startswith(b"~") for topic in order[2:]]
    assert private == sorted(private)
    assert sum(private) == 2, "an incomplete private topic is not granted, so not asked for"


@given(st.lists(st.tuples(st.sampled_from(TOPICS), st.booleans()), max_size=60))
def test_what_is_asked_is_what_consumers_hold(steps: list[tuple[bytes, bool]]) -> None:
    """Whatever comes and goes, the gateway is asked for exactly the union."""
    own = b"sys,heartbeat,"
    interest, held, asked = Interest(own), set[bytes](), {own}
    for topic, is_gain in steps:
        if is_gain and topic not in held:
            held.add(topic)
            new = interest.gain(topic)
            assert not asked & set(new)
            asked |= set(new)
        elif not is_gain and topic in held:
            held.remove(topic)
            gone = interest.lose(topic)
            assert asked >= set(gone)
            asked -= set(gone)
        assert asked == {own}.union(*(grants_of(one) for one in held))
        assert set(interest.in_order()) == asked
        assert len(interest) == len(asked)
