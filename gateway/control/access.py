"""Who may ask for what on the control socket: by role, by kind and symbol, and how often.

Without keys nobody can be told from anybody else, and everybody may ask for everything; what is an
administrator's is another's to judge then.
"""

from collections.abc import Callable
from typing import Final

from gateway.clock import Clock
from gateway.control.told_once import ToldOnce
from gateway.control.upstream_requests import NOBODY, Caller
from gateway.counters import Counter, Counters
from gateway.errors import NotEntitled, RateLimited, Unauthorized
from gateway.model.enums import Cause, SymbolState
from gateway.model.messages import MessageType
from gateway.model.methods import Role
from gateway.policy.entitlements import EVERYBODY, Entitlements, UserRights
from gateway.policy.key_book import KeyBook
from gateway.policy.quotas import (
    Limits,
    Pace,
    RequestPace,
    Reservation,
    UserBuckets,
    UserLimits,
)
from gateway.policy.rate_limit import as_ms
from gateway.policy.usage import Use
from gateway.wire.envelope import Body
from gateway.wire.topics import TopicName

SECOND_NS: Final = 1_000_000_000
MINUTE_NS: Final = 60 * SECOND_NS
REPLAY_BYTES_EACH: Final = 128
"""What an event is taken for until it is read; most are smaller."""


class Access:
    """Judges requests; used in the control loop.

    Args:
        entitlements: What everybody may do.
        limits: What everybody may have, where a client's file does not say otherwise.
        clock: Both clocks.
        counters: The control loop's own.
        told: Tells the audit log.
        on_use: Told who was given what by a request, for the report of usage.
    """

    def __init__(
        self,
        entitlements: Entitlements,
        *,
        limits: Limits,
        clock: Clock,
        counters: Counters,
        told: ToldOnce,
        on_use: Callable[[Use], object] = lambda _: None,
    ) -> None:
        self._entitlements = entitlements
        self._limits = UserLimits(limits)
        self._clock = clock
        self._counters = counters
        self._told = told
        self._on_use = on_use
        self._pace = RequestPace(clock)
        self._snapshots = UserBuckets(clock)
        self._replays = UserBuckets(clock)

    @property
    def is_by_user(self) -> bool:
        """Whether there are keys, and so users."""
        return self._entitlements.are_on

    @property
    def book(self) -> KeyBook | None:
        """What is judged by; another object when it has changed. None without keys."""
        return self._entitlements.book

    def rights_of(self, caller: Caller) -> UserRights:
        """What a caller may do.

        Raises:
            Unauthorized: Its file is gone.
        """
        if caller is NOBODY:
            return EVERYBODY
        rights = self._entitlements.of(caller.user)
        if rights is None:
            raise Unauthorized("there is no such client any more", user=caller.user)
        return rights

    def rights_of_user(self, user: str) -> UserRights | None:
        """What a user may do now; None when its file is gone."""
        return self._entitlements.of(user)

    def limits_of(self, caller: Caller) -> Limits:
        """How much a caller may have."""
        return self._limits.of(caller.user, self._entitlements.quotas_of(caller.user))

    def authorize(self, caller: Caller, method: str, role: Role) -> None:
        """Let a caller use a method, or write down that it may not.

        Raises:
            Unauthorized: It may not.
        """
        if self.rights_of(caller).may_ask(role):
            return
        self._counters.add(Counter.REQUESTS_DENIED)
        self._told.note(
            "rpc_denied", caller.user, method, address=caller.address, reason=Unauthorized.code
        )
        raise Unauthorized(
            "this method is not this client's",
            hint=f"It takes the role {role.value}: ask the gateway's operator.",
            method=method,
        )

    def check(self, caller: Caller, name: TopicName, method: str) -> None:
        """Let a caller have a topic, or write down that it may not; what is had is usage.

        Raises:
            NotEntitled: It may not.
        """
        if not self.may(caller, name, method):
            raise NotEntitled("this client may not have this", topic=name.spelling)

    def may(self, caller: Caller, name: TopicName, method: str) -> bool:
        """Whether a caller may have a topic; it is written down either way."""
        if self.rights_of(caller).may(name.kind, name.symbol):
            if caller.user:
                now_us = self._clock.utc_us()
                self._on_use(Use(caller.user, name.kind.value, name.symbol, now_us, 0))
            return True
        self.note_denial(caller, method, symbol=name.symbol, kind=name.kind.value)
        return False

    def check_symbol(self, caller: Caller, symbol: str, method: str) -> None:
        """Let a caller know of a symbol.

        Raises:
            NotEntitled: It may hear nothing of it.
        """
        if not self.rights_of(caller).may_see(symbol):
            self.note_denial(caller, method, symbol=symbol)
            raise NotEntitled("this client may not see this symbol", symbol=symbol)

    def check_relay(self, caller: Caller) -> None:
        """Let a caller be a relay, which no limit of one connection holds for.

        Raises:
            NotEntitled: Its file does not say that it is one.
        """
        if self.rights_of(caller).record.is_relay:
            return
        self.note_denial(caller, "hello", relay=True)
        raise NotEntitled(
            "this client is no relay",
            hint="The gateway's operator writes `relay: true` into its file.",
        )

    def note_denial(self, caller: Caller, method: str, **facts: object) -> None:
        """Write down that a caller was denied what it asked for."""
        self._counters.add(Counter.REQUESTS_DENIED)
        self._told.note("rpc_denied", caller.user, method, reason=NotEntitled.code, **facts)

    # How often.

    def judge_pace(self, caller: Caller) -> Pace:
        """Count a request against its user's pace."""
        if not self._entitlements.are_on:
            return Pace()
        limits = self.limits_of(caller)
        pace = self._pace.judge(caller.user, per_second_max=limits.requests_per_second_max)
        if pace.retry_ms:
            self._counters.add(Counter.REQUESTS_LIMITED)
            self._told.note(
                "rate_limited", caller.user, "requests", address=caller.address, socket="control"
            )
        if pace.is_cut:
            self._told.note(
                "evicted",
                caller.user,
                "requests",
                address=caller.address,
                socket="control",
                reason="it goes on asking although it is refused",
            )
        return pace

    def spend_snapshots(self, caller: Caller, count: int) -> None:
        """Count snapshots against their user's pace.

        Raises:
            RateLimited: There were too many of late.
        """
        if not self._entitlements.are_on:
            return
        rate = self.limits_of(caller).snapshots_per_second_max
        bucket = self._snapshots.of(
            caller.user, tokens_max=rate, token_ns=max(1, SECOND_NS // rate)
        )
        self._wait_for(bucket.wait_ns(), caller, "snapshots")
        bucket.take(count)

    def reserve_replay(self, caller: Caller, message_count: int) -> Reservation:
        """Let a caller have events again, and count them against its user's pace.

        They are counted before they are read, because the same user asks for others meanwhile.

        Args:
            caller: Who wants them.
            message_count: How many are asked for.

        Returns:
            What is counted for now; to be settled with the bytes that are sent, also when none are.

        Raises:
            RateLimited: It has had too many bytes of late, or is about to.
        """
        if not self._entitlements.are_on:
            return Reservation()
        rate = self.limits_of(caller).replay_bytes_per_minute_max
        bucket = self._replays.of(caller.user, tokens_max=rate, token_ns=max(1, MINUTE_NS // rate))
        self._wait_for(bucket.wait_ns(), caller, "replay")
        return Reservation(bucket, message_count * REPLAY_BYTES_EACH)

    def _wait_for(self, wait_ns: int, caller: Caller, about: str) -> None:
        if wait_ns <= 0:
            return
        self._counters.add(Counter.REQUESTS_LIMITED)
        self._told.note("rate_limited", caller.user, about, socket="control")
        raise RateLimited(f"too many {about} for this client", retry_ms=as_ms(wait_ns))

    def tell_due(self) -> None:
        """Tell how often what was written down has happened since."""
        self._told.tell_due()


def refused_body(epoch: int, now_us: int) -> Body:
    """The answer about a topic that its asker may not have, laid out as a `state` message.

    Args:
        epoch: This run.
        now_us: UTC.
    """
    head = (int(MessageType.STATE), epoch, 0, 0, now_us, None)
    return (*head, SymbolState.REFUSED.value, Cause.NOT_ENTITLED.value, now_us, {})
