"""A client's file is read whole or refused whole, with the line that is wrong."""

from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ConfigError
from gateway.model.methods import Role
from gateway.policy.client_record import (
    LIST_ITEMS_MAX,
    ClientRecord,
    Quotas,
    Rule,
    parse_client,
)
from gateway.policy.entitlements import UserRights

KEY = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"
"""From the documentation of ZeroMQ's CURVE."""
WHOLE = f"""\
public_key: "{KEY}"
role: monitor
since: "2026-11-27T10:00:00Z"
allow:
  - {{kinds: [quote, l2], symbols: [AAPL, "@ES*", ON]}}
  - kinds: ["*"]
    symbols: ["QCL#"]
deny:
  - {{kinds: [trade], symbols: ["MSF?"]}}
addresses: [10.1.2.0/24, "::1", 192.0.2.7, ipc]
quotas: {{connections_max: 2, symbols_max: 500}}
"""


def test_a_whole_file_is_read() -> None:
    """Every word of it decides who hears what."""
    assert parse_client(WHOLE, name="desk-1") == ClientRecord(
        name="desk-1",
        public_key=KEY,
        role=Role.MONITOR,
        since="2026-11-27T10:00:00Z",
        allow=(
            # YAML would read ON as true.
            Rule(("quote", "l2"), ("AAPL", "@ES*", "ON")),
            Rule(("*",), ("QCL#",)),
        ),
        deny=(Rule(("trade",), ("MSF?",)),),
        addresses=(ip_network("10.1.2.0/24"), ip_network("::1"), ip_network("192.0.2.7")),
        is_local_allowed=True,
        quotas=Quotas(connections_max=2, symbols_max=500),
    )


def test_a_key_is_enough() -> None:
    """What a file leaves out is told from what it forbids."""
    record = parse_client(f'public_key: "{KEY}"', name="a")
    assert record == ClientRecord(name="a", public_key=KEY)
    assert record.role is Role.CONSUMER
    assert record.allow is None


REFUSED: dict[str, tuple[str, int | None, str]] = {
    "nothing": ("", 1, "the file is empty"),
    "no key": ("role: admin", 1, "public_key is missing"),
    "no YAML": (f'public_key: "{KEY}"\nrole: [', 2, "not a YAML file"),
    "a tab": (f'public_key: "{KEY}"\n\trole: admin', 2, "not a YAML file"),
    "no such character": (r'role: "\UFFFFFFFF"', None, "not a YAML file"),
    "nesting without an end": ("[" * 5_000, 1, "nested more than 16 levels"),
    "maps without an end": ("{a: " * 5_000, 1, "nested more than 16 levels"),
    "lists of lists without an end": ("- " * 5_000, 1, "nested more than 16 levels"),
    # 26 kilobytes of these were four million patterns to read, in thirteen seconds.
    "a rule by reference": (
        f'public_key: "{KEY}"\nallow:\n  - &r {{kinds: ["*"], symbols: [A]}}\n  - *r',
        4,
        "references are not read",
    ),
    "a list": ("- 1", 1, "not a map"),
    "an unknown name": (f'public_key: "{KEY}"\nrol: admin', 2, "unknown name 'rol'"),
    "a name twice": (f'public_key: "{KEY}"\npublic_key: "{KEY}"', 2, "written twice"),
    "a short key": ('role: admin\npublic_key: "abc"', 2, "no CURVE key"),
    "another role": (f'public_key: "{KEY}"\n\nrole: root', 3, "no such role: 'root'"),
    "an unknown kind": (
        f'public_key: "{KEY}"\nallow:\n  - kinds: [quotes]\n    symbols: [A]',
        3,
        "no such kind: 'quotes'",
    ),
    "a symbol in lower case": (
        f'public_key: "{KEY}"\ndeny:\n  - kinds: [quote]\n    symbols:\n      - A\n      - aapl',
        6,
        "no pattern of symbols: 'aapl'",
    ),
    "a symbol with a comma": (
        f'public_key: "{KEY}"\ndeny: [{{kinds: [quote], symbols: ["A,B"]}}]',
        2,
        "no pattern",
    ),
    "a rule without symbols": (
        f'public_key: "{KEY}"\nallow: [{{kinds: [quote]}}]',
        2,
        "a rule without symbols",
    ),
    "a rule without any kind": (
        f'public_key: "{KEY}"\nallow: [{{kinds: [], symbols: [A]}}]',
        2,
        "a rule without kinds",
    ),
    "one rule instead of a list": (
        f'public_key: "{KEY}"\nallow: {{kinds: [quote], symbols: [A]}}',
        2,
        "a list is wanted",
    ),
    "no address": (f'public_key: "{KEY}"\naddresses: [desk]', 2, "no range of addresses"),
    "host bits": (f'public_key: "{KEY}"\naddresses: [10.0.0.1/8]', 2, "host bits"),
    "an empty list of addresses": (f'public_key: "{KEY}"\naddresses: []', 2, "no address at all"),
    "a forgotten value": (f'public_key: "{KEY}"\naddresses:', 2, "a list is wanted"),
    "no number": (f'public_key: "{KEY}"\nquotas: {{symbols_max: many}}', 2, "a number from 1"),
    "zero": (f'public_key: "{KEY}"\nquotas: {{symbols_max: 0}}', 2, "a number from 1"),
    "too large a number": (
        f'public_key: "{KEY}"\nquotas: {{symbols_max: 1000000001}}',
        2,
        "a number from 1",
    ),
    "an unknown quota": (f'public_key: "{KEY}"\nquotas: {{symbol_max: 1}}', 2, "unknown name"),
    "no date": (f'public_key: "{KEY}"\nsince: yesterday', 2, "no date"),
    "a map as a text": (f'public_key: "{KEY}"\nrole: {{a: 1}}', 2, "a text is wanted"),
    "an endless list": (
        f'public_key: "{KEY}"\naddresses: [{",".join(["ipc"] * (LIST_ITEMS_MAX + 1))}]',
        2,
        "a list of more than",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_wrong_is_refused_with_its_line(case: str) -> None:
    """Half a file may grant more than a whole one."""
    text, line, words = REFUSED[case]
    with pytest.raises(ConfigError) as caught:
        parse_client(text, name="desk-1")
    assert words in str(caught.value)
    assert caught.value.facts.get("line") == line
    assert caught.value.hint


def test_a_misspelled_name_is_answered_by_the_right_one() -> None:
    """A misspelled limit would be no limit."""
    with pytest.raises(ConfigError) as caught:
        parse_client(f'public_key: "{KEY}"\nadresses: [ipc]', name="a")
    assert caught.value.hint == "Did you mean addresses?"


def test_a_secret_in_the_place_of_a_key_is_not_quoted() -> None:
    """Errors end in logs."""
    with pytest.raises(ConfigError) as caught:
        parse_client("public_key: hunter2", name="a")
    assert "hunter2" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "../a", "a b", "a\n", "ä", "a" * 65])
def test_a_name_is_a_clients_name_and_a_files(name: str) -> None:
    """It stands in paths and in logs."""
    with pytest.raises(ConfigError, match="not a name"):
        parse_client(WHOLE, name=name)


@pytest.mark.parametrize(
    ("address", "is_allowed"),
    [
        ("10.1.2.3", True),
        ("10.1.3.3", False),
        ("::1", True),
        ("::ffff:10.1.2.3", True),
        ("::ffff:10.9.2.3", False),
        ("localhost:0:0:4711", True),
        ("", False),
        ("nonsense", False),
    ],
)
def test_ranges_of_addresses(address: str, is_allowed: bool) -> None:
    """A stolen key works from nowhere else."""
    assert parse_client(WHOLE, name="a").may_come_from(address) is is_allowed


def test_without_ranges_any_address_will_do() -> None:
    """Most desks move."""
    record = parse_client(f'public_key: "{KEY}"', name="a")
    assert record.may_come_from("203.0.113.9")
    assert record.may_come_from("localhost:0:0:4711")


def test_ranges_without_ipc_shut_ipc_out() -> None:
    """A list says all that is allowed."""
    record = parse_client(f'public_key: "{KEY}"\naddresses: [10.0.0.0/8]', name="a")
    assert not record.may_come_from("localhost:0:0:4711")


NESTED: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(
    st.text(max_size=200)
    | st.dictionaries(
        st.sampled_from(["public_key", "role", "allow", "deny", "addresses", "quotas", "since"]),
        NESTED,
    ).map(yaml.safe_dump)
)
def test_any_text_is_a_record_or_refused(text: str) -> None:
    """The file is watched by a running gateway: no text may end that."""
    try:
        record = parse_client(text, name="a")
    except ConfigError:
        return
    assert record.name == "a"


def test_the_readmes_example_is_a_file() -> None:
    """What operators copy must be accepted, once it has their key."""
    text = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
    block = text.partition("<!-- test: a client's file -->\n```yaml\n")[2].partition("```")[0]
    record = parse_client(block.replace('"..."', f'"{KEY}"'), name="desk-1")
    rights = UserRights(record)
    assert rights.may("quote", "@ESZ25")
    assert not rights.may("quote", "@ESX25")
    assert rights.may("news", "anything")
    assert not rights.may("order", "AAPL")
    assert record.quotas.requests_per_second_max == 50


@pytest.mark.parametrize(("text", "is_relay"), [("true", True), ("false", False)])
def test_a_relay_is_one_by_its_file(text: str, *, is_relay: bool) -> None:
    """And by nothing that it says of itself."""
    record = parse_client(f'public_key: "{KEY}"\nrelay: {text}', name="r")
    assert record.is_relay is is_relay
    with pytest.raises(ConfigError, match="choice"):
        parse_client(f'public_key: "{KEY}"\nrelay: maybe', name="r")
