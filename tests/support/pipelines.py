"""Boards with the pipeline that a test is about: the Python one or the compiled one."""

import importlib.util
import os
from collections.abc import Mapping
from typing import Any, Final

import pytest

from gateway.compiled.choice import EXTENSION
from gateway.normalize.board import Board
from gateway.normalize.depth_board import DepthBoard
from gateway.normalize.depth_pipeline import DepthPipeline
from gateway.normalize.pipeline import Pipeline

PYTHON: Final = "python"
COMPILED: Final = "compiled"
NAMES: Final = (PYTHON, COMPILED)


def default_name() -> str:
    """The pipeline that tests use which do not say; `TESTS_PIPELINE` names it."""
    return os.environ.get("TESTS_PIPELINE", PYTHON)


def require(name: str) -> None:
    """Skip a test whose pipeline was not built; continuous integration has it and must not skip."""
    if name == PYTHON or importlib.util.find_spec(EXTENSION) is not None:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(f"{EXTENSION} was not built, but CI=true: it must be tested")
    pytest.skip(f"{EXTENSION} was not built; install the project where a C++ compiler is")


def names_here() -> tuple[str, ...]:
    """The pipelines that can be tested here; in continuous integration all of them must be."""
    is_built = importlib.util.find_spec(EXTENSION) is not None
    return NAMES if is_built or os.environ.get("CI") == "true" else (PYTHON,)


def make_board(name: str, **parts: Any) -> Board:
    """A board whose symbols that pipeline can read.

    Args:
        name: One of `NAMES`.
        parts: As `Board` takes them.
    """
    if name == PYTHON:
        return Board(**parts)
    # Only where it was built.
    from gateway.compiled.symbols import CompiledSymbol, SymbolIndex  # noqa: PLC0415

    return Board(**parts, make_symbol=CompiledSymbol, symbols=SymbolIndex())


def make_pipeline(name: str, parts: Mapping[str, Any], *, send: int = 0) -> Pipeline:
    """A pipeline that sends through the board's envelope.

    Args:
        name: One of `NAMES`.
        parts: As `Pipeline` takes them.
        send: Address of a function that the compiled one calls instead, as `zmq_send`.
    """
    if name == PYTHON:
        return Pipeline(**parts)
    from gateway.compiled.library import Functions  # noqa: PLC0415
    from gateway.compiled.pipeline import CompiledPipeline, NativeSocket  # noqa: PLC0415

    native = NativeSocket(Functions(send=send, poll=0), socket=0) if send else None
    return CompiledPipeline(**parts, native=native)


def make_depth_board(name: str, board: Board, **parts: Any) -> DepthBoard:
    """Order books that that pipeline can read.

    Args:
        name: One of `NAMES`; the board must be of the same.
        board: The symbols.
        parts: As `DepthBoard` takes them.
    """
    if name == PYTHON:
        return DepthBoard(board, **parts)
    from gateway.compiled.depths import CompiledDepth, DepthIndex  # noqa: PLC0415

    return DepthBoard(board, **parts, make_depth=CompiledDepth, depths=DepthIndex())


def make_depth_pipeline(name: str, parts: Mapping[str, Any], *, send: int = 0) -> DepthPipeline:
    """A Level 2 pipeline that sends through the board's envelope; as `make_pipeline`."""
    if name == PYTHON:
        return DepthPipeline(**parts)
    from gateway.compiled.depth_pipeline import CompiledDepthPipeline  # noqa: PLC0415
    from gateway.compiled.library import Functions  # noqa: PLC0415
    from gateway.compiled.pipeline import NativeSocket  # noqa: PLC0415

    native = NativeSocket(Functions(send=send, poll=0), socket=0) if send else None
    return CompiledDepthPipeline(**parts, native=native)
