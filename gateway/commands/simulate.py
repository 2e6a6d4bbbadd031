"""`simulate`: IQConnect's ports with a made-up market or a captured tape behind them."""

import asyncio

from gateway.commands.loops import on_stop_signal
from gateway.simulator import SimulatorOptions
from gateway.simulator.main import serve


async def run_simulator(options: SimulatorOptions) -> int:
    """Run a simulator until a signal.

    Args:
        options: What to simulate.

    Returns:
        The exit code: 0, or 1 when the simulator failed.

    Raises:
        ConfigError: A port is taken or the tape cannot be read.
    """
    task = asyncio.create_task(serve(options, announce=_announce))
    on_stop_signal(asyncio.get_running_loop(), task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        _announce("stopped")
        return 0


def _announce(line: str) -> None:
    print(line, flush=True)
