"""The compiled pipeline sends with the libzmq that made the socket, or not at all."""

import ctypes
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import zmq

from gateway.compiled.library import EXTENSION, find_functions, libraries_of


def test_what_is_found_sends_through_a_socket_of_pyzmq() -> None:
    """Any other copy of libzmq would not know the socket."""
    prototype = ctypes.CFUNCTYPE(
        ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int
    )
    send = prototype(find_functions().send)
    with zmq.Context() as context, context.socket(zmq.PAIR) as one, context.socket(zmq.PAIR) as two:
        one.bind("inproc://found")
        two.connect("inproc://found")
        assert send(one.underlying, b"quote,A,\x00x", 10, 0) == 10
        assert two.recv() == b"quote,A,\x00x"


def test_the_same_is_found_again() -> None:
    """Looking twice loads nothing twice."""
    assert find_functions() == find_functions()


def test_a_backend_without_libzmq_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyPy, or PYZMQ_BACKEND: its sockets belong to a libzmq that is not shown."""
    other = type("Socket", (), {"__module__": "zmq.backend.cffi.socket"})
    monkeypatch.setattr(zmq.backend, "Socket", other)
    with pytest.raises(
        OSError, match=r"pyzmq uses zmq\.backend\.cffi\.socket, which does not show"
    ):
        find_functions()


@pytest.mark.parametrize("module", [None, SimpleNamespace()])
def test_a_backend_without_a_file_is_refused(
    monkeypatch: pytest.MonkeyPatch, module: object
) -> None:
    """A frozen program may have pyzmq within itself."""
    monkeypatch.setitem(sys.modules, EXTENSION, module)
    with pytest.raises(OSError, match="does not say where its libzmq is"):
        find_functions()


def test_a_library_without_zmq_send_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A libzmq linked statically may keep its symbols to itself."""
    elsewhere = SimpleNamespace(__file__=__import__("_ctypes").__file__)
    monkeypatch.setitem(sys.modules, EXTENSION, elsewhere)
    with pytest.raises(OSError, match=r"there is no zmq_send in .*_ctypes"):
        find_functions()


def test_a_file_that_is_no_library_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody may work on pyzmq, which can run as plain Python, too."""
    monkeypatch.setitem(sys.modules, EXTENSION, SimpleNamespace(__file__=__file__))
    with pytest.raises(OSError, match="test_library"):
        find_functions()


def test_another_version_than_pyzmq_uses_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two copies in one process would each think that it owns the sockets."""
    monkeypatch.setattr(zmq, "zmq_version_info", lambda: (4, 3, 99))
    with pytest.raises(OSError, match=r"found libzmq 4\.3\.\d+, and pyzmq uses 4\.3\.99"):
        find_functions()


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_on_windows_a_wheels_own_folder_is_searched(tmp_path: Path, platform: str) -> None:
    """Windows shows the symbols of one library, not those of what it is linked with."""
    libraries = tmp_path / "pyzmq.libs"
    libraries.mkdir()
    for name in ("libzmq-v143-mt-4_3_5.dll", "msvcp140.dll"):
        (libraries / name).touch()
    found = list(libraries_of("_zmq.pyd", platform=platform, package=tmp_path / "zmq"))
    beside = [str(libraries / "libzmq-v143-mt-4_3_5.dll")] if platform == "win32" else []
    assert found == ["_zmq.pyd", *beside]
