"""A connection is known by a descriptor, and descriptors are used again at once."""

import os
import socket

from gateway.runtime.peer_sockets import PeerSockets


def test_a_socket_is_alive_until_it_is_closed() -> None:
    """And the next one with its number is another."""
    one, other = socket.socketpair()
    connection = (one.fileno(), os.fstat(one.fileno()).st_ino)
    assert PeerSockets().is_alive(connection)
    one.close()
    assert not PeerSockets().is_alive(connection)
    other.close()


def test_what_is_no_socket_is_no_connection() -> None:
    """An event's descriptor shares its inode with all others: it would stay alive for ever."""
    reader, writer = os.pipe()
    try:
        assert not PeerSockets().is_alive((reader, os.fstat(reader).st_ino))
    finally:
        os.close(reader)
        os.close(writer)
