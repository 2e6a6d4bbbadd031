"""What each flag of a test vector means: the mistake it catches and what the mistake does."""

from collections.abc import Mapping

NOTES: Mapping[str, tuple[str, str]] = {
    "Complete": (
        "An item is read from the wrong place or as the wrong type.",
        "Every value of the message is wrong.",
    ),
    "NilEverywhere": (
        "Nil is read as 0 or as an empty text, or is refused.",
        "A missing price becomes a price of zero.",
    ),
    "ExtraItems": (
        "A body longer than the reader knows is refused.",
        "Readers stop on the day a field is appended.",
    ),
    "MissingItems": (
        "An item past the end of a shorter body is read.",
        "A newer reader fails on an older gateway.",
    ),
    "EmptySnapshot": (
        "The nil values of a topic that never published are refused or taken for values.",
        "Joining a quiet topic fails.",
    ),
    "PrivateTopic": (
        "The kind of a private topic is not recognized.",
        "Snapshots are dropped and the join never completes.",
    ),
    "StateAnswer": (
        "The body is read by the kind's text instead of its message number.",
        "A refusal is read as a price.",
    ),
    "Variant": (
        "The kind is compared with its bare name.",
        "Conflated topics deliver nothing.",
    ),
    "EpochChange": (
        "A sequence that starts again in a later epoch is taken for a repeat or refused.",
        "Nothing is delivered after a gateway restart.",
    ),
    "UnknownFlagBit": (
        "The flags are compared as a whole instead of by bit.",
        "A new flag hides the ones a reader relies on.",
    ),
    "UnknownEnumValue": (
        "A value that an enumeration does not list is refused or replaced.",
        "Readers stop on the day a value is added.",
    ),
    "LargeInteger": (
        "Integers are read with 32 bits or as doubles.",
        "Sizes wrap and identifiers lose their last digits.",
    ),
    "NegativePrice": (
        "A negative price is refused or read as absent.",
        "Spreads, rates and some futures cannot be traded.",
    ),
    "PrecisePrice": (
        "Prices are read with single precision or rounded.",
        "A price differs from the vendor's text.",
    ),
    "OddSymbol": (
        "A symbol is parsed, re-spelled or cut at a character that looks special.",
        "Futures, indexes and spreads are lost or mixed up.",
    ),
    "CommaInBody": (
        "The frame is split at every comma instead of the first two.",
        "A body that happens to hold byte 0x2c is cut.",
    ),
    "NonMinimal": (
        "Only the shortest form of each value is understood.",
        "Frames of another encoder are refused.",
    ),
    "EmptyList": (
        "An empty list is read as absent.",
        "An empty book looks like an unknown one.",
    ),
    "RowLayout": (
        "Rows of an image are read without looking whether the topic is depth or order.",
        "A book is rebuilt from the wrong columns.",
    ),
    "NestedItems": (
        "A row that is longer or shorter than known is refused.",
        "Readers stop on the day a row is extended.",
    ),
    "UnknownKey": (
        "A map key the reader does not know is refused.",
        "Readers stop on the day a key is added.",
    ),
    "MissingKey": (
        "A key without a value is expected to be there.",
        "Messages with few facts are refused.",
    ),
    "NonAscii": (
        "Text is read as ASCII or Latin-1.",
        "Names and headlines are garbled.",
    ),
    "BadTopic": (
        "A frame without a whole topic is accepted.",
        "Foreign bytes are read as data.",
    ),
    "Truncated": (
        "The end of the bytes is not checked.",
        "Values are made up, or the reader crashes.",
    ),
    "NotAnArray": (
        "The body is used without checking that it is an array.",
        "The reader crashes.",
    ),
    "ShortHeader": (
        "The header is read without checking that it is all there.",
        "The reader crashes, or loss goes unnoticed.",
    ),
    "TrailingBytes": (
        "Bytes after the body are ignored.",
        "Corrupt frames are taken for good ones.",
    ),
    "HugeCount": (
        "Memory is allocated for the number of items claimed.",
        "A few bytes exhaust the reader's memory.",
    ),
    "KindMismatch": (
        "A message number that does not belong on the topic is accepted.",
        "One message is read as another.",
    ),
    "UnknownType": (
        "A message number from a newer gateway is taken for a corrupt frame, or crashes.",
        "Readers stop on the day a message is added.",
    ),
    "BadHeader": (
        "A header item of the wrong type is accepted.",
        "Loss detection compares nonsense.",
    ),
    "MissingMandatory": (
        "An item that is never absent is not checked.",
        "A trade without a price is delivered.",
    ),
    "NotFinite": (
        "NaN or an infinity is accepted as a price.",
        "One value poisons every sum and comparison after it.",
    ),
    "WrongItemType": (
        "An item of the wrong type is accepted or converted.",
        "Text is compared with numbers far from the cause.",
    ),
    "OutOfRange": (
        "An integer outside its type's range is accepted.",
        "Values wrap or turn negative.",
    ),
}
