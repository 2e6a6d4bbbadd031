"""Finds `zmq_send` in the libzmq that pyzmq uses: a socket belongs to the library that made it."""

import ctypes
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import zmq

BACKEND: Final = "zmq.backend.cython"
"""The part of pyzmq that is linked with libzmq."""
EXTENSION: Final = "zmq.backend.cython._zmq"


def find_send() -> int:
    """Find the function with which this process's sockets are sent to.

    Returns:
        The address of `int zmq_send(void *socket, const void *data, size_t size, int flags)`.

    Raises:
        OSError: pyzmq does not show its libzmq, or shows another one than it uses.
    """
    backend: str = zmq.backend.Socket.__module__
    if not backend.startswith(BACKEND):
        raise OSError(f"pyzmq uses {backend[:60]}, which does not show its libzmq")
    path = getattr(sys.modules.get(EXTENSION), "__file__", None)
    if path is None:
        raise OSError("pyzmq does not say where its libzmq is")
    library, address = _load(path)
    shown, used = _version_of(library), zmq.zmq_version_info()
    if shown != used:
        raise OSError(f"found libzmq {_spelled(shown)}, and pyzmq uses {_spelled(used)}")
    return address


def _load(extension: str) -> tuple[ctypes.CDLL, int]:
    """Load what has `zmq_send`: already loaded, it is not loaded twice."""
    package = Path(zmq.__file__).parent
    for path in libraries_of(extension, platform=sys.platform, package=package):
        library = ctypes.CDLL(path)
        try:
            address = ctypes.cast(library.zmq_send, ctypes.c_void_p).value
        except AttributeError:
            continue
        if address:
            return library, address
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
