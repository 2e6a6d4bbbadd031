"""Pages of clients say what the files beside them say, and nothing that is not there."""

from pathlib import Path

import gateway_client
import pytest
import yaml

from schemas import emit_client_readmes
from schemas.contract import load_contract
from schemas.emit_client_readmes import API, CLIENTS, ERRORS


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The facts of one made-up language."""
    monkeypatch.setattr(emit_client_readmes, "CLIENTS", tmp_path)
    language = tmp_path / "latin"
    (language / "samples").mkdir(parents=True)
    (language / "samples" / "quotes.la").write_text("dic pretia\n", encoding="utf-8")
    return language


def write(folder: Path, **changes: object) -> None:
    """Write the facts, some of them changed or, when None, left out."""
    facts: dict[str, object] = {
        "title": "cliens",
        "package": "cliens",
        "intro": "A client in Latin.",
        "install": "fac",
        "requires": "a stylus.",
        "example": "samples/quotes.la",
        "run": "dic",
        "api": {name: f"{name}_la" for name in API},
        "errors": {name: f"{name}La" for name in ERRORS},
        "notes": "## Notes\n\nNone.",
    }
    kept = {name: value for name, value in (facts | changes).items() if value is not None}
    (folder / "readme.yaml").write_text(yaml.safe_dump(kept), encoding="utf-8")


def test_a_page_shows_the_sample_that_is_run(folder: Path) -> None:
    """Code on a page that nobody runs is wrong sooner or later."""
    write(folder)
    (page,) = emit_client_readmes.emit(load_contract()).values()
    assert "```la\ndic pretia\n```" in page
    assert "| `subscribe_symbols_la` |" in page
    assert page.endswith("## Notes\n\nNone.\n")


def test_a_name_that_is_missing_is_named(folder: Path) -> None:
    """A language without one of the shared names is not finished."""
    write(folder, api={name: name for name in API if name != "replay"})
    with pytest.raises(ValueError, match=r"latin/readme\.yaml: api .* replay"):
        emit_client_readmes.emit(load_contract())
    write(folder, notes=None)
    with pytest.raises(ValueError, match=r"latin/readme\.yaml lacks notes"):
        emit_client_readmes.emit(load_contract())


def test_the_names_of_python_are_there() -> None:
    """The page of the first client is right about the names it promises."""
    facts = yaml.safe_load((CLIENTS / "python" / "readme.yaml").read_text(encoding="utf-8"))
    for name in (*facts["api"].values(), *facts["errors"].values()):
        assert hasattr(gateway_client, name) or hasattr(gateway_client.GatewayClient, name), name
