"""A client's file: whose key it is, and what its holder may do; read whole or refused whole.

The file is walked node by node rather than loaded: every refusal then names its line, a symbol
such as ON stays a text, and nothing in it can become an object.
"""

import difflib
import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, TypeVar

import yaml

from gateway.bounded_yaml import BoundedLoader
from gateway.errors import ConfigError, bounded
from gateway.model.messages import Kind
from gateway.model.methods import Role
from gateway.policy.curve_keys import key_bytes

NAME: Final = re.compile(r"[A-Za-z0-9_:@-][A-Za-z0-9._:@-]{0,63}")
"""A client's name; it names a file too, so none begins with a dot."""
KIND_GROUPS: Final = ("l1", "l2", "*")
LIST_ITEMS_MAX: Final = 5_000
"""Longest list in a file."""
QUOTA_MAX: Final = 1_000_000_000
LOCAL: Final = "ipc"
"""Stands among addresses for connections over ipc, which have none."""
_SYMBOLS: Final = re.compile(r"[A-Z0-9@+#$=./!&^_%*?-](?:[A-Z0-9@+#$=./!&^_%*? -]{0,62}\S)?")
_SINCE: Final = re.compile(r"\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\dZ)?")
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,9}")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Rule:
    """What one entry of `allow` or `deny` is about: every pair of its kinds and symbols."""

    kinds: tuple[str, ...]
    """Kinds, `l1`, `l2`, or `*` for all."""
    symbols: tuple[str, ...]
    """Patterns: `*` stands for any text, `?` for any one character."""


@dataclass(frozen=True, slots=True)
class Quotas:
    """What the file bounds otherwise than the settings do; None where it says nothing."""

    connections_max: int | None = None
    """Connections to the data socket at one time."""
    subscriptions_max: int | None = None
    """Topics that one connection may be subscribed to."""
    leases_max: int | None = None
    """Leases at one time."""
    symbols_max: int | None = None
    """Symbols claimed by all of its leases."""
    requests_per_second_max: int | None = None
    """Requests on the control socket."""
    snapshots_per_second_max: int | None = None
    """Snapshots answered; more are delayed."""
    replay_bytes_per_minute_max: int | None = None
    """Bytes of events sent again."""


@dataclass(frozen=True, slots=True)
class ClientRecord:
    """One client, as its file says."""

    name: str
    """The file's name without its ending; the user everywhere."""
    public_key: str
    """Z85 text of 40 characters."""
    role: Role = Role.CONSUMER
    """What kind of requests it may make."""
    allow: tuple[Rule, ...] | None = None
    """What it may hear; None when the file does not say."""
    deny: tuple[Rule, ...] = ()
    """What it may not hear although `allow` lets it."""
    addresses: tuple[Network, ...] | None = None
    """Where it may come from over TCP; None for anywhere."""
    is_local_allowed: bool = True
    """Whether it may come over ipc."""
    quotas: Quotas = Quotas()
    """Its own bounds."""
    is_relay: bool = False
    """Whether it may stand for many consumers, and be exempt from the limits of one connection."""
    since: str | None = None
    """Date, or UTC time, that its key was made, as the file says."""

    def may_come_from(self, address: str) -> bool:
        """Whether it may connect from an address, as ZeroMQ tells it."""
        if address.startswith("localhost:"):
            # Over ipc: group, user and process of the peer.
            return self.is_local_allowed
        if self.addresses is None:
            return True
        try:
            ip = ipaddress.ip_address(address)
        except ValueError:
            return False
        mapped = getattr(ip, "ipv4_mapped", None)
        return any((mapped or ip) in network for network in self.addresses)


def parse_client(text: str, *, name: str) -> ClientRecord:
    """Read a client's file.

    Args:
        text: YAML, or JSON, which is the same here.
        name: Of the client: the file's, without its ending.

    Raises:
        ConfigError: It cannot be used, with the line and what to do; no part of it stands.
    """
    if not NAME.fullmatch(name):
        raise ConfigError(
            "not a name for a client",
            hint="Use 1 to 64 letters, digits and ._:@- and no dot at the beginning.",
            name=name,
        )
    values = _map(_compose(text), READERS)
    if "public_key" not in values:
        raise ConfigError("public_key is missing", hint="`keys new` writes it.", line=1)
    values["is_relay"] = values.pop("relay", False)
    addresses = values.pop("addresses", None)
    if isinstance(addresses, tuple):
        values["addresses"] = tuple(a for a in addresses if a != LOCAL)
        values["is_local_allowed"] = LOCAL in addresses
    return ClientRecord(name=name, **values)  # type: ignore[arg-type] # each reader's own type


def _compose(text: str) -> yaml.Node:
    """The file's tree; nothing of it is made into objects.

    Raises:
        ConfigError: Not YAML.
    """
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise ConfigError(
            "not a YAML file",
            hint="Symbols that begin with @, # or * need quotes.",
            line=mark.line + 1 if mark is not None else None,
            reason=error.problem,
        ) from error
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        # Characters that do not exist are none of YAML's errors.
        raise ConfigError("not a YAML file", reason=type(error).__name__) from error
    if node is None:
        raise ConfigError("the file is empty", hint="`keys new` writes one.", line=1)
    return node


class _Loader(BoundedLoader):
    """Refuses references: a short file of them is a list of millions, read entry by entry."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Make a node of what comes next, and those inside it."""
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(problem="references are not read here", problem_mark=mark)
        return super().compose_node(parent, index)


def _refuse(node: yaml.Node, text: str, *, hint: str = "Correct the line.") -> ConfigError:
    return ConfigError(text, hint=hint, line=node.start_mark.line + 1)


def _map(
    node: yaml.Node, readers: Mapping[str, Callable[[yaml.Node], object]]
) -> dict[str, object]:
    """Read a map whose names are known.

    Raises:
        ConfigError: A name that is not, one written twice, or a value that does not fit.
    """
    if not isinstance(node, yaml.MappingNode):
        raise _refuse(node, "not a map of names and values")
    values: dict[str, object] = {}
    for key, value in node.value:
        name = key.value if isinstance(key, yaml.ScalarNode) else ""
        if name not in readers:
            near = difflib.get_close_matches(name, readers, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"Known are {', '.join(readers)}."
            raise _refuse(key, f"unknown name {bounded(name, characters_max=40)}", hint=hint)
        if name in values:
            raise _refuse(key, f"{name} is written twice")
        values[name] = readers[name](value)
    return values


def _text(node: yaml.Node) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise _refuse(node, "a text is wanted")
    return str(node.value)


def _list(node: yaml.Node, read: Callable[[yaml.Node], Item]) -> tuple[Item, ...]:
    if not isinstance(node, yaml.SequenceNode):
        raise _refuse(node, "a list is wanted", hint="Write [a, b], or a line with - for each.")
    if len(node.value) > LIST_ITEMS_MAX:
        raise _refuse(node, f"a list of more than {LIST_ITEMS_MAX}")
    return tuple(read(item) for item in node.value)


def _one_of(node: yaml.Node, known: Sequence[str], what: str) -> str:
    text = _text(node)
    if text in known:
        return text
    near = difflib.get_close_matches(text, known, n=1)
    hint = f"Did you mean {near[0]}?" if near else f"Known are {', '.join(known)}."
    raise _refuse(node, f"no such {what}: {bounded(text, characters_max=40)}", hint=hint)


def _key(node: yaml.Node) -> str:
    text = _text(node)
    if key_bytes(text) is None:
        # Not quoted: it may be the secret half of something.
        raise _refuse(
            node,
            "public_key is no CURVE key",
            hint="A key is Z85 text of 40 characters, in quotes.",
        )
    return text


def _role(node: yaml.Node) -> Role:
    return Role(_one_of(node, [role.value for role in Role], "role"))


def _kind(node: yaml.Node) -> str:
    return _one_of(node, [*(kind.value for kind in Kind), *KIND_GROUPS], "kind")


def _symbol_pattern(node: yaml.Node) -> str:
    text = _text(node)
    if not _SYMBOLS.fullmatch(text):
        raise _refuse(
            node,
            f"no pattern of symbols: {bounded(text, characters_max=70)}",
            hint="Write symbols as the vendor does, in upper case; * and ? stand for any text and "
            "any character.",
        )
    return text


def _rule(node: yaml.Node) -> Rule:
    values = _map(node, RULE_READERS)
    for name in RULE_READERS:
        if not values.get(name):
            raise _refuse(node, f"a rule without {name}", hint='Write ["*"] for all.')
    return Rule(**values)  # type: ignore[arg-type] # each reader's own type


def _rules(node: yaml.Node) -> tuple[Rule, ...]:
    return _list(node, _rule)


def _address(node: yaml.Node) -> Network | str:
    text = _text(node)
    if text == LOCAL:
        return LOCAL
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise _refuse(
            node,
            f"no range of addresses: {bounded(str(error), characters_max=90)}",
            hint="Write such as 10.1.2.0/24, 10.1.2.3, or ipc for connections without an address.",
        ) from error


def _addresses(node: yaml.Node) -> tuple[Network | str, ...]:
    found = _list(node, _address)
    if not found:
        raise _refuse(node, "no address at all", hint="Leave addresses out to allow all of them.")
    return found


def _flag(node: yaml.Node) -> bool:
    return _one_of(node, ("true", "false"), "choice") == "true"


def _quota(node: yaml.Node) -> int:
    text = _text(node)
    if not _NUMBER.fullmatch(text) or int(text) > QUOTA_MAX:
        raise _refuse(node, f"a number from 1 to {QUOTA_MAX} is wanted")
    return int(text)


def _quotas(node: yaml.Node) -> Quotas:
    readers = {field.name: _quota for field in fields(Quotas)}
    return Quotas(**_map(node, readers))  # type: ignore[arg-type] # integers, as `_quota` reads


def _since(node: yaml.Node) -> str:
    text = _text(node)
    if not _SINCE.fullmatch(text):
        raise _refuse(node, "no date", hint="Write 2026-01-31, or 2026-01-31T12:00:00Z.")
    return text


RULE_READERS: Final[Mapping[str, Callable[[yaml.Node], object]]] = {
    "kinds": lambda node: _list(node, _kind),
    "symbols": lambda node: _list(node, _symbol_pattern),
}
READERS: Final[Mapping[str, Callable[[yaml.Node], object]]] = {
    "public_key": _key,
    "role": _role,
    "allow": _rules,
    "deny": _rules,
    "addresses": _addresses,
    "quotas": _quotas,
    "relay": _flag,
    "since": _since,
}
"""Everything that may stand in a client's file."""
