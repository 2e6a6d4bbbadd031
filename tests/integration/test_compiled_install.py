"""The package as people build and install it, with a compiler and without one.

Nothing is fetched: what the gateway needs is borrowed from the environment of the tests.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest
from packaging.tags import sys_tags
from packaging.utils import parse_wheel_filename

pytestmark = [pytest.mark.slow, pytest.mark.long]
ROOT = Path(__file__).resolve().parents[2]
VARIABLE = "IQGW_BUILD_COMPILED"
MODULE = f"gateway/compiled/_pipeline{sysconfig.get_config_var('EXT_SUFFIX')}"
SECONDS_MAX = 300
CHOICE = "from gateway.compiled.choice import choose; print(choose('auto'))"
PLACE = "import gateway; print(gateway.__file__)"

needs_compiler = pytest.mark.skipif(
    os.name != "nt" and shutil.which("c++") is None, reason="there is no C++ compiler"
)

finds_no_compiler = pytest.mark.skipif(
    os.name == "nt", reason="Visual Studio is found without the environment's help"
)


def run(*command: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, in an environment without choices of the developer's."""
    usual = {name: value for name, value in os.environ.items() if not name.startswith("IQGW_")}
    return subprocess.run(
        command,
        cwd=cwd,
        env=usual | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )


def without_compiler(folder: Path) -> dict[str, str]:
    """An environment in which no compiler is found."""
    absent = folder / "absent"
    return {"CC": str(absent / "cc"), "CXX": str(absent / "c++"), "PATH": str(folder / "bin")}


class FreshInstall:
    """A new environment that has all the gateway needs, but not the gateway.

    Args:
        folder: For the environment.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        venv.create(folder / "venv", with_pip=True)
        names = {"base": str(folder / "venv"), "platbase": str(folder / "venv")}
        scheme = "nt" if os.name == "nt" else "posix_prefix"
        packages = Path(sysconfig.get_path("purelib", scheme, vars=names))
        # As a path only: files that would make our own gateway visible there are not read.
        (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
        scripts = Path(sysconfig.get_path("scripts", scheme, vars=names))
        self.python = str(scripts / ("python.exe" if os.name == "nt" else "python"))
        """Its Python."""

    def install(self, *what: Path | str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Install the gateway from a folder or a file."""
        options = ("--no-index", "--no-deps", "--no-build-isolation", "--verbose")
        command = (self.python, "-m", "pip", "install", *options, *map(str, what))
        return run(*command, cwd=self._folder, **environment)

    def has_gateway(self) -> bool:
        """Whether the gateway is installed there."""
        ended = run(self.python, "-c", "import gateway", cwd=self._folder)
        assert ended.returncode == 0 or "No module named 'gateway'" in ended.stdout, ended.stdout
        return ended.returncode == 0

    def say(self, code: str) -> str:
        """What a program prints there."""
        ended = run(self.python, "-c", code, cwd=self._folder)
        assert ended.returncode == 0, ended.stdout
        return ended.stdout.strip()


@pytest.fixture
def fresh(tmp_path: Path) -> FreshInstall:
    """A new environment without the gateway."""
    install = FreshInstall(tmp_path)
    assert not install.has_gateway()
    return install


@finds_no_compiler
def test_an_install_without_a_compiler_runs_in_python_and_says_why(
    fresh: FreshInstall, tmp_path: Path
) -> None:
    """The usual machine of somebody who tries the gateway."""
    ended = fresh.install(ROOT, **without_compiler(tmp_path))
    assert ended.returncode == 0, ended.stdout
    assert "The compiled part of the gateway cannot be built" in ended.stdout
    assert "The installation goes on without it" in ended.stdout
    assert "Traceback" not in ended.stdout
    assert "venv" in fresh.say(PLACE)
    assert fresh.say(CHOICE) == "python (the compiled pipeline is not installed)"


@finds_no_compiler
def test_an_install_that_requires_it_fails_without_a_compiler(
    fresh: FreshInstall, tmp_path: Path
) -> None:
    """The cause is told, and nothing is installed."""
    ended = fresh.install(ROOT, **without_compiler(tmp_path), **{VARIABLE: "required"})
    assert ended.returncode != 0
    assert "The compiled part of the gateway cannot be built" in ended.stdout
    assert f"{VARIABLE} is `required`: nothing is built." in ended.stdout
    assert not fresh.has_gateway()


@needs_compiler
def test_a_wheel_with_it_is_for_this_platform_and_runs_compiled(
    fresh: FreshInstall, tmp_path: Path
) -> None:
    """What is released: built once, installed where there is no compiler."""
    command = (sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path))
    ended = run(*command, cwd=ROOT, **{VARIABLE: "required"})
    assert ended.returncode == 0, ended.stdout
    (wheel,) = tmp_path.glob("*.whl")
    tags = parse_wheel_filename(wheel.name)[3]
    assert tags <= set(sys_tags())
    assert all(tag.platform != "any" and tag.abi != "none" for tag in tags)
    names = zipfile.ZipFile(wheel).namelist()
    assert [name for name in names if name.startswith("gateway/compiled/_pipeline.c")] == [MODULE]
    assert not [name for name in names if name.endswith((".cpp", ".hpp"))]
    ended = fresh.install(wheel, **without_compiler(tmp_path))
    assert ended.returncode == 0, ended.stdout
    assert fresh.say(CHOICE) == "compiled"


def test_a_pure_wheel_is_for_every_platform(tmp_path: Path) -> None:
    """What an editable install has compiled here must not slip into it."""
    command = (sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path))
    ended = run(*command, cwd=ROOT, **{VARIABLE: "none"})
    assert ended.returncode == 0, ended.stdout
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name.endswith("-py3-none-any.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert not [name for name in names if name.endswith((".so", ".pyd", ".cpp", ".hpp"))]


@needs_compiler
def test_an_editable_install_does_not_run_what_older_sources_made(
    fresh: FreshInstall, tmp_path: Path
) -> None:
    """After `git pull` the old module is still there, and would not do what the rest expects."""
    project = tmp_path / "project"
    project.mkdir()
    left_out = shutil.ignore_patterns("*.so", "*.pyd", "__pycache__")
    for folder in ("gateway", "clients/python"):
        shutil.copytree(ROOT / folder, project / folder, ignore=left_out)
    for name in ("hatch_build.py", "pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE"):
        shutil.copy(ROOT / name, project)
    ended = fresh.install("--editable", str(project), **{VARIABLE: "required"})
    assert ended.returncode == 0, ended.stdout
    assert str(project) in fresh.say(PLACE)
    assert fresh.say(CHOICE) == "compiled"
    source = project / "gateway/compiled/source/pump.cpp"
    source.write_text(source.read_text(encoding="utf-8") + "// changed\n", encoding="utf-8")
    assert "built from other sources: install the gateway again" in fresh.say(CHOICE)
    ended = run(fresh.python, "hatch_build.py", ".", cwd=project)
    assert ended.returncode == 0, ended.stdout
    assert fresh.say(CHOICE) == "compiled"


@needs_compiler
def test_the_source_package_has_all_that_is_compiled(fresh: FreshInstall, tmp_path: Path) -> None:
    """Whoever builds from it gets the same as from the repository."""
    command = (sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(tmp_path))
    ended = run(*command, cwd=ROOT)
    assert ended.returncode == 0, ended.stdout
    (source,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(source) as packed:
        names = {name.partition("/")[2] for name in packed.getnames()}
    ours = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("gateway/compiled/source/*")}
    assert ours | {"hatch_build.py", "pyproject.toml"} <= names
    assert not [name for name in names if name.endswith((".so", ".pyd"))]
    ended = fresh.install(source, **{VARIABLE: "required"})
    assert ended.returncode == 0, ended.stdout
    assert fresh.say(CHOICE) == "compiled"
