"""Readers of files: clients', settings, kept leases, the audit log's chain."""

import contextlib
import functools
import io
import tempfile
from pathlib import Path
from typing import Final

import structlog

from gateway.control.claims import services_of
from gateway.control.watch_list import parse_watch_list
from gateway.errors import ConfigError
from gateway.iqfeed.commands import check_symbol
from gateway.logs.chain import GENESIS, Head, read_head, seal, spell
from gateway.logs.chain_check import LogFile, check
from gateway.model.messages import Kind
from gateway.policy.client_record import parse_client
from gateway.policy.entitlements import UserRights
from gateway.runtime.key_files import FILE_BYTES_MAX
from gateway.runtime.state_files import StateFiles
from gateway.settings import load_settings
from tests.fuzz.target import KEY_TEXT, Broken, Target

CLIENT: Final = f"""\
public_key: "{KEY_TEXT}"
role: monitor
since: 2026-11-27T10:00:00Z
allow:
  - kinds: [quote, l2]
    symbols: [AAPL, "@ES*", ON]
  - {{kinds: ["*"], symbols: ["QCL#"]}}
deny: [{{kinds: [trade], symbols: ["MSF?"]}}]
addresses: [10.1.2.0/24, "::1", ipc]
quotas: {{connections_max: 2, symbols_max: 500}}
relay: false
"""
SETTINGS: Final = """\
gateway_id: desk
data: {bind: "tcp://127.0.0.1:7700", high_water_mark: 100000}
control:
  bind: tcp://127.0.0.1:7701
http: {enabled: true, bind: "127.0.0.1:7702"}
iqconnect: {host: 127.0.0.1, level1_port: 5009}
security: {keys_dir: null}
log: {level: info, file_mb_max: 10}
"""
SYMBOLS: Final = b"""\
{"comment": "all", "lists": [
  {"name": "large", "kinds": ["l1", "book@250x5"], "symbols": ["AAPL", "MSFT"]},
  {"name": "futures", "comment": "", "kinds": ["order", "quote@100"],
   "symbols": ["@ES#", "AAPL"]}
]}
"""
SYMBOLS_MAX: Final = 100
LEASES: Final = (
    b'[{"lease_id": "a", "client": "desk", "user": "", "lease_s": 60, "expires_us": 5,'
    b' "claims": [["AAPL", ["quote", "trade"]]]}]'
)


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="fuzz-")


def _write(name: str, data: bytes) -> Path:
    path = Path(_folder().name) / name
    path.write_bytes(data)
    return path


def run_client_file(data: bytes) -> None:
    """Read a client's file; what is taken must be something to judge by."""
    try:
        text = data[:FILE_BYTES_MAX].decode("utf-8")
        record = parse_client(text, name="desk")
    except (ConfigError, UnicodeDecodeError):
        return
    rights = UserRights(record)
    for kind in Kind:
        for symbol in ("AAPL", "MSFT", "@ESZ26"):
            is_all = kind is not Kind.SYS and rights.may_all(kind, symbol)
            if is_all and not rights.may(kind, symbol):
                raise Broken(f"all that begin with {symbol} may be heard, and it may not")
    record.may_come_from("10.1.2.3")
    record.may_come_from("::ffff:10.1.2.3")


def run_settings(data: bytes) -> None:
    """Read a file of settings."""
    with contextlib.suppress(ConfigError):
        load_settings(_write("settings.yaml", data))


def run_symbols(data: bytes) -> None:
    """Read a file of symbols; what is taken can be asked of the vendor, and errors have lines."""
    text = data.decode("utf-8", "replace")
    try:
        claims = parse_watch_list(text, file="s.json", symbol_count_max=SYMBOLS_MAX)
    except ConfigError as error:
        if ":0" in str(error.facts.get("source", "")):
            raise Broken(f"a line before the first: {error}") from error
        return
    symbols = [claim.symbol for claim in claims]
    if len(set(symbols)) != len(symbols) or len(symbols) > SYMBOLS_MAX:
        raise Broken(f"{len(symbols)} symbols, {len(set(symbols))} of them different")
    for claim in claims:
        check_symbol(claim.symbol)
        if not services_of(claim.kinds):
            raise Broken(f"nothing is delivered for {claim}")


def run_leases(data: bytes) -> None:
    """Read the leases of an earlier run, and its epoch."""
    _write("leases.json", data)
    _write("epoch", data)
    with structlog.testing.capture_logs():
        files = StateFiles(Path(_folder().name))
        records = files.read_leases()
        if files.next_epoch(1_000) < 1_000:
            raise Broken("an epoch before its time")
    if not isinstance(records, list):
        raise Broken("no list of leases")


def run_audit_log(data: bytes) -> None:
    """Check an audit log; only an untouched one is whole."""
    report = check([LogFile("audit.log", lambda: iter(io.BytesIO(data)))], HEAD)
    if (data == WHOLE) != (not report.breaks):
        raise Broken(f"{'an untouched' if data == WHOLE else 'a changed'} log: {report.breaks}")
    read_head(data.decode("utf-8", "replace"))


def _log() -> tuple[bytes, Head]:
    lines, previous = [], GENESIS
    bodies = (
        f'{{"event": "audit_file_begun", "previous": "{GENESIS}", "first": 1}}',
        '{"time": "2026-11-27T10:00:01Z", "event": "auth_ok", "user": "desk"}',
        '{"time": "2026-11-27T10:00:02Z", "event": "sub_denied", "count": 3}',
    )
    for number, body in enumerate(bodies, 1):
        line = seal(body, number=number, previous=previous)
        lines.append(spell(line).encode("ascii") + b"\n")
        previous = line.chain
    return b"".join(lines), Head(len(bodies), previous, True)


WHOLE, HEAD = _log()
NESTED: Final = (b"[" * 2_000, b'{"a":' * 400)
"""Nesting without an end."""
FILE_TARGETS: Final = (
    Target(
        "client_file",
        lambda: run_client_file,
        (CLIENT.encode(), f'public_key: "{KEY_TEXT}"\n'.encode(), b"allow: &a [*a]\n", NESTED[0]),
        tokens=(
            *(b"public_key", b"role", b"allow", b"deny", b"kinds", b"symbols", b"addresses"),
            *(
                b"quotas",
                b"relay",
                b"since",
                b"admin",
                b"!!python/object:os.x",
                b"&a ",
                b"*a",
                b"<<",
            ),
        ),
        separator=b"\n",
    ),
    Target(
        "settings_file",
        lambda: run_settings,
        (
            SETTINGS.encode(),
            b"",
            b"security: {keys_dir: /x}\n",
            b"a: &a [*a]\n",
            b"a: &a {b: &b [1]}\nc: {<<: *a, d: *b}\n",
            NESTED[0],
        ),
        tokens=(
            *(b"data", b"control", b"bind", b"security", b"license", b"health", b"0.0.0.0"),
            *(
                b"redistribution_acknowledged: true",
                b"2026-13-01",
                b"&a ",
                b"*a",
                b"!!set",
                b".nan",
            ),
        ),
        separator=b"\n",
    ),
    Target(
        "symbols_file",
        lambda: run_symbols,
        (SYMBOLS, b'{"lists": []}', b"{}", *NESTED),
        tokens=(
            *(b'"lists"', b'"name"', b'"kinds"', b'"symbols"', b'"comment"', b'"l1"', b'"l2"'),
            *(b'"quote@250"', b'"book@50x5"', b'"news"', b'"@ES#"', b'"msft"', b"9" * 5_000),
            *(b'"\\u0041"', b'"\\ud800"', b"1e400", b"NaN", b"\n"),
        ),
        separator=b",",
    ),
    Target(
        "leases_file",
        lambda: run_leases,
        (LEASES, b"[]", b"1790000000000", *NESTED),
        tokens=(b'"claims"', b'"expires_us"', b"1e400", b"9" * 30, b"\\ud800"),
        separator=b",",
    ),
    Target(
        "audit_log",
        lambda: run_audit_log,
        (WHOLE, b'{"no": 3, "chain": "%s", "closed": true}' % (b"0" * 64), *NESTED),
        tokens=(b'"no": ', b'"chain": ', b'"event": "audit_line_torn"', b'"continues": '),
        separator=b"\n",
    ),
)
