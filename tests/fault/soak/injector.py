"""How each kind of fault is done, and undone."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from typing import Final

from tests.fault.soak.cast import Cast
from tests.fault.soak.schedule import Planned
from tests.support.processes import ROOT
from tests.support.zmtp import RawPeer, lying_frame

PROGRAMS: Final = ROOT / "tests" / "support"
END_S_MAX: Final = 5.0
SLOW_MS: Final = 5
FACTOR: Final = 5
SHARE: Final = 0.02
PIECE_BYTES: Final = 7
GARBAGE_BYTES: Final = 4_096
LINE_BYTES: Final = 1 << 20
REQUEST_BYTES: Final = 1 << 32


class Injector:
    """Begins and ends faults.

    Args:
        cast: Whom they happen to.
    """

    def __init__(self, cast: Cast) -> None:
        self._cast = cast
        self._harm: dict[int, subprocess.Popen[bytes]] = {}
        self.broken: list[str] = []
        """Promises that a fault itself has shown to be broken, in words."""
        upstream = self._upstream
        self._ways: dict[str, tuple[Callable[[Planned], None], Callable[[Planned], None]]] = {
            "IQConnect restarts": (self._restart, nothing),
            "IQConnect refuses": (self._refuse, upstream("refuse", port="level1", on=False)),
            "IQConnect hangs": self._both("stall", "on", port="level1"),
            "IQConnect is half open": self._both("half_open", "on", port="level1"),
            "DTN is away": (upstream("dtn", up=False), upstream("dtn", up=True)),
            "connection closed": (upstream("close", port="level1"), nothing),
            "connection reset": (upstream("reset", port="all"), nothing),
            "connection cut within a line": (upstream("close_mid_line", port="level1"), nothing),
            "garbage between lines": (self._garbage, nothing),
            "a line of a megabyte": (
                upstream("oversized_line", port="level1", bytes=LINE_BYTES),
                nothing,
            ),
            "lines cut and repeated": (self._mangle(SHARE), self._mangle(0)),
            "bytes in small pieces": (
                upstream("slice", port="level1", bytes_max=PIECE_BYTES),
                upstream("slice", port="level1", bytes_max=0),
            ),
            "burst": (self._burst, nothing),
            "gateway killed": (self._kill_gateway, self._start_gateway),
            "gateway told to end": (self._end_gateway, self._start_gateway),
            "gateway suspended": (
                self._signal_gateway(signal.SIGSTOP),
                self._signal_gateway(signal.SIGCONT),
            ),
            "gateway reloads": (self._signal_gateway(signal.SIGHUP), nothing),
            "consumer killed": (self._kill_consumer, self._start_consumer),
            "consumer suspended": (
                self._signal_consumer(signal.SIGSTOP),
                self._signal_consumer(signal.SIGCONT),
            ),
            "consumer reads slowly": (
                self._order("slow", "slow", SLOW_MS),
                self._order("slow", "resume"),
            ),
            "scrapers flood": (self._flood, self._end_harm),
            "strangers at the door": (self._attack("strangers"), self._end_harm),
            "handshakes half open": (self._attack("half_open"), self._end_harm),
            "peer breaks the protocol": (self._break_protocol, nothing),
        }

    def begin(self, planned: Planned) -> None:
        """Let it happen."""
        self._ways[planned.kind.name][0](planned)

    def end(self, planned: Planned) -> None:
        """Let it be over."""
        self._ways[planned.kind.name][1](planned)

    def close(self) -> None:
        """Undo what an exception left undone."""
        for process in self._harm.values():
            process.kill()
            process.wait()
        for consumer in self._cast.consumers.values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(consumer.pid, signal.SIGCONT)

    def _upstream(self, verb: str, **params: object) -> Callable[[Planned], None]:
        def act(_: Planned) -> None:
            self._cast.market.act(verb, **params)

        return act

    def _both(
        self, verb: str, flag: str, **params: object
    ) -> tuple[Callable[[Planned], None], Callable[[Planned], None]]:
        return (
            self._upstream(verb, **params, **{flag: True}),
            self._upstream(verb, **params, **{flag: False}),
        )

    def _restart(self, planned: Planned) -> None:
        self._cast.market.act("restart", down_s=planned.for_s)

    def _refuse(self, _: Planned) -> None:
        self._cast.market.act("refuse", port="level1", on=True)
        self._cast.market.act("reset", port="level1")

    def _garbage(self, planned: Planned) -> None:
        self._cast.market.act("garbage", port="level1", bytes=GARBAGE_BYTES, seed=planned.seed)

    def _burst(self, planned: Planned) -> None:
        self._cast.market.act("burst", factor=FACTOR, seconds=planned.for_s)

    def _mangle(self, share: float) -> Callable[[Planned], None]:
        def act(_: Planned) -> None:
            for verb in ("cut_lines", "duplicate_lines", "swap_lines"):
                self._cast.market.act(verb, share=share)

        return act

    def _kill_gateway(self, _: Planned) -> None:
        self._cast.is_up = False
        self._cast.gateway.kill()

    def _end_gateway(self, planned: Planned) -> None:
        self._cast.is_up = False
        self._cast.gateway.send_signal(signal.SIGTERM)
        code, took_s = self._cast.gateway.wait()
        if code != 0 or took_s > END_S_MAX:
            self.broken.append(f"{planned.number}: SIGTERM: exit {code} after {took_s:.1f} s")

    def _start_gateway(self, _: Planned) -> None:
        self._cast.gateway.start()
        self._cast.is_up = True

    def _signal_gateway(self, number: signal.Signals) -> Callable[[Planned], None]:
        def act(planned: Planned) -> None:
            if self._cast.is_up:
                self._cast.gateway.send_signal(number)
            else:
                self.broken.append(f"{planned.number}: no gateway to signal")

        return act

    def _kill_consumer(self, _: Planned) -> None:
        self._cast.kill_consumer("victim")

    def _start_consumer(self, _: Planned) -> None:
        self._cast.start_consumer("victim")

    def _signal_consumer(self, number: signal.Signals) -> Callable[[Planned], None]:
        def act(_: Planned) -> None:
            os.kill(self._cast.consumers["victim"].pid, number)

        return act

    def _order(self, name: str, *words: object) -> Callable[[Planned], None]:
        def act(_: Planned) -> None:
            self._cast.consumers[name].order(*words)

        return act

    def _flood(self, planned: Planned) -> None:
        self._harm[planned.number] = self._cast.begin(
            PROGRAMS / "http_flood.py", self._cast.gateway.http_port, planned.for_s
        )

    def _attack(self, kind: str) -> Callable[[Planned], None]:
        def act(planned: Planned) -> None:
            port = self._cast.gateway.data.rpartition(":")[2]
            self._harm[planned.number] = self._cast.begin(
                PROGRAMS / "door_attack.py", kind, port, planned.for_s
            )

        return act

    def _end_harm(self, planned: Planned) -> None:
        # Whatever it was about to do: its connections end, as those of a dead program do.
        process = self._harm.pop(planned.number)
        process.kill()
        process.wait()

    def _break_protocol(self, _: Planned) -> None:
        """A peer that says hello, claims that four gigabytes follow, and another that chatters."""
        # A gateway that is down at this moment is another fault's doing.
        with contextlib.suppress(OSError, AssertionError):
            with RawPeer(self._cast.gateway.data, "SUB") as peer:
                peer.send(lying_frame(REQUEST_BYTES))
                peer.is_cut(1.0)
            with RawPeer(self._cast.gateway.data, "XSUB") as peer:
                peer.send(b"\x00\x05hello" * 50)
                peer.is_cut(1.0)


def nothing(_: Planned) -> None:
    """For what is over by itself."""


def now_us() -> int:
    """The time consumers and gateway stamp with, us UTC."""
    return time.time_ns() // 1000
