"""Keys as texts: exactly what ZeroMQ takes for a key."""

import pytest
import zmq
from hypothesis import given
from hypothesis import strategies as st
from zmq.utils import z85

from gateway.policy.curve_keys import fingerprint, key_bytes, key_text


@given(st.binary(min_size=32, max_size=32))
def test_keys_are_spelled_as_zeromq_spells_them(key: bytes) -> None:
    """A key that we read otherwise than libzmq would be somebody else's."""
    text = z85.encode(key).decode("ascii")
    assert key_text(key) == text
    assert key_bytes(text) == key


@given(st.text(max_size=50))
def test_any_text_is_a_key_or_none(text: str) -> None:
    """Files are written by people."""
    key = key_bytes(text)
    assert key is None or key_text(key) == text


@pytest.mark.parametrize("text", ["", "a" * 39, "a" * 41, "#" * 40, " " * 40, "ä" * 40, '"' * 40])
def test_what_is_no_key_is_none(text: str) -> None:
    """Five of the highest digits are more than four bytes hold."""
    assert key_bytes(text) is None


def test_bytes_of_another_length_are_no_key() -> None:
    """A handshake may bring anything."""
    assert key_text(b"") == key_text(b"x" * 31) == key_text(b"x" * 33) == ""


def test_a_fingerprint_is_the_beginning_of_the_public_half() -> None:
    """It tells keys apart in a list, and is no key."""
    public = zmq.curve_keypair()[0].decode("ascii")
    assert fingerprint(public) == public[:8]
