"""The plainest relay there is: libzmq's own proxy between an XSUB and an XPUB socket.

`python -m tests.support.plain_relay UPSTREAM BIND`
"""

import sys

import zmq


def main() -> None:
    """Run from the command line, until the process is ended."""
    upstream, bind = sys.argv[1:]
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    source = context.socket(zmq.XSUB)
    # Subscriptions of all consumers go up here; with the default many would be lost.
    source.setsockopt(zmq.SNDHWM, 0)
    source.setsockopt(zmq.RCVHWM, 100_000)
    source.connect(upstream)
    sink = context.socket(zmq.XPUB)
    sink.setsockopt(zmq.RCVHWM, 0)
    sink.setsockopt(zmq.SNDHWM, 100_000)
    sink.bind(bind)
    zmq.proxy(source, sink)


if __name__ == "__main__":
    main()
