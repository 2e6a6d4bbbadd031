"""`native.c`, built on the spot by the system's compiler, around the libzmq that pyzmq brought."""

import ctypes
import functools
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Final

import zmq
import zmq.backend.cython._zmq as libzmq_module

SOURCE: Final = Path(__file__).with_name("native.c")
COMPILERS: Final = ("cc", "gcc", "clang")


def why_not() -> str | None:
    """Why it cannot be built here; None when it can."""
    if not any(map(shutil.which, COMPILERS)):
        return f"no C compiler ({', '.join(COMPILERS)})"
    try:
        load()
    except (OSError, subprocess.CalledProcessError) as error:
        return f"native.c cannot be built or loaded: {error}"
    return None


def address_of(function: str) -> int:
    """Where one of libzmq's functions is.

    Raises:
        OSError: pyzmq's module does not export it.
    """
    library = ctypes.CDLL(libzmq_module.__file__)
    try:
        found = getattr(library, function)
    except AttributeError as error:
        raise OSError(f"pyzmq's own module does not export {function}") from error
    return int(ctypes.cast(found, ctypes.c_void_p).value or 0)


@functools.cache
def load() -> ctypes.CDLL:
    """Build and load it.

    Raises:
        OSError: It cannot be loaded.
        CalledProcessError: It cannot be built.
    """
    compiler = next(filter(None, map(shutil.which, COMPILERS)), COMPILERS[0])
    with tempfile.TemporaryDirectory() as folder:
        built = Path(folder) / "native.so"
        subprocess.run(
            [compiler, "-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o", built, SOURCE],
            check=True,
        )
        library = ctypes.CDLL(str(built))
    library.forward.restype = ctypes.c_int64
    return library


def address_in_native(function: str) -> int:
    """Where a function of `native.c` is."""
    return int(ctypes.cast(getattr(load(), function), ctypes.c_void_p).value or 0)


def forward(socket: "zmq.Socket[Any]", descriptor: int, *, frames: int) -> int:
    """Send every line that comes, until the connection ends; how many, -1 after a failure."""
    send = ctypes.c_void_p(address_of("zmq_send"))
    pointer = ctypes.c_void_p(int(socket.underlying))
    return int(load().forward(send, pointer, descriptor, frames))


def drain(
    sockets: "list[zmq.Socket[bytes]]",
    *,
    start: bytes,
    end: bytes,
    frames: int,
    stamps_max: int,
    timeout_ms: int,
) -> tuple[list[int], int, list[int]] | None:
    """Read until every socket has had its end.

    Returns:
        Messages by socket, the moment of the last end (monotonic nanoseconds), and those of the
        first socket's messages; None when nothing came for `timeout_ms`.
    """
    count = len(sockets)
    pointers = (ctypes.c_void_p * count)(*(int(socket.underlying) for socket in sockets))
    counts, last_ns = (ctypes.c_int64 * count)(), ctypes.c_int64()
    stamps = (ctypes.c_int64 * stamps_max)() if stamps_max else None
    problem = load().drain(
        ctypes.c_void_p(address_of("zmq_recv")),
        ctypes.c_void_p(address_of("zmq_poll")),
        pointers,
        count,
        *(start, len(start), end, len(end), frames),
        *(
            counts,
            ctypes.byref(last_ns),
            stamps,
            ctypes.c_int64(stamps_max),
            ctypes.c_long(timeout_ms),
        ),
    )
    if problem:
        return None
    taken = list(stamps)[: counts[0]] if stamps is not None else []
    return list(counts), last_ns.value, taken
