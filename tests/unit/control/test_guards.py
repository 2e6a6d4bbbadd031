"""What is refused, and what waits, while a resource is short."""

import pytest

from gateway.clock import FakeClock
from gateway.control.guard_desk import RETRY_MS, GuardDesk
from gateway.control.held_wishes import HeldWishes
from gateway.control.upstream_requests import Caller
from gateway.counters import Counter, Counters
from gateway.errors import Overloaded
from gateway.health.guard_issues import GIVEN_UP, HINTS, guard_issues
from gateway.policy.guards import GuardRules, Guards, Resource, Step, Use
from gateway.wire.topics import TopicName, parse_topic

OLD, NEW = Caller("01"), Caller("02")


@pytest.mark.parametrize(
    ("step", "refused"),
    [
        (Step.NONE, set()),
        (Step.SHED, set()),
        (Step.DELAY, {"snapshot", "replay"}),
        (Step.REFUSE_WATCHES, {"snapshot", "replay", "subscribe"}),
        (Step.REFUSE_CONNECTIONS, {"snapshot", "replay", "subscribe"}),
    ],
)
def test_who_was_there_is_refused_what_can_wait(step: Step, refused: set[str]) -> None:
    """With the time to come back; what tells, keeps and gives back always works."""
    desk = GuardDesk()
    desk.check(OLD, "ping")
    desk.step = step
    for method in ("snapshot", "replay", "subscribe", "renew", "unsubscribe", "health", "metrics"):
        if method in refused:
            with pytest.raises(Overloaded) as caught:
                desk.check(OLD, method)
            assert caught.value.code == "busy"
            assert caught.value.facts["retry_ms"] == RETRY_MS
        else:
            desk.check(OLD, method)


def test_new_connections_are_refused_all_but_the_basics() -> None:
    """They learn why, and an administrator who has just connected can still act."""
    desk = GuardDesk()
    desk.check(OLD, "metrics")
    desk.step = Step.REFUSE_CONNECTIONS
    for _ in range(2):
        with pytest.raises(Overloaded):
            desk.check(NEW, "metrics")
    for method in ("health", "ping", "hello", "admin.evict"):
        desk.check(NEW, method)
    desk.check(OLD, "metrics")
    desk.step = Step.NONE
    desk.check(NEW, "metrics")


def named(topic: str) -> TopicName:
    """A topic taken apart."""
    name = parse_topic(topic.encode())
    assert name is not None
    return name


class Watches:
    """Takes what is passed on."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.counters = Counters()
        self.wishes = HeldWishes(
            lambda name: self.told.append(("+", name.spelling)),
            lambda name: self.told.append(("-", name.spelling)),
            is_watched=lambda symbol: symbol == "MSFT",
            counters=self.counters,
        )


def test_new_wishes_wait_and_come_back_by_themselves() -> None:
    """A bare SUB socket cannot ask again; what is watched already costs nothing more."""
    watches = Watches()
    watches.wishes.hold(is_holding=True)
    for topic in ("quote,AAPL,", "quote,AAPL,", "trade,AAPL,", "quote,MSFT,", "quote,IBM,"):
        watches.wishes.gain(named(topic))
    assert watches.told == [("+", "quote,MSFT,")]
    for topic in ("quote,AAPL,", "quote,IBM,", "quote,MSFT,"):
        watches.wishes.lose(named(topic))
    assert watches.told == [("+", "quote,MSFT,"), ("-", "quote,MSFT,")]
    assert watches.counters.value(Counter.WISHES_HELD) == 4
    watches.wishes.hold(is_holding=False)
    assert watches.told[2:] == [("+", "quote,AAPL,"), ("+", "trade,AAPL,")]
    watches.wishes.lose(named("quote,AAPL,"))
    watches.wishes.lose(named("quote,IBM,"))
    assert watches.told[4:] == [("-", "quote,AAPL,"), ("-", "quote,IBM,")]


def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood of names must not take the memory that is short."""
    monkeypatch.setattr("gateway.control.held_wishes.NAMES_MAX", 10)
    watches = Watches()
    watches.wishes.hold(is_holding=True)
    for number in range(15):
        watches.wishes.gain(named(f"quote,S{number},"))
    assert len(watches.wishes) == 10
    assert watches.counters.value(Counter.WISHES_REFUSED) == 5


def test_every_step_and_resource_says_what_it_means_and_what_to_do() -> None:
    """An issue without a way out helps nobody at night."""
    assert set(GIVEN_UP) == set(Step) - {Step.NONE}
    assert set(HINTS) == set(Resource)
    for step in GIVEN_UP:
        guards = Guards(GuardRules(), FakeClock())
        share = GuardRules().threshold(step)
        guards.look({Resource.MEMORY: Use(1_000 * share, 1_000, "MB", "cgroup")})
        (issue,) = guard_issues(guards)
        assert issue.code == "memory_guard"
        assert issue.level == ("critical" if step is Step.CRITICAL else "warning")
        assert issue.message.startswith(f"memory: {1_000 * share:.0f} of 1000 MB (cgroup)")
        assert GIVEN_UP[step] in issue.message
