"""A faithful IQConnect for tests and demonstrations: a seeded market or a replayed tape."""

from gateway.simulator.options import Burst, SimulatorOptions
from gateway.simulator.recorder import ExpectedTrade
from gateway.simulator.simulator import Simulator

__all__ = ["Burst", "ExpectedTrade", "Simulator", "SimulatorOptions"]
