"""The Rust client proves that it means the same as all others."""

import pytest

from tests.e2e.clients.suite import ConformanceSuite
from tests.support.languages import RUST

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


class TestRust(ConformanceSuite):
    """Vectors, and the script of trouble."""

    language = RUST
