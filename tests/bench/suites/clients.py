"""How fast each language's client turns frames into typed messages, beside its plain library.

Both read the same frames off a bare SUB socket of the same library: `plain` decodes the body into
the msgpack library's own values, `typed` decodes the frame into a message. All frames are on their
way before the clock runs: the consumer is stopped while they are published, so the publisher does
not limit anybody. POSIX only.
"""

import functools
import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle, islice
from typing import Any

import zmq

from tests.bench.plan import Cell, Figures, Options, Pair, Suite
from tests.bench.running import ROOT
from tests.support.languages import LANGUAGES, Language, built, missing_tools

VECTORS = ROOT / "schemas" / "vectors"
MODES = ("plain", "typed")
KINDS = ("quote", "quote", "quote", "quote", "trade")
"""One trade to four quotes, as on a busy feed."""


def frames() -> Iterator[bytes]:
    """Messages of everyday, for ever: those of the vectors that have every value."""
    found: dict[str, list[bytes]] = {}
    for kind in set(KINDS):
        path = VECTORS / f"{kind}.v1.json"
        cases = json.loads(path.read_text(encoding="utf-8"))["tests"]
        found[kind] = [
            bytes.fromhex(case["frame"])
            for case in cases
            if case["result"] == "valid" and case["frame"].startswith(f"{kind},".encode().hex())
        ][:1]
    return cycle(frame for kind in KINDS for frame in found[kind])


@contextmanager
def publisher() -> Iterator[tuple["zmq.Socket[bytes]", str]]:
    """A socket that queues whatever it is given."""
    with zmq.Context() as context, context.socket(zmq.XPUB) as socket:
        socket.linger = 0
        socket.sndhwm = 0
        socket.bind("tcp://127.0.0.1:*")
        yield socket, socket.getsockopt_string(zmq.LAST_ENDPOINT)


def run_once(language: Language, mode: str, count: int) -> Figures:
    """One consumer of so many frames; what it says."""
    with publisher() as (socket, endpoint):
        command = [*program_of(language), "bench", mode, endpoint, str(count)]
        with subprocess.Popen(
            command, cwd=language.folder, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            for _ in range(2):
                socket.recv()  # Both of its subscriptions.
            process.stdout.readline()
            process.send_signal(signal.SIGSTOP)
            for frame in islice(frames(), count):
                socket.send(frame)
            process.send_signal(signal.SIGCONT)
            told: dict[str, Any] = json.loads(process.stdout.readline())
    if told["messages"] != count:
        raise SystemExit(f"{language.name} {mode} lost frames: {told}")
    return {"messages_per_s": float(told["per_second"])}


@functools.cache
def program_of(language: Language) -> tuple[str, ...]:
    """The built program's command."""
    return tuple(built(language).program)


def make(options: Options) -> Suite:
    """The suite, of the languages whose tools are here; quick, of Python alone."""
    count = options.lines(300_000)
    skipped = {
        one.name: f"{' and '.join(missing)} not installed"
        for one in LANGUAGES
        if (missing := missing_tools(one))
    }
    chosen = [
        one
        for one in LANGUAGES
        if one.name not in skipped and (one.name == "python" or not options.is_quick)
    ]
    if options.is_quick:
        skipped = {}

    def prepare() -> None:
        for one in chosen:
            program_of(one)

    return Suite(
        name="clients",
        title="Clients: frames to messages, beside the plain msgpack library",
        figures=("messages_per_s",),
        cells=[
            Cell(f"{one.name} {mode}", functools.partial(run_once, one, mode, count), f"{count:,}")
            for one in chosen
            for mode in MODES
        ],
        pairs=[
            Pair(f"{one.name} typed", f"{one.name} plain", "messages_per_s", ">= 0.7")
            for one in chosen
        ],
        skipped=skipped,
        prepare=prepare,
    )
