"""Options are refused before anything starts."""

from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.simulator import Burst, SimulatorOptions


@pytest.mark.parametrize(
    "changes",
    [
        {"rate": -1},
        {"rate": 1_000_001},
        {"admin_port": 70_000},
        {"symbol_limit": 0},
        {"level2_port": -1},
        {"depth_rate": -1},
        {"depth_orders": 0},
        {"empty_time_share": 2},
        {"equity_count": 1},
        {"market_clock": "yesterday"},
        {"market_clock": "2026-09-16 10:00"},
        {"tape": Path("x")},
        {"tape_symbol": "X"},
        {"burst": "ten times"},
        {"tape_speed": -1},
    ],
)
def test_a_wrong_option_is_named(changes: dict[str, object]) -> None:
    """A typing mistake must not start a simulator that does something else."""
    with pytest.raises(ConfigError):
        SimulatorOptions(**changes)  # type: ignore[arg-type]


def test_the_ports_are_the_vendors() -> None:
    """Without options a client finds the simulator where it finds IQConnect."""
    options = SimulatorOptions()
    assert (options.host, options.admin_port, options.level1_port) == ("127.0.0.1", 9300, 5009)
    assert options.level2_port == 9200
    assert options.as_map()["symbol_limit"] == 500


def test_a_burst_profile_is_read() -> None:
    """Factor, period and length, with or without decimals."""
    assert Burst.parse("10x@30s+5s") == Burst(10, 30, 5)
    assert Burst.parse("2.5x@1s+0.5s") == Burst(2.5, 1, 0.5)


@pytest.mark.parametrize("text", ["", "10x", "10@30+5", "10x@30s", "10x@5s+30s", "10x@0s+0s"])
def test_another_burst_profile_is_refused(text: str) -> None:
    """A burst longer than its period would never end."""
    with pytest.raises(ConfigError):
        Burst.parse(text)


@pytest.mark.parametrize(
    ("elapsed_s", "factor"), [(0, 1), (4, 1), (29.9, 1), (30, 10), (34.9, 10), (35, 1), (61, 10)]
)
def test_a_burst_comes_back_after_a_calm_beginning(elapsed_s: float, factor: float) -> None:
    """A measurement needs calm before and after."""
    assert Burst(10, 30, 5).factor_at(elapsed_s) == factor
