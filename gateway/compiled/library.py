"""Finds `zmq_send` in the libzmq that pyzmq uses: a socket belongs to the library that made it."""

import ctypes
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import zmq

BACKEND: Final = "zmq.backend.cython"
"""The part of pyzmq that is linked with libzmq."""
EXTENSION: Final = "zmq.backend.cython._zmq"


class Functions(NamedTuple):
    """Addresses of libzmq's functions."""

    send: int
    """`int zmq_send(void *socket, const void *data, size_t size, int flags)`."""
    poll: int
    """`int zmq_poll(zmq_pollitem_t *items, int count, long timeout_ms)`."""


def find_functions() -> Functions:
    """Find the functions with which this process's sockets are sent to and waited for.

    Raises:
        OSError: pyzmq does not show its libzmq, or shows another one than it uses.
    """
    backend: str = zmq.backend.Socket.__module__
    if not backend.startswith(BACKEND):
        raise OSError(f"pyzmq uses {backend[:60]}, which does not show its libzmq")
    path = getattr(sys.modules.get(EXTENSION), "__file__", None)
    if path is None:
        raise OSError("pyzmq does not say where its libzmq is")
    library, functions = _load(path)
    shown, used = _version_of(library), zmq.zmq_version_info()
    if shown != used:
        raise OSError(f"found libzmq {_spelled(shown)}, and pyzmq uses {_spelled(used)}")
    return functions


def _load(extension: str) -> tuple[ctypes.CDLL, Functions]:
    """Load what has `zmq_send`: already loaded, it is not loaded twice."""
    package = Path(zmq.__file__).parent
    for path in libraries_of(extension, platform=sys.platform, package=package):
        library = ctypes.CDLL(path)
        try:
            addresses = [
                ctypes.cast(function, ctypes.c_void_p).value or 0
                for function in (library.zmq_send, library.zmq_poll)
            ]
        except AttributeError:
            continue
        if all(addresses):
            return library, Functions(*addresses)
    raise OSError(f"there is no zmq_send in {extension[:200]}")


def libraries_of(extension: str, *, platform: str, package: Path) -> Iterator[str]:
    """Where libzmq may be: symbols of what a library is linked with are its own, but on Windows.

    Args:
        extension: The file of pyzmq that is linked with libzmq.
        platform: As `sys.platform`.
        package: The folder of pyzmq.
    """
    yield extension
    if platform == "win32":
        # Wheels bring it in a folder beside the package's, under a name that is theirs alone.
        beside = package.with_name("pyzmq.libs")
        yield from (str(path) for path in sorted(beside.glob("libzmq*.dll")))


def _version_of(library: ctypes.CDLL) -> tuple[int, int, int]:
    parts = (ctypes.c_int(), ctypes.c_int(), ctypes.c_int())
    library.zmq_version(*(ctypes.byref(part) for part in parts))
    major, minor, patch = (part.value for part in parts)
    return major, minor, patch


def _spelled(version: tuple[int, ...]) -> str:
    return ".".join(str(part) for part in version)
