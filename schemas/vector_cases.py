"""The cases behind the test vectors: each message, varied by one mistake at a time."""

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from schemas.contract import Contract, Message
from schemas.reference_msgpack import encode_value
from schemas.vector_samples import EPOCH, NONCE, RECV_US, SAMPLES, Sample

Verdict = Literal["valid", "malformed", "unknown_message"]
SNAPSHOT = 1
INFINITY = float("inf")
NAN = float("nan")
WRONG_VALUES: Mapping[str, Sequence[tuple[str, object, str]]] = {
    "price": (
        ("NotFinite", NAN, "NaN"),
        ("NotFinite", INFINITY, "infinity"),
        ("NotFinite", -INFINITY, "minus infinity"),
        ("WrongItemType", "188.25", "text"),
        ("WrongItemType", True, "a boolean"),
    ),
    "count": (
        ("WrongItemType", "100", "text"),
        ("WrongItemType", True, "a boolean"),
        ("WrongItemType", 100.5, "a fraction"),
        ("OutOfRange", -1, "negative"),
        ("OutOfRange", 2**63, "2^63"),
    ),
    "id": (("WrongItemType", "1", "text"), ("OutOfRange", -1, "negative")),
    "time_us": (("WrongItemType", "09:30:00", "text"), ("OutOfRange", -1, "negative")),
    "text": (("WrongItemType", 5, "an integer"), ("WrongItemType", b"AB", "binary")),
    "boolean": (("WrongItemType", "true", "text"), ("WrongItemType", 1, "an integer")),
    "texts": (("WrongItemType", "AAPL", "text"), ("WrongItemType", [5], "an array of integers")),
    "levels": (
        ("NotFinite", [[NAN, 1, 1]], "a level priced NaN"),
        ("WrongItemType", [["188.25", 1, 1]], "a level priced with text"),
        ("WrongItemType", [5], "an array of integers"),
        ("MissingMandatory", [[188.25]], "a level without size"),
    ),
    "rows": (
        ("NotFinite", [["add", "B", 1, None, NAN, 1, 1, 2]], "a row priced NaN"),
        ("WrongItemType", [["add", "B", 1, None, "1.5", 1, 1, 2]], "a row priced with text"),
        ("WrongItemType", [5], "an array of integers"),
        ("MissingMandatory", [["add"]], "a row without side"),
    ),
    "map": (
        ("WrongItemType", [1, 2], "an array"),
        ("WrongItemType", "details", "text"),
        ("WrongItemType", {5: "five"}, "a map with an integer key"),
        ("NotFinite", {"beta": NAN}, "a map holding NaN"),
    ),
}


@dataclass(frozen=True, slots=True)
class Case:
    """One frame and what a reader must make of it."""

    flag: str
    comment: str
    frame: bytes
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Builder:
    """Builds the cases of one message."""

    contract: Contract
    message: Message

    @property
    def sample(self) -> Sample:
        """The message everything is varied from."""
        return SAMPLES[self.message.name]

    def body(self, header: Mapping[str, object] | None = None, /, **fields: object) -> list[object]:
        """The sample's body with some items replaced."""
        items: dict[str, object] = {
            "type": self.message.type,
            "epoch": EPOCH,
            "sequence": 7,
            "flags": SNAPSHOT if self.message.name == "image" else 0,
            "recv_us": RECV_US,
            "event_us": self.sample.event_us,
        }
        return [
            *(items | dict(header or {})).values(),
            *(dict(self.sample.fields) | fields).values(),
        ]

    def raw(self, body: bytes, *, kind: str | None = None, symbol: str | None = None) -> bytes:
        """A frame on the sample's topic or another one."""
        topic = f"{kind or self.sample.kind},{symbol or self.sample.symbol},"
        return topic.encode("ascii") + body

    def case(
        self,
        flag: str,
        comment: str,
        body: object,
        *,
        verdict: Verdict = "valid",
        kind: str | None = None,
        symbol: str | None = None,
    ) -> Case:
        """A case whose body is encoded in the shortest form."""
        frame = self.raw(encode_value(body), kind=kind, symbol=symbol)
        return Case(flag, comment, frame, verdict)

    def nil_fields(self) -> dict[str, object]:
        """Nil for every field that may be absent."""
        return {field.name: None for field in self.message.fields if field.is_nilable}


def widest(value: object) -> bytes:
    """Encode with the longest legal form of each value."""
    match value:
        case bool() | None | float():
            return encode_value(value)
        case int():
            return b"\xcf" + struct.pack(">Q", value)
        case str():
            data = value.encode()
            return b"\xdb" + struct.pack(">I", len(data)) + data
        case list() | tuple():
            items = b"".join(widest(item) for item in value)
            return b"\xdd" + struct.pack(">I", len(value)) + items
        case dict():
            pairs = b"".join(widest(key) + widest(item) for key, item in value.items())
            return b"\xdf" + struct.pack(">I", len(value)) + pairs
        case _:
            raise TypeError(f"no sample holds {type(value).__name__}")


def common_valid(make: Builder) -> Iterator[Case]:
    """What every message must survive."""
    body = make.body()
    later = {"epoch": EPOCH + 86_400_000, "sequence": 1}
    largest = {"sequence": 2**53 - 1, "recv_us": 2**53 - 1}
    yield make.case("Complete", "every item has a value", body)
    yield make.case("ExtraItems", "one more item", [*body, 5])
    more = [*body, None, "new", [1, [2.5]], {"key": True}]
    yield make.case("ExtraItems", "more items of every type", more)
    nils = make.body({"event_us": None}, **make.nil_fields())
    if nils != body:
        yield make.case("NilEverywhere", "nil wherever it is legal", nils)
    kept = max(index for index, item in enumerate(nils) if item is not None) + 1
    for count in sorted({max(kept, 6), len(body) - 1} if kept < len(body) else ()):
        yield make.case("MissingItems", f"only the first {count} items", body[:count])
    yield make.case("EpochChange", "a later epoch begins with sequence 1", make.body(later))
    yield make.case(
        "UnknownFlagBit", "STALE and an unknown bit", make.body({"flags": 16 | 1 << 20})
    )
    yield make.case("LargeInteger", "largest sequence and time", make.body(largest))
    yield make.case("CommaInBody", "sequence 44 is byte 0x2c", make.body({"sequence": 44}))
    yield Case("NonMinimal", "longest legal form of each value", make.raw(widest(body)), "valid")


def topic_valid(make: Builder) -> Iterator[Case]:
    """What every message on a symbol's topic must survive."""
    name = make.message.name
    yield make.case("OddSymbol", "every legal mark and an inner blank", make.body(),
                    symbol="@A#B.C-D$E+F=G H")  # fmt: skip
    private = f"~{NONCE}.{name}" if name != "image" else make.sample.kind
    if name != "image":
        yield make.case("PrivateTopic", "a snapshot on a private topic",
                        make.body({"flags": SNAPSHOT}), kind=private)  # fmt: skip
    if name != "state":
        header = {"sequence": 0, "flags": SNAPSHOT, "event_us": None}
        nils: dict[str, object] = dict.fromkeys(make.sample.fields)
        yield make.case("EmptySnapshot", "nothing was ever published",
                        make.body(header, **nils), kind=private)  # fmt: skip
        yield make.case("EmptySnapshot", "nothing was ever published, header only",
                        make.body(header)[:6], kind=private)  # fmt: skip
    if make.message.has_variants:
        yield make.case("Variant", "one per 250 ms", make.body({"flags": 8}), kind=f"{name}@250")
    if name == "book":
        yield make.case("Variant", "one per second, five levels a side", make.body({"flags": 8}),
                        kind="book@1000x5")  # fmt: skip
    if name == "state":
        answer = make.body({"sequence": 0}, state="refused", cause="not_subscribed", details=None)
        for other in ("quote", "trade", "order", "sys"):
            symbol = "client" if other == "sys" else None
            kind = f"~{NONCE}.{other}"
            yield make.case("StateAnswer", f"the answer on a private topic of {other}", answer,
                            kind=kind, symbol=symbol)  # fmt: skip


def common_invalid(make: Builder) -> Iterator[Case]:
    """What every reader must refuse, whatever the message."""
    body = make.body()
    data = encode_value(body)
    yield Case("BadTopic", "an empty frame", b"", "malformed")
    yield Case("BadTopic", "a body without a topic", encode_value(make.body({"sequence": 7}))[:8],
               "malformed")  # fmt: skip
    topic = make.raw(b"")
    yield Case("BadTopic", "no second comma", topic[:-1] + b"\x97\x01\x02\x03", "malformed")
    yield Case("Truncated", "no body", topic, "malformed")
    for count in (1, len(data) // 2, len(data) - 1):
        yield Case("Truncated", f"{count} of {len(data)} bytes", topic + data[:count], "malformed")
    for comment, value in (
        ("a map", {"type": make.message.type}),
        ("nil", None),
        ("an integer", make.message.type),
        ("text", "body"),
    ):
        yield make.case("NotAnArray", comment, value, verdict="malformed")
    for count in (0, 1, 5):
        comment = f"{count} items of the header's 6"
        yield make.case("ShortHeader", comment, body[:count], verdict="malformed")
    yield Case("TrailingBytes", "one byte more", make.raw(data + b"\x00"), "malformed")
    yield Case("TrailingBytes", "the body twice", make.raw(data + data), "malformed")
    yield from _huge_counts(make, body)
    yield from _bad_numbers(make)


def _huge_counts(make: Builder, body: list[object]) -> Iterator[Case]:
    claims = (("items", b"\xdd"), ("characters", b"\xdb"), ("pairs", b"\xdf"))
    for what, first in claims:
        comment = f"a header claims 2^32-1 {what}"
        # As the last of seven items; the array form is also tried as the whole body.
        inner = b"\x97" + b"".join(encode_value(item) for item in body[:6])
        frame = make.raw(inner + first + b"\xff\xff\xff\xff")
        yield Case("HugeCount", comment, frame, "malformed")
    frame = make.raw(b"\xdd\xff\xff\xff\xff" + encode_value(body)[1:])
    yield Case("HugeCount", "the body claims 2^32-1 items", frame, "malformed")


def _bad_numbers(make: Builder) -> Iterator[Case]:
    carried = {make.message.name, "state", "image", "tails", "client"}
    others = [m for m in make.contract.messages if m.name not in carried]
    for other in others[:1] + others[-1:]:
        yield make.case("KindMismatch", f"the number of {other.name}",
                        make.body({"type": other.type}), verdict="malformed")  # fmt: skip
    for number in (19, 999):
        yield make.case("UnknownType", f"message number {number}", make.body({"type": number}),
                        verdict="unknown_message")  # fmt: skip
    foreign = [f"~{NONCE}.quote" if make.message.name != "quote" else f"~{NONCE}.trade"]
    foreign += {"state": ["quote"], "image": ["quote", "book"]}.get(make.message.name, [])
    for kind in foreign if make.message.name != "state" else foreign[1:]:
        yield make.case("KindMismatch", f"on a topic of {kind}", make.body(), kind=kind,
                        symbol="AAPL", verdict="malformed")  # fmt: skip
    for name, value, comment in (
        ("type", str(make.message.type), "a message number as text"),
        ("epoch", str(EPOCH), "an epoch as text"),
        ("sequence", None, "a sequence of nil"),
        ("sequence", -1, "a negative sequence"),
        ("flags", True, "flags as a boolean"),
        ("recv_us", 0.5, "a time with a fraction"),
        ("event_us", "now", "an event time as text"),
    ):
        yield make.case("BadHeader", comment, make.body({name: value}), verdict="malformed")


def field_invalid(make: Builder) -> Iterator[Case]:
    """One wrong value for the first field of each type, and missing mandatory items."""
    seen: set[str] = set()
    mandatory = 0
    for index, field in enumerate(make.message.fields, start=6):
        if not field.is_nilable:
            mandatory = index
            yield make.case("MissingMandatory", f"{field.name} is nil",
                            make.body(**{field.name: None}), verdict="malformed")  # fmt: skip
        if field.type in seen:
            continue
        seen.add(field.type)
        for flag, value, comment in WRONG_VALUES[field.type]:
            yield make.case(flag, f"{field.name} is {comment}", make.body(**{field.name: value}),
                            verdict="malformed")  # fmt: skip
    if mandatory:
        name = make.message.fields[mandatory - 6].name
        yield make.case("MissingMandatory", f"the body ends before {name}",
                        make.body()[:mandatory], verdict="malformed")  # fmt: skip


def with_fields(make: Builder, flag: str, comment: str, **fields: object) -> Case:
    """A valid case with some fields replaced."""
    return make.case(flag, comment, make.body(**fields))
