"""The script of trouble: what goes wrong around a client, and what it is asked meanwhile.

Each scene is one client in a world of its own. The prices are scripted, so what a client of any
language answers is the same, line for line: `trouble.txt` has it.
"""

import signal
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.e2e.clients.live import LiveClient
from tests.e2e.clients.world import AT, ES, UNKNOWN, World, world
from tests.support.keyring import Keyring
from tests.support.languages import PYTHON, Language
from tests.support.stage import wait_until

SNAPSHOT, REPLAY, STALE = "1", "2", "16"
UNDER_LOAD: Final = 1_500
FLOOD: Final = 4_000
SCENES: dict[str, Callable[[Language, list[str], Path], None]] = {}

Scene = Callable[[Language, list[str], Path], None]


def scene(play: Scene) -> Scene:
    """List a scene under its name."""
    SCENES[play.__name__] = play
    return play


def connect(client: LiveClient, one: World, **options: int) -> None:
    """Connect as a strategy would."""
    client.tell("connect", **one.ends, client_name="strategy", options=options)


@scene
def joins_under_load(language: Language, told: list[str], _: Path) -> None:
    """A subscription in the middle of a storm begins at one place and has everything behind it."""
    with world() as one, LiveClient(language, told) as client:
        consumer = one.stage.consumer("trade,AAPL,", "quote,AAPL,")
        consumer.wait_for_topic("quote,AAPL,")
        is_joined = threading.Event()

        def storm() -> None:
            left = UNDER_LOAD
            while left > 0 or not is_joined.is_set():
                one.trade("AAPL", 10)
                one.quote("AAPL", f"{20 + left % 7}.5")
                left -= 10

        storming = threading.Thread(target=storm)
        storming.start()
        try:
            connect(client, one)
            client.tell("subscribe", symbols=["AAPL"], kinds=["quote", "trade"])
            client.next("quote", "topic", "ask", symbol="AAPL")
            client.next("trade", "topic", "market_center", "conditions", "basis", symbol="AAPL")
        finally:
            is_joined.set()
            storming.join()
        one.quote("AAPL", "77.25")
        client.next("quote", "bid", "ask", "bid_us", symbol="AAPL", bid=77.25)
        client.do("drain", timeout_s=5)
        check_ledger(client, "trade,AAPL,", lost="0")


def has_no_holes(client: LiveClient) -> bool:
    """Whether all trades between the first and the last one have come, or are named."""
    client.do("drain", timeout_s=1)
    return bool(client.do("ledger", topic="trade,AAPL,")["holes"] == "0")


def check_ledger(client: LiveClient, topic: str, **wanted: str) -> None:
    """Everything came once, or is named."""
    found = client.do("ledger", topic=topic)
    assert int(found["delivered"]) > 0, found
    wanted = {"repeated": "0", "holes": "0", **wanted}
    assert {name: found[name] for name in wanted} == wanted, found


@scene
def loses_messages(language: Language, told: list[str], _: Path) -> None:
    """Lost trades come again, a lost quote is replaced, and a lost last message is noticed."""
    with world(has_relay=True) as one, LiveClient(language, told) as client:
        connect(client, one)
        client.tell("subscribe", symbols=["MSFT"], kinds=["quote", "trade"])
        client.next("quote", "bid", "ask", symbol="MSFT", bid=10.0)
        one.wait_for_subscriber("trade,MSFT,")
        one.trade("MSFT", 3)
        for number in ("1", "2", "3"):
            client.next(
                "trade", "price", "size", "trade_id", "flags", symbol="MSFT", sequence=number
            )
        one.lose("trade,MSFT,", 2)
        one.trade("MSFT", 3)
        gap = ("topic", "first_missing", "last_missing", "healed", "is_final")
        client.next("gap", *gap)
        client.next("trade", "price", "flags", symbol="MSFT", sequence="6")
        client.next("trade", "price", "flags", symbol="MSFT", sequence="4", flags_has=REPLAY)
        client.next("trade", "price", "flags", symbol="MSFT", sequence="5", flags_has=REPLAY)
        client.next("gap", *gap, healed=True)
        one.lose("quote,MSFT,")
        one.quote("MSFT", "10.25")
        one.wait_for_losses()
        one.quote("MSFT", "10.5")
        client.next("gap", "topic", "healed", "is_final", topic="quote,MSFT,", healed=False)
        client.next("quote", "bid", symbol="MSFT", flags_has=SNAPSHOT, bid=10.5)
        client.next("gap", "topic", "healed", "is_final", topic="quote,MSFT,", healed=True)
        one.lose("trade,MSFT,")
        one.trade("MSFT")
        client.next("gap", *gap, topic="trade,MSFT,", healed=False)
        client.next("trade", "price", "size", symbol="MSFT", sequence="7", flags_has=REPLAY)
        client.next("gap", *gap, topic="trade,MSFT,", healed=True)
        client.tell("ledger", topic="trade,MSFT,")


@scene
def asks_for_what_there_is_not(language: Language, told: list[str], _: Path) -> None:
    """A refusal has a reason, and spoils nothing beside it."""
    with world() as one, LiveClient(language, told) as client:
        connect(client, one)
        client.tell("subscribe", symbols=["AAPL", "aapl"], kinds=["quote", "state"])
        client.next("quote", "bid", symbol="AAPL", bid=10.0)
        client.tell("subscribe", symbols=[UNKNOWN], kinds=["quote", "state"])
        client.next("state", "state", "cause", symbol=UNKNOWN, state="refused")
        client.tell("subscribe", symbols=["AAPL"], kinds=["nokind"])
        client.tell("request", method="no_such", params={}, fields=[])
        client.tell("request", method="why", params={"symbol": UNKNOWN}, fields=["state", "cause"])
        client.tell("request", method="hello", params={}, fields=["protocol", "gateway_id"])
        client.tell("snapshot", topics=["quote,AAPL,"], fields=["item", "topic", "bid", "ask"])
        client.tell("unsubscribe", symbols=["AAPL"])
        one.quote("AAPL", "10.75")
        client.do("drain", timeout_s=5)
        client.tell("health")


@scene
def upstream_goes_and_comes(language: Language, told: list[str], _: Path) -> None:
    """Every value says at once that it is old, and when it is not any more."""
    with world() as one, LiveClient(language, told) as client:
        connect(client, one)
        client.tell("subscribe", symbols=["AAPL"], kinds=["quote", "state"])
        client.next("state", "state", "cause", symbol="AAPL", state="live")
        one.quote("AAPL", "10.5")
        client.next("quote", "bid", "ask", symbol="AAPL", bid=10.5, flags_not=STALE)
        one.stage.run(one.fake.stop())
        client.next("state", "state", "cause", symbol="AAPL", state="stale")
        client.next("quote", "bid", "ask", "flags", symbol="AAPL", flags_has=STALE)
        one.stage.run(one.fake.start())
        client.next("state", "state", "cause", symbol="AAPL", state="live")
        one.quote("AAPL", "10.75")
        client.next("quote", "bid", "ask", symbol="AAPL", bid=10.75, flags_not=STALE)


@scene
def gateway_starts_anew(language: Language, told: list[str], _: Path) -> None:
    """The client is told, holds what it held, and goes on without a word of its user's."""
    with world() as one, LiveClient(language, told) as client:
        connect(client, one, heartbeat_silence_s=2)
        client.tell("subscribe", symbols=["AAPL"], kinds=["quote", "trade"])
        client.next("quote", "bid", symbol="AAPL")
        one.wait_for_subscriber("trade,AAPL,")
        one.trade("AAPL", 2)
        client.next("trade", "price", "size", symbol="AAPL", sequence="2")
        one.stage.stop_gateway()
        client.next("goodbye", "symbol")
        client.next("disconnected", "cause")
        one.restart()
        client.next("gateway_restarted", "item")
        client.next("quote", "bid", symbol="AAPL")
        wait_until(one.is_watched, what="the watch of the restarted gateway")
        one.quote("AAPL", "12.5")
        client.next("quote", "bid", "ask", symbol="AAPL", bid=12.5)
        client.tell("statistics", fields=["restarts", "bad_frames"])


@scene
def reads_slowly(language: Language, told: list[str], _: Path) -> None:
    """What is skipped is named, what comes next is current."""
    with world() as one, LiveClient(language, told) as client:
        connect(client, one, queue_capacity=500, conflate_above=100)
        client.tell("subscribe", symbols=["AAPL"], kinds=["quote", "trade"])
        client.next("quote", "bid", symbol="AAPL")
        one.wait_for_subscriber("trade,AAPL,")
        one.trade("AAPL")
        client.next("trade", "price", symbol="AAPL", sequence="1")
        one.trade("AAPL", FLOOD)
        one.quote("AAPL", "55.5")
        client.do("pause", seconds=2)
        client.next("overrun", "item")
        client.next("quote", "bid", symbol="AAPL", bid=55.5)
        client.do("drain", timeout_s=5)
        one.trade("AAPL")
        client.next("trade", "price", "size", symbol="AAPL", sequence=str(FLOOD + 2))
        check_ledger(client, "trade,AAPL,")
        found = client.do("ledger", topic="trade,AAPL,")
        assert int(found["delivered"]) + int(found["lost"]) == FLOOD + 2, found


@scene
def is_reset_while_its_queue_is_full(language: Language, told: list[str], _: Path) -> None:
    """The gateway cuts a connection that lags; the process lives, and comes back by itself."""
    settings = {"security": {"allow_local_admin": True}}
    with world(settings=settings) as one, LiveClient(language, told) as client:
        connect(client, one, rcvhwm=10)
        client.tell("subscribe", symbols=["AAPL"], kinds=["quote", "trade"])
        client.next("quote", "bid", symbol="AAPL")
        one.wait_for_subscriber("trade,AAPL,")
        one.trade("AAPL")
        client.next("trade", "price", symbol="AAPL", sequence="1")
        for _round in range(3):
            client.send_signal(signal.SIGSTOP)
            try:
                one.trade("AAPL", FLOOD)
                one.evict("strategy")
            finally:
                client.send_signal(signal.SIGCONT)
            client.do("drain", timeout_s=3)
            assert client.is_running
        one.wait_for_subscriber("quote,AAPL,")
        one.quote("AAPL", "66.5")
        client.next("quote", "bid", symbol="AAPL", bid=66.5)
        # The loss of a last message is found when the gateway next tells of quiet topics.
        wait_until(lambda: has_no_holes(client), what="an account of all trades", seconds=15.0)
        check_ledger(client, "trade,AAPL,")


@scene
def has_a_key(language: Language, told: list[str], folder: Path) -> None:
    """Only who has a key comes in, and only to what it may see."""
    ring = Keyring(folder)
    ring.add(
        "strategy",
        role="consumer",
        allow=[{"kinds": ["*"], "symbols": ["AAPL"]}],
    )
    own, strange = folder / "strategy.key", folder / "strange.key"
    for path, keys in ((own, ring.keys("strategy")), (strange, ring.stranger())):
        path.write_text(
            f'server_public_key: "{keys.server_public_key}"\n'
            f'public_key: "{keys.public_key}"\nsecret_key: "{keys.secret_key}"\n'
        )
        path.chmod(0o600)
    with world(settings=ring.settings) as one, LiveClient(language, told) as client:
        options = {"connect_timeout_s": 2}
        client.tell("connect", **one.ends, client_name="x", keys=str(strange), options=options)
        client.tell("connect", **one.ends, client_name="x", options=options)
        client.tell("connect", **one.ends, client_name="strategy", keys=str(own))
        client.tell("subscribe", symbols=["AAPL", "MSFT"], kinds=["quote", "trade"])
        client.next("quote", "topic", "bid", symbol="AAPL")
        one.wait_for_subscriber("trade,AAPL,")
        one.trade("AAPL", 2)
        client.next("trade", "price", symbol="AAPL", sequence="2")
        client.tell("request", method="admin.reload", params={"reason": "?"}, fields=[])


@scene
def follows_a_book(language: Language, told: list[str], _: Path) -> None:
    """The mirror is the gateway's book, before and after a loss."""
    with world(has_relay=True) as one, LiveClient(language, told) as client:
        connect(client, one)
        client.do("book", kind="depth", symbol=ES)
        client.tell("subscribe", symbols=[ES], kinds=["depth", "state"])
        one.wait_for_subscriber(f"depth,{ES},")
        one.depth.wait_for_command(f"WPL,{ES}", seconds=15.0)
        # The rows come one by one or in an image, as it happens.
        client.do("drain", timeout_s=5)
        one.level(f"7,{ES},A,100.75,3,1,2,{AT},")
        client.next("depth", "action", "side", "price", "size", symbol=ES, price=100.75)
        client.do("drain", timeout_s=2)
        client.tell("mirror", kind="depth", symbol=ES, levels=3)
        one.lose(f"depth,{ES},")
        one.level(f"9,{ES},B,100.25,{AT},")
        one.wait_for_losses()
        one.level(f"8,{ES},A,100.50,2,1,2,{AT},")
        client.next("gap", "topic", "healed", topic=f"depth,{ES},", healed=False)
        client.next("image", "topic", symbol=ES)
        client.next("gap", "topic", "healed", topic=f"depth,{ES},", healed=True)
        client.do("drain", timeout_s=2)
        client.tell("mirror", kind="depth", symbol=ES, levels=3)


def play(name: str, language: Language, folder: Path) -> str:
    """Play one scene; returns its transcript."""
    told: list[str] = []
    SCENES[name](language, told, folder)
    return "".join(f"{line}\n" for line in told)


def expected(path: Path) -> dict[str, str]:
    """The transcripts by scene."""
    scenes: dict[str, list[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("# "):
            scenes[line.removeprefix("# ")] = []
        elif line:
            scenes[next(reversed(scenes))].append(line)
    return {name: "".join(f"{line}\n" for line in lines) for name, lines in scenes.items()}


def write(language: Language, path: Path, folder: Path) -> None:
    """Play all scenes and write their transcripts, to be read before they are kept."""
    parts = [f"# {name}\n{play(name, language, folder / name)}" for name in SCENES]
    path.write_text("\n".join(parts), encoding="utf-8")


TRANSCRIPTS: Final = Path(__file__).with_name("trouble.txt")

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as root:
        for name in SCENES:
            (Path(root) / name).mkdir()
        write(PYTHON, TRANSCRIPTS, Path(root))
