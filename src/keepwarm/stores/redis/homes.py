"""Directories of embedded servers: private, one for each, swept when their app is dead."""

import contextlib
import fcntl
import os
import secrets
import shutil
import signal
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from keepwarm.stores.redis.binary import NoServer

PREFIX = "server-"  # nothing else in a directory is ours to sweep


def claim(base: Path) -> tuple[Path, int]:
    """A new 0700 directory in `base`, and the descriptor that holds its lock.

    First removes what the dead left there. Raises NoServer if `base` is not safe.
    """
    _make_private(base)
    with _locked(base / "lock"):
        # 1. A makes its directory. 2. B sweeps, finds its lock free, removes it.
        # 3. A takes the lock of nothing. The lock on `base` forbids step 2.
        _sweep(base)
        home = base / f"{PREFIX}{secrets.token_hex(4)}"
        home.mkdir(mode=0o700)
        return home, _take_lock(home / "lock")


def runtime_directory() -> Path:
    """Where this user's servers live: short, local and private."""
    offered = os.environ.get("XDG_RUNTIME_DIR", "")
    if offered and os.access(offered, os.W_OK | os.X_OK):
        return Path(offered) / "keepwarm"
    return Path(tempfile.gettempdir()) / f"keepwarm-{os.getuid()}"


def _make_private(directory: Path) -> None:
    """0700 and ours, or NoServer: in /tmp anybody may have made it before us."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise NoServer(f"cannot make {directory} for the embedded server: {error}") from None
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise NoServer(f"{directory} is not a directory of this user; remove it or pass another")
    if stat.S_IMODE(found.st_mode) & 0o077:
        directory.chmod(0o700)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _take_lock(path: Path) -> int:
    """The descriptor of a lock held until it is closed; OSError if another holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _sweep(base: Path) -> None:
    """Remove the directories of dead apps, with the servers that outlived them."""
    for home in base.glob(f"{PREFIX}*"):
        try:
            lock = _take_lock(home / "lock")
        except OSError:
            continue  # its app lives
        _kill_leftover(home)
        shutil.rmtree(home, ignore_errors=True)
        os.close(lock)


def _kill_leftover(home: Path) -> None:
    try:
        pid = int((home / "server.pid").read_text())
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        return  # gone, or a system without /proc
    if os.fsencode(home / "server.conf") in command.split(b"\0"):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
