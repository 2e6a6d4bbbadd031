"""Follows commands against a gateway, and says what it sees as every language says it."""

import time
from collections.abc import Callable
from typing import Any, Final

from gateway_client.base import StreamItem
from gateway_client.book_mirror import BookMirror
from gateway_client.conformance.ledger import Ledger
from gateway_client.conformance.spelling import is_match, picked, spelled, spelled_item
from gateway_client.errors import GatewayClientError, NotConnected
from gateway_client.keys import load_keys
from gateway_client.sync_client import GatewayClient

Command = dict[str, Any]
Answer = dict[str, object]
QUIET_S: Final = 0.3
"""A stream is drained when nothing came for so long."""


class Live:
    """One client, told what to do."""

    def __init__(self) -> None:
        self._client: GatewayClient | None = None
        self._ledger = Ledger()
        self._mirrors: dict[tuple[str, str], BookMirror] = {}
        self._commands: dict[str, Callable[[Command], Answer]] = {
            "connect": self._connect,
            "subscribe": self._subscribe,
            "unsubscribe": self._unsubscribe,
            "topics": self._topics,
            "next": self._next,
            "ledger": lambda command: dict(self._ledger.of(command["topic"])),
            "snapshot": self._snapshot,
            "request": self._request,
            "health": lambda _: {"level": self._own.get_health_status().health_level},
            "book": self._book,
            "mirror": self._mirror,
            "pause": self._pause,
            "drain": self._drain,
            "statistics": self._statistics,
        }

    def answer(self, command: Command) -> Answer | None:
        """Do one thing; None ends the program."""
        if command["do"] == "close":
            return None
        try:
            return self._commands[command["do"]](command)
        except GatewayClientError as error:
            return {"error": error.code}

    def close(self) -> None:
        """Disconnect."""
        if self._client is not None:
            self._client.disconnect()

    @property
    def _own(self) -> GatewayClient:
        if self._client is None:
            raise NotConnected("no connect came first")
        return self._client

    def _connect(self, command: Command) -> Answer:
        self.close()
        keys = command.get("keys")
        options = dict(command.get("options", {}))
        if "rcvhwm" in options:
            options["receive_messages_max"] = options.pop("rcvhwm")
        self._client = GatewayClient(
            command["data"],
            command["control"],
            client_name=command["client_name"],
            curve=load_keys(keys) if keys else None,
            **options,
        )
        return {"connected": self._client.connect()}

    def _subscribe(self, command: Command) -> Answer:
        results = self._own.subscribe_symbols(command["symbols"], command["kinds"])
        accepted = [state.topic for result in results.values() for state in result.topics]
        rejected = [
            {"symbol": result.symbol, "code": result.code}
            for _, result in sorted(results.items())
            if not result.is_accepted
        ]
        return {"accepted": sorted(accepted), "rejected": rejected}

    def _unsubscribe(self, command: Command) -> Answer:
        self._own.unsubscribe_symbols(command["symbols"], command.get("kinds"))
        return {}

    def _topics(self, command: Command) -> Answer:
        self._own.subscribe_topics(command["topics"])
        return {}

    def _next(self, command: Command) -> Answer:
        ends_s = time.monotonic() + command["timeout_s"]
        while (left_s := ends_s - time.monotonic()) > 0:
            values = self._consume(left_s)
            if values is not None and is_match(values, command["where"]):
                return {"item": picked(values, command["fields"])}
        return {"item": None}

    def _drain(self, command: Command) -> Answer:
        ends_s = time.monotonic() + command["timeout_s"]
        while (left_s := ends_s - time.monotonic()) > 0:
            if self._consume(min(left_s, QUIET_S)) is None:
                break
        return {}

    def _consume(self, timeout_s: float) -> dict[str, Any] | None:
        item: StreamItem | None = self._own.next_message(timeout_s)
        if item is None:
            return None
        self._ledger.note(item)
        for mirror in self._mirrors.values():
            mirror.apply(item)
        return spelled_item(item)

    def _snapshot(self, command: Command) -> Answer:
        found = self._own.snapshot(command["topics"])
        return {"items": [picked(spelled_item(item), command["fields"]) for item in found]}

    def _request(self, command: Command) -> Answer:
        result = self._own.call(command["method"], command.get("params"))
        return {"result": picked(spelled(result), command["fields"])}

    def _book(self, command: Command) -> Answer:
        key = (command["kind"], command["symbol"])
        self._mirrors[key] = BookMirror(*key)
        return {}

    def _mirror(self, command: Command) -> Answer:
        mirror = self._mirrors[command["kind"], command["symbol"]]
        return {
            "is_current": mirror.is_current,
            "is_known": mirror.is_known,
            "is_stale": mirror.is_stale,
            "bids": spelled(mirror.bids[: command["levels"]]),
            "asks": spelled(mirror.asks[: command["levels"]]),
        }

    def _pause(self, command: Command) -> Answer:
        # Nothing is awaited: an application that does not read is what is played here.
        time.sleep(command["seconds"])
        return {}

    def _statistics(self, command: Command) -> Answer:
        figures = self._own.statistics()
        return {name: spelled(getattr(figures, name)) for name in command["fields"]}
