"""Reading the file of symbols that the gateway watches by itself."""

from pathlib import Path

from gateway.bounded_file import FileRefusedError, read_bounded_text
from gateway.control.watch_list import WATCH_LIST_BYTES_MAX, parse_watch_list
from gateway.errors import ConfigError
from gateway.policy.leases import Claim


def read_watch_list(path: Path | None, *, symbol_count_max: int) -> tuple[Claim, ...]:
    """Read which symbols are watched whoever listens.

    Args:
        path: `symbols_file`; None for none.
        symbol_count_max: More different symbols are refused.

    Raises:
        ConfigError: The file cannot be read, is too large, or says what cannot be used.
    """
    if path is None:
        return ()
    try:
        text = read_bounded_text(path, bytes_max=WATCH_LIST_BYTES_MAX)
    except (OSError, FileRefusedError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise ConfigError(
            "symbols_file cannot be read",
            hint="Check the path in symbols_file, its permissions and its size.",
            file=str(path),
            reason=reason or str(error),
        ) from error
    return parse_watch_list(text, file=str(path), symbol_count_max=symbol_count_max)
