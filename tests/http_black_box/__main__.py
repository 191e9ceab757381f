"""Plays the table several times in a row on each server, and tells whether all runs are alike.

    make http-five                              # five runs on uvicorn, hypercorn and granian
    make http-five ARGS="--runs 2 --server granian"

Exit codes: 0 if every run passed everything, and so is like every other; 1 if not.
"""

import argparse
import sys
from collections.abc import Iterable

from keepwarm.proxy.servers import SERVERS

from .cases import CASES
from .running import proxied
from .table import OPTIONAL, REQUIRED

LEVEL = {case.name: case.level for case in CASES}


def main(arguments: Iterable[str]) -> int:
    parser = argparse.ArgumentParser(prog="make http-five", description="The table, in a row.")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--server", choices=list(SERVERS), action="append")
    asked = parser.parse_args(list(arguments))
    is_clean = True
    for server in asked.server or SERVERS:
        runs = [failed(server, number) for number in range(1, asked.runs + 1)]
        are_alike = all(run == runs[0] for run in runs)
        is_clean = is_clean and not any(runs)
        print(f"{server}: {len(runs)} runs, {'identical' if are_alike else 'DIFFERENT'}")
    return 0 if is_clean else 1


def failed(server: str, number: int) -> frozenset[str]:
    """What failed in one run, in a proxy of its own."""
    with proxied(server) as (driver, port):
        found = driver.play_all(port)
    wrong = {name: why for name, why in found.items() if why}
    counts = []
    for level in (REQUIRED, OPTIONAL):
        names = [name for name in found if LEVEL[name] == level]
        passed = sum(name not in wrong for name in names)
        counts.append(f"{level} {passed}/{len(names)}")
    print(f"{server} run {number}: {', '.join(counts)}", flush=True)
    for name, why in sorted(wrong.items()):
        print(f"    {LEVEL[name]} {name}: {why}")
    return frozenset(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
