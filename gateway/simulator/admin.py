"""The admin port: login, registration, statistics."""

from collections.abc import Callable

from gateway.simulator.connection import LineConnection
from gateway.simulator.counts import Counts
from gateway.simulator.level1 import CLIENT_NAME_CHARACTERS_MAX, Desk
from gateway.simulator.options import SimulatorOptions


def masked(password: str) -> str:
    """A password as IQConnect shows it: first and last character only."""
    return f"({password[:1]}*****{password[-1:]})"


class AdminConnection(LineConnection):
    """One admin client.

    Args:
        desk: The simulator around it.
        counts: Where everything is counted.
        options: What the simulator was told.
    """

    port_name = "admin"

    def __init__(self, desk: Desk, counts: Counts, *, options: SimulatorOptions) -> None:
        super().__init__(desk, counts, queue_bytes_max=options.client_queue_bytes_max)
        self._desk = desk
        self._commands: dict[str, Callable[[list[str]], None]] = {
            "SET PROTOCOL": self._set_protocol,
            "REGISTER CLIENT APP": lambda _: self._register(),
            "REMOVE CLIENT APP": lambda _: self.reply("S,REMOVE CLIENT APP COMPLETED,"),
            "SET LOGINID": self._set_login,
            "SET PASSWORD": self._set_password,
            "SET SAVE LOGIN INFO": self._set_login_saved,
            "SET AUTOCONNECT": self._set_autoconnect,
            "SET CLIENT NAME": self._set_client_name,
            "CLIENTSTATS ON": lambda _: self._set_client_stats(is_on=True),
            "CLIENTSTATS OFF": lambda _: self._set_client_stats(is_on=False),
            "CONNECT": lambda _: desk.login.connect(is_admin=True),
            "DISCONNECT": lambda _: desk.login.disconnect(),
        }

    def begin(self) -> None:
        """Open the conversation: statistics start at once."""
        self.is_begun = True
        self.reply(self._desk.stats_line())
        self.flush()

    def sample_line(self) -> str:
        """The statistics line of now."""
        return f"{self._desk.stats_line()}\r\n"

    def _register(self) -> None:
        self._desk.login.is_registered = True
        self.reply("S,REGISTER CLIENT APP COMPLETED,")

    def receive_line(self, line: str) -> None:
        """Answer one command."""
        letter, name, *arguments = [*line.split(","), ""]
        command = self._commands.get(name) if letter == "S" else None
        if command is None:
            self.refuse()
        else:
            command(arguments)

    def _set_protocol(self, arguments: list[str]) -> None:
        version = arguments[0]
        if version in self._desk.status.protocols:
            self.reply(f"S,CURRENT PROTOCOL,{version},")
        else:
            self.reply(f"E,{version} is not a valid protocol.,")

    def _set_login(self, arguments: list[str]) -> None:
        self._desk.status.login = arguments[0]
        self._desk.login.give_login(arguments[0])
        self.reply(f"S,CURRENT LOGINID,{arguments[0]},")

    def _set_password(self, arguments: list[str]) -> None:
        self._desk.login.give_password(",".join(arguments[:-1]))
        self.reply(f"S,CURRENT PASSWORD,{masked(arguments[0])},")

    def _set_login_saved(self, arguments: list[str]) -> None:
        is_on = arguments[0].lower() == "on"
        self._desk.status.is_login_saved = is_on
        self.reply("S,LOGIN INFO SAVED," if is_on else "S,LOGIN INFO NOT SAVED,")

    def _set_autoconnect(self, arguments: list[str]) -> None:
        is_on = arguments[0].lower() == "on"
        self._desk.status.is_autoconnect = is_on
        self.reply("S,AUTOCONNECT ON," if is_on else "S,AUTOCONNECT OFF,")

    def _set_client_name(self, arguments: list[str]) -> None:
        self.name = ",".join(arguments[:-1])[:CLIENT_NAME_CHARACTERS_MAX]

    def _set_client_stats(self, *, is_on: bool) -> None:
        self.has_client_stats = is_on
