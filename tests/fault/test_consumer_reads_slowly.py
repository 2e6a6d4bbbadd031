"""An application that reads too slowly: told what it missed, then given what is current."""

import time

import pytest
from gateway_client import ClientNotice, Gap, GatewayClient, Overrun, Trade

from tests.support import fault_table
from tests.support.fault_table import fault_row
from tests.support.incident import equities
from tests.support.slack import SLACK
from tests.support.stage import simulated

pytestmark = pytest.mark.slow
NOTICE_S_MAX = 2.0 * SLACK
AGE_S_MAX = 2.0 * SLACK
ASLEEP_S = 5.0
CAPACITY = 2_000


@fault_row(31)
@pytest.mark.long
def test_it_is_told_how_much_it_missed_and_then_reads_current_data() -> None:
    """Old prices read faithfully, one after the other, are the most expensive of all."""
    with simulated(rate=3000.0, equity_count=30, trade_share=0.5) as stage:
        symbols = equities(stage.simulator, 20)
        reference = stage.consumer(*(f"trade,{symbol}," for symbol in symbols))
        client = GatewayClient(
            stage.gateway.endpoints["data"],
            stage.gateway.endpoints["control"],
            client_name="sleeper",
            queue_capacity=CAPACITY,
            conflate_above=CAPACITY // 2,
            lease_s=5,
        )
        with client:
            client.subscribe_symbols(symbols, ["trade"])
            next(item for item in client if isinstance(item, Trade))
            # The application is busy with something else; the reader thread goes on.
            asleep_s = time.monotonic()
            list(reference.stream(ASLEEP_S))
            woken_s = time.monotonic()
            told_s = worst_s = 0.0
            overrun: Overrun | None = None
            missing: dict[str, set[int]] = {}
            seen: dict[str, list[int]] = {}
            while time.monotonic() - woken_s < 4.0:
                item = client.next_message(0.5)
                if isinstance(item, Overrun) and overrun is None:
                    overrun, told_s = item, time.monotonic() - woken_s
                elif isinstance(item, Gap) and item.is_final and overrun is not None:
                    lost = range(item.first_missing, item.last_missing + 1)
                    missing.setdefault(item.topic, set()).update(lost)
                elif isinstance(item, Trade) and overrun is not None:
                    age_s = (time.time_ns() // 1000 - item.recv_us) / 1e6
                    worst_s = max(worst_s, age_s)
                    seen.setdefault(f"trade,{item.symbol},", []).append(item.sequence)
            assert overrun is not None
            assert overrun.dropped >= CAPACITY // 2
            assert told_s < NOTICE_S_MAX
            assert worst_s < AGE_S_MAX
            # What was skipped is named to the last sequence, and nothing else is missing.
            assert sum(map(len, missing.values())) == overrun.dropped
            for topic, sequences in seen.items():
                gone = missing.get(topic, set())
                assert sequences == list(range(sequences[0], sequences[-1] + 1))
                if gone:
                    assert max(gone) == sequences[0] - 1
        fault_table.note(
            31,
            f"an application that read nothing for {woken_s - asleep_s:.0f} s",
            detect_s=told_s,
            lost=0,
            cause="Overrun and Gaps",
            more=f"{overrun.dropped} skipped and named; then nothing older than {worst_s:.2f} s",
        )


@pytest.mark.long
def test_its_own_client_tells_the_gateway_and_everybody_hears_of_it() -> None:
    """Behind the socket no kernel can look: what waits in the application only the client knows."""
    with simulated(rate=500.0, equity_count=30) as stage:
        others = stage.consumer("sys,alert,")
        client = GatewayClient(
            stage.gateway.endpoints["data"],
            stage.gateway.endpoints["control"],
            client_name="sleeper",
            lease_s=5,
        )
        with client:
            client.subscribe_symbols(equities(stage.simulator, 20), ["trade"])
            next(item for item in client if isinstance(item, Trade))
            raised = others.wait_for_topic("sys,alert,", seconds=12.0).values[0]
            assert (raised["event"], raised["code"]) == ("raised", "slow_consumer")
            assert raised["client"] == "sleeper"
            (peer,) = client.get_subscriptions("sleeper")["peers"]
            assert peer["reported"]["lag_us"] >= 3_000_000
            notice = next(item for item in client if isinstance(item, ClientNotice))
            assert notice.details is not None
            assert notice.details["notice"] == "lag"
            # Now it reads everything, so it is soon cleared.
            cleared = None
            until_s = time.monotonic() + 12.0
            while cleared is None and time.monotonic() < until_s:
                while client.next_message(0) is not None:
                    pass
                cleared = others.receive(0.05)
            assert cleared is not None
            assert cleared.values[0]["event"] == "cleared"
            assert cleared.values[0]["since_us"] == raised["since_us"]
