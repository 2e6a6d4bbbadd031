"""What may be asked, and by which name."""

import h11
import pytest

from gateway.runtime.http_messages import HttpRequest, Refused, parse, plain

HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})


def request(target: str, *headers: tuple[str, str], method: str = "GET") -> h11.Request:
    """A request's head as the parser gives it."""
    return h11.Request(method=method, target=target, headers=[*headers] or [("Host", "localhost")])


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        ("/", "/", ""),
        ("/a/b?c=d&e", "/a/b", "c=d&e"),
        ("/?", "/", ""),
        ("/%41?%42", "/%41", "%42"),
        ("//x", "//x", ""),
        ("http://localhost", "/", ""),
        ("HTTPS://127.0.0.1:1/a?b", "/a", "b"),
    ],
)
def test_targets_are_paths_and_queries(target: str, path: str, query: str) -> None:
    """Nothing is decoded: what is compared with a route is what was sent."""
    parsed = parse(request(target), hosts=HOSTS)
    assert parsed == HttpRequest("GET", path, query, {"host": "localhost"})


@pytest.mark.parametrize(
    "target", ["*", "x", "?", "/#a", "ftp://localhost/", "http:/x", "http://?"]
)
def test_other_targets_are_refused(target: str) -> None:
    """Guessing what was meant would be a second spelling of each path."""
    with pytest.raises(Refused) as refused:
        parse(request(target), hosts=HOSTS)
    assert refused.value.response.status == 400
    assert refused.value.is_final


@pytest.mark.parametrize("host", ["evil.example", "localhost.", "127.0.0.1.evil", "[::2]", "0"])
def test_names_that_are_not_ours_are_refused(host: str) -> None:
    """Each of them can be made to mean this machine by somebody else."""
    with pytest.raises(Refused) as refused:
        parse(request("/", ("Host", host)), hosts=HOSTS)
    assert refused.value.response.status == 421


@pytest.mark.parametrize(
    "host", ["", "a b", "localhost:x", "user@localhost", "[::1", "localhost/x"]
)
def test_what_is_no_host_is_refused(host: str) -> None:
    """It must not be cut until it fits."""
    with pytest.raises(Refused) as refused:
        parse(request("/", ("Host", host)), hosts=HOSTS)
    assert refused.value.response.status == 400


def test_any_name_is_ours_where_other_machines_come_in() -> None:
    """There the server cannot know what it is called."""
    assert parse(request("/", ("Host", "gateway.lan:80")), hosts=frozenset()).path == "/"


def test_a_length_of_nothing_is_no_body() -> None:
    """Some clients send it with every request."""
    headers = (("Host", "localhost"), ("Content-Length", "0"))
    assert parse(request("/", *headers), hosts=HOSTS).headers["content-length"] == "0"


def test_words_end_with_their_line() -> None:
    """Whoever looks with curl gets the prompt on a line of its own."""
    assert plain(404, "nothing").body == b"nothing\n"
