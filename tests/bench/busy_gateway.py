"""A gateway with another thread of Python that never rests, as a badly written part would be."""

import threading

from gateway.cli import main


def never_rest() -> None:
    """Compute for ever, giving the interpreter's lock up only when asked to."""
    value = 1
    while True:
        value = value * 31 % 65_521


if __name__ == "__main__":
    threading.Thread(target=never_rest, name="busy", daemon=True).start()
    main()
