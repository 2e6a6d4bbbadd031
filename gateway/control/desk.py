"""The request desk: what each control method means.

A handler that needs the feed thread is a generator: it yields commands and is sent their answers.
So the meaning of a request is plain code without a loop, and the server that drives it decides
nothing.
"""

from collections.abc import Iterable
from typing import Any, Final

import pydantic

from gateway.clock import Clock
from gateway.control.access import Access, refused_body
from gateway.control.claims import (
    snapshot_batches,
)
from gateway.control.consumer_requests import ConsumerRequests
from gateway.control.feed_commands import (
    BindClient,
    ReadSnapshots,
)
from gateway.control.guard_desk import GuardDesk
from gateway.control.health_requests import HealthRequests
from gateway.control.identity import LIMITS, Identity
from gateway.control.lease_requests import LeaseRequests, Steps
from gateway.control.param_words import words_of
from gateway.control.upstream_requests import NOBODY, Caller, UpstreamRequests
from gateway.control.watch_desk import SERVICES
from gateway.errors import InvalidParams, OutOfRange
from gateway.model import methods as m
from gateway.model import protocol
from gateway.model.messages import KIND_TYPES, MESSAGES, Kind
from gateway.policy.leases import Leases
from gateway.wire.codec import Encoded
from gateway.wire.envelope import Body
from gateway.wire.topics import parse_topic

SNAPSHOT_BYTES_MAX: Final = 16_777_216
"""Bytes of order books in one answer."""


class RequestDesk(LeaseRequests):
    """Answers every control method.

    Args:
        identity: Who this gateway is.
        leases: Living leases.
        clock: For stamps.
        access: Judges who may ask for what.
        inside: Answers requests about how the gateway is.
        upstream: Answers requests about the way to DTN.
        consumers: Answers requests about the way to consumers.
    """

    def __init__(
        self,
        *,
        identity: Identity,
        leases: Leases,
        clock: Clock,
        access: Access,
        inside: HealthRequests,
        upstream: UpstreamRequests,
        consumers: ConsumerRequests,
    ) -> None:
        super().__init__(leases=leases, clock=clock, access=access, history=upstream.history)
        self._identity = identity
        self.inside: Final = inside
        """Answers requests about how the gateway is."""
        self.upstream: Final = upstream
        """Answers requests about the way to DTN."""
        self.consumers: Final = consumers
        """Answers requests about the way to consumers."""
        self.guard: Final = GuardDesk()
        """Refuses what can wait while a resource is short."""
        self._description: dict[str, Any] | None = None

    def hello(self, params: m.HelloParams, caller: Caller = NOBODY) -> Steps:
        """Say who we are, what we speak and what we allow, and learn whose connection is whose.

        Raises:
            NotEntitled: It wants to be a relay, and its file does not say that it is one.
        """
        identity = self._identity
        refused = None
        if params.client is not None and params.data_token is not None:
            is_relay = bool(params.is_relay)
            if is_relay:
                self.access.check_relay(caller)
            user = caller.user
            refused = yield BindClient(params.client, params.data_token, is_relay, user)
        return {
            "gateway_id": identity.gateway_id,
            "version": identity.version,
            "protocol": [protocol.PROTOCOL_VERSION],
            "epoch": identity.epoch,
            "endpoints": identity.endpoints,
            "kinds": [kind.value for kind in (*SERVICES, Kind.NEWS, Kind.SYS)],
            "schema_hash": protocol.SCHEMA_HASH,
            "limits": LIMITS,
            "capabilities": list(identity.capabilities),
            "pipeline": identity.pipeline.as_map(),
            "relay": None,
            "refused_subscriptions": refused,
        }

    def ping(self, _: m.PingParams) -> dict[str, Any]:
        """Answer, and nothing else."""
        return {}

    def describe(self, _: m.DescribeParams) -> dict[str, Any]:
        """List methods with the JSON Schemas of their parameters, and kinds with their fields."""
        if self._description is None:
            self._description = {
                "methods": {
                    name: {
                        "description": spec.description,
                        "role": spec.role.value,
                        "available": spec.is_available,
                        "params": spec.params.model_json_schema(),
                    }
                    for name, spec in m.METHODS.items()
                },
                "kinds": {
                    kind.value: {"type": int(number), "fields": list(MESSAGES[number]._fields)}
                    for kind, number in KIND_TYPES.items()
                },
            }
        return self._description

    def snapshot(self, params: m.SnapshotParams, caller: Caller = NOBODY) -> Steps:
        """Read last values, for those who prefer a request to a subscription.

        Raises:
            InvalidParams: Not a topic.
            OutOfRange: More bytes than one answer may carry.
            RateLimited: The caller has had too many of late.
        """
        snapshots: list[dict[str, Any]] = []
        size = 0
        wanted = dict.fromkeys(params.topics)
        self.access.spend_snapshots(caller, len(wanted))
        refused = self._refused_of(wanted, caller)
        for part in snapshot_batches(wanted):
            answers = yield ReadSnapshots(part)
            for topic, answered in answers:
                body = refused.get(topic, answered)
                size += len(body.data) if isinstance(body, Encoded) else 0
                if size > SNAPSHOT_BYTES_MAX:
                    raise OutOfRange(
                        "too many whole order books in one answer",
                        hint="Ask for fewer `order` and `depth` topics at a time.",
                        limit=SNAPSHOT_BYTES_MAX,
                    )
                if body is None:
                    raise InvalidParams(
                        "not a complete public topic",
                        hint="Write kind,SYMBOL, with both commas, such as quote,AAPL,",
                        topic=topic,
                    )
                snapshots.append({"topic": topic, "body": body})
        return snapshots

    def _refused_of(self, topics: Iterable[str], caller: Caller) -> dict[str, Body]:
        """The answers about topics that a caller may not have."""
        names = ((topic, parse_topic(topic.encode())) for topic in topics)
        body = refused_body(self._identity.epoch, self._clock.utc_us())
        return {
            topic: body
            for topic, name in names
            if name is not None and not self.access.may(caller, name, "snapshot")
        }


def parse_params(method: str, params: object) -> m.Params:
    """Check a method's parameters.

    Raises:
        InvalidParams: They do not fit, with the first few reasons.
    """
    try:
        return m.METHODS[method].params.model_validate(params if params is not None else {})
    except pydantic.ValidationError as error:
        reasons = [words_of(problem) for problem in error.errors(include_url=False)[:5]]
        raise InvalidParams("; ".join(reasons), method=method) from error
