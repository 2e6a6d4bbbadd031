"""The relay's own settings; all others it shares with the gateway."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from gateway.settings.section import NAME_PATTERN, Section


class RelaySettings(Section):
    """`iqfeed-gateway relay`: where the gateway is, and where the relay's consumers come in.

    What protects the gateway's sockets protects the relay's, by the same settings: `data` (queues,
    buffers, topics of one connection), `control` (requests at one time, their time), `security`.
    """

    data: str = "tcp://127.0.0.1:7700"
    """The gateway's data socket: `tcp://127.0.0.1:PORT` or `ipc://PATH`."""
    control: str = "tcp://127.0.0.1:7701"
    """The gateway's control socket."""
    bind_data: str = "tcp://127.0.0.1:7710"
    """Where consumers subscribe."""
    bind_control: str = "tcp://127.0.0.1:7711"
    """Where consumers ask."""
    keys: Path | None = None
    """The relay's own keys at a gateway that asks for them: a client's key file, as
    `iqfeed-gateway keys new` writes it. Who may connect to the relay is `security.keys_dir`'s."""
    name: Annotated[str, Field(pattern=NAME_PATTERN)] | None = None
    """The relay's name at the gateway; `relay@` and the gateway_id by default."""
