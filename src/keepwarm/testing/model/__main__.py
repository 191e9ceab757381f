"""`python -m keepwarm.testing.model [--states N]`: explore the protocol, N states in all."""

import argparse
import sys
import time

from keepwarm.testing.model import explore

STATES = 5_000_000


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m keepwarm.testing.model", description=__doc__)
    parser.add_argument("--states", type=int, default=STATES, help="how many (%(default)s)")
    began = at = time.perf_counter()
    states = 0
    for found in explore(parser.parse_args().states):
        now = time.perf_counter()
        print(f"{found} ({now - at:.1f} s)", flush=True)
        states, at = states + found.states, now
        if found.violation is not None:
            print(found.violation)
            return 1
    print(f"{states:,} states in {time.perf_counter() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
