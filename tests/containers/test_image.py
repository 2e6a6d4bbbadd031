"""The image: how large it is, and how it ends."""

import gzip
import io
import json
import subprocess
import tarfile

import pytest

from tests.containers.engine import IMAGE, PYTHON, Engine

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
COMPRESSED_MB_MAX = 150


def test_its_layers_are_small(engine: Engine) -> None:
    """What is pulled at each upgrade, beside the base image that changes rarely."""
    saved = subprocess.run(
        ["docker", "save", IMAGE], env=engine.environment, capture_output=True, check=True
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(saved)) as archive:

        def read(name: str) -> bytes:
            file = archive.extractfile(name)
            assert file is not None
            return file.read()

        (manifest,) = json.loads(read("manifest.json"))
        history = json.loads(read(manifest["Config"]))["history"]
        # Ours begin behind the label that the Dockerfile sets first.
        begin = next(
            place
            for place, step in enumerate(history)
            if "org.opencontainers.image.title=iqfeed-gateway" in step.get("created_by", "")
        )
        count = sum(1 for step in history[begin:] if not step.get("empty_layer"))
        layers = [read(name) for name in manifest["Layers"][-count:]]
    plain_mb = sum(map(len, layers)) / 1e6
    packed_mb = sum(len(gzip.compress(layer, 6)) for layer in layers) / 1e6
    print(
        f"the gateway's {count} layers: {packed_mb:.1f} MB compressed, {plain_mb:.1f} MB unpacked"
    )
    assert packed_mb <= COMPRESSED_MB_MAX


def test_it_has_the_compiled_pipeline(engine: Engine) -> None:
    """An image is built once and run everywhere: it must not depend on who built it."""
    code = "from gateway.compiled.choice import choose; print(choose('auto'))"
    words = ("run", "--rm", "--network=none", f"--entrypoint={PYTHON}", IMAGE, "-c", code)
    assert engine.run(*words).stdout.strip() == "compiled"


def test_a_wrong_setting_ends_it_with_78(engine: Engine) -> None:
    """Whoever supervises it can tell this from a crash; the reason is said."""
    words = ("run", "--rm", "--network=none", "--env", "IQGW_HTTP__BIND=everywhere", IMAGE)
    finished = engine.run(*words, is_checked=False)
    assert finished.returncode == 78
    assert "http.bind is no address with a port" in finished.stderr


def test_addresses_that_others_reach_are_refused_without_keys(engine: Engine) -> None:
    """A container is no reason to let everybody in."""
    words = ("run", "--rm", "--network=none", "--env", "IQGW_DATA__BIND=tcp://0.0.0.0:7700", IMAGE)
    finished = engine.run(*words, is_checked=False)
    assert finished.returncode == 78
    assert "data.bind would let other machines in" in finished.stderr


def test_it_hears_a_stop_signal_right_from_its_start(engine: Engine) -> None:
    """A container's first process is deaf to signals for which it has no handler."""
    name = "iqfeed-test-stop"
    engine.run("rm", "--force", name, is_checked=False)
    engine.run("run", "--detach", "--name", name, "--network=none", IMAGE)
    try:
        end = "import time, zmq; s = zmq.Context().socket(zmq.DEALER); s.linger = 0;"
        end += "s.connect('tcp://127.0.0.1:7701');"
        end += (
            "import socket\nwhile socket.socket().connect_ex(('127.0.0.1', 7701)): time.sleep(.02)"
        )
        engine.exec_python(name, end)
        engine.run("stop", "--time", "20", name)
        assert engine.inspect(name)["State"]["ExitCode"] == 0
    finally:
        engine.run("rm", "--force", name)
