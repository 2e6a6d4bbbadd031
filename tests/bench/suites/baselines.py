"""Which of the programs that the gateway is compared with can run here."""

import importlib.util
import shutil
from typing import Final

from tests.bench import native
from tests.bench.running import BROKERS

CLIENTS: Final = {"redis": "redis", "nats": "nats"}
"""Python packages of the brokers' clients, by broker; the extra `bench` brings them."""


def why_not(publisher: str) -> str | None:
    """Why a publisher cannot run here; None when it can."""
    if publisher in {"c1", "c2"}:
        return native.why_not()
    if publisher in BROKERS:
        server = BROKERS[publisher][0]
        if shutil.which(server) is None:
            return f"{server} is not installed (Debian: apt-get install {server})"
        if importlib.util.find_spec(CLIENTS[publisher]) is None:
            return "its Python client is not installed (pip install -e '.[bench]')"
    return None


def split(publishers: tuple[str, ...]) -> tuple[list[str], dict[str, str]]:
    """Those that can run, and why the others cannot."""
    reasons = {publisher: why_not(publisher) for publisher in publishers}
    return (
        [publisher for publisher, reason in reasons.items() if reason is None],
        {publisher: reason for publisher, reason in reasons.items() if reason is not None},
    )
