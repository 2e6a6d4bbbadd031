"""A client in a language that has none, written from `schemas/WIRE.md` alone, gets live prices."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.support.stage import simulated

pytestmark = pytest.mark.slow
PROGRAM: Final = Path(__file__).with_name("perl") / "watch.pl"
MODULES: Final = ("-MZMQ::FFI", "-MData::MessagePack")
LINES_MAX: Final = 60


@pytest.fixture
def perl() -> str:
    """The interpreter, with its two modules."""
    found = shutil.which("perl")
    reason = "needs perl, libzmq-ffi-perl and libdata-messagepack-perl"
    if found is not None:
        tried = subprocess.run([found, *MODULES, "-e", "1"], capture_output=True, check=False)
        if tried.returncode == 0:
            return found
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def test_the_contracts_page_is_enough_for_a_client(perl: str) -> None:
    """A bare SUB socket and a msgpack library, sixty lines in all."""
    assert len(PROGRAM.read_text(encoding="utf-8").splitlines()) <= LINES_MAX
    wanted = {"quote AAPL", "trade AAPL", "quote MSFT"}
    with simulated(rate=400.0, equity_count=12) as stage:
        environment = {**os.environ, "IQFEED_GATEWAY_DATA": stage.gateway.endpoints["data"]}
        with subprocess.Popen(
            [perl, PROGRAM, "AAPL", "MSFT"], env=environment, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            try:
                lines = []
                while wanted:
                    lines.append(process.stdout.readline())
                    assert lines[-1], "it ended"
                    wanted.discard(" ".join(lines[-1].split()[:2]))
            finally:
                process.kill()
    assert "# new socket: joins quote,AAPL,\n" in lines
    assert not [line for line in lines if line.startswith("# gap")], lines
    quotes = [line for line in lines if line.startswith("quote AAPL") and " bid=" in line]
    assert quotes, lines
