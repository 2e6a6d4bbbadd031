"""Messages up the data socket: some are borne, many are not, and nobody is blamed for another's."""

from collections.abc import Hashable

from gateway.control import user_messages
from gateway.control.user_messages import MESSAGES_MAX, UserMessages


class Cuts:
    """Notes who is cut off."""

    def __init__(self, received: int | None = 1_000_000) -> None:
        self.connections: list[Hashable] = []
        self.received = received
        self.messages = UserMessages(
            lambda connection, _: self.connections.append(connection),
            received=lambda _: self.received,
        )


def test_ten_are_too_many() -> None:
    """One may be a slip."""
    for received in (1_000_000, 1_000, None):
        cuts = Cuts(received)
        for _ in range(MESSAGES_MAX - 1):
            cuts.messages.note("a", 100)
            cuts.messages.note("b", 100)
        cuts.messages.note(None, 100)
        assert cuts.connections == []
        cuts.messages.note("a", 100)
        assert cuts.connections == ["a"]


def test_nobody_is_blamed_for_more_than_he_can_have_sent() -> None:
    """The next connection may have the descriptor of the one that was cut, and its messages."""
    cuts = Cuts(received=5_000)
    for _ in range(3_000):
        cuts.messages.note("b", 900)
    assert cuts.connections == []
    cuts.received = 100_000_000
    for _ in range(3_000):
        cuts.messages.note("b", 900)
    assert set(cuts.connections) == {"b"}


def test_what_is_remembered_is_bounded() -> None:
    """However many connections send one each."""
    cuts = Cuts()
    for number in range(3 * user_messages.CONNECTIONS_MAX):
        cuts.messages.note(number, 1)
    assert len(cuts.messages._counts) <= user_messages.CONNECTIONS_MAX
    assert cuts.connections == []
