"""Hostile names: none becomes a topic, a vendor's command, a log line or a way to a secret."""

import html
import json
import random
import re
import signal
import string
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import pytest
import zmq
import zmq.utils.z85

from gateway.policy.curve_keys import KEY_CHARACTERS
from gateway.settings import load_settings
from tests.support.consumer import Consumer
from tests.support.fake_iqconnect import FakeIqconnect
from tests.support.fault_table import fault_row, note
from tests.support.keyring import EVERYTHING, Keyring
from tests.support.processes import GatewayProcess, run_command
from tests.support.requester import Requester
from tests.support.stage import Stage, free_ports, scripted, wait_until

pytestmark = pytest.mark.slow
SYMBOL_CHARACTERS_MAX: Final = 64
"""Longer ones are no parameter at all."""
SEED: Final = 20260918
INJECTIONS: Final = (
    "AAPL\r\nS,DISCONNECT",
    "AAPL\nwMSFT",
    "AAPL\rS,REMOVE ALL",
    "AAPL\x00",
    "AAPL,MSFT",
    "S,KEY",
    "AAPL ",
    " AAPL",
    "",
    "\u0410APL",
    "AAPL\u2028",
    "\uff21\uff21\uff30\uff2c",
    "A" * 300,
    "A" * 5_000,
    "AAPL\x1b[2J",
    'AAPL","level":"info',
    "{'a': 1}",
    "%s%n",
    "../../etc/passwd",
    "~0123456789abcd.quote",
    "aapl",
)
"""One of each kind: line ends, separators, look-alikes, controls, formats."""
LINE: Final = re.compile(r"[wrftx][A-Z0-9@#&.\-_^+/=!$*: ]{1,60}|S,[A-Z0-9 ,._()%/&\-a-z]*|T|W.*")
"""What the vendor's grammar lets a line be, at its most generous; no controls."""


def names(count: int) -> Iterator[str]:
    """The injections, and random text of every sort."""
    yield from INJECTIONS
    rng = random.Random(SEED)
    alphabets = (string.printable, "AAPL\r\n,\0", "".join(map(chr, range(0x20, 0x250))))
    for _ in range(count):
        alphabet = rng.choice(alphabets)
        yield "".join(rng.choice(alphabet) for _ in range(rng.randint(1, 60)))


def ask_for_all(stage: Stage, hostile: list[str]) -> list[dict[str, Any]]:
    """Ask for names on both sockets; what was refused."""
    requester = stage.requester()
    rejected: list[dict[str, Any]] = []
    short = [name for name in hostile if len(name) <= SYMBOL_CHARACTERS_MAX]
    for name in set(hostile) - set(short):
        params: dict[str, Any] = {"symbols": [name[:1_000]], "kinds": ["l1"]}
        assert requester.error("subscribe", client="c", **params)["code"] == "bad_request"
    for start in range(0, len(short), 100):
        part = short[start : start + 100]
        reply = requester.call("subscribe", client="c", symbols=part, kinds=["l1"], lease_s=30)
        assert reply["ok"], reply
        rejected += reply["result"]["rejected"]
    for name in hostile:
        if len(name) <= 1_000:
            assert "ok" in requester.call("why", symbol=name)
            assert "ok" in requester.call("resync", topic=f"quote,{name},")
    return rejected


@fault_row(70)
@fault_row(71)
def test_no_hostile_name_reaches_a_topic_or_the_vendor() -> None:
    """Whatever is asked for on either socket, the vendor sees lines of its own grammar only."""
    hostile = list(names(1_000))
    fake = FakeIqconnect()
    with scripted(fake) as stage:
        everything = stage.consumer("state,", "quote,", "trade,", "summary,")
        rejected = ask_for_all(stage, hostile)
        with zmq.Context() as context:
            sub = context.socket(zmq.SUB)
            sub.setsockopt(zmq.LINGER, 0)
            sub.setsockopt(zmq.SNDHWM, 0)
            sub.connect(stage.gateway.endpoints["data"])
            for name in hostile:
                for kind in ("quote", "~0123456789abcd.quote"):
                    sub.setsockopt(zmq.SUBSCRIBE, f"{kind},{name},".encode()[:900])
            sub.setsockopt(zmq.SUBSCRIBE, b"quote,ZVZZT,")
            wait_until(lambda: any("wZVZZT" in c for c in fake.commands), what="the last is read")
            sub.close()
        list(everything.stream(0.5))
        commands = list(fake.commands)
        topics = {message.topic for message in everything.messages}
    refused = {entry["symbol"] for entry in rejected}
    for name in INJECTIONS:
        if len(name) <= SYMBOL_CHARACTERS_MAX:
            assert name in refused, ascii(name)
    wrong = [line for line in commands if not LINE.fullmatch(line)]
    assert wrong == []
    assert not any("DISCONNECT" in line or "REMOVE" in line for line in commands)
    assert all(re.fullmatch(r"[a-z]+,[\x21-\x2b\x2d-\x7e]{1,48},", topic) for topic in topics)
    more = f"{len(refused)} refused, {len(commands)} lines sent to the vendor"
    note(70, f"{len(hostile)} hostile names, seed {SEED}", more=more)
    note(71, "command injection", more="0 lines outside the grammar")


def log_lines(folder: Path) -> Iterator[tuple[str, str]]:
    """Every line of every log file, with the file's name."""
    for path in sorted(folder.rglob("*.log*")):
        for line in path.read_bytes().decode("latin-1").splitlines():
            yield path.name, line


@fault_row(72)
def test_no_hostile_text_makes_or_breaks_a_log_line(tmp_path: Path) -> None:
    """Names, reasons, topics and routing ids go into the log; each line is one JSON object."""
    level1, admin = free_ports(2)
    settings = {
        "log": {"directory": str(tmp_path / "logs"), "level": "debug", "repeats_per_minute_max": 0},
        "security": {"allow_local_admin": True},
    }
    hostile = [name[:500] for name in names(60)]
    with GatewayProcess(
        tmp_path, level1_port=level1, admin_port=admin, settings=settings
    ) as gateway:
        gateway.start()
        with zmq.Context() as context:
            for number, name in enumerate(hostile):
                dealer = context.socket(zmq.DEALER)
                dealer.setsockopt(zmq.LINGER, 500)
                dealer.setsockopt(zmq.ROUTING_ID, (f"{number}{name}".encode() or b"x")[:255])
                dealer.connect(gateway.control)
                dealer.send(name.encode() or b"\xff")
                dealer.poll(2_000)
                dealer.close()
        with gateway.requester() as requester, Consumer(gateway.data, "sys,") as consumer:
            for name in hostile:
                requester.call("hello", client=name, data_token="0123456789abcdef" * 2)
                requester.call("subscribe", client=name, symbols=[name], kinds=[name])
                requester.call("subscribe", client="x", symbols=["A" + name], kinds=["quote"])
                requester.call("admin.evict", peer=name, reason=name)
                requester.call("admin.evict", peer=name, reason="tidy")
                requester.call("admin.reconnect", port=name, reason=name)
                requester.call(name)
                consumer.subscribe(f"quote,{name},".encode().decode("latin-1"))
        gateway.send_signal(signal.SIGTERM)
        assert gateway.wait()[0] == 0
        printed = gateway.printed()
    lines = [*log_lines(tmp_path / "logs"), *(("stderr", one) for one in printed.splitlines())]
    for file, line in lines:
        event = json.loads(line)
        assert isinstance(event, dict), (file, line)
        assert line.isascii(), (file, line)
        assert line.isprintable(), (file, line)
    audit = [json.loads(line) for file, line in lines if file == "audit.log"]
    evictions = [event for event in audit if event.get("method") == "admin.evict"]
    assert len(evictions) == 2 * len(hostile), "one line each, whatever they were"
    code, _ = run_command("audit", "verify", str(tmp_path / "logs"))
    assert code == 0
    note(72, f"{len(hostile)} hostile texts", more=f"{len(lines)} lines, all of them JSON")


def spellings(secret: str) -> set[str]:
    """How a secret may be written: as it is, and its bytes in other alphabets."""
    raw = {secret.encode()}
    if len(secret) == KEY_CHARACTERS:
        raw.add(zmq.utils.z85.decode(secret.encode()))
    others = {one for data in raw for one in (data.hex(), b64encode(data).decode(), repr(data))}
    return {secret, json.dumps(secret)[1:-1], html.escape(secret), quote(secret), *others}


def answers(requester: Requester, secrets: dict[str, str]) -> dict[str, str]:
    """Everything that requests are answered, errors included, by what was asked."""
    shown: dict[str, str] = {}
    for method in (
        *("health", "metrics", "diagnostics", "alerts", "errors", "subscriptions"),
        *("hello", "describe", "symbols", "trends"),
    ):
        shown[method] = json.dumps(requester.result(method), default=repr)
    wrong: tuple[tuple[str, dict[str, Any]], ...] = (
        ("hello", {"client": secrets["password"]}),
        ("admin.evict", {"peer": secrets["login"], "reason": secrets["password"]}),
        ("why", {"symbol": secrets["password"]}),
        ("no_such_method", {}),
        ("admin.reconnect", {"port": "nowhere", "reason": "test"}),
        ("admin.set_thresholds", {"thresholds": {"no": 1}, "reason": "test"}),
        ("snapshot", {"topics": ["nothing"]}),
    )
    for method, params in wrong:
        reply = requester.call(method, **params)
        # What somebody says himself is no secret to him.
        own = json.dumps(params)
        shown[f"error of {method}"] = (
            ""
            if any(secret in own for secret in secrets.values())
            else json.dumps(reply, default=repr)
        )
    return shown


def printed_by_commands(config: Path, keys: Path, logs: Path) -> dict[str, str]:
    """What commands print about a gateway, by command."""
    commands = {
        "validate": ("--config", str(config)),
        "doctor": ("--config", str(config), "--json"),
        "keys": ("list", "--keys-dir", str(keys)),
        "audit": ("show", str(logs)),
    }
    return {name: run_command(name, *told, seconds=60.0)[1] for name, told in commands.items()}


@fault_row(73)
def test_no_secret_is_in_anything_the_gateway_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Logs, audit log, health, metrics, diagnostics, pages, what commands print, and reprs."""
    ring = Keyring(tmp_path, "root")
    ring.add("root", role="admin", allow=EVERYTHING)
    secrets = {
        "server's secret key": ring.server.secret,
        "client's secret key": ring.pairs["root"].secret,
        "login": "trader418",
        "password": "s3cret-Pa55word",
        "token": "tok-0123456789abcdef",
        "address": "hooks-9f8e7d",
    }
    for name in ("login", "password"):
        monkeypatch.setenv(f"IQFEED_{name.upper()}", secrets[name])
    monkeypatch.setenv("IQFEED_PRODUCT_ID", "MY_PROD_1")
    level1, admin, hook = free_ports(3)
    settings: dict[str, Any] = {
        "log": {"directory": str(tmp_path / "logs"), "level": "debug"},
        "security": {"keys_dir": str(ring.directory)},
        "alerts": {"webhook_url": f"http://127.0.0.1:{hook}/{secrets['address']}"},
    }
    shown: dict[str, str] = {}
    with GatewayProcess(
        tmp_path, level1_port=level1, admin_port=admin, settings=settings, keys=ring.keys("root")
    ) as gateway:
        gateway.start()
        with Requester(gateway.control, keys=ring.keys("root")) as requester:
            shown |= answers(requester, secrets)
            # What somebody said where a symbol belongs is an error that others may read.
            shown["errors behind"] = json.dumps(requester.result("errors"))
            assert "symbol" in shown["errors behind"]
        for path in ("/metrics", "/healthz", "/readyz", "/"):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{gateway.http_port}{path}") as page:
                    shown[path] = page.read().decode()
            except urllib.error.HTTPError as error:
                shown[path] = error.read().decode()
        shown["command line"] = Path(f"/proc/{gateway.pid}/cmdline").read_text()
        limits = Path(f"/proc/{gateway.pid}/limits").read_text()
        gateway.send_signal(signal.SIGTERM)
        assert gateway.wait()[0] == 0
        shown["stderr"] = gateway.printed()
    shown["repr"] = repr(load_settings(config := tmp_path / "gateway.yaml"))
    shown |= printed_by_commands(config, ring.directory, tmp_path / "logs")
    for file in (tmp_path / "logs").rglob("*"):
        shown[file.name] = file.read_text(encoding="latin-1") if file.is_file() else ""
    hits = {
        (where, name)
        for where, text in shown.items()
        for name, secret in secrets.items()
        for spelled in spellings(secret)
        if spelled in text and not (name == "address" and where == "repr")
    }
    assert hits == set()
    assert all(shown[where] for where in ("validate", "doctor", "keys", "audit", "/metrics"))
    # The image of a process has them: it must not be written anywhere.
    assert re.search(r"Max core file size +0 +0 ", limits), limits
    note(73, f"{len(secrets)} secrets", more=f"looked for in {len(shown)} outputs, 0 hits")
