"""What surrounds a client in the script of trouble: scripted prices, a gateway, a lossy path."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

from tests.support.fake_iqconnect import FakeIqconnect
from tests.support.lossy_relay import LossyRelay
from tests.support.stage import Stage, free_ports, scripted, wait_until

ES: Final = "@ESZ26"
AT: Final = "10:00:00.000001,2026-11-20"
LEVELS: Final = (
    f"7,{ES},B,100.25,5,1,2,{AT},",
    f"7,{ES},B,100.00,8,2,2,{AT},",
    f"7,{ES},A,100.50,7,1,2,{AT},",
)
"""The book that a watcher of levels is sent first."""
UNKNOWN: Final = "NOSUCH"


class World:
    """One gateway between a scripted IQConnect and a relay that loses what it is told to."""

    def __init__(
        self,
        stage: Stage,
        fake: FakeIqconnect,
        depth: FakeIqconnect,
        sections: Mapping[str, Any],
    ) -> None:
        self.stage = stage
        self._sections = sections
        self.fake = fake
        self.depth = depth
        self.relay: LossyRelay | None = None
        self._numbers: dict[str, int] = {}

    @property
    def ends(self) -> dict[str, str]:
        """Where a client connects to: through the relay if there is one."""
        ends = self.stage.gateway.endpoints
        data = self.relay.endpoint if self.relay is not None else ends["data"]
        return {"data": data, "control": ends["control"]}

    def trade(self, symbol: str, count: int = 1) -> None:
        """Send trades; the n-th one of a symbol has price 100 + n / 100 and size n."""
        lines = bytearray()
        for _ in range(count):
            number = self._numbers[symbol] = self._numbers.get(symbol, 0) + 1
            price = f"{100 + number / 100:.2f}"
            lines += self.fake.line(
                "Q",
                symbol,
                Message_Contents="C",
                Most_Recent_Trade=price,
                Most_Recent_Trade_Size=str(number),
                Last=price,
                TickID=str(number),
                Most_Recent_Trade_Conditions="01",
                Most_Recent_Trade_Market_Center="5",
                Bid="10",
                Ask="11",
                Total_Volume=str(1_000 + number),
            )
        self.stage.call(self.fake.send, bytes(lines))

    def wait_for_subscriber(self, topic: str) -> None:
        """Wait until the gateway has seen somebody subscribe to a topic.

        Its first message would else reach nobody; and nobody would have lost it.
        """
        pairs = self.stage.gateway._feed._parts.subscriptions._subscriptions
        name = topic.encode("ascii")
        wait_until(lambda: pairs.count(name) > 0, what=f"a subscriber of {topic}")

    def quote(self, symbol: str, bid: str) -> None:
        """Send a bid."""
        line = self.fake.line("Q", symbol, Message_Contents="b", Bid=bid, Ask="11")
        self.stage.call(self.fake.send, line)

    def level(self, *lines: str) -> None:
        """Send lines of the Level 2 port."""
        text = "".join(f"{line}\r\n" for line in lines)
        self.stage.call(self.depth.send, text.encode("latin-1"))

    def restart(self) -> None:
        """Start a gateway again where the last one was."""
        self.stage.start_gateway(
            level1_port=self.fake.port,
            admin_port=free_ports(1)[0],
            level2_port=self.depth.port,
            **self._sections,
        )

    def is_watched(self, symbol: str = "AAPL", times: int = 2) -> bool:
        """Whether the gateway has asked for a symbol so many times, all runs together."""
        return self.fake.commands.count(f"w{symbol}") >= times

    def evict(self, client: str) -> None:
        """Have the gateway cut a client's data connections."""
        requester = self.stage.requester()
        requester.result("admin.evict", peer=client, reason="a test of resets")

    def lose(self, topic: str, count: int = 1) -> None:
        """Have the relay lose the next frames of a topic."""
        assert self.relay is not None
        self.relay.lose(topic, count)

    def wait_for_losses(self) -> None:
        """Wait until all that was to be lost is."""
        assert self.relay is not None
        relay = self.relay
        wait_until(lambda: not relay.left_to_lose, what="the losses")


@contextlib.contextmanager
def world(*, has_relay: bool = False, settings: Mapping[str, Any] | None = None) -> Iterator[World]:
    """A fresh world.

    Args:
        has_relay: Whether clients hear the gateway through a relay.
        settings: Settings of the gateway, by section; its addresses stay when it is started again.
    """
    data, control = (f"tcp://127.0.0.1:{port}" for port in free_ports(2))
    sections: dict[str, Any] = {name: dict(values) for name, values in (settings or {}).items()}
    sections.setdefault("data", {})["bind"] = data
    sections["control"] = {"bind": control}
    fake = FakeIqconnect(unknown_symbols=[UNKNOWN])
    depth = FakeIqconnect(answers={f"WPL,{ES}": LEVELS, f"WOR,{ES}": [f"q,{ES},"]})
    with contextlib.ExitStack() as opened:
        stage = opened.enter_context(scripted(fake, level2=depth, settings=sections))
        one = World(stage, fake, depth, sections)
        if has_relay:
            relay = LossyRelay(data, seed=0, single=0.0, burst=0.0)
            one.relay = opened.enter_context(relay)
        yield one
