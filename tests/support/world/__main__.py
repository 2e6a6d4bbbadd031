"""Runs seeds: `python -m tests.support.world --seed 7 --trace`, or many with `--count 10000`."""

import argparse
import time

from tests.support.world.scenario import Run, draw


def main() -> int:
    """Run one seed or many.

    Returns:
        How many failed, at most 100.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.support.world", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="the seed, or the first of many")
    parser.add_argument("--count", type=int, default=1, help="how many seeds")
    parser.add_argument("--trace", action="store_true", help="print what happens")
    parser.add_argument("--fault", action="append", help="draw only these kinds of faults")
    arguments = parser.parse_args()
    names = {"names": arguments.fault} if arguments.fault else {}
    failed, begun_s, slowest, simulated_s = 0, time.process_time(), (0.0, 0), 0.0
    for seed in range(arguments.seed, arguments.seed + arguments.count):
        scenario = draw(seed, **names)
        run = Run(scenario, is_traced=arguments.trace)
        started_s = time.process_time()
        try:
            violations = run.run()
        finally:
            if run.world.trace is not None:
                print("\n".join(run.world.trace))
        slowest = max(slowest, (time.process_time() - started_s, seed))
        simulated_s += run.world.clock.elapsed_s
        if violations or arguments.count == 1:
            print(f"seed {seed}: {scenario.options}")
            print(f"  symbols {scenario.symbols} deep {scenario.deep}")
            for fault in scenario.faults:
                print(f"  {fault}")
        if violations:
            failed += 1
            print(*(f"  VIOLATION {text}" for text in violations), sep="\n")
            print(f"  replay: python -m tests.support.world --seed {seed} --trace", flush=True)
    took_s = time.process_time() - begun_s
    print(
        f"{arguments.count} seeds, {failed} failed, {arguments.count / took_s * 60:.0f} a minute "
        f"and core, {simulated_s:.0f} simulated seconds in {took_s:.1f} s, slowest "
        f"{slowest[0]:.2f} s (seed {slowest[1]})"
    )
    return min(failed, 100)


if __name__ == "__main__":
    raise SystemExit(main())
