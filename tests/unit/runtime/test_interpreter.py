"""What is set for a gateway's process, and taken back."""

import ctypes
import gc
import platform
import sys

import pytest

from gateway.runtime.interpreter import InterpreterTuning, tune_allocator


def test_everything_is_as_before_afterwards() -> None:
    """Tests run gateways in their own process, and go on."""
    before = (gc.get_threshold(), sys.getswitchinterval())
    tuning = InterpreterTuning()
    tuning.apply()
    try:
        assert gc.get_threshold()[2] == before[0][2] * 100
        assert sys.getswitchinterval() == pytest.approx(0.0005)
    finally:
        tuning.undo()
    assert (gc.get_threshold(), sys.getswitchinterval()) == before


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library than glibc")
def test_blocks_of_a_messages_size_are_kept_by_glibc() -> None:
    """Without it every message is merged and split under a lock of two threads."""
    assert tune_allocator()


@pytest.mark.parametrize("error", [OSError("no such library"), AttributeError("mallopt")])
def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Musl has no `mallopt`; a static program no library to ask."""

    def fail(_: object) -> None:
        raise error

    monkeypatch.setattr(ctypes, "CDLL", fail)
    assert not tune_allocator()


@pytest.mark.parametrize("system", ["win32", "darwin"])
def test_other_systems_are_not_asked(monkeypatch: pytest.MonkeyPatch, system: str) -> None:
    """Their allocators have no such option."""
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(ctypes, "CDLL", pytest.fail)
    assert not tune_allocator()
