"""Timelines: what a file may say, what a seed decides, and what is refused."""

from collections.abc import Callable
from itertools import islice, pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ConfigError
from gateway.simulator import Simulator, SimulatorOptions
from gateway.simulator.timeline import Planned, Timeline

Write = Callable[[str], Path]
SECONDS = st.floats(0.01, 1000)
TIMES = st.one_of(
    st.fixed_dictionaries({"at_s": SECONDS}, optional={"jitter_s": SECONDS}),
    st.fixed_dictionaries({"between_s": st.lists(SECONDS, min_size=2, max_size=2).map(sorted)}),
    st.fixed_dictionaries({"every_s": SECONDS}, optional={"times": st.integers(1, 20)}),
    st.floats(0.1, 1000).map(lambda every_s: {"every_s": every_s, "jitter_s": every_s / 2}),
)
FAULTS = st.sampled_from(
    [
        {"do": "close", "port": "level1"},
        {"do": "half_open", "port": "all", "on": False},
        {"do": "restart"},
        {"do": "protocols", "versions": ["6.1"]},
    ]
)
ENTRIES = st.lists(st.builds(lambda when, what: when | what, TIMES, FAULTS), max_size=8)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Puts a text into a file."""

    def write(text: str) -> Path:
        path = tmp_path / "timeline.yaml"
        path.write_text(text)
        return path

    return write


def plan(path: Path, seed: int, *, count: int = 200) -> list[Planned]:
    """The first faults of a timeline."""
    return list(islice(Timeline(path, seed=seed).plan(), count))


@pytest.mark.slow
@given(entries=ENTRIES, seed=st.integers(0, 1 << 64))
def test_a_seed_draws_the_same_timeline_twice_in_the_order_of_time(
    entries: list[dict[str, object]], seed: int
) -> None:
    """A failure at night is looked at again in the morning."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "timeline.yaml"
        path.write_text(yaml.safe_dump(entries))
        first, second = plan(path, seed), plan(path, seed)
    assert first == second
    assert all(before.at_s <= after.at_s for before, after in pairwise(first))


def test_what_the_file_leaves_open_is_drawn_within_its_bounds(write: Write) -> None:
    """A random time is still a promise about when."""
    path = write(
        """
        - {between_s: [10, 20], do: close, port: level1}
        - {every_s: 5, jitter_s: 1, times: 4, do: reset, port: level2}
        - {at_s: 3, do: half_open, port: all, on: false}
        """
    )
    seen = set()
    for seed in range(20):
        drawn = plan(path, seed)
        assert len(drawn) == 6
        (close,) = [one.at_s for one in drawn if one.name == "close"]
        resets = [one.at_s for one in drawn if one.name == "reset"]
        assert 10 <= close <= 20
        assert all(abs(at_s - 5 * number) <= 1 for number, at_s in enumerate(resets, 1))
        (half_open,) = [one for one in drawn if one.name == "half_open"]
        assert (half_open.at_s, half_open.params) == (3.0, {"port": "all", "on": False})
        seen.add(close)
    assert len(seen) == 20


def test_a_fault_that_lasts_is_ended_in_its_time(write: Write) -> None:
    """Random beginnings need ends that fit them."""
    path = write(
        """
        - {every_s: 10, jitter_s: 2, times: 2, do: half_open, port: level1, for_s: 6}
        - {at_s: 90, do: halt, symbol: AAPL, for_s: 5}
        - {at_s: 99, do: dtn, up: false, for_s: 0.5}
        """
    )
    drawn = plan(path, 3)
    assert [(one.name, *one.params.values()) for one in drawn] == [
        ("half_open", "level1"),
        ("half_open", "level1", False),
        ("half_open", "level1"),
        ("half_open", "level1", False),
        ("halt", "AAPL"),
        ("resume", "AAPL"),
        ("dtn", False),
        ("dtn", True),
    ]
    assert drawn[1].at_s - drawn[0].at_s == pytest.approx(6)
    assert drawn[7].at_s == 99.5


def test_one_entry_does_not_change_what_another_draws(write: Write) -> None:
    """A fault added at the end leaves the run before it as it was."""
    one = "- {between_s: [0, 9], do: close, port: admin}\n"
    first = plan(write(one), 7)
    both = plan(write(f"{one}- {{between_s: [0, 9], do: reset, port: admin}}\n"), 7)
    assert [planned for planned in both if planned.place == 1] == first


def test_json_is_read_as_well(write: Write) -> None:
    """Programs write JSON."""
    path = write('[{"at_s": 1, "do": "stall", "port": "level1", "on": true}]')
    assert plan(path, 1)[0].params == {"port": "level1", "on": True}


def test_the_announcement_of_an_endless_timeline_ends(write: Write) -> None:
    """It is printed before anything happens."""
    path = write("- {every_s: 0.5, do: close, port: level1}")
    lines = list(Timeline(path, seed=9).announcement())
    assert lines[0].endswith("1 entries, seed 9")
    assert lines[1].split() == ["0.500", "s", "close", "port=level1"]
    assert "and so on" in lines[-1]
    assert len(lines) == 102


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("close", ("a timeline is a list",)),
        ("- close", ("entry 1", "not a mapping", "close")),
        ("- {do: close, port: level1}", ("entry 1", "needs one of at_s, every_s and between_s")),
        ("- {at_s: 1, every_s: 2, do: close, port: all}", ("entry 1", "needs one of")),
        ("- {at_s: 1, do: clsoe}", ("entry 1", "unknown fault", "clsoe", "Did you mean close?")),
        ("- {at_s: 1}", ("entry 1", "unknown fault", "None")),
        ("- {at_s: 1, do: clear}\n- {at_s: 1, do: close}", ("entry 2", "close needs port")),
        ("- {at_s: 1, do: close, port: lvl}", ("entry 1", "lvl", "admin or level1")),
        ("- {at_s: -1, do: clear}", ("at_s must be seconds", "-1")),
        ("- {at_s: yes, do: clear}", ("at_s must be seconds", "True")),
        ("- {at_s: .nan, do: clear}", ("at_s must be seconds", "nan")),
        ("- {every_s: 0, do: clear}", ("every_s must be 0.01 or more",)),
        ("- {every_s: 1, jitter_s: 2, do: clear}", ("jitter_s is more than half",)),
        ("- {every_s: 1, times: 0, do: clear}", ("times must be a whole number", "0")),
        ("- {at_s: 1, times: 2, do: clear}", ("times needs every_s",)),
        ("- {at_s: 1, for_s: 1, do: clear}", ("clear does not last",)),
        ("- {at_s: 1, for_s: x, do: stale_p}", ("for_s must be seconds", "x")),
        ("- {every_s: 5, jitter_s: 1, for_s: 4, do: stale_p}", ("for_s is longer", "Write 3")),
        ("- {between_s: 5, do: clear}", ("between_s must be two numbers", "5")),
        ("- {between_s: [2, 1], do: clear}", ("between_s must not go back",)),
        ("- {at_s: 1, do: clear, \x00}", ("no YAML",)),
        ("- {at_s: 1, do: [", ("no YAML",)),
        ("[" * 1000, ("no YAML",)),
        ("# " + "x" * (1 << 20), ("too large",)),
    ],
)
def test_a_malformed_timeline_is_refused_at_the_start(
    write: Write, text: str, words: tuple[str, ...]
) -> None:
    """An hour into a run is too late to hear of it."""
    path = write(text)
    with pytest.raises(ConfigError) as caught:
        Simulator(SimulatorOptions(timeline=path))
    told = f"{caught.value} {caught.value.hint}"
    assert all(word in told for word in (*words, "timeline.yaml")), told


def test_a_timeline_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """A wrong path must not be a quiet day."""
    with pytest.raises(ConfigError, match="cannot be read"):
        Timeline(tmp_path / "none.yaml", seed=1)
