"""What the machine tells: addresses of names, and figures of this process."""

import asyncio
import contextlib
import os
import socket
from typing import Any

import psutil

from gateway.errors import ConfigError


async def resolve_host(loop: asyncio.AbstractEventLoop, host: str) -> str:
    """Look the host up once, before anything depends on it.

    Raises:
        ConfigError: Not a name this machine knows.
    """
    try:
        found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise ConfigError(
            "iqconnect.host cannot be resolved", host=host, reason=str(error)
        ) from error
    # IQConnect listens on IPv4 loopback: prefer it where a name has both.
    addresses = sorted(found, key=lambda entry: entry[0] is not socket.AF_INET)
    return str(addresses[0][4][0])


def process_facts() -> dict[str, Any]:
    """Memory, processor and threads of this process; keys a platform lacks are left out."""
    process = psutil.Process()
    with process.oneshot():
        facts: dict[str, Any] = {
            "pid": os.getpid(),
            "rss_mb": process.memory_info().rss / 1_048_576,
            "cpu_seconds": sum(process.cpu_times()[:2]),
            "threads": process.num_threads(),
        }
        with contextlib.suppress(AttributeError, psutil.Error):
            facts["descriptors"] = process.num_fds()
    return facts
