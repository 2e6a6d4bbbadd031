"""The client's quick way to a message gives what its long way gives, for any frame whatever."""

import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgpack
import pytest
from gateway_client import codec, messages
from gateway_client.errors import CodecError, DecodeError
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.mutations import Mutator

VECTORS: Final = Path(__file__).resolve().parents[2] / "schemas" / "vectors"
FRAMES: Final = int(os.environ.get("DECODED_FRAMES", "10000"))
SEED: Final = int(os.environ.get("DECODED_SEED", "1"))
EDGES: Final[tuple[Any, ...]] = (
    *(0, 1, 2**53 - 1, 2**53, 2**63 - 1, 2**63, 2**64 - 1, -1, -(2**63), 1.0, -0.0, 1.5, True),
    *(1.7976931348623157e308, 5e-324, float("nan"), float("inf"), -float("inf"), None, False),
    *(
        "",
        "A",
        "\0",
        "\ud7ff\U0010ffff",
        "x" * 4_097,
        "\U0001f4a5" * 4_096,
        b"",
        b"A",
        [],
        [""],
        ["A"],
        ["A"] * 257,
    ),
    *([[1.0, 1, 1]], [[1.0, 1, None]], [[1.0, 1]], [[1, 1, 1]], [[1.0, 1, 1, 1]], [[]], {}),
    *(msgpack.ExtType(5, b"A"), msgpack.Timestamp(1), {"A": 1}, [[1.0, 2**63, 1]], [[1.0, -1, 1]]),
)
"""Values at an edge of what some item may be, and of every other type."""
SINGLE: Final = (
    *map(msgpack.packb, EDGES),
    *(b"\xca\x7f\x80\x00\x00", b"\xca\x7f\xc0\x00\x00", b"\xca\x3f\xc0\x00\x00"),  # 32 bits.
    *(b"\xcd\x00\x01", b"\xd3\x00\x00\x00\x00\x00\x00\x00\x01", b"\xd0\xff", b"\xd9\x01A"),
    *(b"\xa1\xff", b"\xa3\xed\xa0\x80", b"\xa2\xc0\x80", b"\xc1", b"\xdd\xff\xff\xff\xff"),
    *(b"\xdb\x00\x00\x00\x01A", b"\xdc\x00\x01\xa1A", b"\x82\xa1A\x01\xa1A\x02", b"\xd4\xff\x00"),
)
"""The same packed, some of them as no packer would; and some that are broken."""
LIKELY: Final = {
    "uint": (0, 1, 300, 2**53 - 1),
    "time_us": (0, 1_763_884_812_345_678, 2**53 - 1, None),
    "count": (0, 1, 70_000, 2**53, 2**63 - 1, None),
    "id": (0, 1, 2**53 + 1, 2**63, 2**64 - 1, None),
    "price": (0.0, -0.0, 188.25, -1e-9, 1.7976931348623157e308, None),
    "text": ("A", "\0", "\u2028", "\U0001f4a5", None),
    "boolean": (True, False, None),
    "texts": ([], ["A"], ["A", "B"] * 128),
    "levels": ([], [[1.5, 2**63 - 1, None]], [[1.5, 0, 1], [-0.0, 1, 0]]),
    "map": ({}, {"a": [1, {"b": None}]}),
}
"""What items may be, or most of them."""
TOPICS: Final = (b"quote,AAPL,", b"trade,@ES#,", b"book@250x5,@ES,", b"depth,A,", b"sys,hb,")
DEEP: Final = b"\x91" * 600


def vectors() -> Iterator[bytes]:
    """Frames of the contract's vectors, right and wrong."""
    for path in sorted(VECTORS.glob("*.v1.json")):
        for test in json.loads(path.read_text(encoding="utf-8"))["tests"]:
            yield bytes.fromhex(test["frame"])


def full_bodies() -> dict[bytes, list[bytes]]:
    """Every public kind's topic, and packed items of a usual body: all of them there."""
    values: dict[str, Any] = dict.fromkeys(("uint", "count", "id", "time_us"), 7)
    values |= {"price": 1.25, "text": "A", "boolean": True, "texts": ["A", "B"], "map": {"a": 1}}
    values["levels"] = [[1.5, 5, 2], [1.25, 7, None]]
    return {
        f"{kind},A,".encode(): [
            msgpack.packb(number if index == 0 else values[item])
            for index, item in enumerate(messages.FIELD_KINDS[number])
        ]
        for kind, number in codec.TYPE_OF_KIND.items()
        if kind in messages.KIND_TYPES and kind != "image"
    }


def packed(items: list[bytes]) -> bytes:
    """An array of items that are packed already."""
    return b"\xdc" + len(items).to_bytes(2, "big") + b"".join(items)


def answer(decode: Any, frame: bytes) -> tuple[object, ...]:
    """All that can be seen of a message or an error: every item's type, the sign of a zero."""
    try:
        message = decode(frame)
    except CodecError as error:
        return type(error), error.code, str(error), error.__cause__ and repr(error.__cause__)
    return type(message), repr(message)


def check(frame: bytes) -> bool:
    """Ask both ways; whether they say that the frame is right."""
    told = answer(codec.decode_frame, frame)
    assert told == answer(codec._decode_frame, frame), frame.hex()
    return told[0] in messages.MESSAGES.values()


class Ways:
    """Counts which way frames took."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.long = 0
        self._decode = codec._decode_frame
        monkeypatch.setattr(codec, "_decode_frame", self._count)

    def _count(self, frame: bytes) -> messages.Message:
        self.long += 1
        return self._decode(frame)

    def is_quick(self, frame: bytes) -> bool:
        """Whether a frame takes the quick way once its topic is known."""
        codec.decode_frame(frame)
        before = self.long
        codec.decode_frame(frame)
        return self.long == before


def varied(rng: random.Random, items: list[bytes]) -> list[bytes]:
    """Items of a usual body with other values, most of which may be."""
    kinds = messages.FIELD_KINDS[items[0][0]]
    return [
        item if index == 0 or rng.random() < 0.5 else msgpack.packb(rng.choice(LIKELY[kind]))
        for index, (kind, item) in enumerate(zip(kinds, items, strict=True))
    ]


def changed(rng: random.Random, items: list[bytes]) -> bytes:
    """A body with some items changed, left out, or added."""
    items = list(items)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        at = rng.randrange(len(items))
        items[at : at + rng.choice((0, 1, 1, 1, 1, 1, 1, 2))] = [rng.choice(SINGLE)]
    if rng.random() < 0.1:
        del items[rng.randrange(len(items)) :]
    body = packed(items)
    return body + rng.choice(SINGLE) if rng.random() < 0.02 else body


@pytest.mark.slow
def test_mutated_frames_mean_the_same_both_ways() -> None:
    """DECODED_FRAMES and DECODED_SEED make it a longer and another run."""
    print(f"seed {SEED}")
    rng = random.Random(SEED)
    corpus, usual = [*vectors()], full_bodies()
    corpus += [topic + packed(items) for topic, items in usual.items()]
    bytes_mutator = Mutator(rng, corpus, bytes_max=8_192, tokens=(*SINGLE, *TOPICS, *usual))
    topics = list(usual)
    right = 0
    for number in range(FRAMES):
        if number % 1_000 == 0:  # Should it have been forgotten: every topic is known.
            assert sum(map(check, corpus)) > len(topics)
        topic, chance = rng.choice(topics), rng.random()
        if chance < 0.3:
            frame = topic + packed(varied(rng, usual[topic]))
        elif chance < 0.7:
            frame = topic + changed(rng, usual[topic])
        else:
            frame = bytes_mutator.mutate(bytes_mutator.example())
        right += check(frame)
    print(f"{FRAMES:,} frames, {right:,} of them right")
    assert FRAMES // 10 < right < FRAMES


def test_every_edge_at_every_item() -> None:
    """One item at a time, so that no other one decides."""
    for topic, items in full_bodies().items():
        check(topic + packed(items))
        for index in range(len(items)):
            for edge in SINGLE:
                check(topic + packed([*items[:index], edge, *items[index + 1 :]]))
                check(topic + packed([*items[: index + 1], edge, *items[index + 1 :]]))
            check(topic + packed(items[:index]))


@given(st.binary(max_size=120), st.sampled_from((b"", *full_bodies(), *TOPICS)))
def test_any_bytes_mean_the_same_both_ways(data: bytes, topic: bytes) -> None:
    """Behind a topic that is known, too."""
    for known, items in full_bodies().items():
        codec.decode_frame(known + packed(items))
    check(topic + data)
    check(topic + DEEP + data)


def test_usual_messages_take_the_quick_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the comparison would compare the long way with itself; maps and rows have no other."""
    ways = Ways(monkeypatch)
    quick = {
        topic.split(b",")[0].decode()
        for topic, items in full_bodies().items()
        if ways.is_quick(topic + packed(items))
    }
    assert quick == set(messages.KIND_TYPES) - {"fundamental", "state", "image"}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["news", "book", "trade"])
def test_a_frame_that_is_too_long_is_refused_though_its_topic_is_known(kind: str) -> None:
    """A usual body is always shorter than the longest frame: its length is not asked for."""
    topic = f"{kind},A,".encode()
    items = full_bodies()[topic]
    codec.decode_frame(topic + packed(items))
    count = messages.FRAME_BYTES_MAX // 4
    long = {
        "news": msgpack.packb(["A" * 4_000] * (count // 900)),
        "book": msgpack.packb([[1.0, 1, None]] * count),
        "trade": msgpack.packb("A" * (4 * count)),
    }[kind]
    items[{"news": 8, "book": 7, "trade": 10}[kind]] = long
    with pytest.raises(DecodeError, match="too long"):
        codec.decode_frame(topic + packed(items))


@pytest.mark.parametrize("frame", ["quote,A,", bytearray(b"quote,A,"), 5])
def test_what_is_not_bytes_is_no_message(frame: Any) -> None:
    """It is the caller's mistake, and must not look like a message."""
    with pytest.raises((DecodeError, AttributeError)):
        codec.decode_frame(frame)
