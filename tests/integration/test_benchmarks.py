"""The benchmark suite, with a handful of lines: it must work on the day somebody needs a figure.

Nothing here is about speed.
"""

import json
import os
from pathlib import Path

import pytest
import zmq

from tests.bench import lines, native, sink
from tests.bench.__main__ import SUITES, main, make
from tests.bench.lines import END, START
from tests.bench.plan import Cell, Options, Outcome, Pair, Suite, measure
from tests.bench.report import told, write
from tests.bench.running import Run, _figures, forget_all, run_once
from tests.bench.suites.baselines import why_not
from tests.bench.suites.latency import quantiles_of

LINES = 200
QUICK = Options(is_quick=True, scale=0.004)


@pytest.fixture(scope="module", autouse=True)
def _lines_are_deleted() -> object:
    """What was prepared goes with this module."""
    yield
    forget_all()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("publisher", "subscribers"),
    [("gateway", 2), ("c1", 2), ("c2", 1), ("python", 1), ("json", 1), ("redis", 2), ("nats", 2)],
)
def test_every_publisher_delivers_every_line(publisher: str, subscribers: int) -> None:
    """A baseline that loses lines, or gets others, would make a ratio of nothing."""
    reason = why_not(publisher)
    if reason is not None:
        assert not os.environ.get("CI"), f"{publisher}: {reason}"
        pytest.skip(f"{publisher}: {reason}")
    run = Run(publisher=publisher, lines=LINES, symbols=5, subscribers=subscribers)
    figures = run_once(run)
    assert figures["messages_per_line"] == pytest.approx((LINES + 1) / LINES)
    assert figures["lines_per_s"] > 0


@pytest.mark.slow
def test_ages_are_those_of_every_line() -> None:
    """Sent and received are matched by their order, so one more or less would shift all of them."""
    run = Run(lines=LINES, symbols=5, schedule=((1000.0, LINES / 1000),))
    ages = run_once(run)["ages_us"]
    # The first line's message is where counting begins, and the last line is the end's.
    assert len(ages) == LINES + 1
    assert all(age > 0 for age in ages)
    figures = quantiles_of(ages)
    assert figures["p50_us"] <= figures["p99_us"] <= figures["p999_us"] <= figures["max_us"]


@pytest.mark.slow
def test_level_2_and_both_ports_at_once_are_fed() -> None:
    """The figures of both ports come from one run."""
    figures = run_once(Run(mix=lines.MIXED, lines=LINES, symbols=5, also="orders", also_symbols=3))
    assert 1.0 < figures["messages_per_line"] < 3.0


def test_a_loss_is_no_figure() -> None:
    """What was not delivered must not make anybody look fast."""
    run = Run(lines=LINES, subscribers=2)
    whole = [{"counts": [LINES + 1, LINES + 1], "last_ns": 2_000_000_000}]
    assert _figures(run, whole, 1_000_000_000, 0.0)["lines_per_s"] == LINES
    lossy = [{"counts": [LINES + 1, LINES], "last_ns": 2_000_000_000}]
    with pytest.raises(SystemExit, match="200 of 201"):
        _figures(run, lossy, 1_000_000_000, 0.0)


@pytest.mark.parametrize("frames", [1, 2])
@pytest.mark.parametrize("reader", [native, sink], ids=["native", "python"])
def test_both_readers_count_the_same(reader: object, frames: int) -> None:
    """With a compiler or without one, the same messages are between start and end."""
    if reader is native and (reason := native.why_not()) is not None:
        pytest.skip(reason)
    with zmq.Context() as context, context.socket(zmq.XPUB) as data:
        data.linger = 0
        data.sndhwm = 0
        port = data.bind_to_random_port("tcp://127.0.0.1")
        subs = [context.socket(zmq.SUB) for _ in range(2)]
        for sub in subs:
            sub.linger = 0
            sub.subscribe("")
            sub.connect(f"tcp://127.0.0.1:{port}")
        data.setsockopt(zmq.XPUB_VERBOSE, 1)
        while not all(sub.poll(50) for sub in subs):
            data.send(b"before")
        for topic in ("A", START, "B", "C", END):
            parts = [f"Q,{topic},".encode(), b"body"][:frames]
            data.send_multipart(parts)
        for sub in subs if frames == 2 else ():
            # What came before was half a message each.
            while sub.recv() != b"body":
                continue
        if reader is native:
            read = native.drain(
                subs,
                start=f"Q,{START},".encode(),
                end=f"Q,{END},".encode(),
                frames=frames,
                stamps_max=10,
                timeout_ms=5_000,
            )
        else:
            options = sink.SinkOptions(
                endpoint="", topics=[], kind="Q,", count=2, frames=frames, stamps_max=10
            )
            read = sink.drain(subs, options)
        for sub in subs:
            sub.close()
    assert read is not None
    counts, last_ns, stamps = read
    assert counts == [3, 3]
    assert len(stamps) == 3
    assert stamps == sorted(stamps)
    assert last_ns >= stamps[-1]


@pytest.mark.parametrize("name", SUITES)
def test_every_suite_says_what_it_measures(name: str) -> None:
    """A ratio of a cell that is not there would be silently missing."""
    for options in (QUICK, Options()):
        suite = make(name, options)
        assert suite.name == name
        names = [cell.name for cell in suite.cells]
        assert len(set(names)) == len(names)
        for pair in suite.pairs:
            assert {pair.top, pair.bottom} <= set(names), pair


def outcome() -> Outcome:
    """Two rounds of two cells, one of which fails once."""
    values = iter([{"rate": 10.0}, {"rate": 30.0}])

    def fail_first() -> dict[str, float]:
        if not failed:
            failed.append(True)
            raise SystemExit("no luck")
        return {"rate": 5.0}

    failed: list[bool] = []
    suite = Suite(
        name="one",
        title="One",
        figures=("rate",),
        cells=[Cell("a", lambda: next(values), "ten lines"), Cell("b", fail_first)],
        pairs=[Pair("a", "b", "rate", ">= 7"), Pair("b", "a", "rate", "<= 0.1")],
        skipped={"c": "nobody has it"},
    )
    (found,) = measure([suite], rounds=2, seed=1)
    return found


def test_a_run_that_fails_is_told_and_left_out() -> None:
    """One bad run of an hour's must not cost the others, nor pass for a figure."""
    found = outcome()
    assert found.values("a", "rate") == [10.0, 30.0]
    assert found.ratios(found.suite.pairs[0]) == [6.0]
    assert found.failures == ["round 1, b: no luck"]


def test_the_table_says_ratios_goals_and_what_is_missing(tmp_path: Path) -> None:
    """What is read later must not need who measured it."""
    found = outcome()
    text = "\n".join(told([found], {"commit": "abc"}))
    assert "* commit: abc" in text
    assert "| a | 20.0 | 10.0 | 30.0 | 2 | ten lines |" in text
    assert "| a / b | rate | 6 | 6 | 6 | >= 7 | no |" in text
    assert "| b / a | rate | 0.167 | 0.167 | 0.167 | <= 0.1 | no |" in text
    assert "Skipped: c, because nobody has it." in text
    assert "Failed: round 1, b: no luck" in text
    table, figures = write([found], {"commit": "abc"}, folder=tmp_path, name="it")
    assert table.read_text().strip() == text.strip()
    assert json.loads(figures.read_text())["suites"]["one"]["rounds"][1]["b"] == {"rate": 5.0}


def test_the_command_measures_and_writes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One command, from suites to files."""
    main(["--list"])
    listed = capsys.readouterr().out
    assert all(name in listed for name in SUITES)
    main(["stages", "--quick", "--output", str(tmp_path), "--name", "it"])
    assert "| level1 quotes, all but send |" in (tmp_path / "it.md").read_text()
    with pytest.raises(SystemExit):
        main(["nonsense"])
