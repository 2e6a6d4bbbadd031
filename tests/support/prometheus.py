"""Debian's Prometheus for tests: its tool, a server that scrapes, a reader of what it scrapes."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import pytest
import yaml

from tests.support.slack import SLACK
from tests.support.stage import free_ports, wait_until

FOLDER: Final = Path(__file__).resolve().parents[2] / "docker" / "prometheus"
RULES: Final = FOLDER / "alerts.yaml"
CONFIG: Final = FOLDER / "prometheus.yaml"
DASHBOARD: Final = FOLDER.parent / "grafana" / "gateway.json"
START_S_MAX: Final = 20.0
END_S_MAX: Final = 10.0
_LINE: Final = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)")
_LABEL: Final = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')


def require(program: str) -> str:
    """The path of a program of Debian's package `prometheus`; without it the test cannot run."""
    path = shutil.which(program)
    if path is None:
        reason = f"{program} is missing: apt-get install --no-install-recommends prometheus"
        if os.environ.get("CI") == "true":
            pytest.fail(f"{reason} (CI=true: metrics and rules must be tested)")
        pytest.skip(reason)
    return path


def expressions(node: Any) -> Iterator[str]:
    """Every query of a dashboard."""
    if isinstance(node, dict):
        if isinstance(node.get("expr"), str):
            yield node["expr"]
        for value in node.values():
            yield from expressions(value)
    elif isinstance(node, list):
        for value in node:
            yield from expressions(value)


def promtool(*arguments: str, standard_input: str = "") -> None:
    """Run the tool and fail with what it printed unless it is content."""
    finished = subprocess.run(
        [require("promtool"), *arguments],
        input=standard_input,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    printed = finished.stdout + finished.stderr
    print(printed)
    assert finished.returncode == 0, printed


class Scrape:
    """A text that was scraped, read without the library that wrote it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.types: dict[str, str] = {}
        """Family to type, as its `# TYPE` line says."""
        self.helps: dict[str, str] = {}
        """Family to sentence."""
        self.values: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
        """Name and sorted labels to value."""
        assert text.endswith("\n")
        for line in text.splitlines():
            if line.startswith("# "):
                _, kind, name, rest = line.split(" ", 3)
                {"TYPE": self.types, "HELP": self.helps}[kind][name] = rest
                continue
            match = _LINE.fullmatch(line)
            assert match is not None, line
            key = match[1], tuple(sorted(_LABEL.findall(match[2] or "")))
            assert key not in self.values, f"twice: {line}"
            self.values[key] = float(match[3])

    def value(self, name: str, **labels: str) -> float:
        """One value."""
        return self.values[name, tuple(sorted(labels.items()))]

    def names(self) -> set[str]:
        """Families that have a value."""
        found = {name for name, _ in self.values}
        endings = ("_bucket", "_sum", "_count")
        for name in list(found):
            stem = next((name.removesuffix(e) for e in endings if name.endswith(e)), name)
            if self.types.get(stem) == "histogram":
                found.discard(name)
                found.add(stem)
        return found


def scrape(endpoint: str) -> Scrape:
    """Scrape a gateway as a person would."""
    with closing(HTTPConnection(endpoint.removeprefix("http://"), timeout=10 * SLACK)) as client:
        client.request("GET", "/metrics")
        answer = client.getresponse()
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        return Scrape(answer.read().decode("utf-8"))


class Server:
    """A Prometheus that runs."""

    def __init__(self, port: int) -> None:
        self._port = port

    def ask(self, path: str, **params: str) -> Any:
        """Ask its interface.

        Raises:
            OSError: It does not answer, or refuses the query.
        """
        with closing(HTTPConnection("127.0.0.1", self._port, timeout=10 * SLACK)) as client:
            client.request("GET", f"/api/v1/{path}?{urlencode(params)}")
            answer = client.getresponse()
            text = answer.read().decode("utf-8")
        if answer.status != HTTPStatus.OK:
            raise OSError(f"{params}: {text}")
        return json.loads(text)["data"]

    def values(self, query: str) -> list[float]:
        """The values of a query now."""
        return [float(sample["value"][1]) for sample in self.ask("query", query=query)["result"]]

    def is_up(self, query: str) -> bool:
        """Whether a query has one value, 1."""
        try:
            return self.values(query) == [1.0]
        except OSError:
            return False


@contextmanager
def prometheus(folder: Path, target: str) -> Iterator[Server]:
    """Run a Prometheus with the project's own rules that scrapes a gateway each second.

    Args:
        folder: For its configuration and data.
        target: Host and port of the gateway's HTTP server.
    """
    program = require("prometheus")
    config = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    config["global"] |= dict.fromkeys(("scrape_interval", "evaluation_interval"), "1s")
    config["global"]["scrape_timeout"] = "1s"
    config["rule_files"] = [str(RULES)]
    config["scrape_configs"][0]["static_configs"] = [{"targets": [target]}]
    path = folder / "prometheus.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    (port,) = free_ports(1)
    arguments = [
        f"--config.file={path}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen([program, *arguments], stdout=log, stderr=log)
    try:
        server = Server(port)
        wait_until(
            lambda: server.is_up("vector(1)") or process.poll() is not None,
            what="Prometheus answers",
            seconds=START_S_MAX,
        )
        assert process.poll() is None, (folder / "prometheus.log").read_text(encoding="utf-8")
        yield server
    finally:
        process.terminate()
        try:
            process.wait(END_S_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(END_S_MAX)
