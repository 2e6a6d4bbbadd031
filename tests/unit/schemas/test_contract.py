"""The definitions are complete and agree with themselves."""

import enum
import re
from typing import Any

import pydantic
import pytest
import yaml

from gateway.model import enums, error_codes, messages, methods, protocol
from schemas.contract import FOLDER, Contract, Message, load_contract

CONTRACT = load_contract()
MESSAGES = {message.name: message for message in CONTRACT.messages}
LAYOUTS = {
    "header": "type epoch sequence flags recv_us event_us",
    "quote": "bid bid_size ask ask_size bid_us ask_us bid_market_center ask_market_center merged",
    "trade": "price size trade_id market_center conditions basis aggressor total_volume bid ask",
    "summary": "last last_size last_us open high low close settle total_volume vwap open_interest "
    "number_of_trades last_conditions last_market_center merged",
    "fundamental": "fields",
    "depth": "action side price size order_count precision",
    "order": "action side order_id market_maker price size priority precision",
    "book": "bids asks merged",
    "news": "distributor story_id symbols headline",
    "state": "state cause since_us details",
    "regional": "bid bid_size bid_us ask ask_size ask_us market_center",
    "correction": "action basis price size trade_id conditions market_center trade_us",
    "bar": "interval interval_type open_us close_us open high low close volume total_volume "
    "number_of_trades is_final",
    "image": "rows",
    "heartbeat": "details",
    "tails": "details",
    "alert": "details",
    "feed": "details",
    "goodbye": "details",
    "client": "details",
}
"""The published order of every body. Only ever append to a line."""


def broken(change: dict[str, Any]) -> dict[str, Any]:
    """The definitions with a change, ready to be checked again."""
    return {**CONTRACT.model_dump(), **change}


def changed_message(name: str, /, **change: Any) -> list[dict[str, Any]]:
    """All messages with a change to one."""
    dumped = [message.model_dump() for message in CONTRACT.messages]
    return [{**entry, **change} if entry["name"] == name else entry for entry in dumped]


@pytest.mark.parametrize("name", LAYOUTS)
def test_published_items_keep_their_places(name: str) -> None:
    """Readers find items by position: a field moved or removed breaks all of them."""
    fields = CONTRACT.header if name == "header" else MESSAGES[name].fields
    published = LAYOUTS[name].split()
    assert [field.name for field in fields][: len(published)] == published


def test_every_message_has_a_published_layout() -> None:
    """A message that this test does not list could be reordered without anyone noticing."""
    assert set(LAYOUTS) - {"header"} == set(MESSAGES)


def test_message_numbers_are_the_published_ones() -> None:
    """Readers dispatch on the number; it can never mean anything else."""
    states_and_events = [message.type for message in CONTRACT.messages if message.role != "sys"]
    assert states_and_events == [*range(1, 14)]
    assert [message.type for message in CONTRACT.sys_messages] == [*range(20, 26)]


@pytest.mark.parametrize("message", CONTRACT.messages, ids=lambda message: message.name)
def test_names_of_times_end_in_their_unit(message: Message) -> None:
    """A time without its unit is sooner or later read in another one."""
    for field in message.fields:
        assert (field.type == "time_us") == field.name.endswith("_us"), field.name


@pytest.mark.parametrize("message", CONTRACT.messages, ids=lambda message: message.name)
def test_no_field_takes_the_name_of_a_topic_part(message: Message) -> None:
    """Clients put kind and symbol before the items of a body, in one record."""
    assert not {"kind", "symbol"} & {field.name for field in message.fields}


@pytest.mark.parametrize("name", ["kind", "symbols", "client", "kinds", "lease_s", "wait_ms"])
def test_subscribe_takes_what_the_contract_names(name: str) -> None:
    """Subscribing is what every client does first."""
    subscribe = next(method for method in CONTRACT.methods if method.name == "subscribe")
    names = [param.name for param in subscribe.params]
    assert (name in names) == (name != "kind")


def test_kinds_that_can_be_asked_for_are_the_kinds_there_are() -> None:
    """The pattern spells the kinds again; a kind it forgets cannot be subscribed to."""
    subscribe = next(method for method in CONTRACT.methods if method.name == "subscribe")
    pattern = next(param.pattern for param in subscribe.params if param.name == "kinds")
    assert pattern is not None
    kinds = [message.name for message in CONTRACT.topic_messages]
    groups = [group.name for group in CONTRACT.groups]
    assert all(re.search(pattern, name) for name in (*kinds, *groups))
    assert re.search(pattern, "image") is None
    assert re.search(pattern, "sys") is None
    for message in CONTRACT.topic_messages:
        is_taken = re.search(pattern, f"{message.name}@250") is not None
        assert is_taken == message.has_variants, message.name


def test_fundamental_keys_cover_every_column_after_the_symbol() -> None:
    """A column left out would shift nothing and lose data in silence."""
    columns = [key.column for key in CONTRACT.keys_of("fundamental").keys]
    assert columns == [*range(2, 58)]


def test_group_members_are_kinds() -> None:
    """A group with a misspelled kind would subscribe to nothing."""
    kinds = {message.name for message in CONTRACT.topic_messages}
    assert all(set(group.kinds) <= kinds for group in CONTRACT.groups)


def test_flags_are_single_bits() -> None:
    """Two bits in one flag could not be told apart."""
    assert [flag.value for flag in CONTRACT.flags] == [1 << bit for bit in range(8)]


@pytest.mark.parametrize(
    "change",
    [
        {"messages": changed_message("quote", type=2)},
        {"messages": changed_message("quote", name="trade")},
        {"messages": changed_message("quote", fields=[])[:1] * 2},
        {"unheard_of": 1},
        {"enums": []},
        {"maps": []},
    ],
    ids=["number twice", "name twice", "message twice", "unknown key", "no enums", "no maps"],
)
def test_contradictions_are_refused(change: dict[str, Any]) -> None:
    """Nothing may be generated from definitions that contradict themselves."""
    with pytest.raises(pydantic.ValidationError):
        Contract.model_validate(broken(change))


def test_appended_fields_must_be_nilable() -> None:
    """An older gateway does not send them, so a reader always has to do without."""
    field = {**MESSAGES["quote"].fields[-1].model_dump(), "name": "later", "since": 2}
    quote = MESSAGES["quote"].model_dump()
    nilable = {**quote, "fields": [*quote["fields"], field]}
    Contract.model_validate(broken({"messages": changed_message("quote", **nilable)}))
    mandatory = {**quote, "fields": [*quote["fields"], {**field, "absence": "never"}]}
    with pytest.raises(pydantic.ValidationError, match="nilable"):
        Contract.model_validate(broken({"messages": changed_message("quote", **mandatory)}))


def test_rewording_does_not_change_the_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients compare the hash to see a different contract, not a better sentence."""
    load = yaml.safe_load

    def reworded(text: str) -> Any:
        return load(text.replace("Best bid price.", "Price of the best bid."))

    def changed(text: str) -> Any:
        return load(text.replace("name: bid_size", "name: bid_sizes"))

    monkeypatch.setattr(yaml, "safe_load", reworded)
    same = load_contract.__wrapped__()
    assert same.messages[0].fields[0].description == "Price of the best bid."
    assert same.schema_hash == CONTRACT.schema_hash
    monkeypatch.setattr(yaml, "safe_load", changed)
    assert load_contract.__wrapped__().schema_hash != CONTRACT.schema_hash


def test_sources_lie_beside_the_loader() -> None:
    """An installed copy of the tools must not read somebody else's definitions."""
    assert {path.name for path in FOLDER.glob("*.yaml")} == {
        "messages.yaml",
        "methods.yaml",
        "errors.yaml",
    }


def test_generated_records_are_the_bodies() -> None:
    """The gateway packs a record as it is: its items must be the body, in wire order."""
    for number, record in messages.MESSAGES.items():
        message = next(entry for entry in CONTRACT.messages if entry.type == number)
        fields = (*CONTRACT.header, *message.fields)
        assert record._fields == tuple(field.name for field in fields)
        assert record.__name__ == message.title
        assert len(messages.FIELD_KINDS[number]) == len(fields)
        assert [spec.name for spec in messages.FIELDS[number]] == [*record._fields]


def test_generated_enumerations_hold_the_defined_values() -> None:
    """A member's value is what travels on the wire."""
    for definition in CONTRACT.enums:
        generated: type[enum.Enum] = getattr(enums, definition.name)
        values = [(value.name, value.value) for value in definition.values]
        assert [(member.name, member.value) for member in generated] == values


def test_every_error_code_has_a_hint() -> None:
    """A code without a way out leaves the caller guessing."""
    assert set(error_codes.HINTS) == set(error_codes.ErrorCode)
    assert {"busy", "rate_limited", "timeout", "upstream_down"} == error_codes.RETRYABLE


def test_available_methods_are_the_announced_ones() -> None:
    """A method that is announced but not there fails only when somebody needs it."""
    available = {name for name, spec in methods.METHODS.items() if spec.is_available}
    announced = "hello ping describe subscribe unsubscribe renew subscriptions snapshot health"
    upstream = "metrics errors why resync admin.breaker_reset admin.reconnect"
    consumers = "replay admin.evict"
    inside = "alerts trends diagnostics symbols admin.acknowledge admin.set_thresholds admin.reload"
    assert available == {
        *announced.split(),
        *upstream.split(),
        *consumers.split(),
        *inside.split(),
    }


def test_limits_are_generated_by_name() -> None:
    """Both ends take their limits from one place."""
    for limit in CONTRACT.limits:
        assert getattr(protocol, limit.name) == limit.value
    assert CONTRACT.schema_hash == protocol.SCHEMA_HASH
