"""The soak as it is run: for a moment, with three faults at a time, and for as long as asked for.

`SOAK_MINUTES` and `REAL_SEEDS` say how long and how many; `SOAK_SEED` for others.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from tests.fault.soak.report import Report
from tests.fault.soak.run import RECOVER_S_MAX, Outcome, Soak
from tests.fault.soak.schedule import draw, draw_together
from tests.support.fault_table import fault_row, note
from tests.support.processes import ROOT, clean_environment

MINUTES: Final = float(os.environ.get("SOAK_MINUTES", "0.75"))
SEED: Final = int(os.environ.get("SOAK_SEED", "1"))
SEEDS: Final = int(os.environ.get("REAL_SEEDS", "2"))
BESIDE_S: Final = 180.0
"""What a soak may take beside its time: starts, recoveries, the comparison."""
GROWN_MB_MAX: Final = 15.0
"""In a minute: caches and rings fill."""
TOGETHER_S: Final = 16.0
CHURN: Final = ("consumer killed", "consumer suspended", "handshakes half open", "gateway reloads")
pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(MINUTES * 60 + BESIDE_S)]


def test_the_command_prints_every_target(tmp_path: Path) -> None:
    """An operator reads the table; a pipeline reads the exit code and the file."""
    file = tmp_path / "soak.json"
    command = ["--minutes", "0.6", "--every", "6", "--seed", str(SEED), "--json", str(file)]
    finished = subprocess.run(
        [sys.executable, "-m", "tests.fault.soak", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=ROOT,
        env=clean_environment(),
        timeout=BESIDE_S,
        check=False,
    )
    text = finished.stdout.decode()
    print(text)
    plain: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    assert plain["violations"] == []
    assert len(plain["faults"]) >= 3
    assert all(fault["recover_s"] is not None for fault in plain["faults"])
    promised = {figure["target"] for figure in plain["figures"]}
    assert promised >= {"> 99.9 %", "average < 100 ms", "> 1,000/s", "< 1 %", "< 30 s", "0"}
    assert all(f"| {figure['name']} |" in text for figure in plain["figures"])
    assert finished.returncode == (0 if plain["is_met"] else 1)


@fault_row(85)
def test_churn_leaves_nothing_behind(tmp_path: Path) -> None:
    """Consumers come, go, hang and change their minds; descriptors, threads, memory stay."""
    seconds = MINUTES * 60
    print(f"seed {SEED} (SOAK_SEED), {MINUTES:g} minutes (SOAK_MINUTES)")
    schedule = draw(SEED, seconds=seconds, every_s=max(6.0, seconds / 100), kinds=CHURN)
    outcome = Soak(tmp_path, schedule, seconds=seconds, seed=SEED).run()
    report = Report(outcome)
    print(report.as_text())
    assert outcome.violations == []
    (life,) = report.lives
    slope = "too short" if life.slope_mb_h is None else f"{life.slope_mb_h:+.2f} MB/h"
    note(
        85,
        f"{len(schedule)} troubles of consumers in {MINUTES:g} minutes, seed {SEED}",
        more=f"RSS {life.rss_mb[0]:.1f} to {life.rss_mb[1]:.1f} MB, {slope}; descriptors "
        f"{life.descriptors[0]:g} to {life.descriptors[1]:g}, threads {life.threads[0]:g} to "
        f"{life.threads[1]:g}",
    )
    assert life.descriptors[1] <= life.descriptors[0]
    assert life.threads[1] <= life.threads[0]
    assert life.rss_mb[1] - life.rss_mb[0] < GROWN_MB_MAX
    assert [
        f.name for f in report.figures if f.name.startswith("memory") and f.is_met is False
    ] == []
    assert_recovered(outcome)


@fault_row(86)
@pytest.mark.parametrize("seed", range(SEED, SEED + SEEDS))
def test_three_faults_at_a_time_are_survived(tmp_path: Path, seed: int) -> None:
    """Real processes, three kinds of trouble that overlap: nothing is lost without a word."""
    schedule = draw_together(seed)
    print(f"seed {seed}:", *schedule, sep="\n")
    outcome = Soak(tmp_path, schedule, seconds=TOGETHER_S, seed=seed, rate=1_000.0).run()
    print(Report(outcome).as_text())
    assert outcome.violations == []
    assert_recovered(outcome)
    # What overlaps is over when the last of it is.
    ended_us = max(fault.ended_us for fault in outcome.faults)
    recovered_us = max(fault.recovered_us for fault in outcome.faults)
    note(
        86,
        f"{', '.join(sorted(fault.planned.kind.name for fault in outcome.faults))}, seed {seed}",
        recover_s=max(0, recovered_us - ended_us) / 1e6,
        lost=0,
        more=f"{outcome.published:,} messages compared",
    )


def assert_recovered(outcome: Outcome) -> None:
    """Everybody who was in trouble has every symbol again, in time."""
    for fault in outcome.faults:
        name = fault.planned.kind.name
        assert fault.recover_s is not None, f"{name} was never recovered from"
        assert fault.recover_s < RECOVER_S_MAX, name
