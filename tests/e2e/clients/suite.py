"""What every language's client must pass: all vectors, and the script of trouble."""

import json
import subprocess
from difflib import unified_diff
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Final

import pytest

from tests.e2e.clients.trouble import SCENES, TRANSCRIPTS, expected, play
from tests.support.languages import PYTHON, Language, built
from tests.support.slack import SLACK

VECTORS: Final = Path(__file__).resolve().parents[3] / "schemas" / "vectors"
VECTORS_S_MAX: Final = 60.0
SHOWN: Final = 5


@cache
def vectors() -> dict[str, dict[str, Any]]:
    """All published vectors, by file and number."""
    found = {
        f"{path.stem}/{case['id']}": case
        for path in sorted(VECTORS.glob("*.v*.json"))
        for case in json.loads(path.read_text(encoding="utf-8"))["tests"]
    }
    assert len(found) > 1_000, "where are the vectors?"
    return found


def decoded(language: Language) -> dict[str, dict[str, Any]]:
    """What a language's decoder says of each vector."""
    cases = (json.dumps({"id": id_, "frame": case["frame"]}) for id_, case in vectors().items())
    done = subprocess.run(
        [*language.program, "vectors"],
        cwd=language.folder,
        input="".join(f"{case}\n" for case in cases),
        capture_output=True,
        text=True,
        timeout=VECTORS_S_MAX * SLACK,
        check=True,
    )
    answers = (json.loads(line) for line in done.stdout.splitlines())
    return {answer.pop("id"): answer for answer in answers}


class ConformanceSuite:
    """The tests of one language; each has a class of its own in a file of its own."""

    language: ClassVar[Language] = PYTHON

    @pytest.fixture
    def program(self) -> Language:
        """The language, built."""
        return built(self.language)

    def test_every_vector_means_the_same(self, program: Language) -> None:
        """A frame that two languages read differently is a wrong price in one of them."""
        answers = decoded(program)
        wrong = {
            id_: (answers.get(id_), case)
            for id_, case in vectors().items()
            if answers.get(id_) != {key: case[key] for key in ANSWER_KEYS if key in case}
        }
        shown = dict(list(wrong.items())[:SHOWN])
        assert not wrong, f"{len(wrong)} of {len(vectors())} differ, such as {shown}"

    @pytest.mark.parametrize("scene", SCENES)
    def test_trouble_is_told_the_same(self, scene: str, program: Language, tmp_path: Path) -> None:
        """Whatever goes wrong, a strategy learns the same in every language."""
        told = play(scene, program, tmp_path)
        wanted = expected(TRANSCRIPTS)[scene]
        assert told == wanted, "\n".join(unified_diff(wanted.splitlines(), told.splitlines()))


ANSWER_KEYS: Final = ("result", "message", "error")
