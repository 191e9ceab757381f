"""Play the live channel in real browsers, and write what was measured into its page.

make live            # everything in tests/live_browser; arguments are pytest's
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "live-client.md"
sys.path.insert(0, str(ROOT))

from benchmarks.machine import machine  # noqa: E402 - the folder above comes first
from benchmarks.pages import rewrite_block  # noqa: E402


def main(arguments: list[str]) -> int:
    with tempfile.TemporaryDirectory() as folder:
        figures = Path(folder) / "figures.json"
        tests = ["-m", "pytest", "tests/live_browser", "-m", "more", "-n", "0", "-q", "-s"]
        played = subprocess.run(
            [sys.executable, *tests, *arguments],
            cwd=ROOT,
            env=os.environ | {"LIVE_FIGURES": str(figures)},
        )
        rows = json.loads(figures.read_text()) if figures.exists() else []
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    print(table)
    if played.returncode == 0 and not arguments:  # a part of the rows is no table
        rewrite_block(PAGE, f"{about()}\n\n| what | measured | promised |\n|---|---|---|\n{table}")
    return played.returncode


def about() -> str:
    here = machine("")
    load = here["load_average"]
    # Debian's wrapper complains of machines with much memory.
    said = subprocess.check_output(
        ["/usr/bin/chromium", "--version"], text=True, stderr=subprocess.DEVNULL
    )
    chromium = said.split()[1]
    return (
        f"Measured {time.strftime('%Y-%m-%d')} by `make live`: Chromium {chromium}, two processes "
        f"of an app over one Valkey; {here['cores']} cores ({here['processor']}) shared with all "
        f"of that and with other work (load {load[0]}), CPython {here['python']}. "  # type: ignore[index]
        f"Commit {here['commit']}."
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
