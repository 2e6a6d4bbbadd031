"""Vectors are what the cases give, and what was published stays."""

import json
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from schemas import write_vectors
from schemas.contract import FOLDER, load_contract
from schemas.reference_codec import ReferenceCodec
from schemas.vector_cases import Case
from schemas.vector_notes import NOTES

CONTRACT = load_contract()
SCHEMA = json.loads((FOLDER / "vectors" / "vectors.schema.json").read_text(encoding="utf-8"))
PATHS = sorted((FOLDER / "vectors").glob("*.v*.json"))


def content_of(path: Path) -> Any:
    """A vector file."""
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the published vectors of one message."""
    shutil.copy(FOLDER / "vectors" / "goodbye.v1.json", tmp_path)
    return tmp_path


@pytest.mark.slow
def test_vectors_on_disk_are_up_to_date() -> None:
    """A case nobody wrote out is a mistake nobody looks for."""
    assert write_vectors.main(["--check"]) == 0


def test_every_message_has_a_file() -> None:
    """A message without vectors is one no client is tested with."""
    names = {path.name.split(".")[0] for path in PATHS}
    assert names == {message.name for message in CONTRACT.messages}


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_files_satisfy_their_schema(path: Path) -> None:
    """Six languages read these files without asking."""
    content = content_of(path)
    jsonschema.Draft202012Validator(SCHEMA).validate(content)
    tests = content["tests"]
    assert [test["id"] for test in tests] == [*range(1, len(tests) + 1)]
    assert content["test_count"] == len(tests)
    assert len({test["frame"] for test in tests}) == len(tests)
    assert set(content["notes"]) == {flag for test in tests for flag in test["flags"]}


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_every_file_holds_good_and_bad_frames(path: Path) -> None:
    """A reader that accepts everything passes a file without bad frames."""
    results = [test["result"] for test in content_of(path)["tests"]]
    assert results.count("valid") >= 5
    assert results.count("invalid") >= 20


def test_every_note_is_used() -> None:
    """A mistake that is described but not tried looks covered."""
    used = {flag for path in PATHS for flag in content_of(path)["notes"]}
    assert used == set(NOTES)


def test_integers_are_spelled_as_strings() -> None:
    """JavaScript reads a JSON number above 2^53 as another number."""
    spelled = write_vectors.spelled({"id": 2**64 - 1, "ok": True, "price": 1.5, "rows": ([5],)})
    assert spelled == {"id": "18446744073709551615", "ok": True, "price": 1.5, "rows": [["5"]]}


def test_a_published_test_cannot_change() -> None:
    """Clients in other repositories were released against it."""
    test = {"comment": "a", "flags": ["Complete"], "frame": "00", "result": "invalid"}
    published = [{"id": 1, **test}]
    assert write_vectors.merged(published, [test]) == published
    for fresh in ([], [{**test, "comment": "b"}], [{**test, "result": "valid"}]):
        with pytest.raises(write_vectors.VectorError, match="published test 1"):
            write_vectors.merged(published, fresh)


def test_new_tests_follow_the_published_ones() -> None:
    """An id that moves makes every report of a failure wrong."""
    old = {"comment": "a", "flags": ["Complete"], "frame": "00", "result": "invalid"}
    new = {**old, "frame": "01"}
    assert write_vectors.merged([{"id": 4, **old}], [new, old]) == [
        {"id": 4, **old},
        {"id": 5, **new},
    ]


def test_a_case_the_codec_does_not_share_is_refused() -> None:
    """Either the case or the codec is wrong, and a vector would hide which."""
    case = Case("Complete", "no frame", b"", "valid")
    with pytest.raises(write_vectors.VectorError, match="meant valid, is malformed"):
        write_vectors.test_of(ReferenceCodec(CONTRACT), CONTRACT, case)


@pytest.mark.slow
def test_changed_files_are_reported_and_missing_ones_written(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The tool is the only writer of these files, so it has to see every difference."""
    assert write_vectors.main(["--folder", str(folder)]) == 0
    assert {path.name for path in folder.iterdir()} == {path.name for path in PATHS}
    (folder / "quote.v1.json").unlink()
    assert write_vectors.main(["--check", "--folder", str(folder)]) == 1
    assert capsys.readouterr().out == "stale: quote.v1.json\n"
    path = folder / "goodbye.v1.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"malformed"', '"unknown_message"', 1))
    assert write_vectors.main(["--folder", str(folder)]) == 1
    assert "would change" in capsys.readouterr().out
