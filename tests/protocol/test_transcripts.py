"""Plays the conversations in this folder; `level1_handshake.txt` says how to read them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gateway.counters import Complaints, Counters
from gateway.iqfeed import commands
from gateway.iqfeed.level2_session import Level2Session
from gateway.iqfeed.lines import LineFramer
from gateway.iqfeed.session import AdminSession, Level1Session

FOLDER = Path(__file__).parent
TRANSCRIPTS = sorted(FOLDER.glob("*.txt"))


@dataclass
class Step:
    """One thing that happens, and everything that must follow from it."""

    number: int
    """Line in the file."""
    sign: str
    """`@`, `<` or `$`."""
    text: str
    """What follows the sign."""
    sent: list[str] = field(default_factory=list)
    """`>` lines."""
    events: list[str] = field(default_factory=list)
    """`*` lines."""
    link: str | None = None
    """`=` line."""


def read(path: Path) -> tuple[dict[str, str], list[Step]]:
    """Read a transcript: its settings and its steps."""
    settings: dict[str, str] = {}
    steps: list[Step] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        sign, text = line[:1], line[2:]
        if sign in ("", "#"):
            continue
        if sign in "@<$":
            steps.append(Step(number, sign, text))
        elif sign == ">":
            steps[-1].sent.append(text)
        elif sign == "*":
            steps[-1].events.append(text)
        elif sign == "=":
            steps[-1].link = text
        else:
            key, colon, value = line.partition(": ")
            assert colon, f"{path.name}:{number}: not a line of a transcript"
            assert not steps, f"{path.name}:{number}: settings come first"
            settings[key] = value
    return settings, steps


def nanoseconds(seconds: str) -> int:
    """Seconds as text to nanoseconds."""
    return round(float(seconds) * 1_000_000_000)


AnySession = Level1Session | Level2Session | AdminSession


def make_session(settings: dict[str, str]) -> AnySession:
    """The session a transcript asks for."""
    silence_ns_max = nanoseconds(settings.get("silence_s", "60"))
    handshake_ns_max = nanoseconds(settings.get("handshake_s", "60"))
    close_after_silence_ns = nanoseconds(settings.get("close_s", "60"))
    match settings["session"]:
        case "admin":
            return AdminSession(
                client_name="gateway",
                silence_ns_max=silence_ns_max,
                handshake_ns_max=handshake_ns_max,
                close_after_silence_ns=close_after_silence_ns,
            )
        case "level2":
            return Level2Session(
                client_name="gateway",
                silence_ns_max=silence_ns_max,
                handshake_ns_max=handshake_ns_max,
                close_after_silence_ns=close_after_silence_ns,
            )
        case port:
            assert port == "level1"
            return Level1Session(
                client_name="gateway",
                field_names=settings["fields"].split(", "),
                silence_ns_max=silence_ns_max,
                handshake_ns_max=handshake_ns_max,
                close_after_silence_ns=close_after_silence_ns,
                is_news_wanted=settings.get("news") == "yes",
                commands_per_batch=int(settings.get("batch", "200")),
            )


def ask(session: Level1Session, verb: str, symbol: str) -> bool:
    """Ask for something on Level 1."""
    return {
        "watch": lambda: session.request_watch(symbol),
        "unwatch": lambda: session.request_unwatch(symbol),
        "refresh": lambda: session.request_refresh(symbol),
        "regional_on": lambda: session.request_regional(symbol, is_on=True),
        "regional_off": lambda: session.request_regional(symbol, is_on=False),
    }[verb]()


def ask_depth(session: Level2Session, verb: str, symbol: str, levels_max: int) -> bool:
    """Ask for something on Level 2."""
    return {
        "watch_orders": lambda: session.request_orders(symbol),
        "unwatch_orders": lambda: session.release_orders(symbol),
        "watch_levels": lambda: session.request_levels(symbol, levels_max),
        "unwatch_levels": lambda: session.release_levels(symbol),
    }[verb]()


class Player:
    """Plays one transcript against a real session and a real framer."""

    def __init__(self, settings: dict[str, str]) -> None:
        self.session = make_session(settings)
        self.framer = LineFramer(Complaints(Counters()))
        self.now_ns = 0

    def play(self, step: Step) -> tuple[list[str], list[str], str]:
        """Do one step; returns what was sent, the events, and the link."""
        if step.sign == "@":
            self.now_ns = nanoseconds(step.text)
            self.session.handle_deadline(now_ns=self.now_ns)
        elif step.sign == "<":
            self.session.heard(self.now_ns)
            for line in self.framer.feed(step.text.encode("latin-1") + b"\r\n"):
                self.session.receive_line(line, now_ns=self.now_ns)
        else:
            self.act(*step.text.split(" "))
        events = [*self.events()]
        sent = self.session.data_to_send().decode("ascii").split("\r\n")[:-1]
        return sent, [*events, *self.events()], self.session.link.name

    def events(self) -> Iterator[str]:
        """Every event not yet taken."""
        while (event := self.session.next_event()) is not None:
            yield repr(event)

    def act(self, verb: str, *arguments: str) -> None:
        """Do what the session's owner does."""
        session = self.session
        if verb == "connected":
            session.connection_made(self.now_ns)
        elif verb == "eof":
            session.eof(self.now_ns)
        elif verb == "send":
            pass  # data_to_send is called after every step.
        elif isinstance(session, AdminSession):
            assert verb == "request"
            assert session.request(getattr(commands, arguments[0])(*arguments[1:]))
        else:
            symbol, *others = arguments
            is_refused = others[-1:] == ["refused"]
            numbers = [int(text) for text in others if text != "refused"]
            if isinstance(session, Level2Session):
                accepted = ask_depth(session, verb, symbol, *(numbers or [0]))
            else:
                accepted = ask(session, verb, symbol)
            assert accepted is not is_refused


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_conversation_goes_as_written(path: Path) -> None:
    """These files are the documentation of the handshake; what they say must be what happens."""
    settings, steps = read(path)
    player = Player(settings)
    for step in steps:
        sent, events, link = player.play(step)
        place = f"{path.name}:{step.number}"
        assert sent == step.sent, place
        assert events == step.events, place
        assert link == (step.link or link), place


def test_there_are_conversations() -> None:
    """A moved folder would otherwise pass every test."""
    assert len(TRANSCRIPTS) >= 13
