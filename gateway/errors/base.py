"""What every exception has, and those that belong to no part of the gateway."""

import enum
from typing import Final

FACT_CHARACTERS_MAX: Final = 200


class Severity(enum.Enum):
    """What the catcher should do: stop, report, or note and go on."""

    FATAL = "fatal"
    ERROR = "error"
    WARN = "warn"


def bounded(value: object, *, characters_max: int = FACT_CHARACTERS_MAX) -> str:
    """Quote a value for a message: escaped to printable ASCII and cut.

    Args:
        value: Anything; strings and bytes may come from outside.
        characters_max: Longest result before the ellipsis, 1 or more.

    Returns:
        Printable ASCII, at most `characters_max` characters, then "..." where it was cut.
    """
    # Cut first: escaping a 64 KiB line only to throw most of it away would be work for nothing.
    text = ascii(value[: characters_max + 1] if isinstance(value, str | bytes) else value)
    return text if len(text) <= characters_max else text[:characters_max] + "..."


class GatewayError(Exception):
    """Base of everything the gateway raises on purpose.

    Args:
        text: What happened, in a few words.
        hint: What the reader should do; the class's own hint when absent.
        facts: The values that show it.
    """

    code = "internal"
    severity = Severity.ERROR
    hint = "Read the log around this message; the facts beside it name what was being done."

    def __init__(self, text: str, *, hint: str | None = None, **facts: object) -> None:
        super().__init__(text)
        self.text = text
        self.facts = facts
        if hint is not None:
            self.hint = hint

    def __str__(self) -> str:
        if not self.facts:
            return self.text
        facts = ", ".join(f"{name}={bounded(value)}" for name, value in self.facts.items())
        return f"{self.text} ({facts})"


class ConfigError(GatewayError):
    """The configuration cannot be used; nothing was started."""

    code = "config"
    severity = Severity.FATAL
    hint = "Correct the named setting and start again."


class SecurityValidationError(GatewayError):
    """Input that could be read as a command, a topic or a log line of its own; nothing was done."""

    code = "bad_request"
    severity = Severity.WARN
    hint = "Send printable characters only, without line ends."


class ResourceExhausted(GatewayError):
    """Something that is bounded is used up."""

    code = "resource_exhausted"


class QueueFull(ResourceExhausted):
    """A bounded queue was full, and what came next was dropped."""

    code = "queue_full"
    severity = Severity.WARN
    hint = "Read `metrics` for what was dropped; lighten the load or give the machine more room."


class DescriptorsExhausted(ResourceExhausted):
    """The system gives this process no more files and sockets."""

    code = "descriptors_exhausted"
    hint = "Raise the limit of open files (ulimit -n, LimitNOFILE) and restart the gateway."


class ProgramFailed(GatewayError):
    """A program of our own ended, or did not say what it should."""

    code = "program_failed"
    hint = "Read the line beside this; start the same command by hand."


class BreakerOpen(GatewayError):
    """Too much failed; nothing is tried until a wait is over."""

    code = "breaker_open"
    severity = Severity.WARN
    hint = (
        "Wait for retry_in_ms; repair what keeps failing, then reset the breaker to go on at once."
    )


class AlertNotDelivered(GatewayError):
    """An alert could not be brought to a web address or a program that is to be told."""

    code = "alert_not_delivered"
    severity = Severity.WARN
    hint = (
        "Repair what `sink` names, or correct its settings under alerts; `alerts` lists them all."
    )
