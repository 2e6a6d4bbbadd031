"""Which code reads lines: the interpreter's, or the extension's where it can be loaded."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import zmq

from gateway.clock import Clock
from gateway.normalize.depth_pipeline import DepthPipeline
from gateway.normalize.pipeline import Pipeline
from gateway.runtime.level1_link import Level1Link
from gateway.runtime.pump import Pump, can_pump


class PythonPipelines:
    """Makes pipelines that need nothing but the interpreter."""

    board_parts: Final[Mapping[str, Any]] = {}
    depth_parts: Final[Mapping[str, Any]] = {}
    """What a board, and a depth board, need for them."""

    def make(self, **parts: Any) -> Pipeline:
        """Make one Level 1 connection's pipeline; the arguments are those of `Pipeline`."""
        return Pipeline(**parts)

    def make_depth(self, **parts: Any) -> DepthPipeline:
        """Make one Level 2 connection's; the arguments are those of `DepthPipeline`."""
        return DepthPipeline(**parts)

    def make_pump(
        self, links: Sequence[Level1Link], clock: Clock, *, pause_ns_max: int
    ) -> Pump | None:
        """None: waiting and reading are two steps here."""
        del links, clock, pause_ns_max
        return None


class CompiledPipelines:
    """Makes pipelines that read usual lines in the extension.

    Args:
        data: The data socket; None when frames go elsewhere, and one by one to the envelope.

    Raises:
        ImportError: The extension is not there.
        OSError: libzmq's functions cannot be found.
    """

    def __init__(self, data: "zmq.Socket[bytes] | None") -> None:
        # Not at the top: the package installs and runs without the extension.
        from gateway.compiled.depth_pipeline import CompiledDepthPipeline  # noqa: PLC0415
        from gateway.compiled.depths import CompiledDepth, DepthIndex  # noqa: PLC0415
        from gateway.compiled.library import find_functions  # noqa: PLC0415
        from gateway.compiled.pipeline import CompiledPipeline, NativeSocket  # noqa: PLC0415
        from gateway.compiled.symbols import CompiledSymbol, SymbolIndex  # noqa: PLC0415

        self.board_parts: Final[Mapping[str, Any]] = {
            "make_symbol": CompiledSymbol,
            "symbols": SymbolIndex(),
        }
        self.depth_parts: Final[Mapping[str, Any]] = {
            "make_depth": CompiledDepth,
            "depths": DepthIndex(),
        }
        """What a board, and a depth board, need for them."""
        self._native = None if data is None else NativeSocket(find_functions(), data.underlying)
        self._make = CompiledPipeline
        self._make_depth = CompiledDepthPipeline

    def make(self, **parts: Any) -> Pipeline:
        """Make one Level 1 connection's pipeline; the arguments are those of `Pipeline`."""
        return self._make(native=self._native, **parts)

    def make_depth(self, **parts: Any) -> DepthPipeline:
        """Make one Level 2 connection's; the arguments are those of `DepthPipeline`."""
        return self._make_depth(native=self._native, **parts)

    def make_pump(
        self, links: Sequence[Level1Link], clock: Clock, *, pause_ns_max: int
    ) -> Pump | None:
        """Make what waits and reads at once; None where that cannot be done.

        Args:
            links: The Level 1 connections.
            clock: The feed thread's.
            pause_ns_max: A longer pause means that this process did not run.
        """
        if self._native is None or not can_pump(links, clock):
            return None
        pipeline = links[0].pipeline
        if not isinstance(pipeline, self._make):
            return None
        return Pump(links[0], pipeline, pause_ns_max=pause_ns_max)


Pipelines = PythonPipelines | CompiledPipelines


def make_pipelines(
    name: Literal["compiled", "python"], data: "zmq.Socket[bytes] | None"
) -> Pipelines:
    """Make what makes pipelines.

    Args:
        name: Which kind.
        data: The data socket; None when frames go elsewhere.
    """
    return CompiledPipelines(data) if name == "compiled" else PythonPipelines()
