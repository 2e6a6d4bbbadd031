"""`python -m gateway_client.conformance MODE`: cases on stdin, answers on stdout, a line each.

Modes: `vectors` decodes frames; `live` follows commands against a gateway; `bench MODE ENDPOINT
COUNT` measures how fast messages are consumed. `tests/README.md` describes all three.
"""

import json
import sys
from collections.abc import Callable

from gateway_client.conformance.bench import measure
from gateway_client.conformance.live import Live
from gateway_client.conformance.vectors import answer_vector

Answer = dict[str, object]
USAGE = "use: conformance vectors | live | bench plain|typed|client ENDPOINT COUNT"


def follow(answer: Callable[[Answer], Answer | None]) -> int:
    """Answer each line of stdin until there is none, or the last answer was given."""
    for line in sys.stdin:
        given = json.loads(line)
        told = answer(given)
        say({"id": given["id"], **(told or {})})
        if told is None:
            break
    return 0


def say(values: Answer) -> None:
    """Write one line at once."""
    sys.stdout.write(json.dumps(values, separators=(",", ":")) + "\n")
    sys.stdout.flush()


def main(arguments: list[str]) -> int:
    """Run one mode; returns the exit code."""
    match arguments:
        case ["vectors"]:
            return follow(answer_vector)
        case ["live"]:
            live = Live()
            try:
                return follow(live.answer)
            finally:
                live.close()
        case ["bench", mode, endpoint, count] if count.isdecimal():
            say(measure(mode, endpoint, int(count), on_ready=lambda: say({"ready": True})))
            return 0
        case _:
            sys.stderr.write(f"{USAGE}\n")
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
