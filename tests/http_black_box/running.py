"""A running `keepwarm proxy` before an origin that plays the table."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from proxy.origins import Origin

from .driver import Driver


@contextmanager
def proxied(server: str) -> Iterator[tuple[Driver, int]]:
    """A driver, and the port of a proxy before its origin."""
    command = [sys.executable, "-m", "keepwarm.cli", "proxy", "--json", "--listen", ":0"]
    with (
        Origin() as origin,
        subprocess.Popen(
            [*command, "--upstream", origin.url, "--server", server],
            stdout=subprocess.PIPE,
            text=True,
            env={"PATH": "/usr/bin:/bin"},
        ) as process,
    ):
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        yield Driver(origin), int(told["listening"].rpartition(":")[2])
        process.terminate()
        assert process.wait(60) == 0
        assert origin.errors == []
