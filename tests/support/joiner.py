"""A bare consumer that joins topics: pyzmq and msgpack, nothing of ours.

`python -m tests.support.joiner '{"endpoint": "tcp://…", "topics": […], "joins": 100, …}'`

Several sockets at a time join topic after topic at random moments, as the wire contract says:
subscribe to the topic, then to its private topic on the same socket. Each join is printed as one
line of JSON when its socket closes; `tests/e2e/node/joins.js` is the same program in Node.
"""

import json
import random
import secrets
import sys
import time
from typing import Any, Final

import msgpack
import zmq

FRAMES_AT_ONCE: Final = 100


def note(runs: list[list[int]], sequence: int) -> None:
    """Add a number to runs that keep the order of arrival: [first, last], without holes inside."""
    if runs and sequence == runs[-1][1] + 1:
        runs[-1][1] = sequence
    else:
        runs.append([sequence, sequence])


class Session:
    """One socket and its joins, one after the other.

    Args:
        context: Of all sockets.
        options: As on the command line.
        chance: Decides topics and moments.
        joins: How many joins it makes.
    """

    def __init__(
        self,
        context: "zmq.Context[zmq.Socket[bytes]]",
        options: dict[str, Any],
        chance: random.Random,
        joins: int,
    ) -> None:
        self._options = options
        self._chance = chance
        self._topics = chance.sample(options["topics"], joins)
        self._by_topic: dict[str, dict[str, Any]] = {}
        self._by_private: dict[str, dict[str, Any]] = {}
        self._private = ""
        self._ask_s: float | None = None
        self._join: dict[str, Any] = {}
        self._started_s = 0.0
        self.socket = context.socket(zmq.SUB)
        self.socket.setsockopt(zmq.SNDHWM, 0)
        self.socket.setsockopt(zmq.RCVHWM, 0)
        self.socket.connect(options["endpoint"])
        self._next_s = self._pause()

    def _pause(self) -> float:
        return time.monotonic() + self._chance.uniform(0, self._options["pauseMs"]) / 1000

    def step(self) -> bool:
        """Read what is there, and begin the next join when it is time; False when all are done."""
        for _ in range(FRAMES_AT_ONCE):
            try:
                self._take(self.socket.recv(zmq.NOBLOCK))
            except zmq.Again:
                break
        now_s = time.monotonic()
        if self._ask_s is not None:
            if now_s >= self._ask_s:
                self._ask()
        elif self._private:
            if self._is_complete():
                self.socket.unsubscribe(self._private)
                self._private = ""
                self._next_s = self._pause()
            elif now_s - self._started_s > self._options["secondsMax"]:
                raise TimeoutError(f"join not complete: {self._join}")
        elif not self._topics:
            return False
        elif now_s >= self._next_s:
            self._begin(self._topics.pop())
        return True

    def _begin(self, topic: str) -> None:
        self._private = f"~{secrets.token_hex(10)}.{topic}"
        self._join = {
            "topic": topic, "snapshot": None, "answers": 0, "before": [], "after": [],
            "epochs": [], "ms": None,
        }  # fmt: skip
        self._by_topic[topic] = self._by_private[self._private] = self._join
        self.socket.subscribe(topic)
        # Half of them ask at once, half a moment later, when updates may be on their way.
        if self._chance.random() < 0.5:
            self._ask()
        else:
            self._ask_s = (
                time.monotonic() + self._chance.uniform(0, self._options["pauseMs"]) / 1000
            )

    def _ask(self) -> None:
        self._ask_s = None
        self._started_s = time.monotonic()
        self.socket.subscribe(self._private)

    def _is_complete(self) -> bool:
        count: int = sum(last - first + 1 for first, last in self._join["after"])
        return count >= int(self._options["updatesAfter"])

    def _take(self, frame: bytes) -> None:
        kind, symbol, data = frame.split(b",", 2)
        topic = f"{kind.decode('latin-1')},{symbol.decode('latin-1')},"
        body = msgpack.unpackb(data)
        number, epoch, sequence, flags = body[:4]
        asked = self._by_private.get(topic)
        join = self._by_topic[topic] if asked is None else asked
        if epoch not in join["epochs"]:
            join["epochs"].append(epoch)
        if asked is not None:
            join["answers"] += 1
            join["snapshot"] = [number, sequence, flags, *body[6:8]]
            join["ms"] = (time.monotonic() - self._started_s) * 1000
        else:
            note(join["before"] if join["snapshot"] is None else join["after"], sequence)

    def close(self) -> None:
        """Leave, and print the joins."""
        self.socket.close(linger=0)
        for join in self._by_topic.values():
            print(json.dumps(join))


def main() -> None:
    """Run from the command line."""
    options = json.loads(sys.argv[1])
    chance = random.Random(options["seed"])
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    left = options["joins"]
    sessions: list[Session] = []
    poller = zmq.Poller()
    while left or sessions:
        while left and len(sessions) < options["sockets"]:
            joins = min(left, options["joinsPerSocket"])
            left -= joins
            sessions.append(Session(context, options, chance, joins))
            poller.register(sessions[-1].socket, zmq.POLLIN)
        poller.poll(1)
        for session in list(sessions):
            if not session.step():
                poller.unregister(session.socket)
                session.close()
                sessions.remove(session)
    context.term()


if __name__ == "__main__":
    main()
