"""The feed thread's parts, made from settings."""

import asyncio
from collections.abc import Callable
from typing import Any

import zmq

from gateway import __version__
from gateway.app_options import Retries, Sessions, feed_options, log_sample
from gateway.clock import Clock
from gateway.compiled.choice import Choice, choose
from gateway.health.facts import AlertFact
from gateway.policy.entitlements import Entitlements
from gateway.runtime.assembly import FeedAssembly
from gateway.runtime.feed import FeedParts
from gateway.runtime.host_address import FIRST_S_MAX, HostAddress
from gateway.runtime.intake import Intake
from gateway.runtime.peer_sockets import PeerSockets
from gateway.runtime.publisher import check_libzmq
from gateway.runtime.senders import Senders
from gateway.settings import Settings


def choose_pipeline(settings: Settings) -> Choice:
    """Choose what makes messages of Level 1 lines.

    Args:
        settings: As checked by `load_settings`.

    Raises:
        ConfigError: libzmq is too old, or the compiled pipeline is wanted and cannot run.
    """
    check_libzmq()
    return choose(settings.pipeline)


def facts_of_start(settings: Settings, host: HostAddress, pipeline: Choice) -> dict[str, Any]:
    """What the log's first line says of the way prices take.

    Args:
        settings: As checked by `load_settings`.
        host: IQConnect's address.
        pipeline: The one that runs.
    """
    facts = {
        "level1": f"{host}:{settings.level1_port}",
        "admin": f"{host}:{settings.iqconnect.admin_port}",
        "pipeline": pipeline.name,
    }
    return facts if pipeline.reason is None else {**facts, "pipeline_reason": pipeline.reason}


async def find_host(settings: Settings, clock: Clock) -> HostAddress:
    """Look IQConnect's host up once before links want it; they look again while it has no address.

    Args:
        settings: As checked by `load_settings`.
        clock: The gateway's.

    Raises:
        ConfigError: It cannot be a name of any host.
    """
    host = HostAddress(settings.iqconnect_host, clock)
    await asyncio.to_thread(host.wait, FIRST_S_MAX)
    return host


def make_feed_parts(
    settings: Settings,
    *,
    host: HostAddress,
    data: zmq.Socket[bytes],
    intake: Intake,
    senders: Senders,
    retries: Retries,
    epoch: int,
    clock: Clock,
    post: Callable[[object], object],
    pipeline: Choice,
) -> FeedParts:
    """Make what the feed thread works with.

    Args:
        settings: As checked by `load_settings`.
        host: IQConnect's address.
        data: The data socket.
        intake: What guards its reader.
        senders: Reads whose frames are.
        retries: Makes what decides when a connection is tried again.
        epoch: This run, Unix milliseconds.
        clock: The gateway's.
        post: Takes facts for the control loop.
        pipeline: The one that runs.
    """
    sessions = Sessions(settings)
    started_ns = clock.monotonic_ns()

    def describe() -> dict[str, Any]:
        """The heartbeat's words about this run; called in the feed thread, reads constants."""
        uptime_s = (clock.monotonic_ns() - started_ns) // 1_000_000_000
        gateway_id = settings.gateway_id
        return {"gateway_id": gateway_id, "version": __version__, "uptime_s": uptime_s}

    assembly = FeedAssembly(
        feed_options(settings, host=host, pipeline=pipeline.name),
        data=data,
        epoch=epoch,
        clock=clock,
        on_sample=log_sample,
        on_error=post,
        peers=PeerSockets(senders),
        intake=intake,
        entitlements=Entitlements(senders.book),
    )
    parts = assembly.parts(
        make_session=sessions.level1,
        make_level2_session=sessions.level2,
        make_retry=retries.of,
        describe=describe,
    )
    parts.system.on_alert = lambda told: post(AlertFact(told))
    return parts
