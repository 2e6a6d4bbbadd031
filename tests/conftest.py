"""Fixtures that every kind of test may ask for, and the table of faults at the end of a run."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import settings

from tests.support import fault_table, pipelines
from tests.support.network import Network, require


@pytest.fixture(scope="session")
def samples() -> Path:
    """Folder of captured vendor lines: the only proof that the vendor writes what we read.

    The vendor's lines are not ours to distribute, so a developer without them skips these tests;
    continuous integration has them and must not skip.
    """
    named = os.environ.get("IQFEED_SAMPLES")
    if not named:
        if os.environ.get("CI") == "true":
            pytest.fail("IQFEED_SAMPLES is not set, but CI=true: captured lines must be tested")
        pytest.skip("set IQFEED_SAMPLES to a folder of captured vendor lines to run this test")
    folder = Path(named)
    if not folder.is_dir():
        pytest.fail(f"IQFEED_SAMPLES names no folder: {folder}")
    return folder


@pytest.fixture(scope="module", params=pipelines.NAMES)
def pipeline_name(request: pytest.FixtureRequest) -> Iterator[str]:
    """The pipeline of desks that do not say: tests that use this run once with each.

    It holds for a whole module, so that hypothesis may call a test again and again within it.
    """
    name: str = request.param
    pipelines.require(name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TESTS_PIPELINE", name)
        yield name


@pytest.fixture(scope="session")
def compiled() -> None:
    """The compiled pipeline, for tests that use no other."""
    pipelines.require(pipelines.COMPILED)


@pytest.fixture
def restored_logging() -> Iterator[None]:
    """Log set-up is global: leave it as it was found."""
    yield
    structlog.reset_defaults()


@pytest.fixture
def network() -> Iterator[Network]:
    """Two network namespaces with a perfect link between them, to be made worse."""
    require()
    seed = int(os.environ.get("NETWORK_SEED", "1"))
    print(f"network seed {seed} (NETWORK_SEED)")
    with Network(seed=seed) as network:
        yield network


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--long`."""
    parser.addoption("--long", action="store_true", help="run the tests marked long as well")


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker process what only its controller knows."""
    node.workerinput["is_whole_suite"] = _is_whole_suite(node.config)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what takes long, unless it is asked for: by name, by folder or by mark."""
    if not _is_whole_suite(config) or config.getoption("long") or config.option.markexpr:
        return
    chosen = [item for item in items if item.get_closest_marker("long") is None]
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = chosen


def _is_whole_suite(config: pytest.Config) -> bool:
    worker: dict[str, Any] | None = getattr(config, "workerinput", None)
    if worker is not None:
        return bool(worker["is_whole_suite"])
    return config.args_source is not pytest.Config.ArgsSource.ARGS


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand the rows of a worker process over to the one that prints."""
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["fault_rows"] = fault_table.as_plain()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take the rows of a worker process that has ended."""
    fault_table.add_plain(getattr(node, "workeroutput", {}).get("fault_rows", []))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what every fault did."""
    if fault_table.ROWS:
        terminalreporter.section("faults: time to detect, time to recover, messages lost")
        terminalreporter.write_line(fault_table.as_text())
        fault_table.write()


settings.register_profile("default", deadline=None, print_blob=True)
settings.register_profile("thorough", deadline=None, print_blob=True, max_examples=5_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
