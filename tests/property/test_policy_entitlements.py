"""Any file, any prefix: a prefix is granted if every topic it matches would be, and only then."""

import itertools
from dataclasses import replace

import hypothesis.strategies as st
from hypothesis import example, given

from gateway.control.rights import granted_as, may_prefix
from gateway.model.messages import SYS_NAMES, Kind
from gateway.model.methods import Role
from gateway.policy.client_record import ClientRecord, Rule
from gateway.policy.entitlements import SYSTEM_NAMES, UserRights
from gateway.policy.patterns import OTHER, Patterns
from gateway.wire.topics import topic_bytes

LETTERS = "AB"
LENGTH_MAX = 4
SYMBOLS = [
    "".join(letters)
    for length in range(1, LENGTH_MAX + 1)
    for letters in itertools.product(f"{LETTERS}{OTHER}", repeat=length)
]
"""Every symbol of a small world; the last character stands for all that no pattern spells."""
EXTENSIONS = [*SYMBOLS, *(OTHER * length for length in range(1, 65))]
PATTERNS = st.text(f"{LETTERS}*?", min_size=1, max_size=3)
KINDS = st.sampled_from(["quote", "trade", "book", "state", "news", "sys", "l1", "l2", "*"])
RULES = st.builds(
    Rule,
    kinds=st.lists(KINDS, min_size=1, max_size=2).map(tuple),
    symbols=st.lists(PATTERNS, min_size=1, max_size=3).map(tuple),
)
RECORDS = st.builds(
    ClientRecord,
    name=st.just("bob"),
    public_key=st.just("k" * 40),
    role=st.sampled_from(Role),
    allow=st.none() | st.lists(RULES, max_size=3).map(tuple),
    deny=st.lists(RULES, max_size=2).map(tuple),
)
WORLD = [
    topic_bytes(kind, symbol, variant)
    for kind in Kind
    if kind is not Kind.SYS
    for variant in ("", "250")
    for symbol in SYMBOLS
] + [topic_bytes(Kind.SYS, name) for name in SYSTEM_NAMES]
PREFIXES = st.one_of(
    st.sampled_from(WORLD).flatmap(
        lambda topic: st.integers(1, len(topic)).map(lambda n: topic[:n])
    ),
    st.sampled_from([b"q", b"quote", b"quote,", b"quote@", b"s", b"st", b"sys,", b"state,", b"t"]),
)


def glob_matches(glob: str, symbol: str) -> bool:
    """What a pattern means, as plainly as it can be said."""
    if not glob:
        return not symbol
    if glob[0] == "*":
        return any(glob_matches(glob[1:], symbol[at:]) for at in range(len(symbol) + 1))
    return bool(symbol) and glob[0] in ("?", symbol[0]) and glob_matches(glob[1:], symbol[1:])


@given(st.lists(PATTERNS, max_size=4), st.sampled_from(SYMBOLS))
def test_a_pattern_means_what_it_looks_like(globs: list[str], symbol: str) -> None:
    """An expression that is nearly right lets somebody hear what he may not."""
    assert (symbol in Patterns(globs)) == any(glob_matches(glob, symbol) for glob in globs)


@given(st.lists(PATTERNS, max_size=4), st.text(LETTERS, max_size=2))
def test_all_and_any_speak_of_every_symbol_that_begins_so(globs: list[str], prefix: str) -> None:
    """A prefix is judged without a list of symbols: it must come to what the list would say."""
    patterns = Patterns(globs)
    begun = [symbol for symbol in SYMBOLS if symbol.startswith(prefix)]
    if patterns.has_all(prefix):
        assert all(symbol in patterns for symbol in begun)
    elif all(symbol in patterns for symbol in begun):
        # Only longer symbols than this world has are left out.
        assert any(prefix + OTHER * length not in patterns for length in range(3, 60))
    if any(symbol in patterns for symbol in begun):
        assert patterns.has_any(prefix)


def matched_by(prefix: bytes) -> list[bytes]:
    """Topics that a prefix matches, enough of them to find one that is not granted.

    No pattern here is longer than three characters: what a prefix leaves of one is met by three
    more. What no pattern covers shows with characters that none spells, however many.
    """
    head, comma, rest = prefix.partition(b",")
    if rest.endswith(b","):
        return [prefix] if len(rest) > 1 else []
    heads = [head]
    if not comma:
        spelled = [f"{kind}{mark}" for kind in Kind for mark in ("", "@1", "@250")]
        heads = [h.encode() for h in spelled if h.startswith(prefix.decode())]
    if not comma and b"@" in head and not head.endswith(b"@"):
        heads.append(head)
    found = []
    for each in heads:
        if each.startswith(b"sys"):
            found += [t for t in WORLD if t.startswith(each + b"," + rest) and b"@" not in each]
            continue
        symbols = {rest.decode() + text for text in ("", *EXTENSIONS)}
        found += [each + b"," + s.encode() + b"," for s in symbols if 0 < len(s) <= 64]
    return found


@given(RECORDS, PREFIXES)
@example(ClientRecord("bob", "k" * 40, allow=(Rule(("*",), ("*",)),)), b"s")
@example(ClientRecord("bob", "k" * 40, allow=(Rule(("quote",), ("?*",)),)), b"quote,")
def test_a_prefix_is_granted_iff_every_topic_it_matches_is(
    record: ClientRecord, prefix: bytes
) -> None:
    """Otherwise `quote,A` would bring what `quote,AAPL,` does not."""
    rights = UserRights(record)
    matched = matched_by(prefix)
    is_each_granted = bool(matched) and all(granted_as(rights, topic) for topic in matched)
    assert may_prefix(rights, prefix) == is_each_granted
    assert granted_as(rights, prefix) == ((prefix,) if is_each_granted else ())


@given(RECORDS)
def test_the_empty_subscription_brings_what_may_be_heard_and_no_more(record: ClientRecord) -> None:
    """Everything that may be heard of whole kinds, and nobody's private topics."""
    rights = UserRights(record)
    grants = granted_as(rights, b"")
    assert not any(prefix == b"" or prefix.startswith(b"~") for prefix in grants)
    for topic in WORLD:
        if topic.startswith(grants):
            assert granted_as(rights, topic), topic


@given(RECORDS, st.sampled_from([kind for kind in Kind if kind is not Kind.SYS]))
def test_deny_always_wins(record: ClientRecord, kind: Kind) -> None:
    """Whatever is allowed beside it."""
    everything = Rule(("*",), ("*",))
    rights = UserRights(replace(record, allow=(*(record.allow or ()), everything)))
    for rule in record.deny:
        if kind in rule.kinds or "*" in rule.kinds:
            for symbol in SYMBOLS:
                if any(glob_matches(glob, symbol) for glob in rule.symbols):
                    assert not rights.may(kind, symbol)


@given(RECORDS, RULES)
def test_a_line_that_is_gone_never_gives_more(record: ClientRecord, rule: Rule) -> None:
    """An `allow` that is lost, or a `deny` that is added, takes away only."""
    wide = UserRights(replace(record, allow=(*(record.allow or ()), rule)))
    without = UserRights(replace(record, allow=None))
    narrow = UserRights(record)
    denied = UserRights(replace(record, deny=(*record.deny, rule)))
    for topic in WORLD:
        assert not granted_as(without, topic) or topic.startswith(b"sys,")
        if granted_as(denied, topic):
            assert granted_as(narrow, topic)
        if granted_as(narrow, topic):
            assert granted_as(wide, topic)


def test_public_system_topics_are_known() -> None:
    """A new one must be judged by somebody before anybody hears it."""
    assert set(SYS_NAMES) - set(SYSTEM_NAMES) == {"client"}
