"""The C++ client proves that it means the same as all others."""

import pytest

from tests.e2e.clients.suite import ConformanceSuite
from tests.support.languages import CPP

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


class TestCpp(ConformanceSuite):
    """Vectors, and the script of trouble."""

    language = CPP
