"""Books of ten thousand orders: images of them are whole, cached, and do not hold up data."""

import pytest

from tests.support.stage import simulated

pytestmark = pytest.mark.slow
BIG, OTHER = "@ES#", "AAPL"
ORDERS_A_SIDE = 5_000


@pytest.mark.long
def test_an_image_of_ten_thousand_orders_is_whole_and_in_step() -> None:
    """It is one frame with the sequence of the last order told, however large."""
    with simulated(rate=300.0, depth_rate=2000.0, depth_orders=ORDERS_A_SIDE) as stage:
        consumer = stage.consumer(f"order,{BIG},", f"book,{BIG},", f"quote,{OTHER},")
        consumer.wait_for(lambda m: m.kind == "book", what="book", seconds=20.0)
        for _ in range(3):
            image = consumer.ask(f"order,{BIG},")
            assert image.type == 13
            rows = {row[2]: row for row in image.values[0]}
            assert len(rows) == len(image.values[0]) > ORDERS_A_SIDE
            before = [m for m in consumer.on(f"order,{BIG},") if m.sequence <= image.sequence]
            assert before[-1].sequence == image.sequence, "nothing between image and stream"
            for message in before[-200:]:
                action, number = message.values[0], message.values[2]
                assert action in ("add", "update", "delete")
                later = [m for m in before if m.values[2] == number][-1]
                if later.values[0] == "delete":
                    assert number not in rows
                else:
                    assert rows[number][4:6] == later.values[4:6]
        stage.call(stage.simulator.hold_market, True)
        for _ in consumer.stream(0.5):
            continue
        first, second = consumer.ask(f"order,{BIG},"), consumer.ask(f"order,{BIG},")
        assert first.body == second.body
        true = stage.call(stage.simulator.true_orders, BIG)
        assert [row[2] for row in first.values[0]] == [order.order_id for order in true]
        reply = stage.requester().result("snapshot", topics=[f"order,{BIG},"])
        assert reply[0]["body"] == first.body
        consumer.history.check()


def test_a_hundred_images_at_once_leave_room_for_prices() -> None:
    """Answers are delayed, never refused, and quotes go on between them."""
    with simulated(rate=500.0, depth_orders=2_000) as stage:
        consumer = stage.consumer(f"order,{BIG},", f"book,{BIG},")
        consumer.wait_for(lambda m: m.kind == "book", what="book", seconds=20.0)
        quotes = stage.consumer(f"quote,{OTHER},")
        quotes.wait_for_topic(f"quote,{OTHER},")
        privates = [f"~{number:020}.order,{BIG}," for number in range(100)]
        consumer.subscribe(*privates)
        answers = consumer.wait_for_all(
            set(privates), lambda m: m.type == 13, what="images", seconds=20.0
        )
        assert len(answers) == len(privates)
        began_s, ended_s = answers[0].at_s, answers[-1].at_s
        for _ in quotes.stream(0.5):
            continue
        print(f"{len(answers)} images in {ended_s - began_s:.3f} s")
        quotes.history.check()
