"""Docker for tests: its commands, the images, and one compose project."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]
DOCKERFILE: Final = ROOT / "docker" / "gateway.Dockerfile"
COMPOSE: Final = ROOT / "docker" / "compose.yaml"
PRODUCTION: Final = ROOT / "docker" / "compose.production.yaml"
IMAGE: Final = "iqfeed-gateway:test"
PYTHON: Final = "/opt/iqfeed-gateway/bin/python"
LOGIN: Final = "".join(
    f"IQFEED_{name}={value}\n"
    for name, value in {"LOGIN": "tester", "PASSWORD": "as-agreed", "PRODUCT_ID": "TEST"}.items()
)
"""A file with the login that the simulator of `compose.iqconnect.yaml` asks for."""
BUILD_S_MAX: Final = 900.0
COMMAND_S_MAX: Final = 120.0


class Engine:
    """Docker's command line, pointed at one engine.

    Args:
        environment: Variables that choose the engine and the images.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment: Final = {**os.environ, "DOCKER_BUILDKIT": "1", **environment}
        """For every command."""
        self.inside: tuple[str, ...] = ()
        """What a command begins with that is to reach published ports."""

    def run(
        self,
        *arguments: str,
        seconds: float = COMMAND_S_MAX,
        is_checked: bool = True,
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run `docker …` to its end, and fail with what it printed unless it succeeded."""
        finished = subprocess.run(
            ["docker", *arguments],
            env={**self.environment, **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        if is_checked and finished.returncode:
            words = f"{finished.stdout}{finished.stderr}"[-4_000:]
            raise AssertionError(f"docker {' '.join(arguments)}: {finished.returncode}\n{words}")
        return finished

    def start(
        self, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> "subprocess.Popen[str]":
        """Start `docker …`, its output in a pipe."""
        return subprocess.Popen(
            ["docker", *arguments],
            env={**self.environment, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def inspect(self, container: str) -> dict[str, Any]:
        """What the engine knows of a container."""
        (facts,) = json.loads(self.run("inspect", container).stdout)
        return dict(facts)

    def exec_python(self, container: str, code: str) -> str:
        """Run Python inside of a container, as its user, and give what it printed."""
        return self.run("exec", container, PYTHON, "-c", code).stdout

    def kill(self, container: str) -> float:
        """End a container's first process as the kernel would, which no restart policy ignores.

        `docker kill` would count as a wish that it stay down.

        Returns:
            When, Unix time, seconds.
        """
        pid = self.inspect(container)["State"]["Pid"]
        code = f"import os, time; os.kill({pid}, 9); print(time.time())"
        out = self.run(
            *("run", "--rm", "--pid=host", "--user=0", "--network=none"),
            *("--no-healthcheck", f"--entrypoint={PYTHON}", IMAGE, "-c", code),
        )
        return float(out.stdout)


class Project:
    """One compose project.

    Args:
        engine: Runs it.
        name: Of the project, so that nothing else of this machine is touched.
        file: The compose file.
        more: Further compose files, for what only tests want.
        variables: For the file.
    """

    def __init__(
        self,
        engine: Engine,
        name: str,
        *,
        file: Path = COMPOSE,
        more: Sequence[Path] = (),
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.engine = engine
        files = [part for path in (file, *more) for part in ("-f", str(path))]
        self._words = ("compose", "-p", name, *files)
        self._variables = {"GATEWAY_IMAGE": IMAGE, **(variables or {})}

    def run(
        self, *arguments: str, seconds: float = COMMAND_S_MAX, is_checked: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run `docker compose …`."""
        return self.engine.run(
            *self._words,
            *arguments,
            seconds=seconds,
            is_checked=is_checked,
            environment=self._variables,
        )

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start `docker compose …`, its output in a pipe."""
        return self.engine.start(*self._words, *arguments, environment=self._variables)

    def up(self, *services: str, is_checked: bool = True) -> subprocess.CompletedProcess[str]:
        """Start everything, or some services with what they need; images are never built here."""
        return self.run("up", "--detach", "--no-build", *services, is_checked=is_checked)

    def down(self) -> None:
        """Stop everything and remove its volumes."""
        self.run("down", "--volumes", "--timeout", "5", "--remove-orphans")

    def container(self, service: str) -> str:
        """The id of a service's container, one that has ended included."""
        return self.run("ps", "--all", "--quiet", service).stdout.strip()

    def state(self, service: str) -> dict[str, Any]:
        """What the engine says of a service's container."""
        return dict(self.engine.inspect(self.container(service))["State"])

    def wait_healthy(self, service: str, *, seconds: float = 60.0) -> float:
        """Wait until the health check of a service succeeds.

        Returns:
            How long it took, seconds.
        """
        began_s = time.monotonic()
        while self.state(service).get("Health", {}).get("Status") != "healthy":
            if time.monotonic() - began_s > seconds:
                logs = self.run("logs", "--tail", "40").stdout
                raise AssertionError(f"{service} is not healthy after {seconds} s\n{logs}")
            time.sleep(0.2)
        return time.monotonic() - began_s


def find_engine() -> Engine | None:
    """The engine that `docker` finds by itself; None without one, or without compose."""
    if shutil.which("docker") is None:
        return None
    engine = Engine({})
    for words in (("version",), ("compose", "version")):
        if engine.run(*words, is_checked=False).returncode:
            return None
    return engine


def build(engine: Engine, *, base: str | None, is_host_network: bool = False) -> None:
    """Build the gateway's image.

    Args:
        engine: Builds it.
        base: The base image; None for the one the file names.
        is_host_network: Whether this machine's own network is the way to the package index.
    """
    arguments = ["--build-arg", f"BASE={base}"] if base is not None else []
    arguments += ["--network=host"] if is_host_network else []
    engine.run(
        *("build", "--file", str(DOCKERFILE), "--tag", IMAGE, *arguments, str(ROOT)),
        seconds=BUILD_S_MAX,
    )
