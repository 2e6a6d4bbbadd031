"""A bare consumer that takes subscriptions back and asks for them again, all the time.

The topics of its command line are what it chooses from; half of them are subscribed at any moment.
"""

import random
import time
from typing import Final

import zmq

from tests.support import records
from tests.support.bare_subscriber import FLUSH_MS, Subscriber, arguments
from tests.support.orders import Orders
from tests.support.records import Recorder

CHANGE_S: Final = 0.2
"""Between two rounds of changes."""
CHANGES: Final = 4
"""Topics that are left in a round, and as many that are taken."""


class Churner(Subscriber):
    """A subscriber whose topics change."""

    def leave(self, topic: str) -> None:
        """Take a subscription back."""
        self.socket.unsubscribe(topic)
        self._topics.remove(topic)
        self._retries = [retry for retry in self._retries if retry[1] != topic]
        self._positions.pop(topic, None)
        self._recorder.write(records.LEFT, topic)

    def join(self, topic: str) -> None:
        """Subscribe, and ask where the topic is."""
        self._topics.append(topic)
        self.socket.subscribe(topic)
        self._ask(topic)

    def _take_answer(self, private: str, body: list[object]) -> None:
        # An answer to a question of before it was left says nothing of now.
        if private.split(".", 1)[1] in self._topics:
            super()._take_answer(private, body)
        else:
            self.socket.unsubscribe(private)


def main() -> None:
    """Run from the command line."""
    given = arguments()
    chance = random.Random(given.name)
    every: list[str] = list(given.topics)
    given.topics = chance.sample(every, max(1, len(every) // 2))
    recorder = Recorder(given.record)
    churner = Churner(given, recorder)
    taken, orders, due_s = set(given.topics), Orders(recorder), time.monotonic()
    churner.poller.register(orders.descriptor, zmq.POLLIN)
    while True:
        ready = dict(churner.poller.poll(FLUSH_MS))
        if orders.descriptor in ready and not orders.read():
            return
        if not churner.read(orders.slow_s):
            churner.idle(is_reading=True)
        recorder.flush()
        if time.monotonic() >= due_s:
            due_s = time.monotonic() + CHANGE_S
            left = sorted(set(every) - taken)
            for topic in chance.sample(sorted(taken), min(CHANGES, len(taken) - 1)):
                churner.leave(topic)
                taken.remove(topic)
            for topic in chance.sample(left, min(CHANGES, len(left))):
                churner.join(topic)
                taken.add(topic)


if __name__ == "__main__":
    main()
