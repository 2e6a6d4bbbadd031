"""An IQConnect that knows less than we ask for: it is used for what it knows."""

import pytest

from tests.support.fake_iqconnect import FakeIqconnect
from tests.support.stage import scripted, wait_until

pytestmark = pytest.mark.slow


def test_an_unknown_field_is_done_without() -> None:
    """One column that an old IQConnect lacks is nil; prices come all the same."""
    fake = FakeIqconnect(refused_fields=("Open Interest", "VWAP"))
    with scripted(fake) as stage:
        consumer = stage.consumer("quote,AAPL,", "summary,AAPL,", "trade,AAPL,")
        consumer.wait_for_topic("quote,AAPL,")
        assert "VWAP" not in fake.names
        assert "Open Interest" not in fake.names
        line = fake.line(
            "Q", "AAPL", Message_Contents="Cbavohlc", Bid="10.5", Ask="11", Last="10.7",
            Most_Recent_Trade="10.7", Most_Recent_Trade_Size="5", TickID="9", Open="1", High="2",
            Low="3", Close="4", Settle="5", Number_of_Trades_Today="6", Total_Volume="7",
        )  # fmt: skip
        stage.call(fake.send, line)
        assert consumer.wait_for_topic("trade,AAPL,").values[:3] == [10.7, 5, 9]
        summary = consumer.wait_for(
            lambda m: m.kind == "summary" and m.values[0] == 10.7, what="a summary"
        )
        _, _, _, *day, total_volume, vwap, open_interest, count = summary.values[:12]
        assert day == [1.0, 2.0, 3.0, 4.0, 5.0]
        assert (total_volume, vwap, open_interest, count) == (7, None, None, 6)


def test_an_older_protocol_is_accepted() -> None:
    """An IQConnect of some years ago refuses 6.2 and still delivers prices."""
    fake = FakeIqconnect(protocols=("6.1", "6.0"))
    with scripted(fake) as stage:
        consumer = stage.consumer("quote,AAPL,")
        assert consumer.wait_for_topic("quote,AAPL,").values[0] == 10.0
        wanted = [c for c in fake.commands if c.startswith("S,SET PROTOCOL")]
        assert wanted == ["S,SET PROTOCOL,6.2", "S,SET PROTOCOL,6.1"]
        stage.call(fake.send, fake.line("Q", "AAPL", Message_Contents="b", Bid="12", Ask="13"))
        consumer.wait_for(lambda m: m.values[0] == 12.0, what="the next quote")


def test_an_iqconnect_without_a_common_protocol_is_refused() -> None:
    """Guessing at a dialect we do not know would publish wrong values."""
    fake = FakeIqconnect(protocols=("4.9",))
    with scripted(fake) as stage:
        consumer = stage.consumer("quote,AAPL,", "sys,heartbeat,")
        fake.wait_for_command("S,SET PROTOCOL,5.2")
        fake.wait_for_command("S,SET PROTOCOL,6.2", count=2)
        wait_until(lambda: stage.requester().result("health")["ready"] is False, what="not ready")
        consumer.wait_for_beats(1)
        assert not consumer.on("quote,AAPL,")
        assert not [c for c in fake.commands if c[0] == "w"]
