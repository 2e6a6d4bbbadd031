"""Which code reads Level 1 lines: the interpreter's, or the extension's where it can be loaded."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Literal

import zmq

from gateway.normalize.pipeline import Pipeline

if TYPE_CHECKING:
    pass


class PythonPipelines:
    """Makes pipelines that need nothing but the interpreter."""

    board_parts: Final[Mapping[str, Any]] = {}
    """What a board needs for them."""

    def make(self, **parts: Any) -> Pipeline:
        """Make one connection's pipeline; the arguments are those of `Pipeline`."""
        return Pipeline(**parts)


class CompiledPipelines:
    """Makes pipelines that read usual lines in the extension.

    Args:
        data: The data socket; None when frames go elsewhere, and one by one to the envelope.

    Raises:
        ImportError: The extension is not there.
        OSError: libzmq's `zmq_send` cannot be found.
    """

    def __init__(self, data: "zmq.Socket[bytes] | None") -> None:
        # Not at the top: the package installs and runs without the extension.
        from gateway.compiled.library import find_send  # noqa: PLC0415
        from gateway.compiled.pipeline import CompiledPipeline, NativeSend  # noqa: PLC0415
        from gateway.compiled.symbols import CompiledSymbol, SymbolIndex  # noqa: PLC0415

        self.board_parts: Final[Mapping[str, Any]] = {
            "make_symbol": CompiledSymbol,
            "symbols": SymbolIndex(),
        }
        """What a board needs for them."""
        self._native: NativeSend | None = None
        if data is not None:
            self._native = NativeSend(function=find_send(), socket=data.underlying)
        self._pipeline = CompiledPipeline

    def make(self, **parts: Any) -> Pipeline:
        """Make one connection's pipeline; the arguments are those of `Pipeline`."""
        return self._pipeline(native=self._native, **parts)


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
