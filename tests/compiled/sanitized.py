"""What a run under sanitizers rests on; `.ci/sanitizers` runs it first, and nothing else does.

`SANITIZER_REPORTS` names the folder of the reports.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.compiled import _pipeline
from gateway.simulator import SimulatorOptions
from tests.support.pipelines import COMPILED, default_name
from tests.support.processes import ROOT, GatewayProcess
from tests.support.stage import Stage, open_stage

LIBRARIES = ("libasan", "libubsan")


@pytest.fixture
def reports() -> Iterator[Path]:
    """The folder of the reports; those that a test asked for are gone afterwards."""
    folder = Path(os.environ["SANITIZER_REPORTS"])
    assert not list(folder.iterdir())
    yield folder
    for path in folder.iterdir():
        path.unlink()


@pytest.fixture
def stage() -> Iterator[Stage]:
    """A place for a simulator."""
    with open_stage() as stage:
        yield stage


@pytest.mark.parametrize(
    ("call", "kind", "told"),
    [
        ("read_freed()", "address", "heap-use-after-free"),
        ("overflow(2)", "undefined", "signed integer overflow"),
    ],
)
def test_a_fault_in_a_child_is_reported_to_a_file(
    reports: Path, call: str, kind: str, told: str
) -> None:
    """Even where the child's environment is empty and nobody looks at what it prints."""
    code = f"import ctypes; ctypes.CDLL(None).{call}"
    child = subprocess.run([sys.executable, "-c", code], env={}, capture_output=True, check=False)
    assert child.returncode != 0
    (report,) = reports.iterdir()
    assert report.name.startswith(f"{kind}.")
    assert told in report.read_text(encoding="utf-8")


def test_these_tests_use_the_extension_that_was_built_with_them() -> None:
    """Not one that an editable install has beside it."""
    assert Path(_pipeline.__file__).is_relative_to(ROOT)
    assert default_name() == COMPILED
    _assert_mapped("self")


def test_a_gateway_process_has_loaded_it_and_runs_compiled(tmp_path: Path, stage: Stage) -> None:
    """As its settings are by default."""
    simulator = stage.start_simulator(SimulatorOptions())
    with GatewayProcess(
        tmp_path, level1_port=simulator.level1_port, admin_port=simulator.admin_port
    ) as gateway:
        gateway.start()
        with gateway.requester() as requester:
            assert requester.result("hello")["pipeline"] == {"name": "compiled", "reason": None}
        _assert_mapped(gateway.pid)


def _assert_mapped(process: int | str) -> None:
    maps = Path(f"/proc/{process}/maps").read_text(encoding="utf-8")
    assert all(f"/{library}.so" in maps for library in LIBRARIES)
    assert str(Path(_pipeline.__file__)) in maps
