"""The faults that can be asked for: names, parameters, what each does.

Help texts, the checks of what was asked and the table of the README come from here.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from gateway.errors import ConfigError, bounded
from gateway.simulator.fields import PROTOCOLS
from gateway.simulator.ports import ALL, PORT_NAMES
from gateway.simulator.watching import Revival

TEXT_CHARACTERS_MAX: Final = 65_536
NAMES_MAX: Final = 200
RAW_BYTES_MAX: Final = 64 * 1024 * 1024


class Kind(enum.Enum):
    """What a parameter's value is."""

    TEXT = "text"
    FLAG = "true or false"
    WHOLE = "a whole number"
    NUMBER = "a number"
    NAMES = "a list of texts"


REQUIRED: Final = object()
"""The default of a parameter that must be given."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a fault."""

    name: str
    """As it is written."""
    kind: Kind
    """What its value is."""
    default: object = REQUIRED
    """Its value when left out."""
    low: float = 0
    """Smallest number allowed."""
    high: float = 0
    """Largest number allowed."""
    choices: tuple[str, ...] = ()
    """Texts allowed; empty for any."""

    def read(self, value: object, verb: str) -> Any:
        """Check a value.

        Args:
            value: As it was given.
            verb: The fault it belongs to, for the error.

        Returns:
            The value; a list of texts as a tuple.

        Raises:
            ConfigError: It has another type or is out of range.
        """
        if self.kind is Kind.NAMES:
            names = value.split(",") if isinstance(value, str) else value
            if isinstance(names, list | tuple) and len(names) <= NAMES_MAX:
                kept = tuple(name for name in names if name)
                if all(isinstance(name, str) for name in kept):
                    return kept
        elif self.kind is Kind.TEXT:
            is_known = not self.choices or value in self.choices
            if isinstance(value, str) and is_known and len(value) <= TEXT_CHARACTERS_MAX:
                return value
        elif self.kind is Kind.FLAG:
            if isinstance(value, bool):
                return value
        elif not isinstance(value, bool):
            types = int if self.kind is Kind.WHOLE else (int, float)
            if isinstance(value, types) and self.low <= value <= self.high:
                return value
        raise ConfigError(
            f"{self.name} of {verb} must be {self.text()}",
            hint=f"Write {VERBS[verb].usage()}.",
            value=value,
        )

    def text(self) -> str:
        """What is allowed, in words."""
        if self.choices:
            return " or ".join(self.choices)
        if self.kind in (Kind.WHOLE, Kind.NUMBER):
            return f"{self.kind.value} from {self.low:,} to {self.high:,}"
        return str(self.kind.value)

    def signature(self) -> str:
        """`name` when required, else `name=default`."""
        if self.default is REQUIRED:
            return self.name
        shown = str(self.default).lower() if isinstance(self.default, bool) else self.default
        return f"{self.name}={shown}"

    def usage(self) -> str:
        """How it is written: what may stand there when it is required, else its default."""
        if self.default is not REQUIRED:
            return self.signature()
        return f"{self.name}={'|'.join(map(str, self.choices)) or f'<{self.kind.value}>'}"


@dataclass(frozen=True, slots=True)
class Verb:
    """One fault."""

    name: str
    """As it is asked for."""
    parameters: tuple[Parameter, ...]
    """In the order of its help."""
    sentence: str
    """What it does."""
    end: tuple[tuple[str, object], ...] = ()
    """Parameters that end it; none for a fault that ends by itself or lasts for good."""
    is_of_listening: bool = False
    """Whether it opens or closes listening sockets."""
    ended_by: str = ""
    """The fault that ends it; itself when empty."""

    def ending(self, params: Mapping[str, object]) -> tuple[str, dict[str, object]] | None:
        """Name and parameters of what ends it again; None when nothing does."""
        if self.ended_by:
            return self.ended_by, dict(params)
        return (self.name, {**params, **dict(self.end)}) if self.end else None

    def read(self, params: Mapping[str, object]) -> dict[str, Any]:
        """Check what was asked and fill in the defaults.

        Raises:
            ConfigError: A parameter is unknown, missing, of another type or out of range.
        """
        known = {parameter.name: parameter for parameter in self.parameters}
        for name in params:
            if name not in known:
                raise ConfigError(
                    f"{self.name} has no such parameter",
                    hint=f"Write {self.usage()}.",
                    parameter=name,
                )
        values = {}
        for name, parameter in known.items():
            if name in params:
                values[name] = parameter.read(params[name], self.name)
            elif parameter.default is REQUIRED:
                raise ConfigError(
                    f"{self.name} needs {name}: {parameter.text()}",
                    hint=f"Write {self.usage()}.",
                )
            else:
                values[name] = parameter.default
        return values

    def signature(self) -> str:
        """`close port`, parameters with their defaults."""
        return " ".join((self.name, *(one.signature() for one in self.parameters)))

    def usage(self) -> str:
        """`close port=level1|level2|admin`, how it is written."""
        return " ".join((self.name, *(one.usage() for one in self.parameters)))


def verb_named(name: object) -> Verb:
    """The fault of a name.

    Raises:
        ConfigError: There is none; the error lists those that there are.
    """
    verb = VERBS.get(name) if isinstance(name, str) else None
    if verb is None:
        near = get_close_matches(bounded(name).strip("'"), VERBS, n=1)
        meant = f"Did you mean {near[0]}? " if near else ""
        raise ConfigError("unknown fault", hint=f"{meant}Known: {', '.join(VERBS)}.", do=name)
    return verb


def _flag(name: str = "on", default: object = True) -> Parameter:
    return Parameter(name, Kind.FLAG, default)


def _whole(name: str, low: int, high: int, default: object = REQUIRED) -> Parameter:
    return Parameter(name, Kind.WHOLE, default, low, high)


def _number(name: str, low: float, high: float, default: object = REQUIRED) -> Parameter:
    return Parameter(name, Kind.NUMBER, default, low, high)


def _text(name: str, choices: tuple[str, ...] = (), default: object = REQUIRED) -> Parameter:
    return Parameter(name, Kind.TEXT, default, choices=choices)


_OFF: Final = (("on", False),)
_NO_SHARE: Final = (("share", 0),)
_PORT: Final = _text("port", (*PORT_NAMES, ALL))
_SYMBOL: Final = _text("symbol")
_SHARE: Final = _number("share", 0, 1)
_REVIVE: Final = _text("revive", tuple(one.value for one in Revival), Revival.REFRESH.value)

_TABLE: Final = (
    Verb("close", (_PORT,), "Connections end (FIN) behind what was sent."),
    Verb("reset", (_PORT,), "Connections are reset (RST) at once."),
    Verb(
        "close_mid_line",
        (_PORT, _flag("rst", default=False)),
        "The first part of a genuine line is sent, then connections end, or are reset with `rst`.",
    ),
    Verb(
        "refuse",
        (_PORT, _flag()),
        "New connections are refused; those that there are stay.",
        is_of_listening=True,
        end=_OFF,
    ),
    Verb(
        "half_open",
        (_PORT, _flag()),
        "Connections stay, nothing is read, and what would be sent is lost.",
        end=_OFF,
    ),
    Verb(
        "stall",
        (_PORT, _flag()),
        "Connections stay, nothing is read or sent, and lines wait for the end of it.",
        end=_OFF,
    ),
    Verb("dtn", (_flag("up", REQUIRED),), "The link to DTN is lost, or back.", end=(("up", True),)),
    Verb(
        "restart",
        (_number("down_s", 0, 3600, 1.0),),
        "IQConnect ends, refuses connections for so long, and starts with everything forgotten.",
        is_of_listening=True,
    ),
    Verb(
        "silent_symbol",
        (_SYMBOL, _flag(), _REVIVE),
        "A symbol's Q lines stop without a word on the sockets that watch it now. `refresh`: an `f`"
        " or `w` revives it; `watch`: only a `w`; `deaf`: nothing does but `on=false`.",
        end=_OFF,
    ),
    Verb(
        "silent_depth",
        (_SYMBOL, _flag()),
        "A symbol's depth stops without a word on the sockets that watch it now.",
        end=_OFF,
    ),
    Verb("reset_depth", (_SYMBOL,), "A symbol's book is emptied and filled anew."),
    Verb(
        "garbage",
        (_PORT, _whole("bytes", 1, RAW_BYTES_MAX, 4096), _whole("seed", 0, 1 << 63, 1)),
        "Random bytes, NULs and newlines among them, are sent between whole lines.",
    ),
    Verb(
        "oversized_line",
        (_PORT, _whole("bytes", 1, RAW_BYTES_MAX, 1 << 20)),
        "One line of so many bytes is sent, then its end.",
    ),
    Verb(
        "slice",
        (_PORT, _whole("bytes_max", 0, 1 << 20)),
        "Everything is written in random pieces of at most so many bytes; 0 ends it.",
        end=(("bytes_max", 0),),
    ),
    Verb("unknown_letters", (_PORT,), "Lines of letters that nobody knows are sent."),
    Verb(
        "extra_columns",
        (_whole("count", 0, 100),),
        "F, P and Q lines carry so many more columns at their end; 0 ends it.",
        end=(("count", 0),),
    ),
    Verb(
        "symbol_limit",
        (_whole("limit", 1, 1_000_000),),
        "The login may watch so many symbols; those watched already stay.",
    ),
    Verb(
        "delayed", (_flag(),), "The account becomes a delayed one; S,CUST says so again.", end=_OFF
    ),
    Verb(
        "login_replaced",
        (),
        "Another machine logs in: the link is gone, and nobody tries again before S,CONNECT.",
    ),
    Verb(
        "clock_skew",
        (_number("seconds", -86_400, 86_400),),
        "Time lines and the times of events are off by so much; 0 ends it.",
        end=(("seconds", 0),),
    ),
    Verb("stale_p", (_flag(),), "P lines show the values of a past day.", end=_OFF),
    Verb(
        "burst",
        (_number("factor", 0, 1000), _number("seconds", 0, 86_400)),
        "So many times the events happen for so long.",
    ),
    Verb(
        "slow_reader",
        (_PORT, _whole("bytes_per_s", 0, 1 << 40)),
        "Each reader gets at most so many bytes a second, so its queue grows; 0 ends it.",
        end=(("bytes_per_s", 0),),
    ),
    Verb(
        "halt",
        (_SYMBOL,),
        "A symbol's trading is halted: a print says so (21), then nothing.",
        ended_by="resume",
    ),
    Verb("resume", (_SYMBOL,), "A halted symbol reopens with a print (25), and events go on."),
    Verb(
        "inject",
        (_PORT, _text("text")),
        r"This text is sent as it is; escapes such as \r\n are understood.",
    ),
    Verb(
        "duplicate_lines",
        (_SHARE,),
        "This share of Level 1's Q lines is sent twice.",
        end=_NO_SHARE,
    ),
    Verb(
        "swap_lines",
        (_SHARE,),
        "This share of Level 1's Q lines comes after its successor.",
        end=_NO_SHARE,
    ),
    Verb(
        "cut_lines",
        (_SHARE,),
        "This share of Level 1's Q lines loses its end, not its newline.",
        end=_NO_SHARE,
    ),
    Verb(
        "protocols",
        (Parameter("versions", Kind.NAMES),),
        "Only these versions are accepted by SET PROTOCOL from now on.",
        end=(("versions", PROTOCOLS),),
    ),
    Verb(
        "fields",
        (Parameter("refused", Kind.NAMES),),
        "These field names are refused by SELECT UPDATE FIELDS from now on.",
        end=(("refused", ()),),
    ),
    Verb("status", (), "Nothing happens; the answer tells every count."),
    Verb("clear", (), "Everything is as it should be again.", is_of_listening=True),
)
VERBS: Final = {verb.name: verb for verb in _TABLE}
"""Every fault by its name."""
