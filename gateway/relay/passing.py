"""What a relay with keys lets its own clients ask of the gateway.

The gateway knows the relay alone: whatever the relay passes on is done with the relay's rights. So
roles and entitlements are judged here, whole requests at a time (leases by symbol, in `leasing`),
and the names of clients are made to tell one user's from another's.
"""

import hashlib
from collections.abc import Iterator
from typing import Any, Final

from gateway.control.access import Access
from gateway.control.desk import parse_params
from gateway.control.public_topics import public_topic
from gateway.control.upstream_requests import Caller
from gateway.model import methods as m
from gateway.model.messages import Kind
from gateway.model.protocol import REPLAY_MESSAGES_MAX
from gateway.policy.quotas import Reservation
from gateway.wire.topics import TopicName

DIGEST_CHARACTERS: Final = 16
NAME_CHARACTERS_MAX: Final = 64 - 1 - DIGEST_CHARACTERS
_WITH_CLIENT: Final = frozenset({"unsubscribe", "renew"})


class PassingRules:
    """Judges what is passed on; used in the control loop.

    Args:
        access: Judges callers.
    """

    def __init__(self, access: Access) -> None:
        self.access: Final = access
        """Judges callers."""

    def passable(self, request: m.Request, raw: dict[str, Any], caller: Caller) -> dict[str, Any]:
        """Let a request through to the gateway.

        Args:
            request: Checked to be one.
            raw: The same as it was sent.
            caller: Who sent it.

        Returns:
            What is to be sent on.

        Raises:
            NotEntitled: It asks for something that the caller may not have; nothing of it is done.
            InvalidParams: Its parameters do not fit.
            RateLimited: It asks for snapshots, and its user has had too many of late.
        """
        if not self.access.is_by_user or request.method not in m.METHODS:
            return raw
        params = parse_params(request.method, request.params)
        if isinstance(params, m.SnapshotParams):
            self.access.spend_snapshots(caller, len(set(params.topics)))
        for name in _topics_of(params):
            self.access.check(caller, name, request.method)
        if isinstance(params, m.WhyParams):
            self.access.check_symbol(caller, params.symbol, "why")
        return self.named(raw, caller) if request.method in _WITH_CLIENT else raw

    def reserve_replay(self, request: m.Request, caller: Caller) -> Reservation:
        """Count a replay that was let through against its user's pace.

        Returns:
            To be settled with the bytes that came.

        Raises:
            RateLimited: It has had too many bytes of late, or is about to.
        """
        if not self.access.is_by_user:
            return Reservation()
        params = m.ReplayParams.model_validate(request.params)
        count = params.to_sequence - params.from_sequence + 1
        # More, or none, is an error that the gateway will tell.
        return self.access.reserve_replay(caller, min(max(count, 0), REPLAY_MESSAGES_MAX))

    def named(self, raw: dict[str, Any], caller: Caller) -> dict[str, Any]:
        """A checked request with the name that its client has at the gateway."""
        if not self.access.is_by_user:
            return raw
        told = dict(raw["params"])
        return raw | {"params": told | {"client": name_of(caller.user, told["client"])}}

    def keep_seen(self, result: dict[str, Any], caller: Caller) -> dict[str, Any]:
        """Leave the symbols out of a list that the caller may not see."""
        rights = self.access.rights_of(caller)
        return result | {"symbols": [s for s in result["symbols"] if rights.may_see(s["symbol"])]}


def name_of(user: str, client: str) -> str:
    """What a client is called at the gateway: no two users' clients share a name.

    A digest tells apart what is spelled alike, such as `a` with `b.c` and `a.b` with `c`.
    """
    digest = hashlib.sha256(f"{user}\n{client}".encode()).hexdigest()[:DIGEST_CHARACTERS]
    return f"{f'{user}.{client}'[:NAME_CHARACTERS_MAX]}.{digest}"


def _topics_of(params: m.Params) -> Iterator[TopicName]:
    """The topics that a request is about."""
    if isinstance(params, m.SnapshotParams):
        for topic in params.topics:
            name = public_topic(topic)
            if name.kind is not Kind.SYS:
                yield name
    elif isinstance(params, m.ReplayParams | m.ResyncParams):
        yield public_topic(params.topic)
