"""Which pipeline runs, the compiled one or Python's, and why."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from gateway.compiled.digest import digest_of
from gateway.compiled.library import find_functions
from gateway.errors import ConfigError, bounded

Wanted = Literal["auto", "compiled", "python"]
"""What the setting `pipeline` may be."""
EXTENSION: Final = "gateway.compiled._pipeline"
PIPELINE: Final = "gateway.compiled.pipeline"
"""What uses it."""
SOURCES: Final = Path(__file__).with_name("source")
"""What it is built from; not in a wheel."""
IMPORT_FAULTS: Final = (AttributeError, SystemError, TypeError, ValueError)
"""What an import raises where one module is not what the other expects."""
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


def check_compiled(*, sources: Path = SOURCES) -> None:
    """Make sure that the compiled pipeline can run in this process.

    Args:
        sources: What the extension must have been built from, if they are there.

    Raises:
        ImportError: It was not built, or is of another Python, system or version.
        OSError: The libzmq of pyzmq cannot be used by it.
    """
    extension = importlib.import_module(EXTENSION)
    present = digest_of(sources)
    if present is not None and getattr(extension, "source_digest", None) != present:
        raise ImportError("it was built from other sources: install the gateway again")
    try:
        importlib.import_module(PIPELINE)
    except IMPORT_FAULTS as fault:
        raise ImportError(f"{type(fault).__name__}: {fault}") from fault
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
