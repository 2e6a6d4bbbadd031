"""IQConnect's host as a numeric address, looked up for as long as it takes."""

import contextlib
import ipaddress
import socket
import threading
from collections.abc import Callable
from typing import Final

from gateway.clock import Clock
from gateway.errors import ConfigError, bounded
from gateway.logs import get_logger

LOOK_NS_MIN: Final = 1_000_000_000
"""From the beginning of one look-up to that of the next."""

FIRST_S_MAX: Final = 3.0
"""How long a start waits for the first look-up; the gateway then begins without."""


class HostUnknown(OSError):
    """A name has no address yet; another attempt may find one."""


def look_up(name: str) -> str:
    """Ask the system for a name's address; may take half a minute.

    Returns:
        A numeric address, IPv4 before IPv6: IQConnect listens on IPv4 loopback.

    Raises:
        OSError: There is none, or no name server answers.
    """
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise OSError("not a host name") from error
    addresses = sorted(found, key=lambda entry: entry[0] is not socket.AF_INET)
    return str(addresses[0][4][0])


class HostAddress:
    """Knows the numeric address of a host, and looks it up at every attempt to connect to it.

    A machine that boots may have no name server yet, and a container that is made anew has another
    address: neither is a reason to end. Looking up is done in a thread of its own, because a name
    server that does not answer holds whoever asks; an attempt uses what is known when it is made.

    Args:
        name: As configured; a numeric address is never looked up.
        clock: Paces look-ups.
        look: Looks a name up.

    Raises:
        ConfigError: It cannot be a name of any host.
    """

    def __init__(self, name: str, clock: Clock, *, look: Callable[[str], str] = look_up) -> None:
        self._name = name
        self._clock = clock
        self._look = look
        self._lock = threading.Lock()
        self._began_ns: int | None = None
        self._is_looking = False
        self._known: str | None = None
        self._is_done = threading.Event()
        self.reason = "not looked up yet"
        """Why there is no address, or why the last look-up failed."""
        with contextlib.suppress(ValueError):
            self._known = str(ipaddress.ip_address(name))
        self._is_numeric = self._known is not None
        if not self._is_numeric:
            _check_name(name)

    def __str__(self) -> str:
        """For people: the address, or the name as long as it has none."""
        return self._known if self._known is not None else self._name

    def numeric(self) -> str:
        """Give what is known of the address now, and have it looked up anew; never blocks.

        Raises:
            HostUnknown: Nothing is known yet.
        """
        self._begin()
        if self._known is None:
            raise HostUnknown(f"iqconnect.host {bounded(self._name)} has no address: {self.reason}")
        return self._known

    def wait(self, seconds: float) -> bool:
        """Wait for the first look-up to end; blocks.

        Returns:
            Whether there is an address.
        """
        self._begin()
        if self._known is None and not self._is_done.wait(seconds):
            self.reason = f"no answer within {seconds:g} s"
        return self._known is not None

    def _begin(self) -> None:
        """Begin to look up, unless that is being done or was done just now."""
        if self._is_numeric:
            return
        with self._lock:
            now_ns = self._clock.monotonic_ns()
            is_early = self._began_ns is not None and now_ns - self._began_ns < LOOK_NS_MIN
            if self._is_looking or is_early:
                return
            self._began_ns, self._is_looking = now_ns, True
        try:
            # A daemon: a name server that does not answer must not keep the program from ending.
            threading.Thread(target=self._run, name="resolve", daemon=True).start()
        except RuntimeError:
            self.reason, self._is_looking = "no thread to look it up in", False

    def _run(self) -> None:
        try:
            found = self._look(self._name)
        except OSError as error:
            self.reason = error.strerror or str(error)
        else:
            before, self._known = self._known, found
            if before is not None and before != found:
                get_logger("upstream").info(
                    "iqconnect.host has another address", host=self._name, was=before, now=found
                )
        finally:
            self._is_looking = False
            self._is_done.set()


def _check_name(name: str) -> None:
    try:
        name.encode("idna")
    except UnicodeError as error:
        raise ConfigError(
            "iqconnect.host is no name of a host",
            hint="Write a name or an address, such as iqconnect or 10.0.0.5.",
            host=bounded(name),
        ) from error
