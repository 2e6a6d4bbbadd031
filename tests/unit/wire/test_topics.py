"""The spelling of topics, as a subscriber and a stranger would try it."""

import pytest

from gateway.model.messages import SYS_NAMES, Kind
from gateway.wire.topics import (
    PUBLIC_KINDS,
    TopicName,
    grants_of,
    is_private,
    parse_topic,
    sys_topic,
    topic_bytes,
)

NONCE = b"0123456789abcdABCD"


def test_a_topic_ends_in_its_second_comma() -> None:
    """ZeroMQ matches prefixes: without the end, a subscriber of A would get all of AAPL."""
    assert topic_bytes(Kind.QUOTE, "A") == b"quote,A,"
    assert not topic_bytes(Kind.QUOTE, "AAPL").startswith(topic_bytes(Kind.QUOTE, "A"))


def test_a_symbol_that_is_not_ascii_has_no_topic() -> None:
    """Two spellings of one topic would be two streams; readers are promised ASCII."""
    with pytest.raises(UnicodeEncodeError):
        topic_bytes(Kind.QUOTE, "\xc4")


@pytest.mark.parametrize(
    ("topic", "name"),
    [
        (b"quote,AAPL,", TopicName(Kind.QUOTE, "", "AAPL", "")),
        (b"quote@250,AAPL,", TopicName(Kind.QUOTE, "250", "AAPL", "")),
        (b"trade,@ES#,", TopicName(Kind.TRADE, "", "@ES#", "")),
        (b"quote,BRK B,", TopicName(Kind.QUOTE, "", "BRK B", "")),
        (b"sys,heartbeat,", TopicName(Kind.SYS, "", "heartbeat", "")),
        (b"~" + NONCE + b".quote,AAPL,", TopicName(Kind.QUOTE, "", "AAPL", NONCE.decode())),
        (b"~" + NONCE + b".book@1000,A,", TopicName(Kind.BOOK, "1000", "A", NONCE.decode())),
    ],
)
def test_a_complete_topic_is_taken_apart(topic: bytes, name: TopicName) -> None:
    """What was asked for decides what is watched and answered."""
    assert parse_topic(topic) == name


@pytest.mark.parametrize(
    "topic",
    [
        b"",
        b"quote",
        b"quote,",
        b"quote,AAPL",
        b"quote,,",
        b"quote,AAPL,x",
        b"quote,AAPL,,",
        b"quote,A,B,",
        b"quote,AAPL,\n",
        b"QUOTE,AAPL,",
        b"offer,AAPL,",
        b"quote@,AAPL,",
        b"quote@x,AAPL,",
        b"quote@12345678,AAPL,",
        b"quote,\xc4,",
        b"quote," + b"A" * 65 + b",",
        b"~",
        b"~" + NONCE,
        b"~" + NONCE + b".",
        b"~" + NONCE + b".quote,",
        b"~" + NONCE + b".quote,AAPL",
        b"~" + NONCE + b".quote,AAPL,x",
        b"~" + NONCE[:13] + b".quote,AAPL,",
        b"~" + b"a" * 33 + b".quote,AAPL,",
        b"~0123456789abc_.quote,AAPL,",
        b"~" + NONCE + b"." + NONCE + b".quote,AAPL,",
    ],
)
def test_a_prefix_or_garbage_is_no_topic(topic: bytes) -> None:
    """Only a whole topic may open a watch or be answered; the rest is a filter or noise."""
    assert parse_topic(topic) is None


def test_the_symbol_may_be_as_long_as_the_contract_allows() -> None:
    """Sixty-four bytes are promised, for the symbol and for the nonce's 14 to 32 characters."""
    name = parse_topic(b"quote," + b"A" * 64 + b",")
    assert name is not None
    assert len(name.symbol) == 64
    for length in (14, 32):
        assert parse_topic(b"~" + b"a" * length + b".quote,A,") is not None


def test_the_spelling_leaves_the_private_prefix_out() -> None:
    """A private topic and its base topic must lead to the same answer."""
    for base in ("quote,AAPL,", "quote@250,AAPL,", "sys,tails,"):
        name = parse_topic(b"~" + NONCE + b"." + base.encode())
        assert name is not None
        assert name.spelling == base


def test_the_empty_subscription_is_granted_as_every_public_kind_and_nothing_private() -> None:
    """A peer that asks for everything gets all that is public, and no other peer's answers."""
    grants = grants_of(b"")
    for kind in PUBLIC_KINDS:
        assert any(topic_bytes(kind, "AAPL").startswith(grant) for grant in grants), kind
        assert any(f"{kind}@250,AAPL,".encode().startswith(grant) for grant in grants), kind
    private = b"~" + NONCE + b".quote,AAPL,"
    assert not any(private.startswith(grant) for grant in grants)
    assert not any(b"image,AAPL,".startswith(grant) for grant in grants)


@pytest.mark.parametrize("topic", [b"q", b"quote,", b"quote,AAPL,", b"anything at all"])
def test_a_public_prefix_is_granted_as_it_is(topic: bytes) -> None:
    """Filters that are no topics are harmless: a bare SUB may use any of them."""
    assert grants_of(topic) == (topic,)
    assert not is_private(topic)


def test_a_private_topic_is_granted_only_when_it_is_complete() -> None:
    """A prefix such as `~` or `~a` would listen to the snapshots of others."""
    whole = b"~" + NONCE + b".quote,AAPL,"
    assert grants_of(whole) == (whole,)
    for length in range(1, len(whole)):
        assert grants_of(whole[:length]) == (), whole[:length]
    assert is_private(b"~")


def test_private_topics_sort_after_all_public_ones() -> None:
    """After a restart subscriptions come back in byte order: data first, then snapshots."""
    assert all(topic_bytes(kind, "~~~") < b"~" for kind in Kind)


def test_system_topics_are_spelled_from_their_names() -> None:
    """A misspelled name must fail in the gateway, not vanish on the wire."""
    assert {sys_topic(name) for name in SYS_NAMES} == {f"sys,{n},".encode() for n in SYS_NAMES}
    with pytest.raises(KeyError):
        sys_topic("hartbeat")


@pytest.mark.parametrize("variant", ["1", "250", "99999", "250x1", "250x999", "99999x10"])
def test_a_variant_names_interval_and_levels(variant: str) -> None:
    """A display of five levels must not be sent ten, nor a private topic lose its variant."""
    topic = f"book@{variant},@ES#,".encode()
    for prefix in (b"", b"~0123456789abcd."):
        name = parse_topic(prefix + topic)
        assert name is not None
        assert (name.kind, name.variant, name.symbol) == (Kind.BOOK, variant, "@ES#")
        assert name.spelling.encode() == topic
        assert topic_bytes(name.kind, name.symbol, name.variant) == topic


@pytest.mark.parametrize(
    "variant",
    [
        *("", "0", "01", "100000", "x5", "250x", "250x0", "250x05", "250x1000", "250x5x5"),
        *("250X5", "-1", "1.5", "250@5", "\xb2"),
    ],
)
def test_other_texts_are_no_variants(variant: str) -> None:
    """Two spellings of one variant would be two topics, and an interval of 0 none."""
    assert parse_topic(f"book@{variant},@ES#,".encode("latin-1")) is None
