"""The process that `with_atheris` starts: what it does not import before Atheris is prepared by it.

python -m tests.fuzz.atheris_child READER [OPTIONS of libFuzzer]
"""

import sys


def main() -> None:
    """Hand this process over to Atheris, which ends it."""
    import atheris  # noqa: PLC0415 - an extra, and only this process needs it

    with atheris.instrument_imports(include=["gateway", "gateway_client"]):
        from tests.fuzz.targets import TARGETS  # noqa: PLC0415 - prepared while it is imported

    target = TARGETS[sys.argv[1]]

    def read(data: bytes) -> None:
        target.make()(data)

    atheris.Setup([sys.argv[0], *sys.argv[2:]], read)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
