"""The depth of a single symbol stops while everything else goes on: nobody trades on its ruins."""

import time

import pytest

from tests.support import fault_table
from tests.support.consumer import STALE
from tests.support.fault_table import BESIDE, fault_row
from tests.support.stage import simulated

pytestmark = pytest.mark.slow
SILENT, OTHER = "@ES#", "@NQ#"


@fault_row(BESIDE)
def test_a_book_that_stands_still_beside_a_moving_quote_is_stale_and_revived() -> None:
    """Link and symbol are alive, only its depth is not: that must not look like a quiet market."""
    settings = {"book": {"silence_s_max": 1}}
    with simulated(rate=400.0, depth_rate=400.0, settings=settings) as stage:
        topics = [f"{kind},{s}," for s in (SILENT, OTHER) for kind in ("book", "quote", "state")]
        consumer = stage.consumer(*topics, f"order,{SILENT},")
        consumer.wait_for_all(set(topics), lambda _: True, what="values", seconds=8.0)
        silent_s = time.monotonic()
        stage.call(stage.simulator.set_depth_silent, SILENT, True)
        stale = consumer.wait_for(
            lambda m: (
                m.topic == f"state,{SILENT},"
                and m.values[3].get("level2_cause") == "symbol_silent"
                and m.values[3].get("level2") == "stale"
            ),
            what="symbol_silent",
            seconds=10.0,
        )
        assert stale.values[:2] == ["live", None], "its quote is as good as ever"
        repeated = [m for m in consumer.on(f"book,{SILENT},") if m.flags & STALE]
        if not repeated:
            repeated = [consumer.wait_for(lambda m: m.topic == f"book,{SILENT},", what="STALE")]
        assert repeated[-1].flags & STALE
        # The watch that is asked for anew revives it, and the book is the market's again.
        consumer.wait_for(
            lambda m: m.topic == f"book,{SILENT}," and not m.flags & STALE,
            what="fresh book",
            seconds=10.0,
        )
        fault_table.note(
            BESIDE,
            "one symbol's depth silent (book.silence_s_max 1)",
            detect_s=stale.at_s - silent_s,
            recover_s=consumer.messages[-1].at_s - stale.at_s,
            cause="symbol_silent",
        )
        stage.call(stage.simulator.hold_market, True)
        true = [
            [float(order.price), order.size, order.order_id]
            for order in stage.call(stage.simulator.true_orders, SILENT)
        ]
        for _ in consumer.stream(0.3):
            continue
        image = consumer.ask(f"order,{SILENT},").values[0]
        assert [[row[4], row[5], row[2]] for row in image] == true
        others = [m for m in consumer.on(f"book,{OTHER},") if m.flags & STALE]
        assert not others, "another symbol's book is not touched"
        consumer.history.check()
