"""A host's address: looked up beside whoever wants it, again and again, and never forgotten."""

import socket
import threading

import pytest

from gateway.clock import FakeClock
from gateway.errors import ConfigError
from gateway.runtime.host_address import LOOK_NS_MIN, HostAddress, HostUnknown, look_up

SECONDS_MAX = 10.0
START_NS = 10**12


class NameServer:
    """Answers what it is told to, in the end always the same, and counts who asks."""

    def __init__(self, *answers: str | OSError) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []
        self.may_answer = threading.Event()
        self.may_answer.set()

    def __call__(self, name: str) -> str:
        """One look-up."""
        self.asked.append(name)
        assert self.may_answer.wait(SECONDS_MAX)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, OSError):
            raise answer
        return answer


def until_looked(host: HostAddress, server: NameServer) -> None:
    """Let the server answer, and wait until no look-up is under way."""
    server.may_answer.set()
    for thread in threading.enumerate():
        if thread.name == "resolve":
            thread.join(SECONDS_MAX)
    assert not host._is_looking


def test_a_numeric_address_is_never_looked_up() -> None:
    """A machine without a name server works."""
    server = NameServer()
    for address in ("127.0.0.1", "10.0.0.5", "::1"):
        host = HostAddress(address, FakeClock(), look=server)
        assert host.wait(0.0)
        assert host.numeric() == str(host) == address
    assert server.asked == []


def test_a_name_that_is_not_known_yet_is_found_by_a_later_attempt() -> None:
    """A machine that boots has its name server late."""
    clock = FakeClock(monotonic_ns=START_NS)
    server = NameServer(socket.gaierror(-3, "Temporary failure in name resolution"), "192.0.2.7")
    host = HostAddress("iqconnect", clock, look=server)
    assert not host.wait(SECONDS_MAX)
    until_looked(host, server)
    assert str(host) == "iqconnect"
    words = "iqconnect.host .*iqconnect.* has no address: Temporary failure in name resolution"
    with pytest.raises(HostUnknown, match=words):
        host.numeric()
    assert len(server.asked) == 1, "attempts in quick succession do not ask each time"
    clock.advance(seconds=LOOK_NS_MIN / 1e9)
    server.may_answer.clear()
    with pytest.raises(HostUnknown):
        host.numeric()
    until_looked(host, server)
    assert host.numeric() == str(host) == "192.0.2.7"
    assert len(server.asked) == 2


def test_whoever_asks_is_not_held_by_a_name_server_that_does_not_answer() -> None:
    """The feed thread has other connections to read."""
    clock = FakeClock(monotonic_ns=START_NS)
    server = NameServer("192.0.2.7")
    server.may_answer.clear()
    host = HostAddress("iqconnect", clock, look=server)
    assert not host.wait(0.01)
    for _ in range(5):
        clock.advance(seconds=LOOK_NS_MIN / 1e9)
        with pytest.raises(HostUnknown, match=r"no answer within 0\.01 s"):
            host.numeric()
    assert len(server.asked) == 1, "one at a time"
    until_looked(host, server)
    assert host.numeric() == "192.0.2.7"


def test_a_new_address_is_taken_and_an_old_one_outlives_failures() -> None:
    """Containers get another address when they are made anew; name servers fail now and then."""
    clock = FakeClock(monotonic_ns=START_NS)
    server = NameServer("192.0.2.7", socket.gaierror(-2, "Name or service not known"), "192.0.2.8")
    host = HostAddress("iqconnect", clock, look=server)
    assert host.wait(SECONDS_MAX)
    until_looked(host, server)
    for expected in ("192.0.2.7", "192.0.2.8"):
        clock.advance(seconds=LOOK_NS_MIN / 1e9)
        server.may_answer.clear()
        assert host.numeric() == "192.0.2.7"
        until_looked(host, server)
        assert str(host) == expected


def test_without_a_thread_nothing_is_found_and_nothing_breaks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A container at its limit of tasks goes on with what it has."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    host = HostAddress("iqconnect", FakeClock(monotonic_ns=START_NS), look=NameServer())
    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(HostUnknown, match="no thread to look it up in"):
        host.numeric()
    assert not host._is_looking


@pytest.mark.parametrize("name", ["iq..connect", "x" * 64])
def test_what_no_host_can_be_called_is_refused(name: str) -> None:
    """That will not be better at the next attempt."""
    with pytest.raises(ConfigError, match=r"iqconnect\.host is no name of a host"):
        HostAddress(name, FakeClock())


def test_the_system_prefers_ipv4() -> None:
    """IQConnect listens on IPv4 loopback."""
    assert look_up("localhost") == "127.0.0.1"
    with pytest.raises(OSError, match="not a host name"):
        look_up("iq..connect")
