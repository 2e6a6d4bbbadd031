"""A consumer that takes everything, as a process of its own: it can be stopped without us."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tests.support.processes import ROOT

READER: Final = """
import sys, zmq
context = zmq.Context()
socket = context.socket(zmq.SUB)
socket.setsockopt(zmq.SNDHWM, 0)
socket.connect(sys.argv[1])
socket.subscribe(b"")
socket.recv()
print("ready", flush=True)
while True:
    socket.recv()
"""


@contextmanager
def reader(endpoint: str) -> "Iterator[subprocess.Popen[bytes]]":
    """A consumer process that takes everything."""
    child = subprocess.Popen(
        [sys.executable, "-c", READER, endpoint], stdout=subprocess.PIPE, cwd=ROOT
    )
    with child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == b"ready\n"
            yield child
        finally:
            child.kill()
