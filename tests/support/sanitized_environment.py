"""An environment whose Python has the sanitizers in it, like the one that runs this.

python -m tests.support.sanitized_environment make FOLDER   # all but its Python
python -m tests.support.sanitized_environment options       # with which that is compiled
"""

import sys
import sysconfig
import venv
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
OUR_PATHS: Final = "_iqfeed_gateway.pth"
"""What an editable install leaves: where the gateway and its client are."""
SCRIPT_BYTES_MAX: Final = 4_096
"""Of a command that only calls Python; what is longer is a program."""


def make(folder: Path) -> None:
    """Make an environment with the libraries of this one, and the gateway of this copy.

    Args:
        folder: For the environment; its `bin/python` is left to be compiled.
    """
    venv.create(folder, symlinks=True)
    names = {"base": str(folder), "platbase": str(folder)}
    packages = Path(sysconfig.get_path("purelib", "posix_prefix", vars=names))
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if path.name != OUR_PATHS:
            (packages / path.name).symlink_to(path)
    (packages / OUR_PATHS).write_text(f"{ROOT}\n{ROOT / 'clients/python'}\n", encoding="utf-8")
    scripts = folder / "bin"
    for path in scripts.glob("python*"):
        path.unlink()
    for name in ("python3", f"python{sysconfig.get_python_version()}"):
        (scripts / name).symlink_to("python")
    for path in Path(sysconfig.get_path("scripts")).iterdir():
        if not (scripts / path.name).exists() and not path.name.startswith("python"):
            bring(path, scripts / path.name)


def bring(command: Path, own: Path) -> None:
    """Let a command of Python's be of the new environment; any other stays what it is.

    Args:
        command: As it was installed.
        own: Where the new environment has it.
    """
    text = command.read_bytes() if command.stat().st_size <= SCRIPT_BYTES_MAX else b""
    first, _, rest = text.partition(b"\n")
    if not first.startswith(b"#!") or b"python" not in first:
        own.symlink_to(command)
        return
    own.write_bytes(f"#!{own.with_name('python')}\n".encode() + rest)
    own.chmod(0o755)


def options() -> list[str]:
    """What a compiler must be told to make a Python like this one."""
    values = sysconfig.get_config_vars("LIBPL", "LIBDIR", "VERSION", "LIBS", "SYSLIBS")
    static, shared, version, *libraries = (str(value or "") for value in values)
    return [
        f"-I{sysconfig.get_path('include')}",
        *(f"-L{folder}" for folder in (static, shared)),
        f"-Wl,-rpath,{shared}",
        f"-lpython{version}{sys.abiflags}",
        *" ".join(libraries).split(),
        *str(sysconfig.get_config_var("LINKFORSHARED") or "").split(),
    ]


def main(arguments: list[str]) -> int:
    """Do what the module says."""
    if arguments == ["options"]:
        print(" ".join(options()))
        return 0
    if len(arguments) == 2 and arguments[0] == "make":
        make(Path(arguments[1]).resolve())
        return 0
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
