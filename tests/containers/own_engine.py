"""A Docker engine of our own, for a machine without one or without an image registry.

Images are built by an engine in this machine's network without bridges and firewall rules, so that
the build reaches the package index as this machine does. Containers then run under an engine in a
network namespace of its own: its bridges, ports and rules end with the namespace. Both have one
store of images, in a folder that a later run finds again.

Needs root, and of Debian: docker.io, debootstrap, iproute2, iptables; compose is fetched where the
installed client has none.
"""

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.containers.engine import Engine

SUITE: Final = "trixie"
BASE: Final = f"local/python:{SUITE}"
PROMETHEUS: Final = "local/prometheus:test"
NAMESPACE: Final = "iqfeed-containers"
PROGRAMS: Final = {
    "docker": "docker.io",
    "dockerd": "docker.io",
    "debootstrap": "debootstrap",
    "ip": "iproute2",
    "iptables": "iptables",
    "prometheus": "prometheus",
}
PACKAGES: Final = "ca-certificates,python3,python3-pip,python3-venv"
START_S_MAX: Final = 30.0
END_S_MAX: Final = 30.0
CERTIFICATES: Final = Path("etc/ssl/certs/ca-certificates.crt")


def missing() -> list[str]:
    """What this machine lacks for an engine of our own."""
    lacking = {package for name, package in PROGRAMS.items() if _which(name) is None}
    return sorted(lacking) + ([] if os.geteuid() == 0 else ["root"])


class OwnEngine:
    """Prepares and runs it.

    Args:
        folder: Everything is here: images, the base system, the client's plugins.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        # Debian's client before any other of the machine: it belongs to Debian's engine.
        path = f"/usr/bin:/usr/sbin:{os.environ['PATH']}"
        self._environment = {
            "PATH": path,
            "DOCKER_HOST": f"unix://{folder}/docker.sock",
            "DOCKER_CONFIG": str(folder / "client"),
        }
        self.engine = Engine(self._environment)

    def prepare(self) -> None:
        """Fetch what is not there yet: compose, and a base system as an image."""
        self._fetch_compose()
        self._make_base()

    @contextlib.contextmanager
    def building(self) -> Iterator[Engine]:
        """An engine that builds in this machine's network; base images are in its store."""
        rules = ("--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false")
        with self._daemon("build", (), ("--bridge=none", *rules)):
            if self.engine.run("image", "inspect", BASE, is_checked=False).returncode:
                path = "ENV PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
                self.engine.run("import", "--change", path, str(self._base), BASE)
            yield self.engine

    @contextlib.contextmanager
    def running(self) -> Iterator[Engine]:
        """An engine whose networks are nobody else's."""
        subprocess.run(["ip", "netns", "delete", NAMESPACE], check=False, capture_output=True)
        subprocess.run(["ip", "netns", "add", NAMESPACE], check=True)
        inside = ("nsenter", f"--net=/run/netns/{NAMESPACE}")
        try:
            subprocess.run([*inside, "ip", "link", "set", "lo", "up"], check=True)
            # Nobody is reached from there, so any private range will do.
            pools = ("--bip=172.30.250.1/24", "--default-address-pool=base=172.30.0.0/17,size=24")
            self.engine.inside = inside
            with self._daemon("run", inside, pools):
                yield self.engine
        finally:
            self.engine.inside = ()
            subprocess.run(["ip", "netns", "delete", NAMESPACE], check=False)

    def build_prometheus(self) -> None:
        """Make an image of this machine's Prometheus, while an engine builds."""
        context = self._folder / "prometheus"
        context.mkdir(exist_ok=True)
        binary = _which("prometheus")
        assert binary is not None
        shutil.copy(binary, context / "prometheus")
        (context / "Dockerfile").write_text(
            f"FROM {BASE}\n"
            "RUN install -d -o nobody -g nogroup /prometheus\n"
            "COPY prometheus /usr/local/bin/prometheus\n"
            "USER nobody\n"
            'ENTRYPOINT ["prometheus"]\n'
        )
        self.engine.run("build", "--network=host", "--tag", PROMETHEUS, str(context))

    @contextlib.contextmanager
    def _daemon(
        self, name: str, prefix: tuple[str, ...], network: tuple[str, ...]
    ) -> Iterator[None]:
        """One engine, until the block ends."""
        log = self._folder / f"dockerd-{name}.log"
        # Of an engine that was killed; a living one has a lock that refuses a second.
        (self._folder / "dockerd.pid").unlink(missing_ok=True)
        with log.open("wb") as file:
            process = subprocess.Popen(
                [
                    *prefix,
                    "dockerd",
                    f"--data-root={self._folder}/data",
                    f"--exec-root={self._folder}/exec",
                    f"--pidfile={self._folder}/dockerd.pid",
                    f"--host={self._environment['DOCKER_HOST']}",
                    *network,
                ],
                env=self.engine.environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            )
        try:
            self._await(process, log)
            yield
        finally:
            process.terminate()
            try:
                process.wait(END_S_MAX)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(END_S_MAX)

    def _await(self, process: "subprocess.Popen[bytes]", log: Path) -> None:
        end_s = time.monotonic() + START_S_MAX
        while self.engine.run("version", is_checked=False).returncode:
            if process.poll() is not None or time.monotonic() > end_s:
                raise AssertionError(f"dockerd does not start:\n{log.read_text()[-2_000:]}")
            time.sleep(0.2)

    @property
    def _base(self) -> Path:
        return self._folder / f"base-{SUITE}.tar"

    def _make_base(self) -> None:
        """Make the smallest Debian with Python that pip can install into, once."""
        if self._base.exists():
            return
        root = self._folder / "root"
        shutil.rmtree(root, ignore_errors=True)
        words = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, str(root)]
        log = subprocess.run([*words, _mirror()], capture_output=True, text=True, check=False)
        if log.returncode:
            raise AssertionError(f"{' '.join(words)}\n{log.stdout[-2_000:]}{log.stderr[-2_000:]}")
        # Whom this machine trusts as a package index its builds trust as well.
        if (Path("/") / CERTIFICATES).exists():
            shutil.copy(Path("/") / CERTIFICATES, root / CERTIFICATES)
            (root / "etc/pip.conf").write_text(f"[global]\ncert = /{CERTIFICATES}\n")
        for waste in ("var/cache/apt/archives", "var/lib/apt/lists", "usr/share/doc"):
            shutil.rmtree(root / waste, ignore_errors=True)
        part = self._base.with_suffix(".part")
        subprocess.run(["tar", "-C", str(root), "-cf", str(part), "."], check=True)
        part.rename(self._base)
        shutil.rmtree(root)

    def _fetch_compose(self) -> None:
        """Take compose from a newer Debian, without installing it, where the client has none."""
        if not self.engine.run("compose", "version", is_checked=False).returncode:
            return
        folder = self._folder / "packages"
        (folder / "lists" / "partial").mkdir(parents=True, exist_ok=True)
        keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
        (folder / "sources.list").write_text(
            f"deb [signed-by={keyring}] {_mirror()} {SUITE} main\n"
        )
        options = {
            "Dir::Etc::sourcelist": f"{folder}/sources.list",
            "Dir::Etc::sourceparts": "-",
            "Dir::State::lists": f"{folder}/lists",
            "Dir::Cache::pkgcache": "",
            "Dir::Cache::srcpkgcache": "",
            "APT::Sandbox::User": "root",
        }
        apt = ["apt-get", "-qq", *(f"-o{name}={value}" for name, value in options.items())]
        subprocess.run([*apt, "update"], check=True)
        names = ["docker-compose", "docker-buildx"]
        subprocess.run([*apt, "download", *names], check=True, cwd=folder)
        for package in folder.glob("docker-*.deb"):
            subprocess.run(["dpkg-deb", "-x", str(package), str(folder / "files")], check=True)
        plugins = self._folder / "client" / "cli-plugins"
        plugins.mkdir(parents=True, exist_ok=True)
        for name in names:
            shutil.copy(folder / "files/usr/libexec/docker/cli-plugins" / name, plugins / name)


def _which(name: str) -> str | None:
    return shutil.which(name, path=f"/usr/bin:/usr/sbin:/sbin:{os.environ['PATH']}")


def _mirror() -> str:
    """Where this machine gets its Debian packages from."""
    told = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"],
        capture_output=True,
        text=True,
        check=True,
    )
    mirrors = [uri for uri in told.stdout.split() if "security" not in uri]
    assert mirrors, "apt-get update has to be run once"
    return mirrors[0]
