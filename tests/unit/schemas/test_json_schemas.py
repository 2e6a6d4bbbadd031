"""The JSON Schemas say the same as the vectors and the generated records."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pydantic
import pytest

from gateway.model.methods import METHODS
from schemas.contract import FOLDER, load_contract
from schemas.reference_codec import ReferenceCodec
from schemas.reference_msgpack import decode_value

JSON_FOLDER = FOLDER / "json"
CONTRACT = load_contract()
CODEC = ReferenceCodec(CONTRACT)
NAMES = [message.name for message in CONTRACT.messages]
# What JSON cannot hold or a body alone does not show: topics, bytes, numbers that are not finite.
BEYOND_SCHEMAS = {
    "BadTopic",
    "Truncated",
    "HugeCount",
    "TrailingBytes",
    "KindMismatch",
    "NotFinite",
}
EXAMPLES: dict[str, dict[str, Any]] = {
    "hello": {},
    "subscribe": {"client": "desk", "symbols": ["AAPL"], "kinds": ["quote@250"], "lease_s": 5},
    "unsubscribe": {"client": "desk", "symbols": None},
    "renew": {"client": "desk", "lease_id": "lease-1", "lag_us": 5},
    "snapshot": {"topics": ["quote,AAPL,"]},
    "trends": {"window_minutes": 5},
    "admin.evict": {"peer": "10.0.0.1", "reason": "too slow"},
}


@cache
def validator(name: str) -> jsonschema.Draft202012Validator:
    """A generated schema, ready to use."""
    schema = json.loads((JSON_FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return jsonschema.Draft202012Validator(schema)


def vectors(name: str, result: str) -> list[dict[str, Any]]:
    """The vectors of a message with this result."""
    content = json.loads((FOLDER / "vectors" / f"{name}.v1.json").read_text(encoding="utf-8"))
    return [test for test in content["tests"] if test["result"] == result]


@pytest.mark.parametrize("path", sorted(JSON_FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_schemas_are_schemas(path: Path) -> None:
    """A misspelled keyword would accept everything without a word."""
    jsonschema.Draft202012Validator.check_schema(json.loads(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", NAMES)
def test_valid_vectors_satisfy_the_schema(name: str) -> None:
    """A schema that refuses a legal body makes its users refuse it too."""
    for test in vectors(name, "valid"):
        body = decode_value(bytes.fromhex(test["frame"]).split(b",", 2)[2])
        # The rows of an image and the fields they may have are one schema for both layouts.
        validator(f"message.{name}").validate(body)


@pytest.mark.parametrize("name", NAMES)
def test_invalid_bodies_break_the_schema(name: str) -> None:
    """A schema that accepts what readers refuse promises too much."""
    for test in vectors(name, "invalid"):
        if BEYOND_SCHEMAS & {*test["flags"]}:
            continue
        body = bytes.fromhex(test["frame"]).split(b",", 2)[2]
        if b"\x81\x05\xa4five" in body:
            continue  # JSON has no integer keys.
        value = decode_value(body)
        assert not validator(f"message.{name}").is_valid(value), test["comment"]


@pytest.mark.parametrize(
    ("sequence", "flags", "items", "is_legal"),
    [
        (0, 1, [], True),
        (0, 17, [None, None], True),
        (0, 2, [], False),
        (1, 1, [], True),
        (0, 1, [None, 100], False),
    ],
)
def test_only_an_empty_snapshot_lacks_mandatory_items(
    sequence: int, flags: int, items: list[object], *, is_legal: bool
) -> None:
    """The exception for topics that never published must not open the door for every trade."""
    body = [2, 1_763_884_800_000, sequence, flags, 1_763_884_800_000_001, None, *items]
    assert validator("message.trade").is_valid(body) == is_legal


@pytest.mark.parametrize("name", METHODS)
def test_params_schema_and_record_agree(name: str) -> None:
    """The schema is what clients read and the record is what the gateway checks."""
    record = METHODS[name].params
    schema: Any = validator(f"method.{name}.params").schema
    properties, required = schema["properties"], set(schema.get("required", ()))
    assert set(properties) == set(record.model_fields)
    assert required == {key for key, field in record.model_fields.items() if field.is_required()}


@pytest.mark.parametrize("name", EXAMPLES)
def test_params_schema_and_record_accept_the_same(name: str) -> None:
    """Each example is taken by both, and refused by both once a value has the wrong type."""
    schema, record, params = (
        validator(f"method.{name}.params"),
        METHODS[name].params,
        EXAMPLES[name],
    )
    schema.validate(params)
    record.model_validate(params)
    for key in params:
        wrong = {**params, key: {"wrong": True}}
        assert not schema.is_valid(wrong)
        with pytest.raises(pydantic.ValidationError):
            record.model_validate(wrong)


def test_a_reply_has_a_result_or_an_error() -> None:
    """A client that finds neither would wait for ever or crash."""
    reply = {"v": 1, "id": 7, "ok": True, "result": {}, "epoch": 1, "now_us": 2}
    error = {"code": "busy", "message": "Full.", "hint": "Wait.", "retry_ms": 5, "details": {}}
    schema = validator("reply")
    schema.validate(reply)
    schema.validate({**reply, "result": [{"topic": "quote,A,", "body": []}]})
    failed = {key: item for key, item in reply.items() if key != "result"} | {"ok": False}
    schema.validate({**failed, "error": error})
    assert not schema.is_valid(failed)
    assert not schema.is_valid({**failed, "ok": True})
    assert not schema.is_valid({**failed, "error": {"code": "busy"}})


def test_a_request_needs_version_and_method() -> None:
    """Everything else has a meaning when it is missing."""
    schema = validator("request")
    schema.validate({"v": 1, "method": "ping"})
    assert not schema.is_valid({"v": 1})
    assert not schema.is_valid({"method": "ping"})
    assert not schema.is_valid({"v": 1, "method": "ping", "deadline_ms": 60001})
