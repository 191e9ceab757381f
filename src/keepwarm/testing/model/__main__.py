"""`python -m keepwarm.testing.model [--states N]`: explore the protocol, N states in all."""

import argparse
import sys
import time

from keepwarm.testing.model import explore

STATES = 5_000_000


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m keepwarm.testing.model", description=__doc__)
    parser.add_argument("--states", type=int, default=STATES, help="how many (%(default)s)")
    began = at = time.process_time()
    states = 0
    for found in explore(parser.parse_args().states):
        now = time.process_time()
        print(f"{found} ({now - at:.0f} s)", flush=True)
        states, at = states + found.states, now
        if found.violation is not None:
            print(found.violation)
            return 1
    print(f"{states:,} states in {time.process_time() - began:.0f} s of processor time")
    return 0


if __name__ == "__main__":
    sys.exit(main())
