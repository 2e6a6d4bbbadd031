"""Relays for tests: in a stage's loop, with the sockets of a consumer to look through them."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final, Self

import zmq

from gateway.commands.relay import relay_options
from gateway.relay.relay import Relay
from gateway.settings import Settings
from tests.support.consumer import Consumer
from tests.support.requester import Requester
from tests.support.stage import ANY_PORT, Stage, free_ports, open_stage

CALM: Final = replace(
    relay_options(Settings()),
    name="relay@test",
    bind_data=ANY_PORT,
    bind_control=ANY_PORT,
)
"""As a relay is without settings, on any free ports."""


class RelayStage:
    """One relay in the loop of a stage.

    Args:
        stage: Whose loop it is.
        relay: The relay.
    """

    def __init__(self, stage: Stage, relay: Relay) -> None:
        self._opened = contextlib.ExitStack()
        self.stage = stage
        self.relay = relay

    def __enter__(self) -> Self:
        self.stage.run(self.relay.start())
        self.data = self.relay.endpoints["data"]
        self.control = self.relay.endpoints["control"]
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()
        self.stage.run(self.relay.stop())
        assert self.relay.failure is None, self.relay.failure

    def consumer(self, *topics: str) -> Consumer:
        """A consumer behind the relay, closed with it."""
        return self._opened.enter_context(Consumer(self.data, *topics))

    def requester(self, kind: int = zmq.DEALER) -> Requester:
        """A control client behind the relay, closed with it."""
        return self._opened.enter_context(Requester(self.control, kind))


@contextlib.contextmanager
def relayed(stage: Stage, **options: Any) -> Iterator[RelayStage]:
    """A relay before a stage's gateway, or before other addresses.

    Args:
        stage: Whose loop it runs in.
        options: Of the relay, where they differ.
    """
    if "data" not in options:
        endpoints = stage.gateway.endpoints
        options = {"data": endpoints["data"], "control": endpoints["control"], **options}
    values = replace(CALM, **options)
    with RelayStage(stage, Relay(values)) as relay:
        yield relay


@contextlib.contextmanager
def before_fake(**options: Any) -> Iterator[tuple[RelayStage, "FakeUpstream"]]:
    """A relay before an upstream that the test plays itself; nobody answers requests."""
    with open_stage() as stage, FakeUpstream() as upstream:
        nobody = f"tcp://127.0.0.1:{free_ports(1)[0]}"
        with relayed(stage, data=upstream.endpoint, control=nobody, **options) as relay:
            yield relay, upstream


class FakeUpstream:
    """An XPUB in the gateway's place that a test reads and sends by hand.

    Args:
        endpoint: Where to bind; any free port by default.
    """

    def __init__(self, endpoint: str = ANY_PORT) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.XPUB)
        # Every subscription is to be seen, repetitions and the dead's included.
        self._socket.setsockopt(zmq.XPUB_VERBOSER, 1)
        self._socket.setsockopt(zmq.RCVHWM, 0)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.bind(endpoint)
        self.endpoint = self._socket.getsockopt_string(zmq.LAST_ENDPOINT)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave as a gateway that dies."""
        self._context.destroy(linger=0)

    def send(self, frame: bytes) -> None:
        """Publish one frame."""
        self._socket.send(frame)

    def read(self, seconds: float) -> bytes | None:
        """Take the next subscription frame; None when none came in time."""
        if not self._socket.poll(max(0, round(seconds * 1000))):
            return None
        return self._socket.recv()

    def read_until(
        self, *awaited: bytes, seconds: float = 8.0, into: list[bytes] | None = None
    ) -> list[bytes]:
        """Take frames until all that are waited for came, in any order.

        Args:
            awaited: Subscription frames.
            seconds: Longest wait.
            into: Takes the frames; a new list when left out.
        """
        deadline_s = time.monotonic() + seconds
        frames: list[bytes] = [] if into is None else into
        left = set(awaited)
        while left:
            frame = self.read(deadline_s - time.monotonic())
            assert frame is not None, f"not within {seconds} s: {left}; latest {frames[-9:]}"
            frames.append(frame)
            left.discard(frame)
        return frames
