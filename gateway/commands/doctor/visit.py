"""What the doctor knows so far, and the connections it holds until the end of the walk."""

import contextlib
import os
from dataclasses import dataclass, field
from typing import Any, Final

from gateway_client import CurveKeys

from gateway.commands.doctor.talk import SECOND_NS, Talk
from gateway.errors import bounded
from gateway.iqfeed.level2_session import Level2Session
from gateway.iqfeed.link import Session
from gateway.iqfeed.session import AdminSession, Level1Session
from gateway.iqfeed.streaming import StreamingSession
from gateway.settings import Credentials, Settings

SILENCE_NS: Final = 60 * SECOND_NS
"""No step lasts so long: silence is judged by the steps' own limits."""


@dataclass(slots=True)
class Visit:
    """One walk."""

    symbol: str
    """What to look for, the vendor's spelling."""
    seconds: float
    """Longest time of one look; a step has at most three."""
    is_level2_wanted: bool
    """Whether Level 2 matters."""
    control: str | None
    """The gateway's control socket; None for the configuration's."""
    data: str | None
    """The gateway's data socket; None for the configuration's."""
    config: str | None
    """The configuration file as it was named, for advice."""
    keys: CurveKeys | None = None
    """The keys of a client, for a gateway that asks for them."""
    settings: Settings | None = None
    """The configuration, once it is read."""
    credentials: Credentials = field(default_factory=Credentials.none)
    """The login, if there is one."""
    host: str | None = None
    """IQConnect's numeric address, once it is known."""
    talks: dict[str, Talk] = field(default_factory=dict)
    """Open connections by port: `admin`, `level1`, `level2`. They stand until the end of the walk:
    IQConnect exits a few seconds after its last client left."""
    refusals: dict[str, str] = field(default_factory=dict)
    """Ports that were tried and do not accept, and the system's words."""
    hello: dict[str, Any] | None = None
    """What the gateway says of itself."""
    opened: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    """Closes everything in the end."""

    def talk(self, port: str) -> Talk | None:
        """The conversation with a port, begun at the first call; None when nobody accepts."""
        if self.settings is None or self.host is None or port in self.refusals:
            return None
        if port not in self.talks:
            try:
                made = Talk(
                    self._session(port), self.host, self.number_of(port), seconds=self.seconds
                )
            except OSError as error:
                is_late = isinstance(error, TimeoutError)
                reason = "does not answer" if is_late else error.strerror or str(error)
                self.refusals[port] = reason.lower()
                return None
            self.talks[port] = self.opened.enter_context(made)
        return self.talks[port]

    def ready(self, port: str) -> Talk | None:
        """The conversation with a streaming port, if a dialect is agreed on it."""
        talk = self.talks.get(port)
        session = talk.session if talk is not None else None
        return talk if isinstance(session, StreamingSession) and session.is_ready else None

    def number_of(self, port: str) -> int:
        """The configured number of a port."""
        settings = self.known
        numbers = {
            "admin": settings.iqconnect.admin_port,
            "level1": settings.level1_port,
            "level2": settings.iqconnect.level2_port,
        }
        return numbers[port]

    @property
    def known(self) -> Settings:
        """The settings, for the steps behind the one that reads them."""
        if self.settings is None:
            raise RuntimeError("no step runs without a configuration")
        return self.settings

    def _session(self, port: str) -> Session:
        """A state machine under a name of our own, without news, which consumers would wait for."""
        name = f"iqfeed-doctor-{os.getpid()}"
        durations: dict[str, Any] = {
            "silence_ns_max": SILENCE_NS,
            "handshake_ns_max": SILENCE_NS,
            "close_after_silence_ns": SILENCE_NS,
        }
        if port == "admin":
            return AdminSession(client_name=name, **durations)
        if port == "level1":
            return Level1Session(client_name=name, is_news_wanted=False, **durations)
        return Level2Session(client_name=name, **durations)


def is_mute(talk: Talk) -> bool:
    """Whether it accepted and has not said a single byte: IQConnect may hang like that."""
    return not talk.opening and not talk.is_ended


def saying(talk: Talk) -> str:
    """What a stranger does, in a few words."""
    if talk.opening:
        return f"it says {bounded(talk.opening, characters_max=80)}"
    return "it ends the connection at once" if talk.is_ended else "it says nothing"
