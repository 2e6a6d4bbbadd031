"""The door to all faults: names, parameters, and the errors of those that do not fit."""

import asyncio
from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.simulator.verbs import VERBS
from tests.unit.simulator.bench_desk import Bench


def test_every_verb_of_the_table_does_something() -> None:
    """A verb that is only listed would fail in the middle of a test."""
    assert set(Bench().simulator.faults._actions) == set(VERBS)


def test_the_readme_lists_every_verb() -> None:
    """The table is copied by hand, and read instead of the code."""
    text = (Path(__file__).parents[3] / "gateway/simulator/README.md").read_text()
    rows = [f"| `{verb.signature()}` | {verb.sentence} |" for verb in VERBS.values()]
    assert "\n".join(rows) in text


def test_every_verb_says_what_it_does() -> None:
    """The list is read by people."""
    for verb in VERBS.values():
        assert verb.sentence.endswith(".")
        assert len(verb.signature()) < 80


@pytest.mark.parametrize(
    ("name", "params", "words"),
    [
        ("clsoe", {}, ("unknown fault", "clsoe", "Did you mean close?", "half_open")),
        ("close", {}, ("close needs port", "admin or level1 or level2 or all", "close port")),
        ("close", {"port": "level3"}, ("level3", "admin or level1")),
        ("close", {"port": "level1", "prot": 1}, ("no such parameter", "prot")),
        ("half_open", {"port": "all", "on": 1}, ("on of half_open must be true or false", "1")),
        ("garbage", {"port": "all", "bytes": 0}, ("a whole number from 1 to",)),
        ("garbage", {"port": "all", "bytes": True}, ("a whole number from 1 to", "True")),
        ("garbage", {"port": "all", "bytes": "9" * 999}, ("a whole number", "99...")),
        ("cut_lines", {"share": float("nan")}, ("a number from 0 to 1", "nan")),
        ("protocols", {"versions": [6.2]}, ("a list of texts", "6.2")),
        ("protocols", {"versions": "7.1"}, ("unknown protocol", "7.1", "6.2")),
        ("fields", {"refused": ["Bidd"]}, ("unknown field", "Bidd")),
        ("silent_depth", {"symbol": "NOPE"}, ("no depth", "NOPE")),
        ("silent_symbol", {"symbol": "AAPL", "revive": "w"}, ("refresh or watch or deaf",)),
    ],
)
def test_what_does_not_fit_is_refused_with_a_way_out(
    name: str, params: dict[str, object], words: tuple[str, ...]
) -> None:
    """Whoever writes a timeline reads the error and knows what to write instead."""
    with pytest.raises(ConfigError) as caught:
        Bench().simulator.faults.apply(name, **params)
    text = f"{caught.value} {caught.value.hint}"
    assert all(word in text for word in words), text
    assert len(str(caught.value)) < 600


def test_what_ends_a_fault_can_be_asked_for() -> None:
    """A timeline ends faults by itself, long after anybody looked."""
    given = {
        "port": "all", "symbol": "AAPL", "up": False, "bytes_max": 5, "bytes_per_s": 5, "count": 5,
        "seconds": 5, "share": 0.5, "versions": ["6.1"], "refused": ["Bid"],
    }  # fmt: skip
    ended = 0
    for verb in VERBS.values():
        names = {one.name for one in verb.parameters}
        params = {name: value for name, value in given.items() if name in names}
        ending = verb.ending(params)
        if ending is not None:
            name, others = ending
            assert VERBS[name].read(others) != verb.read(params) or name != verb.name
            ended += 1
    assert ended > 15


def test_act_does_what_apply_does() -> None:
    """One door with sockets, one without."""
    bench = Bench()
    peer = bench.level1()
    answer = asyncio.run(bench.simulator.faults.act("close", port="level1"))
    assert answer == {"at_us": bench.clock.utc_us(), "connections": 1}
    assert peer.transport.is_closed


def test_status_tells_every_count() -> None:
    """What a fault met is read from here."""
    answer = Bench().simulator.faults.apply("status")
    assert answer["trades_unsent"] == 0
    assert answer["link"] == "up"
