"""CURVE keys as texts: Z85, and the few characters of a public key that may be shown."""

import struct
from typing import Final

KEY_CHARACTERS: Final = 40
KEY_BYTES: Final = 32
FINGERPRINT_CHARACTERS: Final = 8
_ALPHABET: Final = (
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
)
_DIGITS: Final = {character: digit for digit, character in enumerate(_ALPHABET)}


def key_bytes(text: str) -> bytes | None:
    """The 32 bytes that a key's text stands for; None when it is no key.

    Source: ZeroMQ RFC 32 (Z85).
    """
    if len(text) != KEY_CHARACTERS or any(character not in _DIGITS for character in text):
        return None
    words = []
    for start in range(0, KEY_CHARACTERS, 5):
        word = 0
        for character in text[start : start + 5]:
            word = word * 85 + _DIGITS[character]
        if word >> 32:
            return None
        words.append(word)
    return struct.pack(">8I", *words)


def key_text(key: bytes) -> str:
    """The text of a key of 32 bytes; of anything else an empty one."""
    if len(key) != KEY_BYTES:
        return ""
    characters: list[str] = []
    for word in struct.unpack(">8I", key):
        digits: list[str] = []
        for _ in range(5):
            word, digit = divmod(word, 85)  # noqa: PLW2901 - the rest of it is what comes next
            digits.append(_ALPHABET[digit])
        characters += reversed(digits)
    return "".join(characters)


def fingerprint(public_key: str) -> str:
    """What is shown of a public key, to tell it from others."""
    return public_key[:FINGERPRINT_CHARACTERS]
