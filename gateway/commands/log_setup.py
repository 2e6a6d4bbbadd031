"""Where a program's logs go: standard error, and files where `log.directory` is set."""

import atexit
import sys
import threading
from typing import Final

from gateway.app_alerts import known_secrets
from gateway.clock import SystemClock
from gateway.counters import Counter
from gateway.logs import RepeatLimiter, set_up_logging
from gateway.runtime.log_files import LogFiles
from gateway.runtime.log_writer import LogWriter
from gateway.settings import Credentials, Settings
from gateway.settings.log import LogSettings

MEGABYTE: Final = 1_048_576
RELAY_FOLDER: Final = "relay"
"""A relay's files are apart: it may be started with its gateway's configuration."""


class RunningLog:
    """The logs of this process; they end with it.

    Args:
        settings: As checked.
        credentials: Never written.
        is_relay: Whether the files are a relay's.

    Raises:
        ConfigError: `log.directory` cannot be used.
    """

    def __init__(
        self, settings: Settings, credentials: Credentials, *, is_relay: bool = False
    ) -> None:
        log, clock = settings.log, SystemClock()
        self._files: LogFiles | None = None
        if log.directory is not None:
            self._files = LogFiles(
                log.directory / RELAY_FOLDER if is_relay else log.directory,
                bytes_max=log.file_mb_max * MEGABYTE,
                files_max=log.files_max,
                clock=clock,
                is_each_synced=log.audit_sync == "line",
            )
        # Both threads of the gateway log: neither a full pipe nor a slow disk may hold them up.
        self._writer = LogWriter(sys.stderr)
        self._repeats = RepeatLimiter(
            clock, count_max=log.repeats_per_minute_max, lock=threading.Lock()
        )
        self._logging = set_up_logging(
            level=log.level,
            form=log.format,
            file=self._writer,
            streams=self._files,
            secrets=known_secrets(settings, credentials),
            repeats=self._repeats,
        )
        self._writer.on_turn = self._logging.tell_repeats
        # Before the writer's own end, which was registered earlier.
        atexit.register(self.close)

    def counts(self) -> dict[Counter, int]:
        """What was dropped, left out and lost so far."""
        counts = {
            Counter.LOG_TEXTS_DROPPED: self._writer.dropped,
            Counter.LOG_REPEATS_SUPPRESSED: self._repeats.suppressed,
        }
        if self._files is not None:
            counts[Counter.LOG_LINES_LOST] = self._files.lost
            counts[Counter.AUDIT_LINES_LOST] = self._files.audit_lost
            counts[Counter.AUDIT_SYNCS_FAILED] = self._files.audit_syncs_failed
            counts[Counter.LOG_ROTATIONS_FAILED] = self._files.rotations_failed
        return counts

    def apply(self, log: LogSettings) -> None:
        """Take over what of the log's settings may change while the program runs.

        Args:
            log: As checked; only `level` and `repeats_per_minute_max` are looked at.
        """
        self._logging.set_level(log.level)
        self._repeats.set_count_max(log.repeats_per_minute_max)

    def close(self) -> None:
        """Write what waits: the last lines, and how many repeats were left out."""
        atexit.unregister(self.close)
        self._logging.tell_repeats(is_last=True)
        if self._files is not None:
            self._files.close()
        self._writer.close()
