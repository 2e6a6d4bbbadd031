"""Frames in, messages and loss events out."""

from typing import Any

import msgpack
from gateway_client.delivery import Pending
from gateway_client.events import Gap, GatewayRestarted
from gateway_client.intake import Intake
from gateway_client.joins import Joins

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
    intake = Intake(joins)
    for name in names:
        intake.add(name)
    return intake, joins


def taken(intake: Intake) -> list[Any]:
    """What came out: sequences of messages, events as they are."""
    out = [entry.items[2] if isinstance(entry, Pending) else entry for entry in intake.out]
    intake.out.clear()
    return out


def gap(topic: str, first: int, last: int, *, healed: bool = False) -> Gap:
    """A gap in this file's epoch."""
    return Gap(topic, first, last, healed=healed, epoch=EPOCH)


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
    assert taken(intake) == [gap(own, 3, 3), 4]
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
