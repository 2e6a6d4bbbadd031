"""Lost events: asked for within bounds, delivered once or given up, and either is told exactly."""

from typing import Any

import pytest
from gateway_client.entries import Pending
from gateway_client.errors import GatewayClientError, NotConnected, RequestRefused, RequestTimedOut
from gateway_client.events import Gap
from gateway_client.replays import (
    APART_MAX,
    ATTEMPTS_MAX,
    MESSAGES_MAX,
    OUTSTANDING_MAX,
    PAUSE_NS,
    PAUSE_NS_MAX,
    ReplayRequest,
    Replays,
)
from gateway_client.routes import Route
from gateway_client.rpc_codec import Reply

from tests.unit.client.fake_gateway import trade

EPOCH = 1_700_000_000_000
TOPIC = "trade,A,"


def body(sequence: int, **changes: Any) -> list[Any]:
    """A trade that is sent again."""
    header = {"type": 2, "epoch": EPOCH, "sequence": sequence, "flags": 2} | changes
    return [*header.values(), 1, None, *trade(float(sequence))]


def reply(
    *sequences: int, complete: bool = True, oldest: int | None = 1, bodies: Any = None
) -> Reply:
    """The gateway's answer."""
    rows = [body(sequence) for sequence in sequences] if bodies is None else bodies
    return Reply(1, {"bodies": rows, "complete": complete, "oldest": oldest}, None, None, None)


def refusal(code: str, retry_ms: int | None = None) -> RequestRefused:
    """The gateway's refusal."""
    return RequestRefused("no", code=code, hint="hint", retry_ms=retry_ms)


def healed(first: int, last: int) -> Gap:
    """What says that all of it came."""
    return Gap(TOPIC, first, last, healed=True, epoch=EPOCH)


def lost(first: int, last: int, topic: str = TOPIC) -> Gap:
    """What says that it never comes."""
    return Gap(topic, first, last, healed=False, epoch=EPOCH, is_final=True)


def told(out: list[Any]) -> list[Any]:
    """Sequences of messages, events as they are."""
    return [entry.items[2] if isinstance(entry, Pending) else entry for entry in out]


class Topic:
    """One topic with its holes."""

    def __init__(self, replays: Replays, topic: str = TOPIC) -> None:
        self.replays = replays
        self.route = Route(topic)

    def lose(self, first: int, last: int) -> bool:
        """Find a hole."""
        return self.replays.ask(self.route, EPOCH, first, last)


def asked(replays: Replays, now_ns: int = 0) -> ReplayRequest:
    """The one request that is to be sent now."""
    (request,) = replays.start(now_ns)
    return request


def test_hole_is_healed_by_what_was_lost() -> None:
    """Messages first, in order, then the word that the hole is closed."""
    replays = Replays()
    assert Topic(replays).lose(6, 8)
    request = asked(replays)
    assert request.params() == {
        "topic": TOPIC, "from_sequence": 6, "to_sequence": 8, "epoch": EPOCH,
    }  # fmt: skip
    assert replays.start(0) == []
    assert told(replays.answered(request, reply(6, 7, 8), 0)) == [6, 7, 8, healed(6, 8)]
    assert (replays.hole_count, replays.recovered_count, replays.lost_count) == (0, 3, 0)
    assert replays.start(0) == []


def test_what_is_gone_is_told_piece_by_piece() -> None:
    """Each sequence is in exactly one of the events, or delivered."""
    replays = Replays()
    Topic(replays).lose(1, 9)
    out = replays.answered(asked(replays), reply(3, 4, 6, 9, complete=False, oldest=3), 0)
    assert told(out) == [
        lost(1, 2), 3, 4, healed(3, 4), lost(5, 5), 6, healed(6, 6), lost(7, 8), 9, healed(9, 9),
    ]  # fmt: skip
    assert (replays.recovered_count, replays.lost_count) == (4, 5)


def test_long_hole_is_fetched_and_healed_in_pieces() -> None:
    """One request is bounded; later holes of the topic wait their turn."""
    replays = Replays()
    topic = Topic(replays)
    end = 2 * MESSAGES_MAX + 10
    topic.lose(1, end)
    topic.lose(end + 1_000, end + 1_000)
    found: list[Any] = []
    ranges = []
    for _ in range(3):
        request = asked(replays)
        ranges.append((request.first, request.last))
        found += told(replays.answered(request, reply(*range(request.first, request.last + 1)), 0))
    assert ranges == [(1, 1_000), (1_001, 2_000), (2_001, 2_010)]
    assert [item for item in found if isinstance(item, int)] == list(range(1, end + 1))
    assert [item for item in found if isinstance(item, Gap)] == [healed(*x) for x in ranges]
    assert asked(replays).first == end + 1_000


def test_holes_close_to_each_other_share_a_request() -> None:
    """What was not lost comes again with it, and is not delivered again."""
    replays = Replays()
    topic = Topic(replays)
    for first, last in ((1, 2), (5, 5), (6, 6), (9 + APART_MAX, 9 + APART_MAX)):
        topic.lose(first, last)
    assert replays.hole_count == 3
    request = asked(replays)
    assert (request.first, request.last) == (1, 6)
    out = told(replays.answered(request, reply(1, 2, 3, 4, 5, 6), 0))
    assert out == [1, 2, healed(1, 2), 5, 6, healed(5, 6)]
    assert asked(replays).first == 9 + APART_MAX


def test_hole_that_grows_while_it_is_asked_for() -> None:
    """What came to it since is asked for next."""
    replays = Replays()
    topic = Topic(replays)
    topic.lose(1, 2)
    request = asked(replays)
    topic.lose(3, 4)
    assert told(replays.answered(request, reply(1, 2), 0)) == [1, 2, healed(1, 2)]
    request = asked(replays)
    assert (request.first, request.last) == (3, 4)
    out = replays.answered(request, reply(complete=False, oldest=None), 0)
    assert told(out) == [lost(3, 4)]


def test_ring_that_begins_later_ends_the_hope_at_once() -> None:
    """A hole of a million must not cost two hundred requests that bring nothing."""
    replays = Replays()
    topic = Topic(replays)
    topic.lose(1, 1_000_000)
    out = replays.answered(asked(replays), reply(complete=False, oldest=999_999), 0)
    assert told(out) == [lost(1, 999_998)]
    request = asked(replays)
    assert (request.first, request.last) == (999_999, 1_000_000)
    topic.lose(2_000_000, 2_000_000)
    out = replays.answered(request, reply(complete=False, oldest=None), 0)
    assert told(out) == [lost(999_999, 1_000_000)]
    assert asked(replays).first == 2_000_000


def test_answer_cut_short_is_continued() -> None:
    """A gateway may bound a reply by bytes: as long as something comes, the rest is asked for."""
    replays = Replays()
    Topic(replays).lose(1, 4)
    out = replays.answered(asked(replays), reply(1, 2, complete=False), 0)
    assert told(out) == [1, 2, healed(1, 2)]
    request = asked(replays)
    assert (request.first, request.last) == (3, 4)
    assert told(replays.answered(request, reply(complete=False), 0)) == [lost(3, 4)]


@pytest.mark.parametrize(
    "bad",
    [
        body(2, type=11),
        body(2, epoch=EPOCH + 1),
        body(2, epoch=float(EPOCH)),
        body(2, flags=0),
        body(2, flags=True),
        body(0),
        body(1),
        body(4),
        body(2)[:5],
        [*body(2)[:7], "much", *body(2)[8:]],
        [*body(2)[:6], float("nan"), *body(2)[7:]],
        "trade",
        None,
    ],
)
def test_what_was_not_asked_for_is_counted(bad: object) -> None:
    """Neither another run's trade, nor another kind, nor one outside the range, nor one twice."""
    replays = Replays()
    Topic(replays).lose(1, 3)
    out = replays.answered(asked(replays), reply(bodies=[body(1), bad, body(3)]), 0)
    assert told(out) == [1, healed(1, 1), lost(2, 2), 3, healed(3, 3)]
    assert replays.bad_count == 1


@pytest.mark.parametrize("result", [None, [], {"complete": True}, {"bodies": 5, "complete": True}])
def test_answer_that_is_none_ends_the_hole(result: object) -> None:
    """Asking such a gateway again would bring the same."""
    replays = Replays()
    Topic(replays).lose(1, 3)
    out = replays.answered(asked(replays), Reply(1, result, None, None, None), 0)
    assert told(out) == [lost(1, 3)]
    assert replays.bad_count == 1


def test_gateway_without_replay_is_asked_once() -> None:
    """All that waits is lost for good, what is lost later is told at once."""
    replays = Replays()
    topics = [Topic(replays, f"trade,S{number},") for number in range(OUTSTANDING_MAX + 2)]
    for topic in topics:
        assert topic.lose(1, 1)
    first, *others = replays.start(0)
    out = told(replays.answered(first, refusal("unknown_method"), 0))
    assert sorted(out, key=str) == sorted(
        (lost(1, 1, topic.route.topic) for topic in topics), key=str
    )
    for request in others:
        assert replays.answered(request, refusal("unknown_method"), 0) == []
    assert replays.late_count == len(others)
    assert topics[0].lose(2, 2) is False
    assert (replays.start(0), replays.hole_count) == ([], 0)
    assert replays.restart() == []
    assert topics[0].lose(1, 1)
    assert asked(replays).first == 1


@pytest.mark.parametrize(
    "error",
    [
        *map(refusal, ["bad_request", "not_entitled", "out_of_range", "internal"]),
        refusal("rate_limited", 60_001),
    ],
)
def test_refused_hole_is_lost_at_once(error: RequestRefused) -> None:
    """Nothing would be different another time; other holes are asked for as before."""
    replays = Replays()
    topic = Topic(replays)
    topic.lose(1, 1)
    topic.lose(100, 100)
    assert told(replays.answered(asked(replays), error, 0)) == [lost(1, 1)]
    assert told(replays.answered(asked(replays), reply(100), 0)) == [100, healed(100, 100)]


@pytest.mark.parametrize(
    ("error", "pause_ns"),
    [
        (refusal("busy"), PAUSE_NS),
        (refusal("timeout"), PAUSE_NS),
        (refusal("rate_limited", 20), 20_000_000),
        (refusal("rate_limited", 60_000), PAUSE_NS_MAX),
        (RequestTimedOut("late"), PAUSE_NS),
        (NotConnected("gone"), PAUSE_NS),
    ],
)
def test_busy_gateway_is_left_alone_for_a_while(error: GatewayClientError, pause_ns: int) -> None:
    """Everything pauses, what failed comes first after it, and the tries are bounded."""
    replays = Replays()
    Topic(replays).lose(1, 1)
    for number in range(3 * OUTSTANDING_MAX):
        Topic(replays, f"trade,S{number},").lose(1, 1)
    requests = replays.start(0)
    assert len(requests) == OUTSTANDING_MAX
    assert replays.answered(requests[0], error, 0) == []
    assert replays.start(pause_ns - 1) == []
    assert replays.deadline_ns() == pause_ns
    (again,) = replays.start(pause_ns)
    assert again.route is requests[0].route
    assert replays.deadline_ns() is None
    assert replays.retried_count == 1
    now_ns = pause_ns
    for _ in range(ATTEMPTS_MAX - 2):
        assert replays.answered(again, error, now_ns) == []
        now_ns += PAUSE_NS_MAX
        (again,) = replays.start(now_ns)
    out = told(replays.answered(again, error, now_ns))
    assert out[0] == lost(1, 1)
    # A gateway that has not answered anything fares no better with the others.
    is_answered = isinstance(error, RequestRefused)
    assert len(out) == (1 if is_answered else 3 * OUTSTANDING_MAX + 1)
    assert (replays.hole_count == 0) is not is_answered


def test_room_for_holes_is_bounded() -> None:
    """What finds none is for the caller to tell as lost; touching holes are one."""
    replays = Replays(holes_max=2)
    topic = Topic(replays)
    assert topic.lose(1, 1)
    assert topic.lose(2, 3)
    assert topic.lose(5, 5)
    assert not topic.lose(9, 9)
    assert not Topic(replays, "trade,B,").lose(1, 1)
    assert replays.refused_count == 2
    assert topic.lose(6, 6)
    assert told(replays.answered(asked(replays), reply(1, 2, 3, 4, 5, 6), 0))[-1] == healed(5, 6)
    assert topic.lose(9, 9)


def test_another_run_ends_all_holes() -> None:
    """The ring went with the run; a late answer of it brings nothing."""
    replays = Replays()
    topic = Topic(replays)
    topic.lose(1, 1)
    topic.lose(3, 3)
    request = asked(replays)
    assert told(replays.restart()) == [lost(1, 1), lost(3, 3)]
    topic.lose(1, 1)
    assert replays.answered(request, reply(1), 0) == []
    assert replays.late_count == 1
    assert told(replays.answered(asked(replays), reply(1), 0)) == [1, healed(1, 1)]


def test_topic_given_up_in_the_middle_tells_what_is_left() -> None:
    """Of a long hole a part may have been delivered already."""
    replays = Replays()
    topic = Topic(replays)
    topic.lose(1, MESSAGES_MAX + 2)
    replays.answered(asked(replays), reply(*range(1, MESSAGES_MAX + 1)), 0)
    assert replays.is_awaited(TOPIC, EPOCH, MESSAGES_MAX + 1)
    assert not replays.is_awaited(TOPIC, EPOCH, 1)
    assert not replays.is_awaited(TOPIC, EPOCH + 1, MESSAGES_MAX + 1)
    assert told(replays.give_up(TOPIC)) == [lost(MESSAGES_MAX + 1, MESSAGES_MAX + 2)]
    assert replays.give_up(TOPIC) == []
    assert (replays.hole_count, replays.start(0)) == (0, [])


def test_what_may_never_have_been_is_not_said_to_be_lost() -> None:
    """What comes of it is delivered; of what does not nobody knows that it was published."""
    replays = Replays()
    topic = Topic(replays)
    assert replays.ask(topic.route, EPOCH, 1, 4, is_sure=False)
    topic.lose(5, 6)
    out = replays.answered(asked(replays), reply(3, complete=False, oldest=1), 0)
    assert told(out) == [3, healed(3, 3)]
    out = replays.answered(asked(replays), reply(complete=False, oldest=None), 0)
    assert told(out) == [lost(5, 6)]
    assert replays.lost_count == 2


def test_nothing_is_asked_while_the_gateway_is_not_heard() -> None:
    """It would only use up the attempts."""
    replays = Replays()
    Topic(replays).lose(1, 1)
    replays.is_paused = True
    assert replays.start(0) == []
    replays.is_paused = False
    assert asked(replays).first == 1
