"""A client's key file: written by the gateway's command, read without a YAML library."""

import json
import os
from pathlib import Path

import pytest
import yaml
from gateway_client import CurveKeys, InvalidArgument, load_keys

KEYS = CurveKeys("g{}#" * 10, "p=:&" * 10, "s<>%" * 10)
VALUES = {
    "name": "alice",
    "server_public_key": KEYS.server_public_key,
    "public_key": KEYS.public_key,
    "secret_key": KEYS.secret_key,
}
FORMS = {
    "as keys new writes it": "# Keys of alice.\n"
    + "".join(f'{name}: "{value}"\n' for name, value in VALUES.items()),
    "as JSON": json.dumps(VALUES, indent=2),
    "as YAML is dumped": yaml.safe_dump(VALUES),
    "with single quotes": "---\n" + "".join(f"{n}: '{v}'\n" for n, v in VALUES.items()),
}


def written(folder: Path, text: str) -> Path:
    """A file for its owner alone."""
    path = folder / "alice.key"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("form", FORMS)
def test_every_usual_form_is_read(tmp_path: Path, form: str) -> None:
    """People move keys between tools."""
    path = written(tmp_path, FORMS[form])
    assert load_keys(path) == KEYS
    assert load_keys(str(path)) == KEYS


REFUSED = {
    "a missing key": ("public_key: x\n", "not complete"),
    "an empty file": ("", "not complete"),
    "one line of JSON": (json.dumps(VALUES), "cannot be understood"),
    "nonsense": ("hello\n", "cannot be understood"),
    "a short key": (FORMS["with single quotes"].replace("s<>%s", "s"), "not a CURVE key"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_used_is_refused_without_quoting_it(tmp_path: Path, case: str) -> None:
    """Errors end in logs."""
    text, words = REFUSED[case]
    with pytest.raises(InvalidArgument, match=words) as caught:
        load_keys(written(tmp_path, text))
    assert "s<>%s<>%" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
@pytest.mark.parametrize("mode", [0o604, 0o620, 0o666])
def test_a_file_that_others_may_use_is_refused(tmp_path: Path, mode: int) -> None:
    """Who has the secret is the client."""
    path = written(tmp_path, FORMS["as JSON"])
    path.chmod(mode)
    with pytest.raises(InvalidArgument, match="used by others") as caught:
        load_keys(path)
    assert "chmod 600" in caught.value.hint


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    """A path is easily mistyped."""
    with pytest.raises(InvalidArgument, match="nowhere"):
        load_keys(tmp_path / "nowhere.key")
