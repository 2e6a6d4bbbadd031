"""The request desk: what each method means, as a client sees it."""

from dataclasses import replace
from typing import Any

import msgpack
import pytest

from gateway.control.claims import services_of, wishes_of
from gateway.control.desk import parse_params
from gateway.control.feed_commands import ReadSnapshots, ReadWatches
from gateway.errors import InvalidParams
from gateway.model import protocol
from gateway.model.enums import Flag
from gateway.model.messages import KIND_TYPES, MESSAGES
from gateway.model.methods import METHODS
from gateway.policy.demand import Service
from gateway.policy.leases import Claim
from gateway.wire.codec import MAP_ITEMS_MAX, TEXT_BYTES_MAX
from tests.unit.control.desk_bench import EPOCH, Bench
from tests.unit.health.feed_reports import GOOD, counted


@pytest.fixture
def bench() -> Bench:
    """A gateway whose upstream is whole."""
    return Bench()


def packed(result: object) -> Any:
    """A result as it arrives at the client."""
    return msgpack.unpackb(msgpack.packb(result), strict_map_key=False)


def test_hello_says_who_what_and_how_much(bench: Bench) -> None:
    """A client decides from this one answer whether it can talk to the gateway."""
    hello = packed(bench.ask("hello", client="desk", language="python", version="1"))
    assert hello["gateway_id"] == "bench"
    assert hello["version"] == "1.2.3"
    assert hello["protocol"] == [1]
    assert hello["epoch"] == EPOCH
    assert hello["endpoints"]["data"] == "tcp://127.0.0.1:7700"
    assert hello["schema_hash"] == protocol.SCHEMA_HASH
    assert hello["capabilities"] == ["auto_watch"]
    assert {"quote", "trade", "regional", "news", "sys"} <= set(hello["kinds"])
    assert {"depth", "order", "book"} <= set(hello["kinds"])
    assert "bar" not in hello["kinds"], "not delivered, so not promised"


@pytest.mark.parametrize(
    "limit", ["request_bytes_max", "array_items_max", "symbols_max", "lease_s_max", "wait_ms_max"]
)
def test_hello_states_the_limits(bench: Bench, limit: str) -> None:
    """What gets `out_of_range` can be known before."""
    assert bench.ask("hello")["limits"][limit] == getattr(protocol, limit.upper())


def test_hello_states_limits_only_and_those_of_the_codec_too(bench: Bench) -> None:
    """A client splits by these numbers: a version is none, and a text can be too long as well."""
    limits = packed(bench.ask("hello"))["limits"]
    assert "protocol_version" not in limits
    assert {limit[-4:] for limit in limits} == {"_min", "_max"}
    assert limits["text_bytes_max"] == TEXT_BYTES_MAX
    assert limits["map_items_max"] == MAP_ITEMS_MAX


def test_ping_answers_nothing(bench: Bench) -> None:
    """A round trip is measured, not a handler."""
    assert bench.ask("ping") == {}


def test_describe_lists_methods_with_schemas_and_kinds_with_fields(bench: Bench) -> None:
    """A client in a language without our library can be written from this answer."""
    described = packed(bench.ask("describe"))
    assert set(described["methods"]) == set(METHODS)
    subscribe = described["methods"]["subscribe"]
    assert subscribe["available"]
    assert subscribe["role"] == "consumer"
    assert set(subscribe["params"]["required"]) == {"client", "symbols", "kinds"}
    assert not described["methods"]["admin.drain"]["available"]
    for kind, number in KIND_TYPES.items():
        assert described["kinds"][kind.value]["type"] == number
        assert tuple(described["kinds"][kind.value]["fields"]) == MESSAGES[number]._fields


def test_describe_is_built_once(bench: Bench) -> None:
    """It is long and never changes: building it again would keep other requests waiting."""
    assert bench.ask("describe") is bench.ask("describe")


def test_renew_extends_a_lease(bench: Bench) -> None:
    """The client learns the new end, and what it may have lost."""
    lease = bench.subscribe("A", lease_s=30)
    bench.clock.advance(seconds=20)
    renewed = bench.ask("renew", client="desk", lease_id=lease["lease_id"], received=5, gaps=0)
    assert renewed["expires_us"] == lease["expires_us"] + 20_000_000
    assert renewed["missing_subscriptions"] == []


def test_subscriptions_list_leases_watches_and_demand(bench: Bench) -> None:
    """An operator sees whose wish keeps a symbol watched."""
    lease = bench.subscribe("A", "B", kinds=("quote", "regional"))
    bench.ask("subscribe", client="other", symbols=["A"], kinds=["trade"])
    bench.subscriptions.add(1, b"quote,A,")
    answer = packed(bench.ask("subscriptions"))
    assert [(each["client"], each["symbols"]) for each in answer["leases"]] == [
        ("desk", ["A", "B"]),
        ("other", ["A"]),
    ]
    assert answer["leases"][0] == {
        "lease_id": lease["lease_id"],
        "client": "desk",
        "symbols": ["A", "B"],
        "kinds": ["quote", "regional"],
        "expires_us": lease["expires_us"],
    }
    wishes = {(each["symbol"], each["service"]): each["wishes"] for each in answer["watches"]}
    assert wishes == {
        ("A", "level1"): 2,
        ("A", "regional"): 1,
        ("B", "level1"): 1,
        ("B", "regional"): 1,
    }
    assert answer["demand"] == {
        "subscriptions": [{"topic": "quote,A,", "connections": 1}],
        "connections": 1,
    }
    assert answer["complete"]
    assert isinstance(bench.commands[-1], ReadWatches)


def test_subscriptions_of_one_client_are_its_own(bench: Bench) -> None:
    """A client looks at its leases without reading everybody's."""
    bench.subscribe("A")
    bench.ask("subscribe", client="other", symbols=["A"], kinds=["l1"])
    answer = bench.ask("subscriptions", client="other")
    assert [each["client"] for each in answer["leases"]] == ["other"]


def test_snapshots_are_bodies_as_published(bench: Bench) -> None:
    """Who prefers a request decodes the answer like a frame."""
    bench.subscribe("A")
    bench.hear("A")
    bench.publish("A")
    (answer,) = packed(bench.ask("snapshot", topics=["quote,A,"]))
    assert answer["topic"] == "quote,A,"
    published = msgpack.unpackb(bench.frames[-1].split(b",", 2)[2])
    published[3] |= Flag.SNAPSHOT
    assert answer["body"] == published


def test_a_long_snapshot_request_is_cut_into_batches(bench: Bench) -> None:
    """Data must never wait for a request: the feed thread gets small commands."""
    topics = [f"quote,S{number}," for number in range(501)]
    answers = bench.ask("snapshot", topics=topics)
    assert [answer["topic"] for answer in answers] == topics
    commands = [command for command in bench.commands if isinstance(command, ReadSnapshots)]
    assert [len(command.topics) for command in commands] == [250, 250, 1]


@pytest.mark.parametrize(
    "topic", ["quote,A", "quote,", "sys,heartbeat,", "nonsense", "quote,\xe9,"]
)
def test_a_snapshot_of_no_topic_is_a_bad_request(bench: Bench, topic: str) -> None:
    """The hint shows how a topic is written."""
    with pytest.raises(InvalidParams) as caught:
        bench.ask("snapshot", topics=[topic])
    assert "quote,AAPL," in caught.value.hint


def test_health_is_the_judges_verdict(bench: Bench) -> None:
    """The request and the probes answer from the same facts."""
    assert bench.ask("health")["level"] == "critical"
    bench.history.add(GOOD)
    assert bench.ask("health")["level"] == "critical", "a moment ago is now"
    bench.clock.advance(seconds=0.05)
    verdict = packed(bench.ask("health"))
    assert verdict["is_healthy"]
    assert verdict["upstream"] == GOOD.ports


def test_metrics_have_figures_before_the_first_report(bench: Bench) -> None:
    """Collectors ask from the first second on."""
    metrics = packed(bench.ask("metrics"))
    assert set(metrics["connections"]) == {"links", "login"}
    assert set(metrics["connections"]["links"]) == {"admin"}
    assert metrics["topics"] == {}
    assert metrics["client_metrics"]["messages"] == 0
    assert metrics["process"] == {"threads": 2, "pipeline": "python"}


def test_metrics_are_those_of_the_newest_report(bench: Bench) -> None:
    """One answer for clients, connections, topics and the process."""
    bench.subscribe("A")
    bench.history.add(replace(counted(GOOD, messages_published=7)))
    metrics = packed(bench.ask("metrics"))
    assert metrics["client_metrics"]["messages"] == 7
    connections = metrics["connections"]
    assert connections.pop("login") == "connected"
    assert set(connections.pop("links")) == {"admin"}
    assert connections == {
        "ports": GOOD.ports,
        "consumers": GOOD.connection_count,
        "consumers_slow": 0,
        "consumers_unmeasured": 0,
        "max_symbols": GOOD.max_symbols,
    }
    assert metrics["topics"] == {
        "topics": GOOD.topic_count,
        "subscriptions": GOOD.subscription_count,
        "symbols": GOOD.symbols,
        "books": GOOD.books,
        "leases": 1,
    }


def test_parameters_that_do_not_fit_are_named_with_reasons() -> None:
    """The client's developer reads where and why, at most five at a time."""
    with pytest.raises(InvalidParams) as caught:
        parse_params("subscribe", {"client": "desk", "symbols": [5] * 20, "kinds": ["l3"]})
    text = str(caught.value)
    assert "symbols.0: " in text
    assert text.count("symbols.") == 5
    with pytest.raises(InvalidParams, match=r"^params: "):
        parse_params("subscribe", [])


def test_an_error_of_parameters_has_a_bounded_text() -> None:
    """A hostile request must not be echoed at full length into replies and logs."""
    with pytest.raises(InvalidParams) as caught:
        parse_params("unsubscribe", {"client": "x" * 100_000, "lease_id": "y" * 100_000})
    assert len(str(caught.value)) < 1_000


@pytest.mark.parametrize(
    ("kinds", "services"),
    [
        (("quote", "trade", "summary", "state"), (Service.LEVEL1,)),
        (("regional",), (Service.REGIONAL,)),
        (("quote", "regional", "trade"), (Service.LEVEL1, Service.REGIONAL)),
        (("depth", "order", "book"), (Service.LEVELS, Service.ORDERS, Service.BOOK)),
        (("book@250", "book@250x5", "book"), (Service.BOOK,)),
        (("order", "state"), (Service.ORDERS,)),
        (("quote", "order", "state"), (Service.LEVEL1, Service.ORDERS)),
        (("order@250", "depth@5", "news", "bar"), ()),
        (("regional@1000",), ()),
        (("quote@250", "summary@1000", "quote"), (Service.LEVEL1,)),
        ((), ()),
    ],
)
def test_kinds_decide_which_services_are_asked(
    kinds: tuple[str, ...], services: tuple[Service, ...]
) -> None:
    """A kind that is not delivered must not cost a slot of the vendor's limit."""
    assert services_of(kinds) == services
    wishes = wishes_of([Claim("A", kinds)])
    assert wishes == ((("A", services),) if services else ())
