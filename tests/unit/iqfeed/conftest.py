"""Counting for the tests of this folder."""

import pytest

from gateway.counters import Complaints, Counters


@pytest.fixture
def counters() -> Counters:
    """What `complaints` counts with."""
    return Counters()


@pytest.fixture
def complaints(counters: Counters) -> Complaints:
    """Where the code under test reports bad input."""
    return Complaints(counters)
