"""`tail`: messages of a running gateway, as they come."""

import json
import sys
from datetime import UTC, datetime
from typing import Any

from gateway_client import Alert, CurveKeys, Event, Flag, GatewayClient, GatewayClientError
from gateway_client.results import SymbolResult

from gateway.commands.endpoints import HINT, KEYS_HINT, refusal_of
from gateway.commands.ladder import show_ladders
from gateway.errors import bounded

EVENT_TYPES = Event.__args__
_HEADER = frozenset({"kind", "symbol", "type", "epoch", "sequence", "flags", "recv_us", "event_us"})


def follow(
    kinds: str,
    symbols: list[str],
    *,
    is_json: bool,
    count: int,
    data: str,
    control: str,
    keys: CurveKeys | None = None,
) -> int:
    """Subscribe and print until interrupted; books alone are drawn as ladders.

    Args:
        kinds: Separated by commas, such as `quote,trade`.
        symbols: The vendor's spellings.
        is_json: One JSON object a line instead of text for people.
        count: Stop after this many messages; 0 never stops.
        data: The gateway's data socket.
        control: The gateway's control socket.
        keys: For a gateway that asks for them.

    Returns:
        0, or 1 when the gateway cannot be reached or takes none of the symbols.
    """
    wanted = [kind for kind in kinds.split(",") if kind]
    refusal = refusal_of(control, data)
    if refusal:
        sys.stderr.write(refusal)
        return 1
    try:
        client = GatewayClient(data_endpoint=data, control_endpoint=control, curve=keys)
        if not client.connect():
            sys.stderr.write(
                f"no gateway answers at {data} and {control}: {client.last_error}\n"
                f"  what to do: {KEYS_HINT} {HINT}\n"
            )
            return 1
        with client:
            is_ladder = not is_json and is_book_alone(wanted)
            results = client.subscribe_symbols(symbols, [*wanted, *["state"] * is_ladder])
            if not _report(results):
                return 1
            if is_ladder:
                good = [symbol for symbol, result in results.items() if result.is_accepted]
                show_ladders(client, good, count=count)
            else:
                _print_messages(client, is_json=is_json, count=count)
    except GatewayClientError as error:
        sys.stderr.write(f"{error}\n  what to do: {error.hint}\n")
        return 1
    except (KeyboardInterrupt, BrokenPipeError):
        # The reader has seen enough; that is how this command ends.
        return 0
    return 0


def is_book_alone(kinds: list[str]) -> bool:
    """Whether nothing but one kind of book is wanted: only then a ladder shows everything."""
    return len(kinds) == 1 and kinds[0].partition("@")[0] == "book"


def _report(results: dict[str, SymbolResult]) -> bool:
    """Say which symbols were rejected; whether any was not."""
    for symbol, result in results.items():
        if not result.is_accepted:
            sys.stderr.write(f"{symbol}: {result.code}. {result.hint}\n")
    return any(result.is_accepted for result in results.values())


def _print_messages(client: GatewayClient, *, is_json: bool, count: int) -> None:
    printed = 0
    for item in client:
        if is_json:
            print(json.dumps(as_map(item), ensure_ascii=False), flush=True)
        elif isinstance(item, EVENT_TYPES):
            print(f"--- {item}", flush=True)
        else:
            print(as_text(item), flush=True)
        printed += not isinstance(item, EVENT_TYPES)
        if count and printed >= count:
            return


def as_map(item: Any) -> dict[str, Any]:
    """A message or event as a JSON object; events have `event` instead of `kind`."""
    if isinstance(item, EVENT_TYPES):
        fields = {name: getattr(item, name) for name in item.__slots__}
        return {"event": type(item).__name__, **fields}
    return {name: _plain(value) for name, value in item._asdict().items()}


def as_text(message: Any) -> str:
    """A message as one line for people: time, kind, symbol, and what has a value."""
    at_us = message.event_us or message.recv_us
    moment = datetime.fromtimestamp((at_us or 0) / 1e6, UTC).strftime("%H:%M:%S.%f")
    if isinstance(message, Alert) and isinstance(message.details, dict):
        return f"{moment} {_alert_text(message.details)}"
    values = " ".join(
        f"{name}={_plain(value)}"
        for name, value in message._asdict().items()
        if name not in _HEADER and value is not None
    )
    flags = "".join(f" {flag.name}" for flag in Flag if (message.flags or 0) & flag)
    return f"{moment} {message.kind} {message.symbol} #{message.sequence}{flags} {values}"


def _alert_text(details: dict[str, Any]) -> str:
    """An alert for people: what it is, and what to do while it stands."""
    level, event, code, message, hint = (
        bounded(details.get(name) or "", characters_max=400)[1:-1]
        for name in ("level", "event", "code", "message", "hint")
    )
    advice = f"\n    what to do: {hint}" if hint and event in ("raised", "changed") else ""
    return f"ALERT {level} {event} {code}: {message}{advice}"


def _plain(value: Any) -> Any:
    return value._asdict() if isinstance(value, tuple) and hasattr(value, "_asdict") else value
