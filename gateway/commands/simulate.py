"""`simulate`: IQConnect's ports with a made-up market or a captured tape behind them."""

import asyncio

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings

from gateway.commands.loops import on_stop_signal
from gateway.errors import ConfigError
from gateway.simulator import SimulatorOptions
from gateway.simulator.main import serve


def credentials_from(login: str | None, password_env: str | None) -> tuple[str, str] | None:
    """Login id and password that the simulator shall ask for.

    Args:
        login: The login id; None for a simulator that asks for none.
        password_env: The environment variable that holds the password: an argument would show
            in the list of processes.

    Returns:
        Both, or None.

    Raises:
        ConfigError: One is given without the other, or there is no such variable.
    """
    if login is None and password_env is None:
        return None
    if not login or not password_env:
        raise ConfigError(
            "--login and --password-env belong together",
            hint="Name the variable that holds the password: --password-env IQFEED_PASSWORD.",
        )

    class Secrets(BaseSettings):
        password: SecretStr | None = Field(None, validation_alias=password_env)

    password = Secrets().password
    if password is None or not password.get_secret_value():
        raise ConfigError(
            "there is no password",
            hint=f"Set it: export {password_env}=….",
            variable=password_env,
        )
    return login, password.get_secret_value()


async def run_simulator(options: SimulatorOptions) -> int:
    """Run a simulator until a signal.

    Args:
        options: What to simulate.

    Returns:
        The exit code: 0, or 1 when the simulator failed.

    Raises:
        ConfigError: A port is taken, or the tape or the timeline cannot be read.
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
