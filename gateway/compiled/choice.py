"""Which pipeline runs, the compiled one or Python's, and why."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from gateway.compiled.library import find_functions
from gateway.errors import ConfigError, bounded

Wanted = Literal["auto", "compiled", "python"]
"""What the setting `pipeline` may be."""
EXTENSION: Final = "gateway.compiled._pipeline"
CAUSE_CHARACTERS_MAX: Final = 160


@dataclass(frozen=True, slots=True)
class Choice:
    """Which pipeline runs, and why."""

    name: Literal["compiled", "python"]
    """The one that runs."""
    reason: str | None
    """Why it is not the compiled one, in a few words; None when it is."""

    def __str__(self) -> str:
        return self.name if self.reason is None else f"{self.name} ({self.reason})"

    def as_map(self) -> dict[str, str | None]:
        """As `hello` and `diagnostics` tell it."""
        return {"name": self.name, "reason": self.reason}


def check_compiled() -> None:
    """Make sure that the compiled pipeline can run in this process.

    Raises:
        ImportError: It was not built, or is of another Python or system.
        OSError: The libzmq of pyzmq cannot be used by it.
    """
    importlib.import_module(EXTENSION)
    find_functions()


def choose(wanted: Wanted, *, check: Callable[[], object] = check_compiled) -> Choice:
    """Choose the pipeline.

    Args:
        wanted: The setting `pipeline`.
        check: Raises unless the compiled one can run.

    Raises:
        ConfigError: It is wanted and cannot run.
    """
    if wanted == "python":
        return Choice("python", "the setting pipeline says so")
    try:
        check()
    except (ImportError, OSError, AttributeError) as error:
        reason = _reason_of(error)
        if wanted == "compiled":
            raise ConfigError(
                f"pipeline is compiled, and {reason}",
                hint="Install a wheel for this system, or from source with a C++20 compiler and "
                "Python's headers (IQGW_BUILD_COMPILED=required says what is missing); or set "
                "pipeline to auto or python.",
            ) from error
        return Choice("python", reason)
    return Choice("compiled", None)


def _reason_of(error: Exception) -> str:
    """Why the compiled pipeline cannot run."""
    if isinstance(error, ModuleNotFoundError) and error.name == EXTENSION:
        return "the compiled pipeline is not installed"
    # Escaped, as a path may hold anything, but without the quotes.
    cause = bounded(str(error), characters_max=CAUSE_CHARACTERS_MAX).strip("'\"")
    what = "cannot be loaded" if isinstance(error, ImportError) else "cannot be used"
    return f"the compiled pipeline {what}: {cause}"
