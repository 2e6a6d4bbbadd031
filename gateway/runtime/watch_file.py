"""Reading the file of symbols that the gateway watches by itself."""

from pathlib import Path

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
        with path.open("rb") as file:
            # One more than may be: a file that grows, or is none, ends all the same.
            data = file.read(WATCH_LIST_BYTES_MAX + 1)
        text = data.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ConfigError(
            "symbols_file cannot be read",
            hint="Check the path in symbols_file and its permissions.",
            file=str(path),
            reason=reason or str(error),
        ) from error
    if len(data) > WATCH_LIST_BYTES_MAX:
        raise ConfigError(
            "symbols_file is too large",
            hint=f"A file of symbols has at most {WATCH_LIST_BYTES_MAX} bytes.",
            file=str(path),
        )
    return parse_watch_list(text, file=str(path), symbol_count_max=symbol_count_max)
