"""Frames in, messages and loss events out."""

from typing import Any

import msgpack
from gateway_client.entries import Pending
from gateway_client.events import Gap, GatewayRestarted
from gateway_client.intake import Intake
from gateway_client.joins import ANSWER_NS_MAX, Joins
from gateway_client.replays import Replays

from tests.unit.client.fake_gateway import quote, trade

EPOCH = 1_700_000_000_000


def frame(
    topic: str, number: int, sequence: int, *fields: Any, epoch: int = EPOCH, flags: int = 0
) -> bytes:
    """One frame."""
    body = [number, epoch, sequence, flags, 1, None, *fields]
    return topic.encode() + bytes(msgpack.packb(body))


def make(*names: str) -> tuple[Intake, Joins]:
    """An intake that listens to some topics."""
    joins = Joins()
    intake = Intake(joins, Replays())
    for name in names:
        intake.add(name)
    return intake, joins


def taken(intake: Intake) -> list[Any]:
    """What came out: sequences of messages, events as they are."""
    out = [entry.items[2] if isinstance(entry, Pending) else entry for entry in intake.out]
    intake.out.clear()
    return out


def gap(topic: str, first: int, last: int, *, healed: bool = False, is_final: bool = False) -> Gap:
    """A gap in this file's epoch."""
    return Gap(topic, first, last, healed=healed, epoch=EPOCH, is_final=is_final)


def test_replay_of_an_earlier_run_is_no_restart() -> None:
    """Backfilled trades of yesterday must not make the client start over."""
    intake, _ = make("trade,A,")
    intake.receive(frame("trade,A,", 2, 1, *trade(1.0)))
    intake.receive(frame("trade,A,", 2, 9, *trade(1.0), epoch=EPOCH - 5, flags=2))
    assert taken(intake) == [1, 9]
    assert (intake.epoch, intake.has_restarted) == (EPOCH, False)
    intake.receive(frame("trade,A,", 2, 1, *trade(1.0), epoch=EPOCH + 5))
    assert taken(intake) == [GatewayRestarted(EPOCH, EPOCH + 5), 1]
    assert intake.has_restarted


def test_clients_own_topic_brings_notices_and_tails() -> None:
    """With entitlements on, each client gets tails of its own."""
    own = "~0123456789abcdefghij.sys,client,"
    intake, joins = make(own, "trade,A,", "quote,A,")
    intake.receive(frame("trade,A,", 2, 1, *trade(1.0)))
    intake.receive(frame(own, 21, 1, {"topics": {"trade,A,": 3, "other,B,": 1}}))
    intake.receive(frame(own, 25, 2, {"notice": "lag"}))
    assert taken(intake) == [1, gap("trade,A,", 2, 3), 2]
    intake.receive(frame(own, 25, 4, {"notice": "lag"}))
    assert taken(intake) == [gap(own, 3, 3, is_final=True), 4]
    assert len(joins.start(0)) == 2


def test_gap_grows_until_a_snapshot_heals_it() -> None:
    """Several holes before the answer are healed as one."""
    intake, joins = make("quote,A,")
    for sequence in (1, 3, 6):
        intake.receive(frame("quote,A,", 1, sequence, *quote(1.0)))
    assert taken(intake) == [1, gap("quote,A,", 2, 2), 3, gap("quote,A,", 4, 5), 6]
    (private,) = joins.start(0)
    intake.receive(frame(private, 1, 8, *quote(1.0), flags=1))
    assert taken(intake) == [gap("quote,A,", 7, 8), 8, gap("quote,A,", 2, 8, healed=True)]
    assert intake.answered == [private]
    intake.receive(frame(private, 1, 8, *quote(1.0), flags=1))
    assert intake.unrouted_count == 1


def test_outdated_answer_is_not_applied() -> None:
    """A relay's late answer must not put an old value over a new one."""
    intake, joins = make("quote,A,")
    for sequence in (1, 3):
        intake.receive(frame("quote,A,", 1, sequence, *quote(1.0)))
    taken(intake)
    (private,) = joins.start(0)
    intake.receive(frame(private, 1, 2, *quote(1.0), flags=1))
    assert taken(intake) == []
    assert joins.start(0) != []


def test_answer_of_a_foreign_type_is_refused() -> None:
    """Not every frame on a private topic is an answer."""
    intake, joins = make("quote,A,")
    intake.ask_again("quote,A,")
    (private,) = joins.start(0)
    intake.receive(frame(private, 2, 1, *trade(1.0), flags=1))
    assert taken(intake) == []
    assert intake.bad_frame_count == 1


def test_malformed_system_messages_are_counted() -> None:
    """What keeps the client alive must not be able to stop it."""
    intake, _ = make()
    intake.receive(frame("sys,heartbeat,", 20, 1))
    intake.receive(frame("sys,tails,", 21, 1, {"topics": [1]}))
    intake.receive(frame("sys,tails,", 21, 2, {"topics": {"trade,A,": -1}}))
    intake.receive(frame("sys,heartbeat,", 20, 5, {}))
    intake.receive(b"no frame")
    assert taken(intake) == []
    assert (intake.bad_frame_count, intake.heartbeat_count) == (4, 1)


def test_lost_tails_ask_for_every_position() -> None:
    """Which topics they named is unknown."""
    intake, joins = make("trade,A,", "quote,B,", "bar,A,")
    intake.receive(frame("sys,tails,", 21, 1, {"topics": {}}))
    intake.receive(frame("sys,tails,", 21, 3, {"topics": {}}))
    assert taken(intake) == []
    assert len(joins.start(0)) == 2


def test_unreadable_message_is_healed_like_a_lost_one() -> None:
    """The application found that it cannot decode it; the next snapshot replaces it."""
    intake, joins = make("quote,A,", "trade,A,")
    intake.receive(frame("quote,A,", 1, 4, "no price"))
    taken(intake)
    intake.heal("quote,A,")
    intake.heal("trade,A,")
    intake.heal("quote,B,")
    (private,) = joins.start(0)
    intake.receive(frame(private, 1, 4, *quote(1.0), flags=1))
    assert taken(intake) == [4, gap("quote,A,", 4, 4, healed=True)]
    intake.remove("quote,A,")
    intake.receive(frame("quote,A,", 1, 5, *quote(1.0)))
    assert taken(intake) == []


def order(sequence: int, *, epoch: int = EPOCH, flags: int = 0, number: int = 6) -> bytes:
    """An order is deleted."""
    return frame("order,A,", number, sequence, "delete", "B", 7, epoch=epoch, flags=flags)


def asked(joins: Joins) -> int:
    """How many snapshots are asked for now."""
    return len(joins.start(0))


def test_updates_without_an_image_ask_for_one() -> None:
    """The join was answered by `pending`: there was no book then, and now there is."""
    intake, joins = make("order,A,")
    intake.ask_again("order,A,")
    (private,) = joins.start(0)
    intake.receive(frame(private, 9, 0, "pending", None, 1))
    intake.receive(order(41))
    (private,) = joins.start(0)
    intake.receive(order(42))
    assert asked(joins) == 0
    intake.receive(frame(private, 13, 42, [], flags=1))
    intake.receive(order(43))
    assert asked(joins) == 0
    assert taken(intake) == [0, 41, 42, 42, 43]


def test_first_update_of_a_run_asks_for_nothing() -> None:
    """It finds the book empty."""
    intake, joins = make("order,A,")
    intake.receive(order(1))
    intake.receive(order(2))
    assert asked(joins) == 0
    intake.receive(order(1, epoch=EPOCH + 5))
    intake.receive(order(4, epoch=EPOCH + 5))
    assert asked(joins) == 1


def test_gateway_without_images_is_asked_ever_more_rarely() -> None:
    """Each answer is a state: asking at every update would double the traffic."""
    intake, joins = make("order,A,")
    asks = 0
    for sequence in range(10, 110):
        intake.receive(order(sequence))
        for private in joins.start(0):
            asks += 1
            intake.receive(frame(private, 9, 0, "stale", "gap", 1))
    assert 4 <= asks <= 8


def test_image_on_the_topic_itself_heals() -> None:
    """At a rebuild nobody has to ask."""
    intake, joins = make("order,A,")
    for sequence in (1, 4):
        intake.receive(order(sequence))
    assert asked(joins) == 1
    intake.receive(frame("order,A,", 13, 5, []))
    assert taken(intake) == [1, gap("order,A,", 2, 3), 4, 5, gap("order,A,", 2, 3, healed=True)]


def test_change_of_an_unknown_kind_is_a_change_lost() -> None:
    """A book that misses it would be wrong without knowing."""
    intake, joins = make("order,A,")
    intake.receive(order(1))
    intake.receive(order(2, number=99))
    assert taken(intake) == [1, gap("order,A,", 2, 2)]
    assert (asked(joins), intake.unknown_count) == (1, 1)


def test_hole_before_a_position_is_told_like_any_other() -> None:
    """The answer that only tells where the sequence stands proves a loss as a message does."""
    intake, joins = make("trade,A,")
    intake.receive(frame("trade,A,", 2, 4, *trade(1.0)))
    intake.ask_again("trade,A,")
    (private,) = joins.start(0)
    intake.receive(frame(private, 2, 7, *trade(1.0), flags=1))
    assert taken(intake) == [4, gap("trade,A,", 5, 7)]
    (request,) = intake._replays.start(0)
    assert (request.first, request.last, request.epoch) == (5, 7, EPOCH)
    intake.receive(frame("trade,A,", 2, 6, *trade(1.0)))
    intake.receive(frame("trade,A,", 2, 6, *trade(1.0), flags=2))
    assert taken(intake) == []
    assert intake.repeat_count == 2


def test_what_cannot_be_fetched_is_lost_at_once() -> None:
    """Bars have no ring, and neither has an earlier run of the gateway."""
    intake, _ = make("bar,A,", "trade,A,", "quote,A,")
    bar = (1, "s", 1, 2, 1.0, 1.0, 1.0, 1.0, 5, 5, 1, 1)
    for sequence in (1, 3):
        intake.receive(frame("bar,A,", 12, sequence, *bar))
    assert taken(intake) == [1, gap("bar,A,", 2, 2, is_final=True), 3]
    intake.receive(frame("trade,A,", 2, 1, *trade(1.0)))
    intake.receive(frame("quote,A,", 1, 1, *quote(1.0), epoch=EPOCH + 5))
    intake.receive(frame("trade,A,", 2, 4, *trade(1.0), flags=2))
    assert taken(intake)[2:] == [1, gap("trade,A,", 2, 3, is_final=True), 4]


def test_start_of_a_new_run_is_fetched() -> None:
    """It may have published before we were back; that is no claim that it has."""
    for found in ("message", "snapshot", "tails"):
        intake, joins = make("trade,A,", "quote,A,")
        intake.receive(frame("trade,A,", 2, 7, *trade(1.0)))
        intake.receive(frame("quote,A,", 1, 1, *quote(1.0), epoch=EPOCH + 5))
        taken(intake)
        if found == "message":
            intake.receive(frame("trade,A,", 2, 4, *trade(1.0), epoch=EPOCH + 5))
        elif found == "snapshot":
            intake.ask_again("trade,A,")
            (private,) = joins.start(0)
            intake.receive(frame(private, 2, 3, *trade(1.0), epoch=EPOCH + 5, flags=1))
        else:
            intake.receive(frame("sys,tails,", 21, 1, {"topics": {"trade,A,": 3}}, epoch=EPOCH + 5))
        (request,) = intake._replays.start(0)
        assert (request.first, request.last, request.epoch) == (1, 3, EPOCH + 5)
        assert intake._replays.give_up_all() == []
        assert taken(intake) == ([4] if found == "message" else [])
        assert intake.gap_count == 0


def test_first_trades_of_a_symbol_are_fetched() -> None:
    """When we came there were none, as far as the gateway could tell; later losses are certain."""
    intake, joins = make("trade,A,")
    intake.receive(frame("sys,heartbeat,", 20, 1, {}))
    intake.ask_again("trade,A,")
    (private,) = joins.start(0)
    intake.receive(frame(private, 9, 0, "pending", None, 1))
    intake.receive(frame("trade,A,", 2, 3, *trade(1.0)))
    intake.receive(frame("trade,A,", 2, 5, *trade(1.0)))
    assert taken(intake) == [0, 3, gap("trade,A,", 4, 4), 5]
    (request,) = intake._replays.start(0)
    assert (request.first, request.last) == (1, 4)
    assert intake._replays.give_up_all() == [gap("trade,A,", 4, 4, is_final=True)]


def test_topics_of_a_prefix_go_with_it() -> None:
    """Otherwise all that is published until it comes back would look like loss."""
    intake, _ = make("news,", "news,B,", "trade,A,")
    for symbol in "AB":
        intake.receive(frame(f"news,{symbol},", 8, 1, symbol, "1", [], "headline"))
    for sequence in (1, 3):
        intake.receive(frame("trade,A,", 2, sequence, *trade(1.0)))
    taken(intake)
    intake.remove("news,")
    intake.add("news,")
    for symbol in "AB":
        intake.receive(frame(f"news,{symbol},", 8, 5, symbol, "1", [], "headline"))
    assert taken(intake) == [5, gap("news,B,", 2, 4), 5]
    intake.remove("trade,A,")
    assert taken(intake) == [gap("trade,A,", 2, 2, is_final=True)]


def test_rows_that_were_skipped_are_healed_by_the_next_image() -> None:
    """The application was told of them by a Gap, so it is told when the book is whole again."""
    intake, joins = make("order,A,")
    for sequence in (1, 2, 3):
        intake.receive(order(sequence))
    taken(intake)
    intake.note_skipped([gap("order,A,", 2, 3), gap("order,B,", 2, 3), gap("trade,A,", 2, 3)])
    intake.ask_again("order,A,")
    (private,) = joins.start(0)
    intake.receive(frame(private, 13, 3, [], flags=1))
    assert taken(intake) == [3, gap("order,A,", 2, 3, healed=True)]


def test_tails_of_a_topic_never_heard_ask_for_its_value() -> None:
    """All of its first messages were lost; no sequence could show it."""
    intake, joins = make("order,A,", "quote,A,", "trade,A,")
    tails = {"order,A,": 3, "quote,A,": 2, "trade,A,": 5}
    intake.receive(frame("sys,tails,", 21, 1, {"topics": tails}))
    assert sorted(private.partition(".")[2] for private in joins.start(0)) == [
        "order,A,", "quote,A,",
    ]  # fmt: skip


def test_replayed_updates_ask_for_nothing() -> None:
    """They are of a time before."""
    intake, joins = make("order,A,")
    intake.receive(order(5, flags=2))
    assert asked(joins) == 0


def test_an_answer_nobody_can_read_heals_nothing() -> None:
    """It counts as none: asked for again when it is overdue, not in a loop."""
    intake, joins = make("quote,A,")
    for sequence in (1, 3):
        intake.receive(frame("quote,A,", 1, sequence, *quote(1.0)))
    (private,) = joins.start(0)
    taken(intake)
    for _ in range(3):
        intake.receive(frame(private, 1, 3, "no price", flags=1))
    assert (taken(intake), intake.answered, intake.bad_frame_count) == ([], [], 3)
    intake.ask_again("quote,A,")
    assert joins.start(ANSWER_NS_MAX - 1) == []
    assert joins.overdue(ANSWER_NS_MAX) == [private]
    (private,) = joins.start(ANSWER_NS_MAX)
    intake.receive(frame(private, 1, 3, *quote(1.0), flags=1))
    assert taken(intake) == [3, gap("quote,A,", 2, 2, healed=True)]
