"""The emulated link itself: it does what it is told, no more, and leaves nothing behind."""

import itertools
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from tests.support import namespaces
from tests.support.emulator import Conditions, Direction
from tests.support.network import FAR, NEAR, ROOT, Network, require
from tests.support.stage import wait_until

SEED = 7
PACKETS = 2_000


def fates(
    conditions: Conditions, *, seed: int = SEED, gap_s: float = 0.001
) -> list[tuple[int, int]]:
    """Send numbered packets of 100 bytes, and read when each arrives, ms after the start."""
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with near, far:
        far.setblocking(False)
        direction = Direction(random.Random(seed), near.fileno())
        direction.conditions = conditions
        arrived = []
        for step in range(round(PACKETS * gap_s / 0.001) + 1_000):
            now_s = step / 1000
            sent = round(now_s / gap_s)
            if now_s == pytest.approx(sent * gap_s) and sent < PACKETS:
                direction.send(sent.to_bytes(4, "big") + b"." * 96, now_s)
            direction.deliver(now_s)
            while True:
                try:
                    arrived.append((int.from_bytes(far.recv(200)[:4], "big"), step))
                except BlockingIOError:
                    break
        return arrived


def test_a_perfect_link_changes_nothing() -> None:
    """Tests of other things run over it, too."""
    assert fates(Conditions()) == [(n, n) for n in range(PACKETS)]


def test_delay_and_jitter_keep_the_order() -> None:
    """Packets of one flow queue behind each other; only `reorder` lets them overtake."""
    arrived = fates(Conditions(delay_ms=50, jitter_ms=10))
    assert [n for n, _ in arrived] == list(range(PACKETS))
    delays = [at - n for n, at in arrived]
    assert min(delays) >= 40
    assert max(delays) <= 61
    assert len(set(delays)) > 5


def test_loss_and_duplication_are_as_frequent_as_told() -> None:
    """A share that is off would make every figure measured with it wrong."""
    count = len(fates(Conditions(loss=0.05)))
    assert count == pytest.approx(PACKETS * 0.95, rel=0.02)
    numbers = [n for n, _ in fates(Conditions(duplicate=0.1))]
    assert set(numbers) == set(range(PACKETS))
    assert len(numbers) == pytest.approx(PACKETS * 1.1, rel=0.03)


def test_some_overtake() -> None:
    """TCP must see packets out of order where it is told."""
    numbers = [n for n, _ in fates(Conditions(delay_ms=20, reorder=0.1))]
    assert sorted(numbers) == list(range(PACKETS))
    backwards = sum(b < a for a, b in itertools.pairwise(numbers))
    assert backwards == pytest.approx(PACKETS * 0.1, rel=0.3)


def test_a_rate_holds_packets_back_and_its_queue_is_bounded() -> None:
    """A slow link is a queue first and a loss then, as a real one is."""
    conditions = Conditions(rate_bps=400_000, queue_bytes=10_000)
    arrived = fates(conditions)
    # 800,000 bits a second came for two seconds; half of them and one queue got through.
    assert len(arrived) * 800 == pytest.approx(400_000 * 2 + 80_000, rel=0.02)
    assert max(at - n for n, at in arrived) == pytest.approx(200, abs=5)


def test_a_cut_loses_what_is_on_the_way() -> None:
    """Nothing may arrive after the cable is out."""
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with near, far:
        direction = Direction(random.Random(SEED), near.fileno())
        direction.conditions = Conditions(delay_ms=10)
        direction.send(b"packet", 0.0)
        direction.conditions = Conditions(delay_ms=10, is_cut=True)
        direction.send(b"packet", 0.0)
        direction.deliver(1.0)
        far.setblocking(False)
        with pytest.raises(BlockingIOError):
            far.recv(100)
        assert direction.figures["cut"] == 2


def test_the_same_seed_gives_the_same_link() -> None:
    """A failure is repeated by its seed."""
    conditions = Conditions(delay_ms=20, jitter_ms=5, loss=0.1, duplicate=0.1, reorder=0.1)
    assert fates(conditions) == fates(conditions)
    assert fates(conditions) != fates(conditions, seed=SEED + 1)


@pytest.fixture
def network() -> Iterator[Network]:
    """A perfect link."""
    require()
    with Network(seed=SEED) as network:
        yield network


def round_trip_s(network: Network) -> float:
    """How long one echo over TCP takes, connecting not included."""
    with network.inside(network.near), socket.create_server((NEAR, 0)) as server:
        with network.inside(network.far):
            client = socket.create_connection(server.getsockname(), timeout=5.0)
        served, peer = server.accept()
        assert peer[0] == FAR
        with client, served:
            started_s = time.monotonic()
            client.sendall(b"ping")
            served.sendall(served.recv(4))
            assert client.recv(4) == b"ping"
            return time.monotonic() - started_s


@pytest.mark.slow
def test_packets_cross_and_take_their_time(network: Network) -> None:
    """The connection itself runs over the link, both ways."""
    assert round_trip_s(network) < 0.05
    network.change(delay_ms=100)
    assert 0.2 <= round_trip_s(network) < 0.3
    network.heal()
    assert round_trip_s(network) < 0.05
    assert network.figures("to_far")["delivered"] > 0


@pytest.mark.slow
def test_each_direction_is_cut_alone(network: Network) -> None:
    """A one-way partition is another fault than a whole one."""
    with (
        network.inside(network.near),
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as near,
    ):
        near.bind((NEAR, 0))
        near.settimeout(0.2)
        with network.inside(network.far):
            far = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with far:
            far.bind((FAR, 0))
            far.settimeout(0.2)
            network.cut("to_near")
            near.sendto(b"there", far.getsockname())
            assert far.recv(100) == b"there"
            far.sendto(b"back", near.getsockname())
            with pytest.raises(TimeoutError):
                near.recv(100)
            network.heal()
            far.sendto(b"again", near.getsockname())
            assert near.recv(100) == b"again"


@pytest.mark.slow
def test_nothing_is_left_behind() -> None:
    """Hundreds of namespaces on a developer's machine would be found one day."""
    require()
    with Network() as network:
        names = {network.near, network.far}
        assert names <= {path.name for path in namespaces.FOLDER.iterdir()}
    assert not names & {path.name for path in namespaces.FOLDER.iterdir()}


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["owner", "emulator and owner"])
def test_a_crash_leaves_nothing_for_long(victim: str) -> None:
    """The emulator ends with its test run; when it dies too, the next run tidies up."""
    require()
    script = (
        "import subprocess, sys, time; from tests.support.network import Network\n"
        "network = Network()\n"
        "subprocess.Popen(network.command(network.far, 'sleep', '600'))\n"
        "print(network.pid, network.near, network.far, flush=True); time.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as owner:
        try:
            assert owner.stdout is not None
            pid, *names = owner.stdout.readline().split()
            if victim != "owner":
                os.kill(int(pid), signal.SIGKILL)
        finally:
            owner.kill()
    if victim != "owner":
        assert set(namespaces.remove_stale()) >= set(names)
    wait_until(lambda: not any((namespaces.FOLDER / name).exists() for name in names), what="tidy")
