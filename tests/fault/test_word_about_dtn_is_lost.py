"""One line of the feed says that DTN is back; it may be the line that is lost."""

import threading

from gateway.simulator import SimulatorOptions
from tests.support.fake_iqconnect import FakeIqconnect
from tests.support.stage import open_stage

PACE_S = 0.2


def test_lines_that_come_every_second_are_word_enough() -> None:
    """The admin port says connected and quotes come: prices are live without the line, too."""
    with open_stage() as stage:
        admin = stage.start_simulator(
            SimulatorOptions(admin_port=0, level1_port=0, level2_port=0, equity_count=10)
        )
        fake = stage.start_fake(FakeIqconnect())
        stage.start_gateway(level1_port=fake.port, admin_port=admin.admin_port)
        consumer = stage.consumer("state,AAPL,", "quote,AAPL,")
        consumer.wait_for_state("AAPL", "live", None, seconds=8.0)
        stage.call(fake.send, b"S,SERVER DISCONNECTED\r\n")
        consumer.wait_for_state("AAPL", "stale", "dtn_link_down", seconds=3.0)
        is_over = threading.Event()

        def quote() -> None:
            number = 0
            while not is_over.wait(PACE_S):
                number += 1
                text = fake.line(
                    "Q", "AAPL", Message_Contents="b", Bid=f"{10 + number / 100}", Ask="90"
                )
                stage.call(fake.send, text)

        quotes = threading.Thread(target=quote)
        quotes.start()
        try:
            consumer.wait_for_state("AAPL", "live", None, seconds=10.0)
        finally:
            is_over.set()
            quotes.join()
