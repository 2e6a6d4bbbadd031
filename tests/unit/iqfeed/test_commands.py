"""What is said to IQConnect, and what must never be."""

import inspect
import typing

import pytest

from gateway.errors import LocalProtocolError, SymbolInvalid
from gateway.iqfeed import commands
from gateway.iqfeed.fields import GATEWAY_FIELDS, Field

GOOD_SYMBOLS = [
    "AAPL", "BRK.B", "T", "EBAY1803H27.5", "@ESZ25", "QCLF26", "@ES#", "@ES#C", "+ES#",
    "@ESZ15C154000", "@ESU18-@ESH19", "EURUSD.FXCM", "VIX.XO", "ZZC.OI.Z", "AA$Y", "A B", "A" * 48,
]  # fmt: skip
BAD_SYMBOLS = [
    "", " ", " A", "A ", "A,B", "AAPL\r\nS,DISCONNECT", "A\n", "A\r", "A\t", "A\0", "AAPL*", "?",
    'A"', "A'", "A;B", "A:B", "Ä", "\uff21\uff21\uff30\uff2c", "\u0410APL",
    "A" * 49, "A" * 100_000, "A\u2028",
]  # fmt: skip


@pytest.mark.parametrize("symbol", GOOD_SYMBOLS)
def test_vendor_symbols_pass_verbatim(symbol: str) -> None:
    """The symbol is the topic: it must come out as it went in."""
    assert commands.check_symbol(symbol) is symbol
    assert commands.watch(symbol) == b"w" + symbol.encode() + b"\r\n"


@pytest.mark.parametrize("symbol", BAD_SYMBOLS)
@pytest.mark.parametrize(
    "builder",
    [
        commands.check_symbol,
        commands.watch,
        commands.watch_trades,
        commands.unwatch,
        commands.refresh,
        commands.regional_on,
        commands.regional_off,
        commands.watch_orders,
        commands.unwatch_orders,
        lambda symbol: commands.watch_levels(symbol, levels_max=0),
        lambda symbol: commands.watch_levels(symbol, levels_max=5),
        commands.unwatch_levels,
        commands.watch_depth,
        commands.unwatch_depth,
    ],
)
def test_anything_else_is_no_symbol(builder: typing.Callable[[str], object], symbol: str) -> None:
    """One comma or line end in a symbol is a second command to IQConnect."""
    with pytest.raises(SymbolInvalid) as caught:
        builder(symbol)
    assert len(str(caught.value)) < 300
    assert str(caught.value).isascii()


def test_lower_case_is_refused_with_the_right_spelling() -> None:
    """Silently upper-casing would publish on another topic than the one asked for."""
    with pytest.raises(SymbolInvalid) as caught:
        commands.check_symbol("brk.b")
    assert "BRK.B" in caught.value.hint
    with pytest.raises(SymbolInvalid) as caught:
        commands.check_symbol("straße")
    assert "STRASSE" not in caught.value.hint


def test_symbol_commands_are_spelled_as_the_vendor_wants() -> None:
    """The letter is glued to the symbol; the rest is comma-separated."""
    assert commands.watch("T") == b"wT\r\n"
    assert commands.watch_trades("T") == b"tT\r\n"
    assert commands.unwatch("@ES#") == b"r@ES#\r\n"
    assert commands.refresh("AAPL") == b"fAAPL\r\n"
    assert commands.regional_on("AAPL") == b"S,REGON,AAPL\r\n"
    assert commands.regional_off("AAPL") == b"S,REGOFF,AAPL\r\n"


def test_depth_commands_are_spelled_as_the_vendor_wants() -> None:
    """Each dialect knows its own requests only."""
    assert commands.watch_orders("AAPL") == b"WOR,AAPL\r\n"
    assert commands.unwatch_orders("AAPL") == b"ROR,AAPL\r\n"
    assert commands.watch_levels("@ES#", levels_max=0) == b"WPL,@ES#\r\n"
    assert commands.watch_levels("@ES#", levels_max=10) == b"WPL,@ES#,10\r\n"
    assert commands.unwatch_levels("@ES#") == b"RPL,@ES#\r\n"
    assert commands.watch_depth("AAPL") == commands.watch("AAPL")
    assert commands.unwatch_depth("AAPL") == commands.unwatch("AAPL")


def test_a_negative_number_of_levels_is_refused() -> None:
    """IQConnect would answer with an error that names no command."""
    with pytest.raises(LocalProtocolError):
        commands.watch_levels("@ES#", levels_max=-1)


def test_connection_commands_are_spelled_as_the_vendor_wants() -> None:
    """IQConnect answers a misspelled command with an error that names no command."""
    assert commands.news_on() == b"S,NEWSON\r\n"
    assert commands.news_off() == b"S,NEWSOFF\r\n"
    assert commands.set_protocol("6.2") == b"S,SET PROTOCOL,6.2\r\n"
    assert commands.set_client_name("gateway 1") == b"S,SET CLIENT NAME,gateway 1\r\n"
    assert commands.request_time() == b"T\r\n"
    assert commands.timestamps_on() == b"S,TIMESTAMPSON\r\n"
    assert commands.request_stats() == b"S,REQUEST STATS\r\n"
    assert commands.unwatch_all() == b"S,UNWATCH ALL\r\n"


def test_admin_commands_are_spelled_as_the_vendor_wants() -> None:
    """A login that cannot be typed by hand depends on these."""
    assert commands.register_client_app("ACME", "1.0") == b"S,REGISTER CLIENT APP,ACME,1.0\r\n"
    assert commands.set_login_id("4711") == b"S,SET LOGINID,4711\r\n"
    assert commands.set_password("s3cret!") == b"S,SET PASSWORD,s3cret!\r\n"
    assert commands.set_autoconnect(is_on=True) == b"S,SET AUTOCONNECT,On\r\n"
    assert commands.set_autoconnect(is_on=False) == b"S,SET AUTOCONNECT,Off\r\n"
    assert commands.connect() == b"S,CONNECT\r\n"
    assert commands.client_stats(is_on=True) == b"S,CLIENTSTATS ON\r\n"
    assert commands.client_stats(is_on=False) == b"S,CLIENTSTATS OFF\r\n"


def test_field_selection_names_every_field_in_order() -> None:
    """The order asked for is the order of the columns."""
    assert commands.select_fields([Field.BID, Field.ASK]) == b"S,SELECT UPDATE FIELDS,Bid,Ask\r\n"
    assert commands.select_fields(GATEWAY_FIELDS).count(b",") == len(GATEWAY_FIELDS) + 1


@pytest.mark.parametrize(
    "names",
    [
        [],
        ["Symbol"],
        ["Bid", "Symbol"],
        ["Most Recent Trade TimeMS"],
        ["Bid", "Bid"],
        ["Bid,Ask"],
        [""],
        ["Bid\r\nS,DISCONNECT"],
    ],
)
def test_selections_that_iqconnect_would_ignore_are_refused(names: list[str]) -> None:
    """It keeps the old columns without a clear error; better never to send such a selection."""
    with pytest.raises(LocalProtocolError):
        commands.select_fields(names)


@pytest.mark.parametrize("bad", ["", "a,b", "a\r\n", "a\n", "a\x00", "a\x1b[0m", "ä", "a" * 129])
@pytest.mark.parametrize(
    "builder",
    [
        commands.set_client_name,
        commands.set_protocol,
        commands.set_login_id,
        commands.set_password,
        lambda text: commands.register_client_app(text, "1.0"),
        lambda text: commands.register_client_app("ACME", text),
    ],
)
def test_arguments_cannot_become_commands(builder: typing.Callable[[str], bytes], bad: str) -> None:
    """Names and passwords come from files and environments that others may write."""
    with pytest.raises(LocalProtocolError):
        builder(bad)


def test_a_refused_password_is_not_quoted() -> None:
    """Error texts end in logs, and logs are read by many."""
    with pytest.raises(LocalProtocolError) as caught:
        commands.set_password("hunter2,")
    assert "hunter2" not in f"{caught.value}{caught.value!r}{caught.value.facts}"


def test_there_is_no_way_to_disconnect_everybody() -> None:
    """S,DISCONNECT cuts the data of every program on the machine."""
    assert not hasattr(commands, "disconnect")
    for name, function in inspect.getmembers(commands, inspect.isfunction):
        code = function.__code__
        assert not any("DISCONNECT" in str(constant) for constant in code.co_consts[1:]), name
