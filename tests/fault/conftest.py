"""Prints the table of faults when the tests of this folder are over."""

import pytest

from tests.support import fault_table


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what every fault did."""
    if fault_table.ROWS:
        terminalreporter.section("faults: time to detect, time to recover, messages lost")
        terminalreporter.write_line(fault_table.as_text())
        fault_table.write()
