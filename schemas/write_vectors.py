"""Writes the test vectors, or checks that the ones on disk are what the cases give.

`python schemas/write_vectors.py` appends new cases to vectors/; `--check` writes nothing and exits
1 when there is anything to write. A published vector is never changed or removed: a case that would
do that is refused. When a field is appended to a message, its cases go to a new file, `.v<N>`.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import jsonschema

# The definitions beside this file, not those of another checkout that happens to be installed.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from schemas.contract import Contract, Message, load_contract
from schemas.reference_codec import Frame, ReferenceCodec, UnknownMessage
from schemas.reference_msgpack import MalformedFrame
from schemas.vector_cases import (
    Builder,
    Case,
    common_invalid,
    common_valid,
    field_invalid,
    topic_valid,
)
from schemas.vector_notes import NOTES
from schemas.vector_special import special_valid

FOLDER = Path(__file__).resolve().parent / "vectors"
COMMENT = "Written by schemas/write_vectors.py: never edit; published tests never change."
Test = dict[str, Any]


class VectorError(ValueError):
    """The cases contradict the reference codec, each other, or what was published."""


def spelled(value: object) -> object:
    """A value as the vector files spell it: integers as decimal strings.

    Args:
        value: A decoded item.

    Returns:
        The same value, ready for JSON.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, list | tuple):
        return [spelled(item) for item in value]
    if isinstance(value, dict):
        return {key: spelled(item) for key, item in value.items()}
    return value


def cases_of(contract: Contract, message: Message) -> list[Case]:
    """Every case of a message, valid ones first, no frame twice.

    Args:
        contract: The checked definitions.
        message: One of its messages.

    Returns:
        The cases in the order their vectors get their ids.

    Raises:
        VectorError: Two cases give one frame opposite meanings.
    """
    make = Builder(contract, message)
    found = [*common_valid(make), *special_valid(make)]
    if message.role != "sys":
        found += topic_valid(make)
    found += [*common_invalid(make), *field_invalid(make)]
    by_frame: dict[bytes, Case] = {}
    for case in found:
        if by_frame.setdefault(case.frame, case).verdict != case.verdict:
            raise VectorError(f"{message.name}: {case.comment} contradicts an equal frame")
    return sorted(by_frame.values(), key=lambda case: case.verdict != "valid")


def test_of(codec: ReferenceCodec, contract: Contract, case: Case) -> Test:
    """A vector without its id.

    Args:
        codec: Says what the frame means.
        contract: The checked definitions.
        case: Says what it should mean.

    Returns:
        The test as the file holds it.

    Raises:
        VectorError: The two disagree.
    """
    head = {"comment": case.comment, "flags": [case.flag], "frame": case.frame.hex()}
    try:
        frame = codec.decode(case.frame)
    except (MalformedFrame, UnknownMessage) as error:
        verdict, tail = error.code, {"result": "invalid", "error": error.code}
    else:
        verdict, tail = "valid", _decoded(codec, contract, frame, case.frame)
    if verdict != case.verdict:
        raise VectorError(f"{case.flag}, {case.comment}: meant {case.verdict}, is {verdict}")
    return head | tail


def _decoded(codec: ReferenceCodec, contract: Contract, frame: Frame, data: bytes) -> Test:
    is_canonical = codec.encode(frame.kind, frame.symbol, frame.values) == data
    message = spelled(frame.by_name(contract))
    return {"result": "valid", "message": message, "canonical": is_canonical}


def merged(published: Iterable[Test], fresh: Iterable[Test]) -> list[Test]:
    """Published tests as they are, then new ones with the next ids.

    Args:
        published: Tests on disk.
        fresh: Tests the cases give, without ids.

    Returns:
        All tests.

    Raises:
        VectorError: A published test would change or go.
    """
    tests = list(published)
    known = {test["frame"]: test for test in tests}
    wanted = {test["frame"]: test for test in fresh}
    next_id = max((int(test["id"]) for test in tests), default=0) + 1
    for frame, test in known.items():
        if frame not in wanted or {"id": test["id"], **wanted[frame]} != test:
            raise VectorError(f"published test {test['id']} ({test['comment']}) would change")
    for frame, test in wanted.items():
        if frame not in known:
            tests.append({"id": next_id, **test})
            next_id += 1
    return tests


def document(message: Message, version: int, tests: list[Test]) -> Mapping[str, Any]:
    """The content of a vector file."""
    flags = sorted({flag for test in tests for flag in test["flags"]})
    return {
        "comment": COMMENT,
        "schema": "vectors.schema.json",
        "message": message.name,
        "type": message.type,
        "version": version,
        "test_count": len(tests),
        "notes": {flag: {"mistake": NOTES[flag][0], "effect": NOTES[flag][1]} for flag in flags},
        "tests": tests,
    }


def formatted(content: Mapping[str, Any]) -> str:
    """JSON with one line for each value of a test: short files, readable differences."""
    head = json.dumps({**content, "tests": []}, indent=2, ensure_ascii=False)
    tests = []
    for test in content["tests"]:
        lines = (f'      "{key}": {json.dumps(test[key], ensure_ascii=False)}' for key in test)
        tests.append("    {\n" + ",\n".join(lines) + "\n    }")
    return head.replace('"tests": []', '"tests": [\n' + ",\n".join(tests) + "\n  ]") + "\n"


def vector_files(folder: Path) -> Mapping[Path, str]:
    """The files as they should be.

    Args:
        folder: Where the published vectors are.

    Returns:
        Path to content.

    Raises:
        VectorError: A case contradicts the codec or a published test.
    """
    contract = load_contract()
    codec = ReferenceCodec(contract)
    schema = json.loads((FOLDER / "vectors.schema.json").read_text(encoding="utf-8"))
    files: dict[Path, str] = {}
    for message in contract.messages:
        version = max(field.since for field in (*contract.header, *message.fields))
        path = folder / f"{message.name}.v{version}.json"
        published = json.loads(path.read_text(encoding="utf-8"))["tests"] if path.is_file() else []
        fresh = [test_of(codec, contract, case) for case in cases_of(contract, message)]
        content = document(message, version, merged(published, fresh))
        jsonschema.validate(content, schema)
        files[path] = formatted(content)
    return files


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description="Write the test vectors of the wire contract.")
    parser.add_argument("--check", action="store_true", help="write nothing, report differences")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the vectors are")
    options = parser.parse_args(arguments)
    try:
        files = vector_files(options.folder)
    except VectorError as error:
        print(error)
        return 1
    stale = [
        path
        for path, content in files.items()
        if not path.is_file() or path.read_text(encoding="utf-8") != content
    ]
    if options.check:
        print("\n".join(f"stale: {path.name}" for path in stale), end="\n" if stale else "")
        return 1 if stale else 0
    for path in stale:
        path.write_text(files[path], encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
