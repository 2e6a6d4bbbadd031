"""The files that operators deploy: read by the tools that will read them, and held to the code."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.cli import EXIT_CONFIG
from gateway.errors import ConfigError
from gateway.runtime.service_notices import BEAT_S_MAX, BEATS_PER_WATCHDOG
from gateway.settings import load_settings
from gateway.settings.guards import GuardSettings
from tests.support import service_unit
from tests.support.prometheus import FOLDER as PROMETHEUS
from tests.support.prometheus import promtool

pytestmark = pytest.mark.slow
DOCKER = PROMETHEUS.parent
KUBERNETES = DOCKER / "kubernetes"
KUBERNETES_VERSIONS = ("1.27", "1.31", "1.34")
EXPOSURE_MAX = 1.2
Document = dict[str, Any]


def documents() -> Iterator[Document]:
    """Every object of the Kubernetes example."""
    for path in sorted(KUBERNETES.glob("*.yaml")):
        yield from yaml.safe_load_all(path.read_text(encoding="utf-8"))


def one(kind: str) -> Document:
    """The example's only object of a kind."""
    (found,) = (document for document in documents() if document["kind"] == kind)
    return found


def compose(name: str) -> dict[str, Any]:
    """A compose file, its variables as they are written."""
    return dict(yaml.safe_load((DOCKER / name).read_text(encoding="utf-8")))


@pytest.mark.skipif(
    service_unit.analyzer() is None and not os.environ.get("CI"),
    reason="systemd-analyze is missing",
)
def test_the_unit_is_valid_and_hardened(tmp_path: Path) -> None:
    """A misspelled line of a unit is ignored by systemd, and with it a protection."""
    here = tmp_path / service_unit.UNIT.name
    text = service_unit.UNIT.read_text(encoding="utf-8")
    here.write_text(text.replace("/opt/iqfeed-gateway/bin/iqfeed-gateway", sys.executable))
    verified = service_unit.analyze("verify", str(here))
    assert (verified.returncode, verified.stdout, verified.stderr) == (0, "", "")
    judged = service_unit.analyze(
        "security", "--offline=yes", f"--threshold={round(EXPOSURE_MAX * 10)}", str(here)
    )
    print(judged.stdout.splitlines()[-1])
    assert judged.returncode == 0, judged.stdout


def test_the_unit_agrees_with_the_gateway() -> None:
    """Times and exit codes that only one side changes would end gateways that are well."""
    (watchdog_s,) = service_unit.values_of("WatchdogSec")
    (stop_s,) = service_unit.values_of("TimeoutStopSec")
    assert float(watchdog_s) >= BEAT_S_MAX * BEATS_PER_WATCHDOG
    assert float(stop_s) > 5.0
    assert service_unit.values_of("RestartPreventExitStatus") == [str(EXIT_CONFIG)]
    assert service_unit.values_of("Type") == ["notify"]
    assert service_unit.values_of("ExecReload") == ["/bin/kill -HUP $MAINPID"]


def test_the_unit_leaves_memory_to_the_gateways_own_steps() -> None:
    """A kernel that throttles below the limit makes prices late before anything is given up."""
    assert service_unit.values_of("MemoryHigh") == []
    assert service_unit.values_of("MemoryMax") == ["2G"]
    assert service_unit.values_of("MemorySwapMax") == ["0"]


def test_the_units_manual_is_where_the_guide_installs_it() -> None:
    """`systemctl status` shows the address to somebody who looks for help."""
    (manual,) = service_unit.values_of("Documentation")
    guide = (DOCKER / "README.md").read_text(encoding="utf-8")
    assert f" docker/README.md {manual.removeprefix('file://')}\n" in guide


def test_the_kubernetes_example_is_what_their_schemas_want() -> None:
    """A field at the wrong place is refused by a cluster, or silently dropped by an old one."""
    reason = "the extra `kubernetes` has the schemas"
    if os.environ.get("CI"):
        assert importlib.util.find_spec("kubernetes_validate") is not None, reason
    validator = pytest.importorskip("kubernetes_validate", reason=reason)
    for version in KUBERNETES_VERSIONS:
        for document in documents():
            validator.validate(document, version, strict=True)


def test_the_kubernetes_example_agrees_with_the_gateway(tmp_path: Path) -> None:
    """Ports, probes and paths, and a configuration that waits for DTN's consent only."""
    deployment, service = one("Deployment")["spec"], one("Service")["spec"]
    pod = deployment["template"]["spec"]
    (container,), (prepare,) = pod["containers"], pod["initContainers"]
    assert (deployment["replicas"], deployment["strategy"]["type"]) == (1, "Recreate")
    labels = deployment["template"]["metadata"]["labels"]
    assert deployment["selector"]["matchLabels"] == service["selector"] == labels
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"data": 7700, "control": 7701, "http": 7702}
    assert {port["targetPort"]: port["port"] for port in service["ports"]} == ports
    probes = {name: container[name]["httpGet"] for name in ("livenessProbe", "readinessProbe")}
    assert probes["livenessProbe"] == {"path": "/livez", "port": "http"}
    assert probes["readinessProbe"] == {"path": "/readyz", "port": "http"}
    assert container["image"] == prepare["image"]
    for one_of_both in (container, prepare):
        assert one_of_both["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert one_of_both["resources"]["limits"]["memory"]
    config = tmp_path / "gateway.yaml"
    text = one("ConfigMap")["data"]["gateway.yaml"]
    config.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"data\.bind would let other machines in"):
        load_settings(config)
    config.write_text(text.replace("acknowledged: false", "acknowledged: true"), encoding="utf-8")
    settings = load_settings(config)
    assert str(settings.security.keys_dir) == "/keys/gateway"
    mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert {str(settings.state_dir), "/keys", "/etc/iqfeed-gateway", "/tmp"} == mounts  # noqa: S108


def test_no_example_has_a_secret() -> None:
    """What is copied from here is put under version control."""
    values = one("Secret")["stringData"]
    assert values
    assert all(value.startswith("<") and value.endswith(">") for value in values.values())


@pytest.mark.parametrize("name", ["compose.yaml", "compose.production.yaml"])
def test_every_container_is_hardened_and_bounded(name: str) -> None:
    """One service that was forgotten is the one that is broken into."""
    services = compose(name)["services"]
    assert "gateway" in services
    for service, facts in services.items():
        assert facts["read_only"] is True, service
        assert facts["cap_drop"] == ["ALL"], service
        assert facts["security_opt"] == ["no-new-privileges:true"], service
        assert facts["logging"]["options"]["max-size"], service
        assert facts["restart"] == ("no" if service == "prepare" else "unless-stopped")
        assert service == "prepare" or facts["mem_limit"], service
        for port in facts.get("ports", ()):
            assert port.startswith(("127.0.0.1:", "${PUBLISH_ADDRESS:-127.0.0.1}:")), port


@pytest.mark.parametrize("name", ["compose.yaml", "compose.production.yaml"])
def test_no_health_check_depends_on_files_that_can_change(name: str) -> None:
    """A configuration that is wrong on disk must not end a gateway that serves with the one before.

    An orchestrator would replace it by one that refuses to start.
    """
    gateway = compose(name)["services"]["gateway"]
    words = gateway["healthcheck"]["test"]
    assert "--config" not in words
    assert words[words.index("--control") + 1] == "tcp://127.0.0.1:7701"
    text = (DOCKER / name).read_text(encoding="utf-8")
    assert "IQGW_CONTROL__BIND: tcp://0.0.0.0:7701" in text
    assert "IQGW_CLIENT_KEYS: /keys/probe/probe.key" in text


def test_the_profile_for_much_names_limits_under_which_its_alerts_can_come() -> None:
    """An alert above the limit of memory never comes: the kernel ends the process before."""
    text = (DOCKER / "config" / "profile_high_throughput.yaml").read_text(encoding="utf-8")
    critical_mb = yaml.safe_load(text)["health"]["thresholds"]["memory_critical_mb"]
    guide = (DOCKER / "README.md").read_text(encoding="utf-8")
    soft_share = GuardSettings().soft_share
    for page in (text, guide):
        (compose_gb,) = set(re.findall(r"GATEWAY_MEMORY=(\d+)g", page))
        (unit_gb,) = set(re.findall(r"MemoryMax=(\d+)G", page))
        assert compose_gb == unit_gb
        assert int(unit_gb) * 1024 * soft_share > critical_mb


def test_base_images_are_named_exactly() -> None:
    """The same files make the same image next month."""
    for name in ("gateway.Dockerfile", "compose.yaml", "compose.production.yaml", "README.md"):
        text = (DOCKER / name).read_text(encoding="utf-8")
        tags = set(re.findall(r"(?<![/.\w])python:([\w.-]+)", text))
        assert tags, name
        assert len(tags) == 1, (name, tags)
        assert re.fullmatch(r"3\.\d+\.\d+-slim-\w+", tags.pop()), name
    for service in compose("compose.yaml")["services"].values():
        image = service.get("image", "")
        if not image.startswith("${GATEWAY_IMAGE"):
            assert re.search(r":v?\d+\.\d+\.\d+}$", image), image


def test_prometheus_can_use_what_compose_gives_it() -> None:
    """Its own tool reads it; the target is the gateway by its name in the project."""
    config = PROMETHEUS / "prometheus.compose.yaml"
    promtool("check", "config", str(config))
    (job,) = yaml.safe_load(config.read_text(encoding="utf-8"))["scrape_configs"]
    assert job["static_configs"] == [{"targets": ["gateway:7702"]}]


def test_grafana_is_given_its_dashboard_and_where_figures_come_from() -> None:
    """Mounts, folders and addresses are spelled alike in three files."""
    service = compose("compose.yaml")["services"]["grafana"]
    mounts = dict(volume.split(":")[:2] for volume in service["volumes"])
    provisioning = DOCKER / "grafana" / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources/prometheus.yaml").read_text())[
        "datasources"
    ]
    (provider,) = yaml.safe_load((provisioning / "dashboards/gateway.yaml").read_text())[
        "providers"
    ]
    assert (source["type"], source["url"]) == ("prometheus", "http://prometheus:9090")
    assert mounts["./grafana/provisioning"] == "/etc/grafana/provisioning"
    target = Path(mounts["./grafana/gateway.json"])
    assert str(target.parent) == provider["options"]["path"]
    dashboard = json.loads((DOCKER / "grafana" / "gateway.json").read_text(encoding="utf-8"))
    assert dashboard["title"] == "IQFeed gateway"


def test_the_image_has_nothing_but_the_package() -> None:
    """What the ignore file lets pass is what a wheel is made of; keys and logins never are."""
    root = DOCKER.parent
    rules = (root / ".dockerignore").read_text(encoding="utf-8").splitlines()
    passed = {rule[1:] for rule in rules if rule.startswith("!")}
    dockerfile = (DOCKER / "gateway.Dockerfile").read_text(encoding="utf-8")
    copied = {
        word
        for line in dockerfile.splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for word in line.split()[1:-1]
    }
    assert rules[1] == "*"
    assert passed == copied
    tracked = subprocess.run(
        ["git", "-C", str(root), "ls-files", *sorted(copied)],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    ).stdout.split()
    assert not [name for name in tracked if name.endswith((".env", ".key", ".key_secret"))]
