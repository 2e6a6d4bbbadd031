"""`compose.production.yaml`: an IQConnect that somebody else runs and that wants a login."""

import json
from pathlib import Path

import pytest

from tests.containers.engine import LOGIN, PRODUCTION, Engine, Project

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
FOLDER = Path(__file__).resolve().parent


def test_what_only_the_operator_knows_is_asked_for(engine: Engine) -> None:
    """Nothing starts before somebody has said where IQConnect is, and that DTN consents."""
    known = {"IQCONNECT_HOST": "iqconnect", "REDISTRIBUTION_ACKNOWLEDGED": "true"}
    for missing in known:
        variables = {name: value for name, value in known.items() if name != missing}
        project = Project(engine, "iqfeed-production-test", file=PRODUCTION, variables=variables)
        finished = project.run("config", "--quiet", is_checked=False)
        assert finished.returncode != 0
        assert missing in finished.stderr


def test_it_logs_in_by_a_file_and_serves(engine: Engine, tmp_path: Path) -> None:
    """The login is in no variable and no image: `docker inspect` does not show it."""
    login, config = tmp_path / "login.env", tmp_path / "config"
    login.write_text(LOGIN)
    config.mkdir()
    main, site = config / "iqfeed_production.yaml", config / "site.yaml"
    main.write_text("gateway_id: of-the-file\n")
    site.write_text("gateway_id: production-test\n")
    # The container's user is to read both.
    config.chmod(0o755)
    login.chmod(0o644)
    project = Project(
        engine,
        "iqfeed-production-test",
        file=PRODUCTION,
        more=[FOLDER / "compose.iqconnect.yaml"],
        variables={
            "IQCONNECT_HOST": "iqconnect",
            "REDISTRIBUTION_ACKNOWLEDGED": "true",
            "IQFEED_LOGIN_FILE": str(login),
            "GATEWAY_CONFIG": str(config),
            "GATEWAY_SITE": site.name,
        },
    )
    project.down()
    try:
        project.up()
        project.wait_healthy("gateway")
        gateway = project.container("gateway")
        told = engine.run("exec", gateway, "iqfeed-gateway", "rpc", "hello").stdout
        assert json.loads(told)["gateway_id"] == "production-test"
        facts = engine.inspect(gateway)
        assert "as-agreed" not in json.dumps(facts)
        host = facts["HostConfig"]
        assert host["ReadonlyRootfs"]
        assert host["CapDrop"] == ["ALL"]
        assert host["SecurityOpt"] == ["no-new-privileges:true"]
        assert host["RestartPolicy"]["Name"] == "unless-stopped"
        assert host["Memory"] == host["MemorySwap"] == 2 << 30
        assert host["PidsLimit"] == 256
        logs = engine.run("exec", gateway, "ls", "/var/log/iqfeed").stdout.split()
        assert {"audit.log", "production.log"} <= set(logs)
        # A file that is wrong by now: it serves with the one before, and a new one would not start.
        main.write_text("gateway_id: [\n")
        check = (
            "iqfeed-gateway",
            "validate",
            "--config",
            f"/etc/iqfeed-gateway/config/{main.name}",
        )
        assert engine.run("exec", gateway, *check, is_checked=False).returncode == 78
        words = facts["Config"]["Healthcheck"]["Test"][1:]
        assert engine.run("exec", gateway, *words).stdout.startswith("ready")
    finally:
        project.down()
