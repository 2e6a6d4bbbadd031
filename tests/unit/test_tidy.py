"""The house rules, proved over every file instead of remembered in reviews.

A rule that code breaks for a reason has the exception beside it, with the reason; an exception that
is no longer needed fails as well.
"""

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

pytestmark = pytest.mark.slow  # Every file of the project is read once.

ROOT = Path(__file__).resolve().parents[2]
CHECKED_FOLDERS = ("gateway", "clients/python", "schemas", "tests")
MODULE_LINES_MAX = 399
FUNCTION_LINES_MAX = 60

LAYERS = (
    ("errors",),
    ("clock",),
    ("bounded_file", "bounded_yaml"),
    ("counters",),
    ("logs",),
    ("settings",),
    ("model",),
    ("iqfeed", "wire", "policy", "book"),
    ("normalize", "health", "page"),
    ("compiled",),
    ("control",),
    ("runtime",),
    ("relay",),
    ("app_options",),
    ("app_admin", "app_control", "app_http", "app_alerts", "app_guards", "app_reload"),
    ("app_feed", "app_security"),
    ("app",),
    ("commands",),
    ("cli",),
    ("__main__",),
)
"""Parts of `gateway` from left to right: each may import itself and what is left of it."""
RANKS = {part: rank for rank, parts in enumerate(LAYERS) for part in parts}
CORE = frozenset(part for part, rank in RANKS.items() if rank < RANKS["runtime"])
"""What must run without sockets, threads, clocks and chance."""
IMPURE = frozenset(
    {"asyncio", "multiprocessing", "random", "select", "selectors", "signal", "socket", "ssl"}
    | {"subprocess", "threading", "time", "zmq"}
)
SETTINGS_READERS = frozenset(
    {"settings", "app_options", "app_admin", "app_control", "app_security", "app_http"}
    | {"app_alerts", "app_feed", "app_guards", "app_reload", "app", "cli", "commands"}
)

BROAD_HANDLERS = {
    "gateway/app.py": "The composition root releases what it opened, whatever went wrong.",
    "gateway/app_reload.py": "Whatever a file does to a reader is a refusal, not the end.",
    "gateway/relay/relay.py": "The relay releases what it opened, whatever went wrong.",
    "gateway/relay/thread.py": "A thread's last words are handed to the control loop, which stops.",
    "gateway/runtime/feed.py": "A thread's last words are handed to the control loop, which stops.",
    "gateway/runtime/zap.py": "A thread's last words become a critical issue; the door is shut.",
    "clients/python/gateway_client/engine.py": "A thread's last words become every caller's error.",
    "clients/python/gateway_monitoring/monitor.py": "A source is anybody's: it is a finding.",
}
"""Files that may catch everything, and why; each of them passes the exception on."""
FALLING_THROUGH = {
    "clients/python/gateway_client/codec.py: except _UNUSUAL": "The long way decides.",
    "gateway/iqfeed/values.py: except ValueError": "A date no calendar has is complained of below.",
}
"""Handlers that do nothing because the line behind the `try` does it, and what that is."""
CLOCK = "gateway/clock.py"
LIBZMQ = "gateway/compiled/library.py"
"""Asks pyzmq where its libzmq is, and does nothing with a socket."""


class Module(NamedTuple):
    """One Python file of the project."""

    name: str
    """Path from the root."""
    text: str
    """Its text."""
    docstring: str
    """Its own docstring."""
    nodes: tuple[ast.AST, ...]
    """Every node of its syntax tree."""

    @property
    def is_generated(self) -> bool:
        """Whether it says that a tool writes it."""
        return "do not edit" in self.docstring


@functools.cache
def all_modules() -> tuple[Module, ...]:
    """Every Python file that is checked."""
    found = []
    for folder in CHECKED_FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            name = path.relative_to(ROOT).as_posix()
            tree = ast.parse(text, filename=name)
            docstring = ast.get_docstring(tree) or ""
            found.append(Module(name, text, docstring, tuple(ast.walk(tree))))
    return tuple(found)


def modules(*folders: str) -> list[Module]:
    """The files below some folders; all without any."""
    starts = tuple(f"{folder}/" for folder in folders or CHECKED_FOLDERS)
    found = [module for module in all_modules() if module.name.startswith(starts)]
    assert found, f"nothing to check in {folders}"
    return found


def written(*folders: str) -> list[Module]:
    """The files that people write."""
    return [module for module in modules(*folders) if not module.is_generated]


def imports_of(module: Module) -> Iterator[tuple[int, str]]:
    """Line and full name of every module a file imports, inside functions and types too."""
    for node in module.nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module.name}:{node.lineno}: imports are absolute"
            for alias in node.names:
                # `from gateway import clock` names a module as well as `from gateway.clock import`.
                yield node.lineno, f"{node.module}.{alias.name}"


def users_of(imported: str, *folders: str) -> set[str]:
    """Files that import a top-level module."""
    return {
        module.name
        for module in modules(*folders)
        for _, name in imports_of(module)
        if name.split(".")[0] == imported
    }


def part_of(name: str) -> str:
    """The part of `gateway` that a path or dotted module name belongs to; empty for the root."""
    pieces = re.split(r"[/.]", name.removesuffix(".py"))
    return pieces[1] if len(pieces) > 1 and pieces[1] != "__init__" else ""


def gateway_imports() -> Iterator[tuple[str, str, int, str]]:
    """File, importing part, line and imported part of every import within `gateway`."""
    for module in modules("gateway"):
        for line, imported in imports_of(module):
            if imported.split(".")[0] == "gateway":
                yield module.name, part_of(module.name), line, part_of(imported)


def handlers() -> Iterator[tuple[str, ast.ExceptHandler]]:
    """File and node of every `except` of the gateway, the client and the tools."""
    for module in modules("gateway", "clients/python", "schemas"):
        for node in module.nodes:
            if isinstance(node, ast.ExceptHandler):
                yield module.name, node


def caught(handler: ast.ExceptHandler) -> set[str]:
    """The names that an `except` catches; a bare one catches BaseException."""
    if handler.type is None:
        return {"BaseException"}
    return {node.id for node in ast.walk(handler.type) if isinstance(node, ast.Name)}


def does_nothing(statement: ast.stmt) -> bool:
    """Whether a statement is `pass`, `...` or a text."""
    is_text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return isinstance(statement, ast.Pass) or is_text


def test_every_part_of_the_gateway_has_a_place_in_the_order() -> None:
    """A new package without a place would escape every rule below."""
    parts = {part_of(module.name) for module in modules("gateway")} - {""}
    assert parts - {"simulator"} <= set(RANKS)


def test_dependencies_point_left_only() -> None:
    """The core can be read, tested and replaced without what stands on top of it."""
    wrong = [
        f"{name}:{line} imports gateway.{imported}"
        for name, part, line, imported in gateway_imports()
        if imported not in (part, "__version__", "simulator")
        and part != "simulator"
        and not (part in RANKS and RANKS[imported] < RANKS[part])
    ]
    assert wrong == []


def test_the_simulator_stands_alone() -> None:
    """Written from the vendor's documents alone, it can disagree with a parser that is wrong."""
    wrong = [
        f"{name}:{line} imports gateway.{imported}"
        for name, part, line, imported in gateway_imports()
        if (part == "simulator" and imported not in ("simulator", "errors", "clock"))
        or (imported == "simulator" and part not in ("simulator", "commands", "cli"))
    ]
    assert wrong == []


def test_settings_are_read_at_the_top_only() -> None:
    """All other parts get plain values, so that a test of them needs no configuration."""
    wrong = [
        f"{name}:{line}"
        for name, part, line, imported in gateway_imports()
        if imported == "settings" and part not in SETTINGS_READERS
    ]
    assert wrong == []


def test_the_core_does_no_io_and_reads_neither_time_nor_chance() -> None:
    """What is left of the runtime answers from its arguments: any case can be replayed."""
    wrong = [
        f"{module.name}:{line} imports {imported}"
        for module in modules("gateway")
        if part_of(module.name) in CORE and module.name not in (CLOCK, LIBZMQ)
        for line, imported in imports_of(module)
        if imported.split(".")[0] in IMPURE
    ]
    assert wrong == []


def test_monitoring_does_no_io_and_reads_neither_time_nor_chance() -> None:
    """The gateway's core stands on it, and any case of it can be replayed."""
    for imported in IMPURE:
        assert users_of(imported, "clients/python/gateway_monitoring") == set(), imported
    for imported in ("gateway", "gateway_client"):
        assert users_of(imported, "clients/python/gateway_monitoring") == set(), imported


def test_time_is_read_in_one_place() -> None:
    """A second reader is a second idea of now, and one that no test can hold still."""
    assert users_of("time", "gateway") == {CLOCK}


def test_msgpack_is_used_in_one_place() -> None:
    """Limits and options of packing are chosen once, where they can be reviewed."""
    assert users_of("msgpack", "gateway") == {"gateway/wire/codec.py"}


def test_the_environment_is_read_in_one_place() -> None:
    """A variable that is read elsewhere is a setting nobody can find."""
    readers = {
        module.name
        for module in modules("gateway")
        for node in module.nodes
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv")
    }
    names = ("credentials", "loading", "service_manager")
    assert readers == {f"gateway/settings/{name}.py" for name in names}


def test_the_client_needs_nothing_of_the_gateway() -> None:
    """A strategy host installs pyzmq, msgpack and msgspec, and no server."""
    forbidden = ("gateway", "pydantic", "structlog", "yaml", "psutil", "rich", "typer")
    for name in forbidden:
        assert users_of(name, "clients/python") == set(), name


def test_modules_are_short() -> None:
    """A file that does not fit a reader's head is two files."""
    long = {
        module.name: lines
        for module in written()
        if (lines := len(module.text.splitlines())) > MODULE_LINES_MAX
    }
    assert long == {}


def test_functions_are_short() -> None:
    """A function that needs scrolling hides its other half."""
    long = {
        f"{module.name}:{node.name}": lines
        for module in written()
        for node in module.nodes
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or 0) - node.lineno + 1) > FUNCTION_LINES_MAX
    }
    assert long == {}


def test_no_exception_is_swallowed_in_silence() -> None:
    """Who ignores an exception says so with `contextlib.suppress`, or does something about it."""
    silent = {
        f"{name}: except {ast.unparse(handler.type) if handler.type else ''}"
        for name, handler in handlers()
        if all(does_nothing(statement) for statement in handler.body)
    }
    assert silent == set(FALLING_THROUGH)


def test_everything_is_caught_only_where_a_reason_is_given() -> None:
    """A broad `except` hides bugs as if they were weather."""
    broad = {
        name for name, handler in handlers() if caught(handler) & {"Exception", "BaseException"}
    }
    assert broad == set(BROAD_HANDLERS)


def test_nothing_waits_to_be_done_on_main() -> None:
    """A note to oneself is an issue that nobody can find."""
    words = ("TO" + "DO", "FIX" + "ME", "X" + "XX")
    marks = re.compile("|".join(rf"\b{word}\b" for word in words))
    found = [
        f"{module.name}:{number}"
        for module in modules()
        for number, line in enumerate(module.text.splitlines(), 1)
        if marks.search(line)
    ]
    assert found == []


def test_generated_files_say_so_and_no_other_does() -> None:
    """The header exempts a file from the rules of length, so it must not be claimed by hand."""
    claimed = {module.name for module in modules() if module.is_generated}
    model = {module.name for module in modules("gateway/model")}
    assert claimed == model | {"clients/python/gateway_client/messages.py"}
    for module in modules():
        if module.is_generated:
            assert "Generated by schemas/generate.py" in module.docstring, module.name


def test_every_package_says_in_one_sentence_what_it_is() -> None:
    """A newcomer reads the map from these sentences."""
    sentences = {module.name: module.docstring.partition("\n")[0] for module in modules()}
    for module in modules("gateway", "clients/python/gateway_client"):
        package = f"{Path(module.name).parent.as_posix()}/__init__.py"
        assert sentences.get(package, "").endswith("."), package


def test_modules_are_named_for_what_they_hold() -> None:
    """A module of odds and ends grows until nobody knows what is in it."""
    vague = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "handler2"}
    assert [module.name for module in modules() if Path(module.name).stem in vague] == []


def test_durations_are_named_with_their_units() -> None:
    """A bare `timeout` is seconds for one reader and milliseconds for the next."""
    bare = [
        f"{module.name}:{node.lineno}"
        for module in written("gateway", "clients/python")
        for node in module.nodes
        if isinstance(node, ast.arg) and node.arg in ("timeout", "delay", "interval")
    ]
    assert bare == []


def test_asserts_do_not_judge_input() -> None:
    """`python -O` drops them: what comes from outside gets an error."""
    found = [
        f"{module.name}:{node.lineno}"
        for module in modules("gateway", "clients/python")
        for node in module.nodes
        if isinstance(node, ast.Assert)
    ]
    assert found == []
