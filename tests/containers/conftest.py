"""The engine and the images that the tests of containers share."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.containers import own_engine
from tests.containers.engine import Engine, build, find_engine

FOLDER = Path(__file__).resolve().parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave them out unless they are asked for: they take minutes, and need Docker."""
    if os.environ.get("CONTAINERS") == "1":
        return
    reason = "set CONTAINERS=1 to build the image and run it; needs Docker, or root on Debian"
    for item in items:
        if FOLDER in item.path.parents and "engine" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """An engine whose store has the gateway's image.

    That which `docker` finds (DOCKER_HOST chooses); where none runs, one of our own.
    CONTAINERS_BASE is the base image to build on, if not the Dockerfile's.
    """
    found = find_engine()
    if found is not None:
        build(found, base=os.environ.get("CONTAINERS_BASE"))
        yield found
        return
    lacking = own_engine.missing()
    if lacking:
        pytest.fail(f"no Docker engine answers, and for one of our own there is no {lacking}")
    # On a disk, and kept: what lies there saves the next run some minutes.
    folder = os.environ.get("CONTAINERS_FOLDER", "/var/tmp/iqfeed-docker")  # noqa: S108
    own = own_engine.OwnEngine(Path(folder))
    own.prepare()
    with own.building() as building:
        build(building, base=own_engine.BASE, is_host_network=True)
        own.build_prometheus()
    with own.running() as running:
        running.environment["PROMETHEUS_IMAGE"] = own_engine.PROMETHEUS
        yield running
