"""Reads the control socket, at once what is there, and says what was read."""

import asyncio
from functools import cached_property

import zmq
import zmq.asyncio

from gateway.policy.intake import FRAME_BYTES
from gateway.runtime.intake import Intake
from gateway.runtime.peer_sockets import PeerSockets


class RequestReader:
    """Receives requests; used in the control loop only.

    Args:
        control: The ROUTER; nobody else receives from it.
        intake: Told what was read; nobody asks for it when left out.
    """

    def __init__(self, control: zmq.asyncio.Socket, intake: Intake | None) -> None:
        self._control = control
        self._intake = intake
        self._sockets = PeerSockets()

    @cached_property
    def _plain(self) -> "zmq.Socket[bytes]":
        """The same socket without futures: in a flood each would cost as much as to refuse."""
        return zmq.Socket.shadow(self._control.underlying)

    async def receive(self) -> list[zmq.Frame]:
        """The frames of the next message, the routing id first.

        Cancel safety: what was not returned is not lost.
        """
        try:
            return self._plain.recv_multipart(zmq.NOBLOCK, copy=False)
        except zmq.Again:
            return await self._wait()

    def note_taken(self, frames: list[zmq.Frame], user: str) -> None:
        """Count what was received.

        Args:
            frames: As they came.
            user: Who sent them; empty without keys.
        """
        if self._intake is not None:
            size = sum(map(len, frames)) + FRAME_BYTES * len(frames)
            self._intake.note_taken(self._sockets.of(frames[-1]), size, user)

    async def _wait(self) -> list[zmq.Frame]:
        coming = asyncio.ensure_future(self._control.recv_multipart(copy=False))
        if self._intake is not None:
            self._intake.is_empty = True
        try:
            return await coming
        finally:
            if self._intake is not None:
                self._intake.is_empty = False
