"""Names of hosts to addresses, within a time."""

import contextlib
import ipaddress
import queue
import threading

from gateway.runtime.host_address import look_up


def resolve(host: str, *, seconds: float) -> tuple[str | None, str]:
    """Look a host up within a time: the system's own patience may be half a minute.

    Returns:
        Its numeric address, IPv4 before IPv6, and an empty text; or None and the reason.
    """
    with contextlib.suppress(ValueError):
        return str(ipaddress.ip_address(host)), ""
    answers: queue.SimpleQueue[str | OSError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(look_up(host))
        except OSError as error:
            answers.put(error)

    # A daemon: a name server that does not answer must not keep the program from ending.
    threading.Thread(target=ask, name="resolve", daemon=True).start()
    try:
        found = answers.get(timeout=seconds)
    except queue.Empty:
        return None, f"no answer within {seconds:g} s"
    if isinstance(found, OSError):
        return None, found.strerror or str(found)
    return found, ""


def is_loopback(address: str) -> bool:
    """Whether an address is this machine's own."""
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(address).is_loopback
    return False
