"""The same readers by Atheris, which also sees what is compared with what: finds other ways in.

Usage: python -m tests.fuzz.with_atheris READER [READER ...] [--seconds N] [--seed S] [--keep]
It needs the extra `fuzz`. Each reader is tried in a process of its own, which begins with what is
kept for it; what that finds is tried once more here, and with `--keep` joins `corpus/guided` where
it takes a way that nothing else takes. What broke a reader is written into `corpus/broken`.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.fuzz.guided import BROKEN, GuidedFuzzer
from tests.fuzz.guided_corpus import read_corpus, write_corpus
from tests.fuzz.target import Target
from tests.fuzz.targets import TARGETS

ROOT: Final = Path(__file__).resolve().parents[2]
START_S_MAX: Final = 600
"""Beyond the time that was asked for: every module is prepared first."""
CRASHES: Final = "crash-*", "timeout-*", "oom-*"
INPUT_S_MAX: Final = 10


def find(target: Target, folder: Path, *, seconds: int, seed: int) -> list[bytes]:
    """Let Atheris try a reader.

    Args:
        target: The reader.
        folder: An empty one.
        seconds: How long.
        seed: Of its own chance; how far it comes in a time is not always the same.

    Returns:
        Everything that it kept, and what broke the reader.
    """
    begun = folder / "inputs"
    begun.mkdir()
    for number, data in enumerate((*target.seeds, *read_corpus(target.name))):
        (begun / f"{number:05}").write_bytes(data)
    words = folder / "words"
    words.write_text("".join(f'"{_spell(token)}"\n' for token in target.tokens), encoding="ascii")
    options = (
        f"-max_total_time={seconds}",
        f"-seed={seed}",
        f"-dict={words}",
        f"-max_len={target.bytes_max}",
        f"-timeout={INPUT_S_MAX}",
        f"-artifact_prefix={folder}/",
        str(begun),
    )
    command = [sys.executable, "-m", "tests.fuzz.atheris_child", target.name, *options]
    with (folder / "output").open("wb") as output:
        code = subprocess.run(
            command,
            cwd=ROOT,
            stdout=output,
            stderr=output,
            timeout=seconds + START_S_MAX,
            check=False,
        ).returncode
    last = (folder / "output").read_text(encoding="utf-8", errors="replace")[-300:]
    broken = [path for pattern in CRASHES for path in sorted(folder.glob(pattern))]
    if code and not broken:
        raise SystemExit(f"Atheris did not run: {last}")
    return [path.read_bytes() for path in (*sorted(begun.iterdir()), *broken)]


def _spell(token: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in token)


def try_reader(target: Target, *, seconds: int, seed: int, is_kept: bool) -> bool:
    """Find inputs, try them, and print what came of it; returns whether none broke the reader."""
    with tempfile.TemporaryDirectory() as folder:
        inputs = find(target, Path(folder), seconds=seconds, seed=seed)
    fuzzer = GuidedFuzzer(target, seed=seed, broken=BROKEN)
    found = fuzzer.run(inputs=0)
    for data in inputs:
        fuzzer.attempt(data)
    if is_kept and not found.failure:
        write_corpus(target.name, fuzzer.minimized())
    print(
        f"{target.name}: seed {seed}, {seconds} s, {len(inputs)} inputs, edges "
        f"{found.first_edges} -> {len(found.edges)}"
        + (f"\n  BROKEN {found.failure}" if found.failure else ""),
        flush=True,
    )
    return not found.failure


def main() -> int:
    """Run from the command line; 1 when something broke."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("readers", nargs="+", metavar="READER", choices=sorted(TARGETS))
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="write corpus/guided anew")
    options = parser.parse_args()
    results = [
        try_reader(TARGETS[name], seconds=options.seconds, seed=options.seed, is_kept=options.keep)
        for name in options.readers
    ]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
