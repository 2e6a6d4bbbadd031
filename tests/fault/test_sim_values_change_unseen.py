"""Values change while the gateway is cut off: what it is told afterwards is the last value."""

from gateway.simulator import symbol_state as column
from gateway.simulator.changes import ASK, BID
from tests.support.world import World, WorldOptions

SYMBOLS = ["AAPL", "MSFT", "EURUSD.FXCM"]
RUNS = 20


def test_the_answer_after_a_reconnection_is_never_late() -> None:
    """One side changes unseen, and nothing happens any more: no later line would correct it."""
    sides = 0
    for seed in range(RUNS):
        with World(WorldOptions(seed=seed, simulator={"rate": 20.0})) as world:
            world.lease(SYMBOLS, ["l1"])
            world.run(3.0)
            # Nothing of this arrives, and then IQConnect is another one that knows it.
            for wire in world.standing("level1"):
                wire.hold()
            for symbol in SYMBOLS:
                flags = 0
                for _ in range(50):
                    flags = world.source.late_quote(symbol)
                    if flags in (BID, ASK):
                        break
                sides += 1
            world.simulator.hold_market(True)
            for wire in world.standing("level1"):
                wire.reset()
            world.run(4.0)
            for symbol in SYMBOLS:
                assert world.checks.states.states[symbol] == ("live", None)
                state, body = world.source.state(symbol), world.checks.last[f"quote,{symbol},"]
                assert state is not None
                columns = state.columns
                true = [
                    float(columns[at]) for at in (column.BID_PRICE_COLUMN, column.ASK_PRICE_COLUMN)
                ]
                assert [body[6], body[8]] == true, f"seed {seed}: {symbol} {body}, market {true}"
                last = world.gateway.parts.board.symbols[symbol].quote.last
                assert last is not None
                assert [last[6], last[8]] == true, f"seed {seed}: {symbol} {last}, market {true}"
    print(f"{sides} quotes changed unseen in {RUNS} runs, every last value is the market's")
