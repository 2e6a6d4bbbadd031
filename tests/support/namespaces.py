"""Network namespaces for tests: made, entered, and removed even after a crash.

A namespace is named for the process it belongs to, so that what a killed test run left behind can
be told from what a living one uses.
"""

import contextlib
import ctypes
import fcntl
import itertools
import os
import re
import shutil
import signal
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psutil

FOLDER: Final = Path("/run/netns")
TUN: Final = Path("/dev/net/tun")
CLONE_NEWNET: Final = 0x40000000
TUNSETIFF: Final = 0x400454CA
IFF_TUN_WITHOUT_HEADER: Final = 0x0001 | 0x1000
DEVICE: Final = "tun0"
QUEUE_PACKETS: Final = 5_000
_NAME: Final = re.compile(r"iqgw-(\d+)-\d+")
_numbers: Final = itertools.count(1)
_libc: Final = ctypes.CDLL(None, use_errno=True)


def missing() -> str:
    """What this machine lacks for namespaces joined by an emulated link; empty for nothing."""
    if os.geteuid():
        return "needs root"
    if not TUN.exists():
        return f"needs {TUN}"
    if shutil.which("ip") is None:
        return "needs iproute2 (the command ip)"
    return ""


def make(owner_pid: int) -> str:
    """Make a namespace that has the loopback address and nothing else of 127/8.

    The gateway listens on addresses of this machine only. In these namespaces the rest of 127/8
    belongs to the emulated link, so that the gateway's own TCP connection runs over it.

    Returns:
        Its name.
    """
    name = f"iqgw-{owner_pid}-{next(_numbers)}"
    run_ip("netns", "add", name)
    try:
        _set_up(name)
    except BaseException:
        remove(name)
        raise
    return name


def _set_up(name: str) -> None:
    run_ip("-n", name, "link", "set", "lo", "up")
    run_ip("-n", name, "addr", "del", "127.0.0.1/8", "dev", "lo")
    run_ip("-n", name, "addr", "add", "127.0.0.1/32", "dev", "lo")
    with inside(name):
        # Addresses of 127/8 that come or go by a device other than lo are dropped otherwise.
        Path("/proc/sys/net/ipv4/conf/all/route_localnet").write_text("1", encoding="ascii")
        _prefer_bbr()


def _prefer_bbr() -> None:
    """Let TCP take lost packets for no sign of congestion, where the system has that."""
    folder = Path("/proc/sys/net/ipv4")
    if "bbr" in (folder / "tcp_allowed_congestion_control").read_text(encoding="ascii").split():
        (folder / "tcp_congestion_control").write_text("bbr", encoding="ascii")


def remove(name: str) -> None:
    """End what still runs in a namespace of ours, and remove it."""
    assert _NAME.fullmatch(name), name
    for pid in _ip("netns", "pids", name).stdout.split():
        if int(pid) != os.getpid():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
    _ip("netns", "del", name)


def remove_stale() -> list[str]:
    """Remove the namespaces of processes that are no more.

    Returns:
        Their names.
    """
    names = [path.name for path in FOLDER.glob("iqgw-*")] if FOLDER.is_dir() else []
    stale = [
        name
        for name in names
        if (match := _NAME.fullmatch(name)) and not psutil.pid_exists(int(match[1]))
    ]
    for name in stale:
        remove(name)
    return stale


def congestion_control(name: str) -> str:
    """How TCP of a namespace takes lost packets, such as `bbr` or `cubic`."""
    with inside(name):
        return Path("/proc/sys/net/ipv4/tcp_congestion_control").read_text(encoding="ascii").strip()


@contextlib.contextmanager
def inside(name: str) -> Iterator[None]:
    """Be in a namespace with this thread; sockets and threads made here belong to it."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        _enter(os.open(FOLDER / name, os.O_RDONLY))
        try:
            yield
        finally:
            _enter(os.dup(home))
    finally:
        os.close(home)


def _enter(handle: int) -> None:
    try:
        if _libc.setns(handle, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
    finally:
        os.close(handle)


def open_tun(name: str, address: str) -> int:
    """Make a namespace's end of a link.

    Args:
        name: The namespace.
        address: The end's address with the length of the network's prefix.

    Returns:
        A file descriptor: what the namespace sends is read from it, packet by packet.
    """
    with inside(name):
        tun = os.open(TUN, os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", DEVICE.encode(), IFF_TUN_WITHOUT_HEADER))
    run_ip("-n", name, "addr", "add", address, "dev", DEVICE)
    run_ip("-n", name, "link", "set", DEVICE, "up", "txqueuelen", str(QUEUE_PACKETS))
    return tun


def run_ip(*arguments: str) -> None:
    """Run the command `ip`; what it says is shown when it fails."""
    finished = _ip(*arguments)
    assert finished.returncode == 0, (arguments, finished.stderr)


def _ip(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [shutil.which("ip") or "ip", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)
