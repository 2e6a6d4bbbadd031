"""A consumer program that knows pyzmq and msgpack only, built as the wire contract advises.

It reads always, watches the heartbeat, makes its socket anew after three seconds of silence, asks
for snapshots by subscribing, and says what it missed. Orders come line by line from standard input:
`pause`, `resume`, `slow MILLISECONDS`; it ends when the input ends.
"""

import argparse
import secrets
import time
import zlib
from pathlib import Path
from typing import Any, Final

import msgpack
import zmq

from tests.support import records
from tests.support.orders import Orders
from tests.support.records import Recorder

SILENCE_S_MAX: Final = 3.0
CONNECT_MS_MAX: Final = 1_000
QUEUE_MAX: Final = 100_000
FLUSH_MS: Final = 20
FRAMES_AT_ONCE: Final = 500
HEARTBEAT: Final = "sys,heartbeat,"
TAILS: Final = "sys,tails,"
SYSTEM: Final = (HEARTBEAT, TAILS, "sys,alert,", "sys,goodbye,")
NOTICES: Final = ("sys,alert,", "sys,client,", "sys,goodbye,")
STATE_TYPE: Final = 9
RESENT: Final = 2 | 4
RETRY_S: Final = 0.5
SUSPENDED_S: Final = 0.5
"""A loop that takes so long was not running: that time is no silence of the gateway's."""


class Subscriber:
    """One SUB socket, its positions, and its record.

    Args:
        given: The command line.
        recorder: Where everything is written down.
    """

    def __init__(self, given: argparse.Namespace, recorder: Recorder) -> None:
        self._endpoint: str = given.data
        self._topics: list[str] = given.topics
        self._token: str = given.token
        self._silence_s_max: float = given.silence_s_max
        self._recorder = recorder
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._positions: dict[str, tuple[int, int]] = {}
        self._retries: list[tuple[float, str]] = []
        self.poller = zmq.Poller()
        self.socket = self._open()
        self._is_first = self._is_new = True
        self._heard_s = self._looked_s = time.monotonic()

    def _open(self) -> "zmq.Socket[bytes]":
        opened = self._context.socket(zmq.SUB)
        opened.setsockopt(zmq.SNDHWM, 0)
        opened.setsockopt(zmq.RCVHWM, QUEUE_MAX)
        opened.setsockopt(zmq.LINGER, 0)
        # The kernel tries again after one second, then two, then four: too rarely for prices.
        opened.setsockopt(zmq.CONNECT_TIMEOUT, CONNECT_MS_MAX)
        opened.connect(self._endpoint)
        for topic in (*SYSTEM, *self._topics):
            opened.subscribe(topic)
        if self._token:
            opened.subscribe(f"~{self._token}.sys,client,")
        self.socket = opened
        for topic in self._topics:
            self._ask(topic)
        self.poller.register(opened, zmq.POLLIN)
        return opened

    def _ask(self, topic: str) -> None:
        self.socket.subscribe(f"~{secrets.token_hex(10)}.{topic}")

    def renew(self, silent_s: float) -> None:
        """Take a new socket in the place of a silent one."""
        self._recorder.write(records.SILENT, silent_s)
        self.poller.unregister(self.socket)
        self.socket.close(linger=0)
        self._open()
        self._is_new = True
        self._heard_s = time.monotonic()

    def read(self, slow_s: float) -> bool:
        """Read what is there, some frames at most; False when nothing was."""
        now_s = time.monotonic()
        away_s = now_s - self._looked_s
        self._looked_s = now_s
        if away_s > SUSPENDED_S:
            self._recorder.write(records.AWAY, away_s)
            self._heard_s = min(now_s, self._heard_s + away_s)
        for count in range(FRAMES_AT_ONCE):
            try:
                frame = self.socket.recv(zmq.NOBLOCK)
            except zmq.Again:
                return count > 0
            self._take(frame)
            if slow_s:
                time.sleep(slow_s)
        return True

    def idle(self, *, is_reading: bool) -> None:
        """Do what is due when there is nothing to read."""
        now_s = time.monotonic()
        if not is_reading:
            self._heard_s = now_s
            return
        # Judged with an empty socket only: after a pause the heartbeats are behind other frames.
        if now_s - self._heard_s > self._silence_s_max:
            self.renew(now_s - self._heard_s)
        while self._retries and self._retries[0][0] <= now_s:
            self._ask(self._retries.pop(0)[1])

    def _take(self, frame: bytes) -> None:
        kind, symbol, data = frame.split(b",", 2)
        topic = f"{kind.decode('latin-1')},{symbol.decode('latin-1')},"
        body = msgpack.unpackb(data)
        if self._is_new and not self._is_first:
            self._is_new = False
            self._recorder.write(records.BACK)
        if topic.startswith("~"):
            self._take_answer(topic, body)
            return
        if topic == HEARTBEAT:
            self._beat()
        elif topic == TAILS:
            for quiet, sequence in body[6]["topics"].items():
                if quiet in self._positions and self._note_hole(quiet, body[1], sequence):
                    self._ask(quiet)
        elif topic in NOTICES:
            self._recorder.write(records.NOTICE, topic, body[6])
        else:
            self._take_message(topic, body, zlib.crc32(data))

    def _take_message(self, topic: str, body: list[Any], checksum: int) -> None:
        _, epoch, sequence, flags, recv_us = body[:5]
        if not flags & RESENT:
            if topic in self._positions and self._note_hole(topic, epoch, sequence - 1):
                self._ask(topic)
            self._positions[topic] = max(self._positions.get(topic, (0, 0)), (epoch, sequence))
        if body[0] == STATE_TYPE:
            self._recorder.write(records.STATED, topic.split(",")[1], *body[6:8])
        self._recorder.write(records.MESSAGE, topic, epoch, sequence, flags, recv_us, checksum)

    def _take_answer(self, private: str, body: list[Any]) -> None:
        topic = private.split(".", 1)[1]
        if topic in NOTICES:
            self._recorder.write(records.NOTICE, topic, body[6])
            return
        self.socket.unsubscribe(private)
        number, epoch, sequence, flags = body[:4]
        if number == STATE_TYPE:
            self._recorder.write(records.STATED, topic.split(",")[1], *body[6:8])
        if number == STATE_TYPE and not flags:
            # Nothing is known yet; it says nothing of where the topic is.
            self._retries.append((time.monotonic() + RETRY_S, topic))
            return
        if topic in self._positions:
            self._note_hole(topic, epoch, sequence)
        self._positions[topic] = max(self._positions.get(topic, (0, 0)), (epoch, sequence))
        self._recorder.write(records.SNAPSHOT, topic, epoch, sequence, flags)

    def _note_hole(self, topic: str, epoch: int, last: int) -> bool:
        """Say what is missing when the topic is known to be at `last`."""
        before = self._positions[topic]
        if before[0] != epoch or before[1] >= last:
            return False
        self._recorder.write(records.HOLE, topic, epoch, before[1] + 1, last)
        self._positions[topic] = (epoch, last)
        return True

    def _beat(self) -> None:
        self._heard_s = time.monotonic()
        if self._is_first:
            self._recorder.write(records.READY)
            self._is_new = self._is_first = False


def serve(subscriber: Subscriber, recorder: Recorder) -> None:
    """Read messages and orders until the orders end."""
    orders = Orders(recorder)
    poller = subscriber.poller
    poller.register(orders.descriptor, zmq.POLLIN)
    while True:
        if orders.is_reading:
            ready = dict(poller.poll(FLUSH_MS))
        else:
            ready = _wait_for_orders(orders.descriptor)
        if orders.descriptor in ready and not orders.read():
            return
        if not orders.is_reading or not subscriber.read(orders.slow_s):
            subscriber.idle(is_reading=orders.is_reading)
            recorder.flush()


def _wait_for_orders(orders: int) -> dict[Any, int]:
    poller = zmq.Poller()
    poller.register(orders, zmq.POLLIN)
    return dict(poller.poll(FLUSH_MS))


def arguments() -> argparse.Namespace:
    """The command line of all consumer programs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="where the gateway or a relay publishes")
    parser.add_argument("--control", default="", help="where it answers, for programs that ask")
    parser.add_argument("--record", type=Path, required=True, help="file to write to")
    parser.add_argument("--token", default="", help="names its own sys,client topic")
    parser.add_argument("--name", default="", help="its name, for programs that hold leases")
    parser.add_argument("--silence-s-max", type=float, default=SILENCE_S_MAX)
    parser.add_argument("topics", nargs="+")
    return parser.parse_args()


def main() -> None:
    """Run from the command line."""
    given = arguments()
    recorder = Recorder(given.record)
    serve(Subscriber(given, recorder), recorder)


if __name__ == "__main__":
    main()
