"""Runs a simulator until it is told to stop."""

from collections.abc import Callable

from gateway.simulator.control import HOST
from gateway.simulator.options import SimulatorOptions
from gateway.simulator.simulator import Simulator


async def serve(options: SimulatorOptions, *, announce: Callable[[str], None]) -> int:
    """Run a simulator until cancelled, or until its last client has been gone for long enough.

    Args:
        options: What to simulate.
        announce: Given each line a user should see.

    Returns:
        The process's exit code: 0, or 1 when the simulator failed.

    Raises:
        ConfigError: A port is taken, the tape cannot be read, or the options contradict.

    Cancel safety: cancelling is how it ends; ports and connections are closed before it returns.
    """
    simulator = Simulator(options)
    simulator.faults.announce = announce
    await simulator.start()
    try:
        announce(f"admin   listening on {options.host}:{simulator.admin_port}")
        announce(f"level 1 listening on {options.host}:{simulator.level1_port}")
        announce(f"level 2 listening on {options.host}:{simulator.level2_port}")
        if simulator.control_port is not None:
            announce(f"control listening on {HOST}:{simulator.control_port}")
        if simulator.timeline is not None:
            for line in simulator.timeline.announcement():
                announce(line)
        if options.tape is not None:
            announce(
                f"tape    {options.tape} as {options.tape_symbol}, starts with its first watch"
            )
        await simulator.finished.wait()
        if simulator.failure is not None:
            announce(f"stopped: {simulator.failure}")
            return 1
        announce("the last client is gone")
    finally:
        await simulator.stop()
    return 0
