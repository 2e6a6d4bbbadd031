"""The search for secrets finds each kind of secret that this project has."""

import secrets
from pathlib import Path

import pytest
import yaml
import zmq

from tests.support import secret_scan
from tests.support.secret_scan import Finding, judge, looks_like_a_key, own_findings, scan

# Put together here, so that this file itself has none.
PEM = "-----BEGIN " + "PRIVATE KEY-----\nMIIEvQ\n-----END " + "PRIVATE KEY-----\n"
WORD = "-".join(("Tr4der", "418"))
NAME, OPTION = "PASS" + "WORD", "-pass" + "word"
PASSWORDS = {
    "an environment file": f"IQFEED_{NAME}={WORD}\n",
    "a shell": f"export IQFEED_{NAME}='{WORD}'\n",
    "yaml": f'IQFEED_{NAME}: "{WORD}"\n',
    "a command for IQConnect": f"S,SET {NAME},{WORD}\r\n",
    "its command line": f"iqconnect.exe -product X {OPTION} {WORD}\n",
    "Python": f'environ |= {{"IQFEED_{NAME}": "{WORD}"}}\n',
    "a test's environment": f'monkeypatch.setenv("IQFEED_{NAME}", "{WORD}")\n',
}
TOKENS = {
    "AWS": "key = 'AKIA" + "IOSFODNN7QRSTUVW'\n",
    "GitHub": "token = 'ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8'\n",
    "in an address": "url = 'https://me:" + "pa55word@hooks.example.org/x'\n",
    "by its name": "api_key = '" + "h7Gq2Lw9Zx4Rt6Yb'\n",
}


def found_in(folder: Path, text: str, name: str = "planted.py") -> set[str]:
    """The kinds that are found in a file with a text."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return {finding.kind for finding in scan([path], folder)}


@pytest.mark.parametrize(
    "form", ['"{}"', "secret_key: {}", "SECRET={}", "({})", "{}", "key = '{}'."]
)
def test_a_curve_key_is_found(tmp_path: Path, form: str) -> None:
    """Alone in its file, as a gateway keeps it, and in code or settings."""
    missed = [
        key
        for key in (zmq.curve_keypair()[1].decode() for _ in range(20))
        if "CURVE key" not in found_in(tmp_path, form.format(key) + "\n")
    ]
    # One in a thousand is not told from a text; two of twenty are a fault.
    assert len(missed) <= 1, missed


def test_few_keys_are_taken_for_something_else() -> None:
    """What is random looks so."""
    keys = [zmq.curve_keypair()[1].decode() for _ in range(2_000)]
    assert sum(looks_like_a_key(key) for key in keys) > 1_980
    assert not looks_like_a_key("depth.symbol.topics.get(Kind.FUNDAMENTA)")
    assert not list(own_findings(f"digest={secrets.token_hex(32)} and {'=' * 40} {'ab-' * 20}"))


@pytest.mark.parametrize("way", PASSWORDS)
def test_a_password_of_dtn_is_found(tmp_path: Path, way: str) -> None:
    """However it is written down."""
    assert "DTN credentials" in found_in(tmp_path, PASSWORDS[way], "planted.txt")


@pytest.mark.parametrize("text", ["IQFEED_PASSWORD=…\n", "IQFEED_PASSWORD, IQFEED_PRODUCT_ID\n"])
def test_a_placeholder_is_none(tmp_path: Path, text: str) -> None:
    """What a page says about passwords has none."""
    assert found_in(tmp_path, text, "page.md") == set()


def test_a_private_key_is_found(tmp_path: Path) -> None:
    """Of any kind that has such a frame."""
    assert "Private Key" in found_in(tmp_path, PEM, "server.pem")


@pytest.mark.parametrize("kind", TOKENS)
def test_other_secrets_are_found(tmp_path: Path, kind: str) -> None:
    """What the library knows; a comment in the file changes nothing."""
    assert found_in(tmp_path, TOKENS[kind])
    allowed = TOKENS[kind].rstrip("\n") + "  # pragma: allowlist secret\n"
    assert found_in(tmp_path, allowed)


def test_a_known_one_is_known_in_its_file_only() -> None:
    """An entry lets one text pass in one place; and one that is not needed any more shows."""
    here, there = Finding("a.py", 1, "x", "aa"), Finding("b.py", 1, "x", "aa")
    entry = {"file": "a.py", "hash": "aa", "why": "made up"}
    old = {"file": "c.py", "hash": "cc", "why": "made up"}
    assert judge([here, there], [entry, old]) == ([there], [old])


def test_the_command_fails_by_what_it_finds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It names file, line and kind, and never the secret."""
    planted = tmp_path / "deploy.env"
    planted.write_text("# settings\n" + PASSWORDS["an environment file"], encoding="utf-8")
    assert secret_scan.main([str(planted)]) == 1
    printed = capsys.readouterr().out
    assert "deploy.env:2: DTN credentials" in printed
    assert "Tr4der" not in printed
    planted.write_text("# nothing\n", encoding="utf-8")
    assert secret_scan.main([str(planted)]) == 0


def test_each_known_secret_has_its_reason() -> None:
    """A list without reasons is where real ones hide."""
    known = yaml.safe_load(secret_scan.KNOWN.read_text(encoding="utf-8"))
    assert known
    assert all(set(entry) == {"file", "hash", "why"} for entry in known)
    assert all(len(entry["why"]) > 10 for entry in known)
