"""Everything the gateway says to IQConnect; each builder returns one line, ready to send.

The command letter is glued to its symbol and commas separate arguments, so a comma, a line end or
an empty symbol inside an argument would be another command. Every builder refuses them.

There is no builder for `S,DISCONNECT`: it cuts the data of every program on the machine.
"""

import re
from collections.abc import Sequence
from typing import Final

from gateway.errors import LocalProtocolError, SymbolInvalid
from gateway.iqfeed.fields import Field

SYMBOL_CHARACTERS_MAX: Final = 48
ARGUMENT_CHARACTERS_MAX: Final = 128

_SYMBOL: Final = re.compile(
    r"[A-Z0-9@+#$=./!&^_%-](?:[A-Z0-9@+#$=./!&^_% -]{0,46}[A-Z0-9@+#$=./!&^_%-])?"
)
_PROTOCOL: Final = re.compile(r"[0-9]\.[0-9]")


def check_symbol(text: str) -> str:
    """Check that a text is safe and sensible as a symbol on the vendor's command line.

    Args:
        text: From anywhere.

    Returns:
        The same text. It is never re-spelled: the symbol is the topic consumers subscribe to.

    Raises:
        SymbolInvalid: Not 1 to 48 characters of the vendor's grammar; a text that is only in the
            wrong case is refused too, with the right spelling in the hint.
    """
    if len(text) <= SYMBOL_CHARACTERS_MAX:
        if _SYMBOL.fullmatch(text):
            return text
        if text.isascii() and _SYMBOL.fullmatch(text.upper()):
            hint = f"The vendor's symbols are upper case: use {text.upper()}."
            raise SymbolInvalid("symbol in lower case", symbol=text, hint=hint)
    raise SymbolInvalid("not a symbol", symbol=text)


def watch(symbol: str) -> bytes:
    """Ask for a symbol: its F and P at once, then Q on every change of a selected field."""
    return b"w%b\r\n" % _symbol(symbol)


def watch_trades(symbol: str) -> bytes:
    """Ask for a symbol's trades only: F and P at once, then Q when a trade happens."""
    return b"t%b\r\n" % _symbol(symbol)


def unwatch(symbol: str) -> bytes:
    """Release a symbol; there is no reply, and a late Q may still come."""
    return b"r%b\r\n" % _symbol(symbol)


def refresh(symbol: str) -> bytes:
    """Ask for a fresh F and P; works for watched symbols only."""
    return b"f%b\r\n" % _symbol(symbol)


def regional_on(symbol: str) -> bytes:
    """Ask for a symbol's regional quotes (R); this watches the symbol as well."""
    return b"S,REGON,%b\r\n" % _symbol(symbol)


def regional_off(symbol: str) -> bytes:
    """End a symbol's regional quotes; the normal watch stays."""
    return b"S,REGOFF,%b\r\n" % _symbol(symbol)


def watch_orders(symbol: str) -> bytes:
    """Ask for a symbol's orders, or its market makers' rows (Level 2, protocol 6.2)."""
    return b"WOR,%b\r\n" % _symbol(symbol)


def unwatch_orders(symbol: str) -> bytes:
    """Release a symbol's orders (Level 2, protocol 6.2)."""
    return b"ROR,%b\r\n" % _symbol(symbol)


def watch_levels(symbol: str, *, levels_max: int) -> bytes:
    """Ask for a symbol's price levels (Level 2, protocol 6.2; futures only).

    Args:
        symbol: Upper case.
        levels_max: Levels a side; 0 leaves the number to DTN.

    Returns:
        The command.

    Raises:
        SymbolInvalid: Not a symbol.
        LocalProtocolError: The number is negative.
    """
    if levels_max < 0:
        raise LocalProtocolError("a number of levels cannot be negative", levels_max=levels_max)
    if levels_max:
        return b"WPL,%b,%d\r\n" % (_symbol(symbol), levels_max)
    return b"WPL,%b\r\n" % _symbol(symbol)


def unwatch_levels(symbol: str) -> bytes:
    """Release a symbol's price levels (Level 2, protocol 6.2)."""
    return b"RPL,%b\r\n" % _symbol(symbol)


def watch_depth(symbol: str) -> bytes:
    """Ask for a symbol's depth (Level 2, before protocol 6.2): spelled as Level 1's watch."""
    return watch(symbol)


def unwatch_depth(symbol: str) -> bytes:
    """Release a symbol's depth (Level 2, before protocol 6.2): spelled as Level 1's release."""
    return unwatch(symbol)


def news_on() -> bytes:
    """Ask for news headlines (N)."""
    return b"S,NEWSON\r\n"


def news_off() -> bytes:
    """End news headlines."""
    return b"S,NEWSOFF\r\n"


def select_fields(names: Sequence[str]) -> bytes:
    """Choose the columns of this connection's P and Q lines.

    Args:
        names: Vendor names in the wanted order, without `Symbol`, which is always first.

    Returns:
        The command; it is in force once `S,CURRENT UPDATE FIELDNAMES` repeats the names.

    Raises:
        LocalProtocolError: No names, a name twice, `Symbol` (IQConnect then ignores the whole
            command) or a TimeMS name (known to protocol 5.1 only).
    """
    if not names:
        raise LocalProtocolError("no fields to select")
    if len(set(names)) != len(names):
        raise LocalProtocolError("a field is selected twice", names=",".join(names))
    for name in names:
        if name == Field.SYMBOL or name.endswith("TimeMS"):
            raise LocalProtocolError("this field cannot be selected", name=str(name))
    return _command("SELECT UPDATE FIELDS", *names)


def set_protocol(version: str) -> bytes:
    """Choose the protocol version, such as `6.2`; send it first and wait for the reply."""
    if not _PROTOCOL.fullmatch(version):
        raise LocalProtocolError("not a protocol version", version=version)
    return _command("SET PROTOCOL", version)


def set_client_name(name: str) -> bytes:
    """Name this connection in IQConnect's client statistics; there is no reply."""
    return _command("SET CLIENT NAME", name)


def request_time() -> bytes:
    """Ask for one T line now."""
    return b"T\r\n"


def timestamps_on() -> bytes:
    """Ask for a T line each second: the sign of life of a streaming connection."""
    return b"S,TIMESTAMPSON\r\n"


def request_stats() -> bytes:
    """Ask for one `S,STATS` line."""
    return b"S,REQUEST STATS\r\n"


def unwatch_all() -> bytes:
    """Release every symbol of this connection."""
    return b"S,UNWATCH ALL\r\n"


def register_client_app(product: str, version: str) -> bytes:
    """Tell IQConnect which registered product is using it (admin)."""
    return _command("REGISTER CLIENT APP", product, version)


def set_login_id(login_id: str) -> bytes:
    """Set the login id (admin)."""
    return _command("SET LOGINID", login_id, is_secret=True)


def set_password(password: str) -> bytes:
    """Set the password (admin); a refusal never quotes it."""
    return _command("SET PASSWORD", password, is_secret=True)


def set_autoconnect(*, is_on: bool) -> bytes:
    """Choose whether IQConnect logs in by itself when it starts (admin)."""
    return _command("SET AUTOCONNECT", "On" if is_on else "Off")


def connect() -> bytes:
    """Ask IQConnect to log in to DTN."""
    return b"S,CONNECT\r\n"


def login(*, login_id: str, password: str, product: str, version: str) -> list[bytes]:
    """Log IQConnect in (admin), in the order it needs; secret, never to be logged."""
    return [
        register_client_app(product, version),
        set_login_id(login_id),
        set_password(password),
        connect(),
    ]


def client_stats(*, is_on: bool) -> bytes:
    """Ask for one `S,CLIENTSTATS` line per client and second, or end them (admin)."""
    return b"S,CLIENTSTATS ON\r\n" if is_on else b"S,CLIENTSTATS OFF\r\n"


def _symbol(text: str) -> bytes:
    return check_symbol(text).encode("ascii")


def _command(verb: str, *arguments: str, is_secret: bool = False) -> bytes:
    """Join a system command after checking that each argument is exactly one argument."""
    for argument in arguments:
        if (
            not 0 < len(argument) <= ARGUMENT_CHARACTERS_MAX
            or not (argument.isascii() and argument.isprintable())
            or "," in argument
        ):
            facts = {} if is_secret else {"argument": argument}
            raise LocalProtocolError(
                "an argument must be printable ASCII without a comma",
                command=verb,
                hint=f"Use 1 to {ARGUMENT_CHARACTERS_MAX} printable ASCII characters, no comma.",
                **facts,
            )
    return f"S,{','.join((verb, *arguments))}\r\n".encode("ascii")
