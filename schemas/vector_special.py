"""Valid cases that belong to one message each: extremes, open enumerations, nested arrays."""

from collections.abc import Iterator

from schemas.vector_cases import SNAPSHOT, Builder, Case, with_fields
from schemas.vector_samples import NONCE

PRECISE_PRICES = (0.1, 1e-05, 0.30000000000000004, 99999999.9999999, 123456789012.345, 1.00001)
SYMBOLS = (
    "@ESZ25",
    "QGC#",
    "BRK.B",
    "SPX.XO",
    "$DJI",
    "A-B",
    "EURUSD.FXCM",
    "@ESZ25-@ESH26",
    "A+B=C",
    "SPY 2",
)


def special_valid(make: Builder) -> Iterator[Case]:
    """The cases of this message alone.

    Args:
        make: Builds frames of the message.

    Returns:
        Valid cases; none for a message without any of its own.
    """
    match make.message.name:
        case "quote":
            yield from _quote(make)
        case "trade" | "correction":
            yield from _prints(make)
        case "summary" | "regional" | "bar":
            yield from _extremes(make)
        case "depth" | "order" | "book" | "image":
            yield from _books(make)
        case "news" | "state":
            yield from _texts(make)
        case _:
            yield from _maps(make)


def _quote(make: Builder) -> Iterator[Case]:
    yield from _extremes(make)
    for symbol in SYMBOLS:
        yield make.case("OddSymbol", f"symbol {symbol}", make.body(), symbol=symbol)
    yield with_fields(make, "NilEverywhere", "no bid side", bid=None, bid_size=None, bid_us=None)
    yield with_fields(make, "Complete", "a price of zero is a price", bid=0.0, bid_size=0)


def _extremes(make: Builder) -> Iterator[Case]:
    prices = [field.name for field in make.message.fields if field.type == "price"]
    counts = [field.name for field in make.message.fields if field.type == "count"]
    yield with_fields(make, "NegativePrice", "below zero", **{prices[0]: -37.63})
    for price in PRECISE_PRICES:
        yield with_fields(make, "PrecisePrice", f"price {price!r}", **{prices[0]: price})
    for size in (2**32, 2**53 + 1, 2**63 - 1):
        yield with_fields(make, "LargeInteger", f"{counts[-1]} {size}", **{counts[-1]: size})
    if make.message.name == "bar":
        yield with_fields(make, "UnknownEnumValue", "interval_type z", interval_type="z")
        yield with_fields(make, "Complete", "a bar that may still change", is_final=False)


def _prints(make: Builder) -> Iterator[Case]:
    yield from _extremes(make)
    for number in (2**32, 2**53 + 1, 2**63, 2**64 - 1):
        yield with_fields(make, "LargeInteger", f"trade_id {number}", trade_id=number)
    yield with_fields(make, "UnknownEnumValue", "basis Q", basis="Q")
    if make.message.name == "trade":
        for symbol in SYMBOLS:
            yield make.case("OddSymbol", f"symbol {symbol}", make.body(), symbol=symbol)
        yield with_fields(make, "UnknownEnumValue", "aggressor 9", aggressor=9)
        yield with_fields(make, "NilEverywhere", "an index has no size", size=None, trade_id=None)
    else:
        yield with_fields(make, "UnknownEnumValue", "action amend", action="amend")
        yield with_fields(make, "Complete", "a trade is struck", action="delete", basis=None)


def _books(make: Builder) -> Iterator[Case]:
    name = make.message.name
    if name == "book":
        yield with_fields(make, "EmptyList", "no bids", bids=[])
        yield with_fields(make, "EmptyList", "an empty book", bids=[], asks=[])
        yield with_fields(make, "NestedItems", "longer levels", bids=[[1.5, 2, 3, "new", None]])
        yield with_fields(make, "NestedItems", "levels without count", bids=[[1.5, 2]])
        yield with_fields(make, "NegativePrice", "below zero", bids=[[-37.63, 1, 1]])
        yield with_fields(make, "LargeInteger", "a size of 2^63-1", asks=[[1.5, 2**63 - 1, 1]])
    elif name == "image":
        yield from _images(make)
    else:
        nils = dict.fromkeys([*make.sample.fields][2:])
        for side in ("B", "A"):
            yield with_fields(make, "NilEverywhere", f"clear {side}", action="clear", side=side,
                              **nils)  # fmt: skip
        yield with_fields(make, "NilEverywhere", "a delete has no size", action="delete", size=None)
        yield with_fields(make, "UnknownEnumValue", "action freeze", action="freeze")
        yield with_fields(make, "UnknownEnumValue", "side X", side="X")
        yield with_fields(make, "NegativePrice", "below zero", price=-0.25)
        yield with_fields(make, "LargeInteger", "a size of 2^63-1", size=2**63 - 1)
    if name == "order":
        for number in (2**53 + 1, 2**63, 2**64 - 1):
            yield with_fields(make, "LargeInteger", f"order_id {number}", order_id=number)
        yield with_fields(make, "LargeInteger", "priority 2^64-1", priority=2**64 - 1)
        yield with_fields(make, "NilEverywhere", "a market maker's row", order_id=None,
                          priority=None)  # fmt: skip


def _images(make: Builder) -> Iterator[Case]:
    depth_rows = [["add", "B", 6614.0, 57, 12, 2], ["add", "A", 6614.25, 44, None, 2]]
    order_row = ["add", "B", 2**64 - 1, "NSDQ", 6614.0, 3, None, 4]
    yield with_fields(make, "EmptyList", "a book known to be empty", rows=[])
    yield with_fields(make, "LargeInteger", "order_id 2^64-1", rows=[order_row])
    yield with_fields(make, "NestedItems", "longer rows", rows=[[*order_row, "new", None]])
    yield with_fields(make, "NestedItems", "rows without their nil end", rows=[order_row[:6]])
    many = [["add", "B", number, None, 100.25, 1, number, 2] for number in range(1, 20)]
    yield with_fields(make, "Complete", "more rows than fit a short array", rows=many)
    for kind, comment in ((f"~{NONCE}.depth", "a private topic of depth"), ("depth", "a rebuild")):
        yield make.case("RowLayout", comment, make.body(rows=depth_rows), kind=kind)
    yield make.case(
        "RowLayout", "a rebuild of orders", make.body({"flags": SNAPSHOT}), kind="order"
    )


def _texts(make: Builder) -> Iterator[Case]:
    if make.message.name == "news":
        headline = "Société Générale: Ø 5 €, 日本 📈"
        yield with_fields(make, "NonAscii", "a headline beyond ASCII", headline=headline)
        yield with_fields(make, "CommaInBody", "a headline of commas", headline="a, b,, c,")
        yield with_fields(make, "EmptyList", "no symbols", symbols=[])
        long = "x" * 300
        yield with_fields(make, "Complete", "a headline of 300 characters", headline=long)
        return
    yield with_fields(make, "Complete", "live has no cause", state="live", cause=None, details=None)
    yield with_fields(make, "UnknownEnumValue", "state dormant", state="dormant")
    yield with_fields(make, "UnknownEnumValue", "cause sunspots", cause="sunspots")
    yield from _maps(make)


def _maps(make: Builder) -> Iterator[Case]:
    field = make.message.fields[-1]
    value = make.sample.fields[field.name]
    if not isinstance(value, dict):
        raise TypeError("the last item of this message is a map")
    keys = make.contract.keys_of(str(field.keys)).keys
    more = value | {"new_key": [1, {"deeper": None}], "another": -2.5}
    yield with_fields(make, "UnknownKey", "keys of a newer gateway", **{field.name: more})
    required = {key.name for key in keys if key.is_required}
    if len(required) < len(keys):
        fewest = {name: item for name, item in value.items() if name in required}
        yield with_fields(make, "MissingKey", "no optional key", **{field.name: fewest})
    if make.message.name == "tails":
        topics = {f"trade,S{number},": number for number in range(1, 501)}
        yield with_fields(make, "Complete", "500 topics", **{field.name: {"topics": topics}})
        yield make.case("PrivateTopic", "on a client's own topic", make.body(),
                        kind=f"~{NONCE}.sys", symbol="client")  # fmt: skip
    if make.message.name == "fundamental":
        name = value | {"company_name": "Société Générale", "strike_price": -1.5}
        yield with_fields(make, "NonAscii", "a name beyond ASCII", **{field.name: name})
