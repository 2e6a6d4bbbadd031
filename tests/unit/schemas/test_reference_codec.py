"""The reference codec accepts what the contract allows and nothing else."""

import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.contract import Field, Message, load_contract
from schemas.reference_codec import ReferenceCodec, UnknownMessage
from schemas.reference_msgpack import MalformedFrame
from schemas.vector_samples import NONCE, SAMPLES

CONTRACT = load_contract()
CODEC = ReferenceCodec(CONTRACT)
STEADY = settings(
    deadline=None,
    derandomize=True,
    max_examples=20,
    suppress_health_check=[HealthCheck.too_slow],
)
"""A busy machine must not fail a test, and a failure must come back when it is run again."""
MAPLESS = [message for message in CONTRACT.topic_messages if message.name != "fundamental"]
HEADER = [1, 1_763_884_800_000, 7, 0, 1_763_884_800_000_001, None]


def values_of(field: Field) -> st.SearchStrategy[object]:
    """Any legal value of a field."""
    bounds = {entry.name: (entry.minimum, entry.maximum) for entry in CONTRACT.types}
    text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
    price = st.floats(allow_nan=False, allow_infinity=False)
    by_type: dict[str, st.SearchStrategy[object]] = {
        "price": price,
        "text": text,
        "boolean": st.booleans(),
        "texts": st.lists(text, max_size=5),
        "levels": st.lists(
            st.tuples(price, st.integers(0, 2**63 - 1), st.none() | st.integers(0, 99)).map(list),
            max_size=20,
        ),
        "map": st.dictionaries(st.sampled_from(["alpha", "beta"]), st.integers(0, 9)),
    }
    legal = by_type.get(field.type)
    if legal is None:
        legal = st.integers(*bounds[field.type])
    return st.none() | legal if field.is_nilable else legal


def bodies_of(message: Message) -> st.SearchStrategy[list[object]]:
    """Any legal body of a message without a map of required keys."""
    fields = (*CONTRACT.header[1:], *message.fields)
    return st.tuples(st.just(message.type), *(values_of(field) for field in fields)).map(list)


@pytest.mark.slow
@pytest.mark.parametrize("message", MAPLESS, ids=lambda message: message.name)
@STEADY
@given(data=st.data())
def test_any_legal_message_survives_a_round_trip(message: Message, data: st.DataObject) -> None:
    """A value that the contract allows and the codec refuses could have no vector."""
    body = data.draw(bodies_of(message))
    frame = CODEC.encode(message.name, "@ESZ25", body)
    decoded = CODEC.decode(frame)
    assert [*decoded.values] == body
    assert CODEC.encode(decoded.kind, decoded.symbol, decoded.values) == frame


@settings(STEADY, max_examples=300)
@given(st.binary(max_size=200))
def test_any_bytes_are_decoded_or_refused(body: bytes) -> None:
    """Bytes from outside end in a message or in one of two errors, and never in another."""
    for frame in (body, b"quote,AAPL," + body, b"sys,heartbeat," + body):
        try:
            CODEC.decode(frame)
        except (MalformedFrame, UnknownMessage):
            continue


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_are_legal(name: str) -> None:
    """Every vector is a variation of a sample; a wrong sample would make all of them wrong."""
    sample = SAMPLES[name]
    message = next(entry for entry in CONTRACT.messages if entry.name == name)
    assert [*sample.fields] == [field.name for field in message.fields]
    body = [message.type, *HEADER[1:], *sample.fields.values()]
    decoded = CODEC.decode(CODEC.encode(sample.kind, sample.symbol, body))
    assert decoded.by_name(CONTRACT)["kind"] == sample.kind
    assert decoded.message == message


@pytest.mark.parametrize(
    "symbol", ["@ESZ25", "QGC#", "BRK.B", "$DJI", "A-B", "A+B=C", "SPY 2", "A"]
)
def test_symbols_are_kept_verbatim(symbol: str) -> None:
    """A symbol that comes back changed is another symbol."""
    assert CODEC.decode(CODEC.encode("quote", symbol, HEADER)).symbol == symbol


@pytest.mark.parametrize("symbol", ["", " A", "A ", "A\nB", "A\x7f", "A" * 65, "A\x00"])
def test_texts_that_cannot_be_symbols_are_refused(symbol: str) -> None:
    """The symbol part of a topic is what a consumer may print and put into a command."""
    with pytest.raises(MalformedFrame):
        CODEC.encode("quote", symbol, HEADER)


@pytest.mark.parametrize(
    "kind",
    ["Quote", "", "quote@0", "quote@", "trade@250", "~short.quote", "~.quote", "image", "x" * 17],
)
def test_texts_that_cannot_be_kinds_are_refused(kind: str) -> None:
    """A topic nobody can subscribe to must not be written either."""
    with pytest.raises(MalformedFrame):
        CODEC.encode(kind, "AAPL", HEADER)


@pytest.mark.parametrize(("kind", "symbol"), [("wind", "AAPL"), ("sys", "weather"), ("feed", "A")])
def test_unknown_kinds_are_to_be_skipped(kind: str, symbol: str) -> None:
    """A newer gateway may have them; that is no corruption."""
    with pytest.raises(UnknownMessage):
        CODEC.encode(kind, symbol, HEADER)


@pytest.mark.parametrize("value", [5, "188.25", math.nan, math.inf, True, b"1", [], {}])
def test_a_price_is_a_finite_float_and_nothing_else(value: object) -> None:
    """A writer that sends an integer for a price makes readers of two languages disagree."""
    with pytest.raises(MalformedFrame):
        CODEC.encode("quote", "AAPL", [*HEADER, value])


def test_an_empty_text_is_refused() -> None:
    """Absence is nil; an empty text would be a second spelling of it."""
    with pytest.raises(MalformedFrame):
        CODEC.encode("trade", "AAPL", [2, *HEADER[1:], 1.5, 1, 1, 1, "", "C"])


@pytest.mark.parametrize(("sequence", "flags"), [(0, 0), (1, 0)])
def test_only_an_empty_snapshot_may_lack_mandatory_items(sequence: int, flags: int) -> None:
    """A trade without a price is legal in one place: where there never was a trade."""
    header = [2, HEADER[1], sequence, flags, HEADER[4], None]
    with pytest.raises(MalformedFrame, match="never absent"):
        CODEC.encode("trade", "AAPL", header)
    for floor in (0, 17):
        empty = [2, HEADER[1], floor, 1, HEADER[4], None]
        assert set(CODEC.decode(CODEC.encode("trade", "AAPL", empty)).values[6:]) == {None}


def test_an_empty_snapshot_is_checked_where_it_has_values() -> None:
    """Sequence 0 is no licence to send anything."""
    with pytest.raises(MalformedFrame):
        CODEC.encode("quote", "AAPL", [1, HEADER[1], 0, 1, HEADER[4], None, "188.25"])


@pytest.mark.parametrize(
    ("kind", "symbol", "number", "is_carried"),
    [
        ("quote", "AAPL", 1, True),
        ("quote", "AAPL", 9, False),
        ("quote", "AAPL", 13, False),
        (f"~{NONCE}.quote", "AAPL", 9, True),
        (f"~{NONCE}.quote", "AAPL", 13, False),
        ("order", "AAPL", 13, True),
        ("depth", "AAPL", 13, True),
        (f"~{NONCE}.sys", "client", 9, True),
    ],
)
def test_a_topic_carries_its_own_messages(
    kind: str, symbol: str, number: int, *, is_carried: bool
) -> None:
    """One message read as another is worse than one refused."""
    tails: dict[int, list[object]] = {9: ["live", None, 1], 13: [[]]}
    body = [number, *HEADER[1:], *tails.get(number, [])]
    if is_carried:
        assert CODEC.decode(CODEC.encode(kind, symbol, body)).message.type == number
    else:
        with pytest.raises(MalformedFrame, match="on a topic of"):
            CODEC.encode(kind, symbol, body)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("uptime_s", "12"),
        ("uptime_s", -1),
        ("upstream", {"level1": 5}),
        ("degraded", "none"),
        ("gateway_id", None),
        ("now_us", 2**53),
    ],
)
def test_known_keys_of_a_map_have_their_type(key: str, value: object) -> None:
    """A map is no place to hide a value of the wrong type."""
    details = {**SAMPLES["heartbeat"].fields["details"], key: value}  # type: ignore[dict-item]
    with pytest.raises(MalformedFrame):
        CODEC.encode("sys", "heartbeat", [20, *HEADER[1:], details])


def test_required_keys_of_a_map_are_required() -> None:
    """A heartbeat that does not say when it was sent cannot be judged."""
    with pytest.raises(MalformedFrame, match="always there"):
        CODEC.encode("sys", "heartbeat", [20, *HEADER[1:], {"gateway_id": "a"}])


@pytest.mark.parametrize(("key", "value"), [("pay_date", "02/18/2003"), ("session_open", "9:00")])
def test_dates_and_times_have_one_form(key: str, value: str) -> None:
    """The vendor's own form is read differently on two sides of an ocean."""
    with pytest.raises(MalformedFrame):
        CODEC.encode("fundamental", "MSFT", [4, *HEADER[1:], {key: value}])


def test_a_frame_longer_than_the_limit_is_refused() -> None:
    """A reader allocates by this limit."""
    with pytest.raises(MalformedFrame, match="too long"):
        CODEC.decode(b"quote,AAPL," + bytes(16_777_216))
