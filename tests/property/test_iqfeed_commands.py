"""No text whatever becomes a second command."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import LocalProtocolError, SymbolInvalid
from gateway.iqfeed import commands

TEXTS = st.one_of(st.text(max_size=60), st.text("ABZ09@+#$=./!&^_%- ,\r\n\t\0*?:;a", max_size=60))


@given(TEXTS)
def test_a_symbol_is_one_word_of_one_line_or_refused(text: str) -> None:
    """The upstream must see lines of the grammar only."""
    try:
        command = commands.watch(text)
    except SymbolInvalid as refusal:
        assert len(str(refusal)) < 300  # noqa: PT017
    else:
        assert command == b"w" + text.encode("ascii") + b"\r\n"
        assert 1 <= len(text) <= commands.SYMBOL_CHARACTERS_MAX
        assert not set(command[:-2]) & set(b",\r\n\t\0\"'*?;")
        assert text == text.strip() == text.upper()


@given(TEXTS, st.integers(-1, 2**40))
def test_a_depth_request_has_the_arguments_it_was_given(text: str, levels_max: int) -> None:
    """Here a comma separates arguments, so one in a symbol would be a number of levels."""
    try:
        command = commands.watch_levels(text, levels_max=levels_max)
    except (SymbolInvalid, LocalProtocolError):
        return
    number = [str(levels_max)] if levels_max else []
    assert command.decode("ascii") == ",".join(["WPL", text, *number]) + "\r\n"
    for builder in (commands.watch_orders, commands.unwatch_orders, commands.unwatch_levels):
        assert builder(text).count(b",") == 1


@given(st.lists(TEXTS, min_size=1, max_size=4))
def test_arguments_stay_arguments(texts: list[str]) -> None:
    """One line, with exactly as many commas as arguments."""
    builders: list[Callable[[], bytes]] = [
        lambda: commands.select_fields(texts),
        lambda: commands.register_client_app(texts[0], texts[-1]),
        lambda: commands.set_password(texts[0]),
    ]
    for builder, count in zip(builders, (len(texts), 2, 1), strict=True):
        try:
            command = builder()
        except LocalProtocolError:
            continue
        assert command.count(b"\n") == command.count(b"\r") == 1
        assert command.endswith(b"\r\n")
        assert command.count(b",") == count + 1
