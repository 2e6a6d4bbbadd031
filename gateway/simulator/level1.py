"""The Level 1 port: one connection's protocol, field set, watches and commands."""

import random
from collections.abc import Callable
from typing import Final, Protocol

from gateway.simulator import fields, fundamentals
from gateway.simulator.connection import LineConnection, Owner
from gateway.simulator.counts import Counts
from gateway.simulator.hub import Hub, regional_line
from gateway.simulator.login import Login
from gateway.simulator.options import SimulatorOptions
from gateway.simulator.status import Status
from gateway.simulator.symbol_state import SymbolState
from gateway.simulator.watching import LOST, SILENT, Revival, Watch

CLIENT_NAME_CHARACTERS_MAX: Final = 256


class Desk(Owner, Protocol):
    """What a connection may ask of the simulator around it."""

    status: Status
    login: Login
    hub: Hub

    def stats_line(self) -> str:
        """The statistics line of now."""
        ...


class Level1Connection(LineConnection):
    """One Level 1 client.

    Args:
        desk: The simulator around it.
        counts: Where everything is counted.
        options: What the simulator was told.
        rng: Decides about late updates.
    """

    port_name = "level1"

    def __init__(
        self, desk: Desk, counts: Counts, *, options: SimulatorOptions, rng: random.Random
    ) -> None:
        super().__init__(desk, counts, queue_bytes_max=options.client_queue_bytes_max)
        self._desk = desk
        self._hub = desk.hub
        self._options = options
        self._rng = rng
        self.protocol = fields.PROTOCOL_AT_CONNECT
        self.layout = self._default_layout()
        self.has_time_lines = True
        self.is_greeted = False
        self._deaf: set[str] = set()
        self._watches: dict[str, tuple[SymbolState, Watch]] = {}
        self._commands: dict[str, Callable[[list[str]], None]] = {
            "SET PROTOCOL": self._set_protocol,
            "SET CLIENT NAME": self._set_client_name,
            "SET LOG LEVELS": self._set_log_levels,
            "SELECT UPDATE FIELDS": self._select_fields,
            "REQUEST ALL UPDATE FIELDNAMES": lambda _: self._list_names(
                "UPDATE FIELDNAMES", fields.names_of(self.protocol)
            ),
            "REQUEST CURRENT UPDATE FIELDNAMES": lambda _: self._show_current_names(),
            "REQUEST FUNDAMENTAL FIELDNAMES": lambda _: self._list_names(
                "FUNDAMENTAL FIELDNAMES", fundamentals.names_of(self.protocol)
            ),
            "REQUEST STATS": lambda _: self.reply(desk.stats_line()),
            "REQUEST WATCHES": lambda _: self.reply(",".join(("S,WATCHES", *self._watches))),
            "UNWATCH ALL": lambda _: self.unwatch_all(),
            "TIMESTAMPSON": lambda _: self._set_time_lines(is_on=True),
            "TIMESTAMPSOFF": lambda _: self._set_time_lines(is_on=False),
            "NEWSON": lambda _: self._set_news(is_on=True),
            "NEWSOFF": lambda _: self._set_news(is_on=False),
            "REGON": self._regional_on,
            "REGOFF": self._regional_off,
            "CONNECT": lambda _: desk.login.connect(is_admin=False),
            "DISCONNECT": lambda _: desk.login.disconnect(),
            "KEY": lambda _: self.reply("S,KEYOK"),
        }

    def watch_counts(self) -> tuple[int, int]:
        """Symbols watched, and how many of them with regional quotes."""
        regional = sum(watch in state.regional_watches for state, watch in self._watches.values())
        return len(self._watches), regional

    def begin(self) -> None:
        """Open the conversation; without a link to DTN there is little to say."""
        self.is_begun = True
        self.reply("S,KEY,99999")
        self.reply(self._desk.status.server_line())
        if self._desk.status.is_connected:
            self._introduce()
        self.flush()

    def _introduce(self) -> None:
        self.is_greeted = True
        for line in self._desk.status.greeting():
            self.reply(line)
        self._show_current_names()

    def tell_account(self) -> None:
        """Tell again what the login may have, to a client that was told of it."""
        if self.is_greeted and self._desk.status.is_connected:
            self.reply(self._desk.status.account_line())

    def tell_link(self) -> None:
        """Tell that the link to DTN went or came; with it come fresh snapshots."""
        status = self._desk.status
        self.reply(status.server_line())
        if not status.is_connected:
            return
        if not self.is_greeted:
            self._introduce()
        for state, watch in self._watches.values():
            if state.symbol not in self._deaf:
                watch.revive()
                self._hub.snapshot(state, watch)

    def sample_line(self) -> str:
        """The latest update of a watched symbol; a time line where none is watched."""
        for state, watch in self._watches.values():
            return f"Q,{watch.layout.body(state.columns)},\r\n"
        return f"{self._hub.time_text()}\r\n"

    def set_half_open(self, *, is_half_open: bool) -> None:
        """Play dead or revive; while dead, no trade counts as sent here."""
        super().set_half_open(is_half_open=is_half_open)
        for _, watch in self._watches.values():
            watch.mute = watch.mute | LOST if is_half_open else watch.mute & ~LOST

    def silence(self, symbol: str, revival: Revival) -> bool:
        """Let a watched symbol stop without a word.

        Args:
            symbol: The vendor's spelling.
            revival: What makes it talk again.

        Returns:
            Whether it is watched here.
        """
        held = self._watches.get(symbol)
        if held is None:
            return False
        held[1].silence(revival)
        self._deaf.discard(symbol)
        if revival is Revival.DEAF:
            # Deafness outlives the watch: one ended and begun anew is not answered either.
            self._deaf.add(symbol)
        return True

    def end_silence(self, symbol: str) -> bool:
        """Let a silent symbol talk again; whether it was silent here."""
        held = self._watches.get(symbol)
        was_silent = symbol in self._deaf or (held is not None and held[1].mute & SILENT > 0)
        self._deaf.discard(symbol)
        if held is not None:
            held[1].revive()
        return was_silent

    @property
    def silent_symbols(self) -> list[str]:
        """Symbols that stopped without a word on this socket."""
        quiet = [name for name, (_, watch) in self._watches.items() if watch.mute & SILENT]
        return list(dict.fromkeys((*quiet, *self._deaf)))

    def receive_line(self, line: str) -> None:
        """Answer one command."""
        letter, rest = line[0], line[1:]
        if letter == "S" and rest.startswith(","):
            name, *arguments = rest[1:].split(",")
            command = self._commands.get(name)
            if command is None:
                self.refuse()
            else:
                command(arguments)
        elif line == "T":
            self.reply(self._hub.time_text())
        elif letter in "wt" and rest:
            self._watch(rest, is_trades_only=letter == "t")
        elif letter == "r" and rest:
            self._unwatch(rest)
        elif letter == "f" and rest:
            self._refresh(rest)
        else:
            self.refuse()

    def _watch(self, symbol: str, *, is_trades_only: bool) -> Watch | None:
        held = self._watches.get(symbol)
        if held is None:
            state = self._hub.source.state(symbol)
            if state is None:
                self._not_found(symbol)
                return None
            if not self._hub.has_room_for(symbol):
                self._counts.watches_refused += 1
                self.reply(f"S,SYMBOL LIMIT REACHED,{symbol}")
                return None
            watch = Watch(
                self.pending,
                layout=self.layout,
                protocol=self.protocol,
                is_trades_only=is_trades_only,
            )
            held = self._watches[symbol] = (state, watch)
            self._hub.add(state, watch)
        state, watch = held
        watch.is_trades_only = is_trades_only
        if symbol in self._deaf:
            watch.silence(Revival.DEAF)
            return watch
        watch.revive()
        if self._desk.status.is_connected:
            self._hub.snapshot(state, watch)
        return watch

    def _not_found(self, symbol: str) -> None:
        self._counts.symbols_unknown += 1
        if self.protocol == "4.9":
            empty = "," * (len(fields.LEGACY_NAMES) - 1)
            self.reply(f"Q,{symbol},Not Found{empty}")
        else:
            self.reply(f"n,{symbol}")

    def _unwatch(self, symbol: str) -> None:
        held = self._watches.get(symbol)
        if held is None:
            return
        if self._desk.status.is_connected and self._rng.random() < self._options.late_update_share:
            # The line that was already on its way when the command came.
            self._hub.late_update(held[0])
        del self._watches[symbol]
        self._hub.remove(*held)

    def unwatch_all(self) -> None:
        """End every watch of this connection."""
        for held in self._watches.values():
            self._hub.remove(*held)
        self._watches.clear()

    def _refresh(self, symbol: str) -> None:
        held = self._watches.get(symbol)
        if held is None or symbol in self._deaf or not self._desk.status.is_connected:
            return
        if held[1].revival is Revival.REFRESH:
            held[1].revive()
        self._hub.snapshot(*held)

    def _regional_on(self, arguments: list[str]) -> None:
        if not arguments or not arguments[0]:
            self.refuse()
            return
        held = self._watches.get(arguments[0])
        if held is None:
            self._watch(arguments[0], is_trades_only=False)
            held = self._watches.get(arguments[0])
        if held is not None and held[1] not in held[0].regional_watches:
            state, watch = held
            state.regional_watches.append(watch)
            if not watch.mute:
                self.pending.append(regional_line(state))

    def _regional_off(self, arguments: list[str]) -> None:
        held = self._watches.get(arguments[0]) if arguments else None
        if held is not None:
            self._hub.remove_regional(*held)

    def _set_protocol(self, arguments: list[str]) -> None:
        version = arguments[0] if arguments else ""
        if version not in self._desk.status.protocols:
            self.reply(f"E,{version} is not a valid protocol.,")
            return
        self.protocol = version
        self._use(self._default_layout())
        replies: list[Callable[[], None]] = [
            lambda: self.reply(f"S,CURRENT PROTOCOL,{version}"),
            self._show_current_names,
        ]
        if self._options.is_fieldset_acknowledged_first:
            replies.reverse()
        for answer in replies:
            answer()

    def _set_client_name(self, arguments: list[str]) -> None:
        self.name = ",".join(arguments)[:CLIENT_NAME_CHARACTERS_MAX]

    def _set_log_levels(self, arguments: list[str]) -> None:
        self.reply(",".join(("S,CURRENT LOG LEVELS", *arguments)))

    def _set_time_lines(self, *, is_on: bool) -> None:
        self.has_time_lines = is_on

    def _set_news(self, *, is_on: bool) -> None:
        self.has_news = is_on

    def _select_fields(self, arguments: list[str]) -> None:
        names = [name for name in dict.fromkeys(arguments) if name]
        if "Symbol" in names:
            if not self._options.is_symbol_selectable:
                self.refuse()
                return
            names.remove("Symbol")
        known = fields.names_of(self.protocol)
        for name in names:
            if name not in known or name in self._desk.status.fields_refused:
                self.reply(f"E,{name} is not a valid fieldset field,")
                return
        if not names:
            self.refuse()
            return
        self._use(self._hub.layouts.get(self.protocol, ("Symbol", *names)))
        self._show_current_names()

    def _use(self, layout: fields.Layout) -> None:
        self.layout = layout
        for _, watch in self._watches.values():
            watch.layout = layout
            watch.protocol = self.protocol

    def _default_layout(self) -> fields.Layout:
        return self._hub.layouts.get(self.protocol, fields.default_names(self.protocol))

    def _show_current_names(self) -> None:
        self._list_names("CURRENT UPDATE FIELDNAMES", self.layout.names)

    def _list_names(self, title: str, names: tuple[str, ...]) -> None:
        comma = "," if self._options.has_fieldnames_comma else ""
        self.reply(f"S,{title},{','.join(names)}{comma}")
