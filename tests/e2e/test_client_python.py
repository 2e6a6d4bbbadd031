"""The Python client proves that it means the same as all others."""

import pytest

from tests.e2e.clients.suite import ConformanceSuite
from tests.support.languages import PYTHON

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


class TestPython(ConformanceSuite):
    """Vectors, and the script of trouble."""

    language = PYTHON
