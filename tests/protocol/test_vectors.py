"""Every codec at hand agrees with the test vectors of the wire contract.

A codec is one entry of CODECS. The msgpack library knows nothing of the contract, so it is asked
only for what bytes alone can tell; a codec of the contract has to get every vector right.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgpack
import pytest

from gateway.model.messages import MESSAGES
from gateway.wire.codec import make_pack
from schemas.contract import load_contract
from schemas.reference_codec import ReferenceCodec
from schemas.reference_msgpack import decode_value
from schemas.write_vectors import spelled

FOLDER = Path(__file__).resolve().parents[2] / "schemas" / "vectors"
CONTRACT = load_contract()
REFERENCE = ReferenceCodec(CONTRACT)
BYTE_FLAGS = frozenset({"Truncated", "TrailingBytes", "HugeCount"})


@dataclass(frozen=True)
class Vector:
    """One test of a vector file."""

    id: str
    flags: frozenset[str]
    frame: bytes
    error: str | None
    message: Mapping[str, object] | None
    is_canonical: bool


@dataclass(frozen=True)
class Codec:
    """A decoder under test."""

    name: str
    decode: Callable[[bytes], Mapping[str, object]]
    """Frame to kind, symbol and items by name, integers spelled as strings."""
    error_code: Callable[[Exception], str | None]
    """An exception to the vectors' error, None for one that must not escape."""
    flags: frozenset[str] | None = None
    """Flags of the invalid frames it can refuse; None for all."""


def _vector(path: Path, test: Mapping[str, Any]) -> Vector:
    return Vector(
        id=f"{path.stem}-{test['id']}-{test['flags'][0]}",
        flags=frozenset(test["flags"]),
        frame=bytes.fromhex(test["frame"]),
        error=test.get("error"),
        message=test.get("message"),
        is_canonical=test.get("canonical", False),
    )


VECTORS = [
    _vector(path, test)
    for path in sorted(FOLDER.glob("*.v1.json"))
    for test in json.loads(path.read_text(encoding="utf-8"))["tests"]
]
VALID = [vector for vector in VECTORS if vector.error is None]
INVALID = [vector for vector in VECTORS if vector.error is not None]


def _same_length(value: Any, like: Any) -> Any:
    """Arrays cut or filled to what the contract names, as a reader of the contract does."""
    if isinstance(like, list) and isinstance(value, list) and like and isinstance(like[0], list):
        return [_fitted(row, len(like_row)) for row, like_row in zip(value, like, strict=True)]
    return value


def _fitted(row: list[object], size: int) -> list[object]:
    return [*row[:size], *(None for _ in range(size - len(row)))]


def _with_library(frame: bytes) -> Mapping[str, object]:
    kind, symbol, body = frame.split(b",", 2)
    items = msgpack.unpackb(body)
    record = MESSAGES[items[0]]
    named = zip(record._fields, _fitted(items, len(record._fields)), strict=True)
    return {"kind": kind.decode(), "symbol": symbol.decode(), **dict(named)}


def _with_reference(frame: bytes) -> Mapping[str, object]:
    return REFERENCE.decode(frame).by_name(CONTRACT)


def _library_error(error: Exception) -> str | None:
    return "malformed" if isinstance(error, ValueError) else None


def _reference_error(error: Exception) -> str | None:
    code: str | None = getattr(error, "code", None)
    return code


CODECS: Sequence[Codec] = (
    Codec("reference", _with_reference, _reference_error),
    Codec("msgpack library", _with_library, _library_error, BYTE_FLAGS),
)
REFUSALS = [
    (codec, vector)
    for codec in CODECS
    for vector in INVALID
    if codec.flags is None or vector.flags & codec.flags
]


def _ids(entry: object) -> str:
    return str(getattr(entry, "id", "") or getattr(entry, "name", ""))


@pytest.mark.parametrize("vector", VALID, ids=_ids)
@pytest.mark.parametrize("codec", CODECS, ids=_ids)
def test_valid_vectors_decode_to_their_message(codec: Codec, vector: Vector) -> None:
    """Two readers of one frame must never see two messages."""
    assert vector.message is not None
    decoded = {key: spelled(value) for key, value in codec.decode(vector.frame).items()}
    assert set(decoded) == set(vector.message)
    for key, value in vector.message.items():
        assert _same_length(decoded[key], value) == value, key


@pytest.mark.parametrize(("codec", "vector"), REFUSALS, ids=_ids)
def test_invalid_vectors_are_refused_for_what_they_are(codec: Codec, vector: Vector) -> None:
    """A bad frame must end in the one error its catcher expects, and in nothing else."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - the codec's own classes are judged below
        codec.decode(vector.frame)
    assert codec.error_code(caught.value) == vector.error


@pytest.mark.parametrize("vector", [vector for vector in VALID if vector.is_canonical], ids=_ids)
def test_the_gateway_writes_canonical_vectors(vector: Vector) -> None:
    """The gateway's records and packer give the very bytes that every client is tested with."""
    body = vector.frame.split(b",", 2)[2]
    items = decode_value(body)
    assert isinstance(items, list)
    record = MESSAGES[int(str(items[0]))]
    assert make_pack()(record._make(items)) == body
