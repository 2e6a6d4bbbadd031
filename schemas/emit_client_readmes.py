"""Writes the README of each client: one template, one page of facts for each language.

`clients/<language>/readme.yaml` holds what differs; the sample that users read first is copied from
the file that is compiled and run, so a page never shows code that does not work.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from schemas.contract import Contract
from schemas.markdown_methods import table

CLIENTS: Final = Path(__file__).resolve().parent.parent / "clients"
FACTS: Final = "readme.yaml"
NEEDED: Final = (
    "title", "package", "intro", "install", "requires", "example", "run", "api", "errors", "notes",
)  # fmt: skip
API: Final = {
    "GatewayClient": "a consumer of the data and a caller of methods, over both sockets",
    "connect": "reach the gateway; false within the timeout when it cannot be reached",
    "disconnect": "close everything; idempotent, leaves no thread or socket",
    "subscribe_symbol": "subscribe to kinds of a symbol, with a lease renewed in the background",
    "subscribe_symbols": "the same for many; one bad symbol never spoils the others",
    "subscribe_topics": "listen to topics (`bar,AAPL,`) or whole kinds (`news,`) without a lease",
    "unsubscribe_symbols": "give symbols up, or only some kinds of them",
    "next_message": "the next message or event of the stream",
    "snapshot": "last values by request",
    "replay": "lost trades, corrections or news of a range of sequences",
    "get_health_status": "whether all is well; that nobody answers is an answer too",
    "get_metrics": "figures of clients, connections, topics and the process",
    "get_diagnostic_info": "everything an operator needs",
    "get_active_alerts": "the alerts that stand",
    "get_performance_trends": "per metric mean, max, min, p95 and slope",
    "get_error_history": "the gateway's errors, oldest first",
    "why": "why a symbol is in its state, in plain words",
    "resync": "have the gateway ask the vendor for fresh values",
    "call": "any method of the gateway",
    "statistics": "what this client has counted",
    "BookMirror": "a copy of one order book, kept from an image and the updates behind it",
    "decode_frame": "one frame to a typed message",
    "to_decimal": "the vendor's exact decimal text of a price",
    "load_keys": "the key file that `iqfeed-gateway keys new` wrote",
}
ERRORS: Final = {
    "GatewayClientError": "base of all; `code` is stable, `hint` says what to do",
    "InvalidArgument": "an argument that can never be right; nothing was sent",
    "SecurityValidationError": "a symbol that must not reach the gateway; nothing was sent",
    "NotConnected": "not connected, or the gateway was lost while the call was under way",
    "RequestTimedOut": "no answer before the deadline; the gateway may have acted on it",
    "RequestRefused": "the gateway's own error: `code`, `hint`, `retry_ms`, `details`",
    "DecodeError": "bytes that are not a message of the wire contract",
    "UnknownMessage": "a type number this version does not know: skip it, or update",
    "SequenceGap": "updates of a book are missing; ask for an image and go on",
}
EVENTS: Final = {
    "`Gap`": "messages are missing, came after all (`healed`), or never will (`is_final`)",
    "`GatewayRestarted`": "sequences start over; leases are taken again, snapshots fetched",
    "`Disconnected`": "no heartbeat for 3 s: take values for stale; the socket is made anew",
    "`Reconnected`": "heartbeats are back; snapshots are on their way",
    "`Overrun`": "your code read too slowly: what waited was skipped and is named by `Gap`s",
    "`SubscriptionRefused`": "a symbol held before is refused now",
}
SAME: Final = """Messages have the fields of the [wire contract](../../schemas/WIRE.md) under its
names in this language's spelling; what is absent is absent, never 0. Between them stand the
client's own events, each at the place in the stream where it happened:
"""
PROMISE: Final = """A hole is found by the next message, by a snapshot's position or by the word of
the gateway on topics that fell quiet, so the loss of a last message is found too. Values and books
are replaced by a snapshot; trades, corrections and news are fetched again and come with the flag
`REPLAY` and their own sequence, once. What never comes is named by a `Gap` that is final.
Nothing is lost without a word.

The client never sets ZMTP heartbeats on its SUB socket (libzmq aborts the process when its receive
queue is full), watches the gateway's own heartbeat instead, and always drains the socket; while
your code is slow, newest values replace older ones, and what must be skipped is told.
"""


def emit(contract: Contract) -> Mapping[str, str]:
    """The pages.

    Args:
        contract: The checked definitions; only its version is shown.

    Returns:
        Path from the project's root to content.
    """
    return {
        f"clients/{path.parent.name}/README.md": _page(path, contract.protocol_version)
        for path in sorted(CLIENTS.glob(f"*/{FACTS}"))
    }


def _page(path: Path, version: int) -> str:
    facts: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    where = f"{path.parent.name}/{FACTS}"
    missing = [name for name in NEEDED if not facts.get(name)]
    if missing:
        raise ValueError(f"{where} lacks {', '.join(missing)}")
    example = path.parent / facts["example"]
    code = example.read_text(encoding="utf-8").strip()
    parts = [
        f"# {facts['title']}",
        f"Generated by schemas/generate.py from schemas/emit_client_readmes.py and {FACTS}: do not edit.",
        f"{facts['intro'].strip()} Speaks protocol version {version}.",
        f"Needs {facts['requires'].strip()}",
        _block(facts["install"]),
        f"`{facts['example']}`:",
        _block(code, example.suffix.removeprefix(".")),
        "Run it beside a gateway (`iqfeed-gateway demo` has one with a simulator):",
        _block(facts["run"]),
        "## What comes out of the stream",
        SAME,
        table(("event", "says"), EVENTS.items()),
        PROMISE,
        "## Names",
        table(("name", "does"), _rows(facts["api"], API, f"{where}: api")),
        "## Errors",
        table(("error", "means"), _rows(facts["errors"], ERRORS, f"{where}: errors")),
        facts["notes"],
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _block(text: str, language: str = "") -> str:
    return f"```{language}\n{text.strip()}\n```"


def _rows(
    spelled: Mapping[str, str], meanings: Mapping[str, str], where: str
) -> Sequence[tuple[str, str]]:
    unknown = sorted(spelled.keys() ^ meanings.keys())
    if unknown:
        raise ValueError(f"{where} has too few or too many of {', '.join(unknown)}")
    return [(f"`{spelled[name]}`", meaning) for name, meaning in meanings.items()]
