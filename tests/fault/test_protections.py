"""Each fault test fails when the protection it is about is removed: it proves something.

Waiting for what never comes takes its time, so this runs only where `PROTECTIONS=1` asks for it.
"""

import os
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import zmq
from gateway_client.delivery import DeliveryQueue

from gateway.control.peer_desk import PeerDesk
from gateway.control.repeats import Repeats
from gateway.control.upstream_state import UpstreamState
from gateway.control.watch_desk import WatchDesk
from gateway.health import verdict
from gateway.iqfeed import commands, streaming, values
from gateway.iqfeed.lines import LineFramer
from gateway.iqfeed.session import Level1Session
from gateway.iqfeed.system import OtherSystem, parse_system
from gateway.normalize import level1, level1_messages
from gateway.normalize.depth_care import DepthCare
from gateway.normalize.eastern import EasternTime, _Day
from gateway.normalize.level1 import Level1Normalizer
from gateway.normalize.level1_care import Level1Care
from gateway.normalize.level1_columns import Level1Columns
from gateway.normalize.prints import Prints
from gateway.normalize.rows import RowPublisher
from gateway.normalize.symbols import PlainSymbol
from gateway.policy.leases import Leases
from gateway.policy.login import LoginPolicy
from gateway.policy.senders import ANYBODY
from gateway.policy.subscriptions import Subscriptions
from gateway.runtime.feed import FeedThread
from gateway.runtime.gate import Gate
from gateway.runtime.senders import Senders
from gateway.wire import codec
from tests.fault import (
    test_a_thread_hogs,
    test_consumer_is_killed,
    test_consumer_is_partitioned,
    test_consumer_reads_slowly,
    test_depth_of_one_symbol_stops,
    test_feed_is_mangled,
    test_feed_sends_bad_lines,
    test_feed_stalls,
    test_handshakes_are_not_judged,
    test_hostile_peers,
    test_hostile_text,
    test_key_is_revoked,
    test_leases_and_repeats,
    test_level2_connection_breaks,
    test_sim_process_is_suspended,
    test_sim_time_of_day,
    test_sim_upstream_is_away,
    test_symbols_are_refused,
    test_symbols_in_doubt,
    test_upstream_breaks,
    test_users_overstep,
)
from tests.support import market
from tests.support.fake_iqconnect import FakeIqconnect
from tests.support.history import History
from tests.support.network import Network, require
from tests.support.removals import (
    anything_may_be_heard,
    forget_half_lines,
    no_owners,
    no_sign_of_life,
    no_waits,
    patience_without_end,
    routing_ids_are_identities,
    short_lives_succeed,
    wall_clock_everywhere,
)
from tests.support.stage import scripted

pytestmark = [
    pytest.mark.slow,
    # Without its protection the feed thread may end on what it reads.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
    pytest.mark.skipif(
        os.environ.get("PROTECTIONS") != "1", reason="takes minutes: set PROTECTIONS=1"
    ),
]
Remove = Callable[[pytest.MonkeyPatch], object]


def any_symbol(patch: pytest.MonkeyPatch) -> None:
    """Let every text be a symbol."""
    patch.setattr(commands, "_SYMBOL", re.compile(".*", re.DOTALL))


class Protection(NamedTuple):
    """One protection, and a test that must notice that it is gone."""

    row: int
    """The row of the table of faults."""
    name: str
    """What is removed."""
    remove: Remove
    """Removes it."""
    test: Callable[[], object]
    """Must fail then."""


def nothing(owner: object, name: str) -> Remove:
    """Let a method do nothing."""
    return lambda patch: patch.setattr(owner, name, lambda *_, **__: None)


def always(owner: object, name: str, value: object) -> Remove:
    """Let a function answer the same whatever it is asked."""
    return lambda patch: patch.setattr(owner, name, lambda *_, **__: value)


def no_funerals(patch: pytest.MonkeyPatch) -> None:
    """Keep what a connection held when it is gone."""
    patch.setattr(Subscriptions, "remove", lambda *_: False)
    patch.setattr(Subscriptions, "sweep", lambda *_: [])


def no_watch(patch: pytest.MonkeyPatch) -> None:
    """Let consumers wait for heartbeats for ever."""
    patch.setattr(market, "PROGRAM_OPTIONS", ["--silence-s-max", "3600"])


def over_a_link(test: Callable[[Network, Path], object]) -> None:
    """Run a test between two network namespaces."""
    require()
    with Network() as network, tempfile.TemporaryDirectory() as folder:
        test(network, Path(folder))


def endless_lines(patch: pytest.MonkeyPatch) -> None:
    """Keep lines of any length."""
    make = LineFramer.__init__

    def unbounded(framer: LineFramer, complaints: Any, **_: Any) -> None:
        make(framer, complaints, line_bytes_max=1 << 40)

    patch.setattr(LineFramer, "__init__", unbounded)


def unchecked_numbers(patch: pytest.MonkeyPatch) -> None:
    """Take whatever Python takes for a number."""
    patch.setattr(values, "read_price", lambda text, _: float(text))


def no_memory_of_lines(patch: pytest.MonkeyPatch) -> None:
    """Forget a symbol's last line."""
    patch.setattr(PlainSymbol, "line", property(lambda _: "", lambda *_: None))


def no_order(patch: pytest.MonkeyPatch) -> None:
    """Take whatever comes last for the newest."""
    patch.setattr(Prints, "is_late", lambda *_: False)
    patch.setattr(PlainSymbol, "quote_us", property(lambda _: 0, lambda *_: None))


def first_day_only(patch: pytest.MonkeyPatch) -> None:
    """Give every time of day the date that the world began with."""
    patch.setattr(
        EasternTime, "near_clock", lambda self, text: EasternTime.dated(self, "09/16/2026", text)
    )


def one_reading(patch: pytest.MonkeyPatch) -> None:
    """Take the hour that comes twice for its first time, always."""
    for name in ("nearest_us", "latest_us"):
        patch.setattr(_Day, name, lambda self, second, _: self._readings(second)[0])


def unknown_lines_are_fatal(patch: pytest.MonkeyPatch) -> None:
    """Raise where nothing is understood."""

    def parse_or_raise(line: str) -> object:
        event = parse_system(line)
        if isinstance(event, OtherSystem):
            raise LookupError(line)  # noqa: TRY004 - one of the faults that a line may cause
        return event

    patch.setattr(streaming, "parse_system", parse_or_raise)


def upstream_says_nothing(patch: pytest.MonkeyPatch) -> None:
    """Do not listen to what IQConnect says of DTN."""
    patch.setattr(UpstreamState, "note_server", lambda *_, **__: None)
    patch.setattr(UpstreamState, "note_admin", lambda *_, **__: None)


def no_guard_of_columns(patch: pytest.MonkeyPatch) -> None:
    """Do not go on without a field that IQConnect does not know."""
    patch.setattr(Level1Session, "_drop_field", lambda *_: None)


def level2_test() -> None:
    """The Level 2 test with what it needs."""
    es = test_level2_connection_breaks.ES
    depth = FakeIqconnect(answers={f"WOR,{es}": test_level2_connection_breaks.FIRST})
    with scripted(FakeIqconnect(), level2=depth) as stage:
        test_level2_connection_breaks.test_a_dropped_connection_clears_and_rebuilds(stage, depth)


def in_folder(test: Callable[[Path], object]) -> None:
    """Run a test with a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        test(Path(folder))


def no_enforcement(patch: pytest.MonkeyPatch) -> None:
    """Let CURVE do what it does by itself when nobody judges."""
    guard = Gate.guard

    def guard_alone(gate: Gate, guarded: "zmq.Socket[Any]") -> None:
        guard(gate, guarded)
        guarded.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 0)

    patch.setattr(Gate, "guard", guard_alone)
    patch.setattr(Senders, "of", lambda *_: ANYBODY)  # The second protection behind the first.


CUT = test_consumer_is_partitioned
BREAKS, MANGLED, DOUBT = test_upstream_breaks, test_feed_is_mangled, test_symbols_in_doubt
BAD, REFUSED, AWAY = test_feed_sends_bad_lines, test_symbols_are_refused, test_sim_upstream_is_away
DAYS, JUDGE, KEY = test_sim_time_of_day, test_handshakes_are_not_judged, test_key_is_revoked
PROTECTIONS = [
    Protection(1, "silence ends patience", patience_without_end,
               lambda: BREAKS.test_a_port_that_stalls_is_noticed_by_its_silence(1)),
    Protection(2, "silence ends patience", patience_without_end,
               BREAKS.test_a_half_open_connection_is_noticed_by_its_silence),
    Protection(3, "everything is asked again", nothing(WatchDesk, "ask_again"),
               lambda: BREAKS.test_a_closed_connection_brings_back_five_hundred_symbols(1)),
    Protection(4, "half a line is forgotten", nothing(LineFramer, "reset"),
               lambda: BREAKS.test_half_a_line_before_the_end_is_no_line(rst=True)),
    Protection(5, "waits and breaker", no_waits,
               BREAKS.test_a_refusing_port_costs_little_and_is_tried_for_ever),
    Protection(6, "only what lasts is a success", short_lives_succeed,
               AWAY.test_flapping_is_not_answered_by_hammering),
    Protection(7, "half a line is kept", forget_half_lines,
               MANGLED.test_lines_cut_into_single_bytes_are_the_same_lines),
    Protection(8, "half a line is kept", forget_half_lines,
               BAD.test_a_megabyte_in_one_piece_holds_up_nobody),
    Protection(9, "lines are bounded", endless_lines,
               MANGLED.test_a_line_without_an_end_takes_no_memory),
    Protection(10, "unknown lines are ignored", unknown_lines_are_fatal,
               MANGLED.test_garbage_between_lines_is_counted_and_dropped),
    Protection(11, "numbers are checked", unchecked_numbers,
               BAD.test_every_kind_of_bad_line_is_counted_once),
    Protection(12, "a line is compared with the last", no_memory_of_lines,
               MANGLED.test_lines_that_come_twice_are_published_once),
    Protection(13, "times and ids are compared", no_order,
               MANGLED.test_lines_out_of_order_never_become_the_last_value),
    Protection(14, "short lines are rejected", always(Level1Normalizer, "_accept_width", True),
               MANGLED.test_lines_that_lost_their_end_are_rejected_whole),
    Protection(15, "lines around an outage are compared", nothing(Level1Columns, "gap_between"),
               DOUBT.test_each_symbol_that_missed_trades_is_told_how_much),
    Protection(16, "a freed slot is given on", nothing(WatchDesk, "_retry_limited"),
               REFUSED.test_the_symbol_limit_refuses_the_extra_symbols_only),
    Protection(17, "the vendor's n is heard", nothing(WatchDesk, "note_not_found"),
               REFUSED.test_an_unknown_symbol_is_refused_at_once_and_asked_once),
    Protection(18, "a lost login is recognized",
               lambda p: p.setattr(LoginPolicy, "is_lost", property(lambda _: False)),
               BREAKS.test_a_login_that_another_machine_took_is_named),
    Protection(19, "IQConnect's word on DTN", upstream_says_nothing,
               lambda: BREAKS.test_the_vendors_word_that_dtn_is_away_is_enough(1)),
    Protection(20, "unknown fields are done without", no_guard_of_columns,
               MANGLED.test_another_protocol_or_field_set_is_never_guessed),
    Protection(22, "code 21 is known", lambda p: [
                   p.setattr(module, "is_halt", lambda _: False)
                   for module in (level1, level1_messages)],
               DOUBT.test_a_halted_symbol_keeps_its_last_price_marked),
    Protection(23, "prices are compared", always(level1_messages, "doubt_quote", None),
               DOUBT.test_implausible_values_are_passed_on_flagged),
    Protection(24, "the vendor's clock is the sign of life", no_sign_of_life,
               test_feed_stalls.test_a_quiet_symbol_is_not_stale),
    Protection(25, "time lines date the day", first_day_only,
               lambda: DAYS.test_midnight_and_weekends_stamp_no_wrong_day(
                   "2026-09-16T23:59:50", DAYS.ALWAYS_OPEN, 20.0)),
    Protection(26, "the clock tells the hour that comes twice", one_reading,
               lambda: DAYS.test_clock_changes_never_go_back_in_utc(
                   "2026-11-01T01:59:50", -3600.0)),
    Protection(27, "durations are monotonic", wall_clock_everywhere,
               DAYS.test_stepping_the_wall_clock_ends_no_lease_and_doubts_nothing),
    Protection(28, "a suspension is noticed", nothing(FeedThread, "_note_round"),
               test_sim_process_is_suspended.test_nothing_that_waited_is_published_as_fresh),
    Protection(31, "old messages are skipped", nothing(DeliveryQueue, "_skip"),
               test_consumer_reads_slowly
               .test_it_is_told_how_much_it_missed_and_then_reads_current_data),
    Protection(33, "the topics of the dead are taken back", no_funerals,
               test_consumer_is_killed.test_its_demand_is_released_upstream_and_no_others),
    Protection(34, "the gateway cuts off who takes nothing",
               lambda p: p.setattr(market, "GATEWAY_SETTINGS",
                                   {"slow_consumers": {"evict_after_s": 0}}),
               lambda: over_a_link(CUT.test_a_partition_is_noticed_by_both_ends_and_healed)),
    Protection(34, "consumers watch the heartbeat", no_watch,
               lambda: over_a_link(CUT.test_a_partition_is_noticed_by_both_ends_and_healed)),
    Protection(35, "consumers watch the heartbeat", no_watch,
               lambda: over_a_link(CUT.test_a_half_partition_is_noticed)),
    Protection(36, "holes are declared", nothing(History, "declare"),
               lambda: over_a_link(CUT.test_a_blip_loses_nothing_undeclared)),
    Protection(56, "requests are told apart by user", routing_ids_are_identities,
               lambda: in_folder(test_users_overstep.test_a_routing_id_is_nobody)),
    Protection(66, "files are asked", anything_may_be_heard,
               lambda: in_folder(test_users_overstep.test_no_trick_brings_what_may_not_be_heard)),
    Protection(57, "leases end", always(Leases, "expire", []),
               test_consumer_is_killed.test_its_lease_ends_and_not_before),
    Protection(58, "leases have owners", no_owners,
               test_leases_and_repeats.test_doubled_and_foreign_requests_leave_nothing_over),
    Protection(59, "a repeat is recognized", always(Repeats, "find", None),
               test_leases_and_repeats.test_a_request_that_comes_twice_is_done_once),
    Protection(64, "the domain is enforced", no_enforcement,
               lambda: in_folder(
                   lambda path: JUDGE.test_a_dead_handler_lets_nobody_in(path, "data"))),
    Protection(65, "connections end with their grant", nothing(PeerDesk, "evict_revoked"),
               lambda: in_folder(KEY.test_a_revoked_key_is_cut_and_nobody_else_notices)),
    Protection(51, "containers are counted before they are made",
               lambda p: (p.setattr(codec, "MAP_ITEMS_MAX", 10**6),
                          p.setattr(codec, "ARRAY_ITEMS_MAX", 10**6)),
               lambda: test_hostile_peers.test_a_bomb_of_containers_is_not_unpacked(
                   "empty maps")),
    Protection(60, "reports have an age",
               lambda p: p.setattr(verdict, "REPORT_AGE_NS_MAX", 10**12),
               test_a_thread_hogs.test_a_feed_thread_that_hangs_is_told_within_two_seconds),
    Protection(70, "symbols have a grammar", any_symbol,
               test_hostile_text.test_no_hostile_name_reaches_a_topic_or_the_vendor),
    Protection(71, "symbols have a grammar", any_symbol,
               test_hostile_text.test_no_hostile_name_reaches_a_topic_or_the_vendor),
    Protection(0, "quiet symbols are audited", nothing(Level1Care, "look"),
               lambda: DOUBT.test_one_symbol_that_stops_is_found_and_asked_for_again("watch")),
    Protection(0, "quiet books are asked anew", nothing(DepthCare, "look"),
               test_depth_of_one_symbol_stops
               .test_a_book_that_stands_still_beside_a_moving_quote_is_stale_and_revived),
    Protection(0, "books are cleared", nothing(RowPublisher, "clear"), level2_test),
]  # fmt: skip


@pytest.fixture
def patch(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Put back what was removed, whatever happens."""
    yield monkeypatch
    monkeypatch.undo()


@pytest.mark.parametrize("one", PROTECTIONS, ids=lambda p: f"{p.row}: {p.name}")
def test_a_fault_test_notices_that_its_protection_is_gone(
    one: Protection, patch: pytest.MonkeyPatch
) -> None:
    """Otherwise it would pass whatever the gateway does."""
    one.remove(patch)
    with pytest.raises((AssertionError, TimeoutError)):
        one.test()
