"""Everything the upstream says, in any order: one cause, and the recovery that fits."""

import pytest

from gateway.control.upstream_state import Recovery, UpstreamState
from gateway.iqfeed.link import Link
from gateway.model.enums import Cause

DOWN, DTN, SILENT = Cause.IQCONNECT_DOWN, Cause.DTN_LINK_DOWN, Cause.LINK_SILENT
ASK, REFRESH, RESUME, NONE = Recovery.ASK_AGAIN, Recovery.REFRESH, Recovery.RESUME, Recovery.NONE

Step = tuple[str, Cause | None, Recovery]
HANDSHAKE: list[Step] = [
    ("connecting", DOWN, NONE),
    ("negotiating", DOWN, NONE),
    ("resubscribing", None, ASK),
    ("streaming", None, NONE),
]
"""A connection that comes up while nothing is wrong."""


def tell(state: UpstreamState, fact: str) -> Recovery:
    """Note one fact by its short name and conclude."""
    match fact:
        case "server up" | "server down":
            state.note_server(is_connected=fact == "server up")
        case "admin up" | "admin down" | "admin unknown":
            state.note_admin({"up": True, "down": False}.get(fact.split()[1]))
        case link:
            state.note_link(Link(link))
    return state.settle()


def check(steps: list[Step]) -> None:
    """Tell each fact and compare cause and recovery."""
    state = UpstreamState()
    for number, (fact, cause, recovery) in enumerate(steps):
        concluded = tell(state, fact)
        assert (state.cause, concluded) == (cause, recovery), f"step {number}: {fact}"


def test_before_anything_is_heard_iqconnect_counts_as_down() -> None:
    """A gateway that has just begun must not call anything live."""
    state = UpstreamState()
    assert state.cause is DOWN
    assert state.settle() is NONE
    assert state.cause is DOWN


def test_nothing_is_asked_twice_when_nothing_happens() -> None:
    """Every event of the link settles: most of them must do nothing."""
    check([*HANDSHAKE, ("streaming", None, NONE), ("server up", None, NONE)])


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param(
            [("stale", SILENT, NONE), ("streaming", None, RESUME), ("streaming", None, NONE)],
            id="silence alone: nothing was lost",
        ),
        pytest.param(
            [("stale", SILENT, NONE), ("closed", DOWN, NONE), *HANDSHAKE],
            id="silence that ends the connection",
        ),
        pytest.param(
            [
                ("closed", DOWN, NONE),
                ("connecting", DOWN, NONE),
                ("closed", DOWN, NONE),
                *HANDSHAKE,
            ],
            id="connection lost, and one attempt that fails",
        ),
        pytest.param(
            [("server down", DTN, NONE), ("server up", None, REFRESH)],
            id="DTN away and back",
        ),
        pytest.param(
            [
                ("server down", DTN, NONE),
                ("closed", DOWN, NONE),
                ("connecting", DOWN, NONE),
                ("negotiating", DOWN, NONE),
                ("resubscribing", None, ASK),
            ],
            id="DTN away while our link dies: a new connection says anew how DTN is",
        ),
        pytest.param(
            [
                ("closed", DOWN, NONE),
                ("connecting", DOWN, NONE),
                ("negotiating", DOWN, NONE),
                ("server down", DOWN, NONE),
                ("resubscribing", DTN, NONE),
                ("streaming", DTN, NONE),
                ("server up", None, ASK),
            ],
            id="DTN away when the new connection comes up: asked once it is back",
        ),
        pytest.param(
            [
                ("server down", DTN, NONE),
                ("stale", DTN, NONE),
                ("streaming", DTN, NONE),
                ("server up", None, REFRESH),
            ],
            id="silence while DTN is away: values are old all the same",
        ),
        pytest.param(
            [
                ("stale", SILENT, NONE),
                ("streaming", None, RESUME),
                ("server down", DTN, NONE),
                ("server up", None, REFRESH),
            ],
            id="silence, then DTN away",
        ),
        pytest.param(
            [
                ("stale", SILENT, NONE),
                ("server down", DTN, NONE),
                ("streaming", DTN, NONE),
                ("server up", None, REFRESH),
            ],
            id="silence that ends with the news that DTN is away",
        ),
        pytest.param(
            [("admin down", DTN, NONE), ("admin up", None, REFRESH)],
            id="the admin port alone says that DTN is away",
        ),
        pytest.param(
            [("admin down", DTN, NONE), ("server down", DTN, NONE), ("admin up", DTN, NONE)],
            id="both must say that DTN is back",
        ),
        pytest.param(
            [("admin down", DTN, NONE), ("admin unknown", None, REFRESH)],
            id="an admin port that is gone says nothing against DTN",
        ),
        pytest.param(
            [("admin up", None, NONE), ("admin unknown", None, NONE)],
            id="an admin port that comes and goes changes nothing",
        ),
        pytest.param(
            [("admin down", DTN, NONE), ("closed", DTN, NONE), ("connecting", DTN, NONE)],
            id="IQConnect answers on admin, so it is DTN that is away",
        ),
        pytest.param(
            [("admin down", DTN, NONE), ("closed", DTN, NONE), ("admin unknown", DOWN, NONE)],
            id="IQConnect gone altogether",
        ),
    ],
)
def test_after_the_first_connection(steps: list[Step]) -> None:
    """Each cause is told as it is, and recovery does neither too little nor too much."""
    check([*HANDSHAKE, *steps])


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param(
            [
                ("admin down", DTN, NONE),
                ("connecting", DTN, NONE),
                ("negotiating", DTN, NONE),
                ("resubscribing", DTN, NONE),
                ("streaming", DTN, NONE),
                ("admin up", None, ASK),
            ],
            id="not connected before the handshake: watches wait for DTN",
        ),
        pytest.param(
            [("admin up", DOWN, NONE), *HANDSHAKE],
            id="connected before the handshake: our own link is still missing",
        ),
        pytest.param(
            [("connecting", DOWN, NONE), ("closed", DOWN, NONE), *HANDSHAKE],
            id="the first attempt fails",
        ),
        pytest.param(
            [
                *HANDSHAKE[:2],
                ("server down", DOWN, NONE),
                ("closed", DOWN, NONE),
                ("negotiating", DOWN, NONE),
                ("resubscribing", None, ASK),
            ],
            id="a state that was skipped: a new handshake still says anew how DTN is",
        ),
        pytest.param(
            [
                *HANDSHAKE[:2],
                ("server down", DOWN, NONE),
                ("negotiating", DOWN, NONE),
                ("resubscribing", DTN, NONE),
                ("stale", DTN, NONE),
                ("streaming", DTN, NONE),
                ("server up", None, ASK),
            ],
            id="silent before anything was asked: everything is still to be asked",
        ),
    ],
)
def test_from_the_start(steps: list[Step]) -> None:
    """The first connection is like every new one: everything must be asked for."""
    check(steps)


def test_dtn_away_during_a_silence_needs_fresh_values() -> None:
    """What DTN sent meanwhile never reached IQConnect: old prices would be called live."""
    check(
        [
            *HANDSHAKE,
            ("stale", SILENT, NONE),
            ("admin down", DTN, NONE),
            ("admin up", SILENT, NONE),
            ("streaming", None, REFRESH),
        ]
    )


def test_a_process_that_did_not_run_reads_old_prices() -> None:
    """A backlog is not live; once it is read nothing was lost, so last values hold again."""
    state = UpstreamState()
    for fact in ("connecting", "negotiating", "resubscribing", "streaming"):
        tell(state, fact)
    state.note_behind(is_behind=True)
    assert (state.settle(), state.cause) == (NONE, Cause.OVERLOAD)
    state.note_behind(is_behind=False)
    assert (state.settle(), state.cause) == (RESUME, None)
    state.note_behind(is_behind=True)
    assert tell(state, "closed") is NONE
    assert state.cause is DOWN, "without a link being behind is not the trouble"
