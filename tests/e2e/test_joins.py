"""Consumers of two languages join under full load, directly and through a relay: no gap, ever.

Each way makes a hundred and fifty joins; `JOINS=10000` makes ten thousand of each.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support import joins
from tests.support.joins import NODE_FOLDER, Published
from tests.support.market import Market, topics_of

pytestmark = pytest.mark.slow
JOINS: Final = int(os.environ.get("JOINS", "150"))
SEED: Final = int(os.environ.get("JOINS_SEED", "20261126"))
RELAYS: Final = ("relay", "plain relay")
"""The gateway's own relay, and the plainest that libzmq has."""
WAYS: Final = ("tcp", "ipc", *RELAYS)
LINES_PER_SECOND: Final = 3_000.0
TOPICS: Final = topics_of(kinds=("quote", "trade"))
JOINS_A_SECOND_MIN: Final = 5.0
START_S_MAX: Final = 60.0


def require_node() -> None:
    """Skip where Node or its packages are missing; continuous integration must not skip it."""
    reason = ""
    if shutil.which("node") is None:
        reason = "node is not installed"
    elif not (NODE_FOLDER / "node_modules" / "zeromq").is_dir():
        reason = f"run `npm ci` in {NODE_FOLDER}"
    if reason and os.environ.get("CI") == "true":
        pytest.fail(f"CI=true, but {reason}")
    if reason:
        pytest.skip(reason)


@contextmanager
def endpoint_of(way: str, folder: Path) -> Iterator[tuple[str, str]]:
    """A loaded gateway that is reached in some way.

    Returns:
        Where a consumer joins, and where the gateway itself publishes.
    """
    with ExitStack() as stack:
        short = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="iqgw-")))
        data = f"ipc://{short / 'data'}" if way == "ipc" else ""
        market = stack.enter_context(Market(folder, rate=LINES_PER_SECOND, data=data, seed=SEED))
        endpoint = market.gateway.data
        if way == "plain relay":
            endpoint = stack.enter_context(joins.plain_relay(endpoint, short))
        elif way == "relay":
            control = market.gateway.control
            endpoint = stack.enter_context(joins.gateway_relay(endpoint, control, short))
        yield endpoint, market.gateway.data


@pytest.mark.timeout(START_S_MAX + JOINS / JOINS_A_SECOND_MIN)
@pytest.mark.parametrize("program", ["python", "node"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.long
def test_every_join_is_free_of_gaps_and_repetitions(tmp_path: Path, way: str, program: str) -> None:
    """The snapshot's sequence is where the updates go on, for a bare socket of any language."""
    if program == "node":
        require_node()
    with endpoint_of(way, tmp_path) as (endpoint, gateway), Published(gateway, TOPICS) as published:
        options: dict[str, Any] = {
            "endpoint": endpoint,
            "topics": TOPICS,
            "joins": JOINS,
            "joinsPerSocket": 3,
            "sockets": 8,
            "pauseMs": 20,
            "updatesAfter": 3,
            "secondsMax": 20,
            "seed": SEED,
        }
        command = joins.python_command if program == "python" else joins.node_command
        done = joins.run(command(options), seconds=START_S_MAX + JOINS / JOINS_A_SECOND_MIN)
        published.wait_for(done)
    assert len(done) == JOINS
    figures = joins.summarize(done, published.values, is_relayed=way in RELAYS)
    print(f"seed {SEED}, {program}, {way}: {figures}")
    assert figures.raced, "no join raced with an update: nothing was proven"


def test_a_wrong_join_is_seen() -> None:
    """A judge who accepts everything proves nothing."""
    right = {
        "topic": "quote,AAPL,",
        "answers": 1,
        "epochs": [7],
        "snapshot": [1, 5, 1, 10.0, 100],
        "before": [[3, 5]],
        "after": [[6, 9]],
        "ms": 1.0,
    }
    published: dict[tuple[str, int], joins.Values] = {
        ("quote,AAPL,", number): (10.0, 100) for number in range(1, 10)
    }
    assert joins.judge(right) == ""
    figures = joins.summarize([right], published)
    assert (figures.joins, figures.updates, figures.raced) == (1, 4, 1)
    wrong: list[dict[str, Any]] = [
        {"answers": 0},
        {"answers": 2},
        {"epochs": [7, 8]},
        {"before": [[3, 6]]},
        {"before": [[3, 4]]},
        {"before": [[1, 2], [4, 5]]},
        {"after": [[7, 9]]},
        {"after": [[5, 9]]},
        {"after": [[6, 6], [8, 9]]},
        {"after": []},
        {"snapshot": [9, 0, 0, "pending", None]},
        {"snapshot": [1, 5, 0, 10.0, 100]},
    ]
    for change in wrong:
        assert joins.judge(right | change), change
    for runs in ([[3, 4]], [[1, 2], [4, 5]]):
        assert not joins.judge(right | {"before": runs}, is_relayed=True)
    for runs in ([[3, 6]], [[4, 5], [4, 5]], [[4, 5], [2, 3]], [[1, 3], [3, 3]]):
        assert joins.judge(right | {"before": runs}, is_relayed=True), runs
    for change in ({"snapshot": [1, 5, 1, 10.5, 100]}, {"after": [[6, 10]]}):
        with pytest.raises((AssertionError, KeyError)):
            joins.summarize([right | change], published)
