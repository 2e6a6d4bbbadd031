"""A forwarder between gateway and consumers that loses frames, as a bad network path would.

It is an XSUB/XPUB pair in a thread of its own, written from the wire contract. What it loses
follows from its seed and the order of the frames alone.
"""

import random
import threading
import time
from collections import Counter
from types import TracebackType
from typing import Final, Self

import zmq

POLL_MS: Final = 20
END_S_MAX: Final = 10.0


class LossyRelay:
    """Forwards every frame but some, and every subscription.

    Args:
        upstream: The gateway's data socket.
        seed: What is lost.
        single: Probability that one frame is lost.
        burst: Probability that a burst of losses begins at a frame.
        burst_frames: Longest burst.
    """

    def __init__(
        self, upstream: str, *, seed: int, single: float, burst: float, burst_frames: int = 60
    ) -> None:
        self.is_lossy = False
        """Whether anything is lost at present."""
        self.seen: Counter[str] = Counter()
        """Frames that came from the gateway, by kind; `sys` ones by name."""
        self.lost: Counter[str] = Counter()
        """Those that were lost."""
        self._to_lose: Counter[bytes] = Counter()
        self._random = random.Random(seed)
        self._single, self._burst, self._burst_frames = single, burst, burst_frames
        self._left_of_burst = 0
        self._cut_until_s = 0.0
        self._cut_count = 0
        self._is_stopping = False
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._upstream = self._context.socket(zmq.XSUB)
        self._upstream.setsockopt(zmq.SNDHWM, 0)
        self._upstream.setsockopt(zmq.RCVHWM, 0)
        self._upstream.connect(upstream)
        self._consumers = self._open("tcp://127.0.0.1:*")
        self.endpoint = self._consumers.getsockopt_string(zmq.LAST_ENDPOINT)
        """Where consumers connect to."""
        self._thread = threading.Thread(target=self._run, name="lossy-relay")

    def _open(self, endpoint: str) -> "zmq.Socket[bytes]":
        socket = self._context.socket(zmq.XPUB)
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.SNDHWM, 0)
        # Every subscription goes on, as the contract asks of relays: private ones are requests.
        socket.setsockopt(zmq.XPUB_VERBOSER, 1)
        deadline_s = time.monotonic() + END_S_MAX
        while True:
            try:
                socket.bind(endpoint)
            except zmq.ZMQError:
                # libzmq closes the earlier socket of this port in the background.
                if time.monotonic() > deadline_s:
                    raise
            else:
                return socket

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._is_stopping = True
        self._thread.join(END_S_MAX)
        assert not self._thread.is_alive()

    def lose(self, topic: str, count: int = 1) -> None:
        """Lose the next frames of one topic, whatever else is lost."""
        self._to_lose[topic.encode("ascii")] += count

    @property
    def left_to_lose(self) -> int:
        """Frames still to be lost by topic."""
        return self._to_lose.total()

    def cut(self, seconds: float) -> None:
        """Have every consumer's connection closed, and none accepted for a while."""
        self._cut_until_s = time.monotonic() + seconds
        self._cut_count += 1

    # The relay's thread.

    def _run(self) -> None:
        cuts = 0
        try:
            while not self._is_stopping:
                if self._cut_count > cuts:
                    cuts = self._cut_count
                    self._consumers.close(0)
                if self._consumers.closed and time.monotonic() >= self._cut_until_s:
                    self._consumers = self._open(self.endpoint)
                self._turn()
        finally:
            self._context.destroy(linger=0)

    def _turn(self) -> None:
        polled = [(self._upstream, zmq.POLLIN)]
        if not self._consumers.closed:
            polled.append((self._consumers, zmq.POLLIN))
        zmq.zmq_poll(polled, POLL_MS)
        for _ in range(1_000):
            try:
                frame = self._upstream.recv(zmq.NOBLOCK)
            except zmq.Again:
                break
            if not self._is_lost(frame) and not self._consumers.closed:
                self._consumers.send(frame)
        while not self._consumers.closed:
            try:
                self._upstream.send(self._consumers.recv(zmq.NOBLOCK))
            except zmq.Again:
                break

    def _is_lost(self, frame: bytes) -> bool:
        kind, symbol, _ = frame.split(b",", 2)
        name = (b"~" if kind.startswith(b"~") else symbol if kind == b"sys" else kind).decode()
        self.seen[name] += 1
        topic = frame[: frame.index(b",", len(kind) + 1) + 1]
        if self._to_lose[topic] > 0:
            self._to_lose[topic] -= 1
            self.lost[name] += 1
            return True
        if not self.is_lossy:
            return self._consumers.closed
        if not self._left_of_burst and self._random.random() < self._burst:
            self._left_of_burst = self._random.randint(1, self._burst_frames)
        is_lost = self._random.random() < self._single
        if self._left_of_burst:
            self._left_of_burst -= 1
            is_lost = True
        self.lost[name] += is_lost
        return is_lost
