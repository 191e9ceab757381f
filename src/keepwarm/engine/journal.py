"""The journal: unconfirmed invalidations on disk, so that they survive the process.

How to think of it: each process appends what it owes to a file of its own, holds a lock on
that file while it lives, and empties it when everything is paid. Whoever finds a file that
nobody has locked has found a process that died in debt: it makes the debt its own, writes
it into its own file, and only then removes the other. A process in debt neither serves nor
stores what the debt covers, so nothing stale is served before it is paid.

    keepwarm 1 gallery            the head: format, namespace
    5f1e09c2 {"stamps": [...]}    one debt to a line, with the checksum of the rest

A last line that is not whole was being written when the process died, before anybody was
told that it is durable: it is dropped. Anything else that cannot be read may have hidden
any debt, so everything is owed.
"""

import json
import logging
import os
import threading
import zlib
from pathlib import Path

from keepwarm.core.entry import NO_DEBT, Debt
from keepwarm.core.globs import Glob
from keepwarm.errors import ConfigurationError, KeepwarmError
from keepwarm.forking import on_fork, unforked

try:
    import fcntl
except ImportError:  # Windows has no advisory locks of this kind
    fcntl = None  # type: ignore[assignment]

log = logging.getLogger("keepwarm")

SUFFIX = ".journal"
_HEAD = "keepwarm 1"
_EVERYTHING = Debt(everything=True)


class Journal:
    """One per cache and process, in `directory`, which is made if it is missing.

    Raises ConfigurationError if it cannot be used.
    """

    def __init__(self, directory: str | os.PathLike[str], namespace: str) -> None:
        self._directory = Path(directory)
        self._namespace = namespace
        self._lock = threading.Lock()
        self._file = -1
        self._path: Path | None = None
        self._has_failed = False
        if fcntl is None:
            raise ConfigurationError("journal= needs a system with flock: leave it out here")
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            is_usable = os.access(self._directory, os.R_OK | os.W_OK | os.X_OK)
        except OSError:
            is_usable = False
        if not is_usable:
            raise ConfigurationError(
                "journal= must be a directory that this process may write to, on storage that "
                "survives it"
            )
        on_fork(self)

    def after_fork(self) -> None:
        """In a forked child: the file is the parent's, and so is its lock."""
        self._lock = threading.Lock()
        file, self._file, self._path = self._file, -1, None
        if file >= 0:
            os.close(file)  # the parent's copy keeps the lock

    def append(self, debt: Debt) -> bool:
        """Whether `debt` is on disk now. Never raises: it is owed in memory all the same."""
        with self._lock:
            try:
                if self._file < 0:
                    with unforked():  # else a child could hold a copy, and the lock, for ever
                        self._open()
                _write(self._file, _line(debt))
                os.fsync(self._file)
            except OSError as error:
                if not self._has_failed:
                    log.error("the journal cannot be written (%s): debts die with us", error)
                self._has_failed = True
                return False
            self._has_failed = False
            return True

    def clear(self) -> None:
        """Everything is paid: remove this process's file."""
        with self._lock:
            if self._path is not None:
                self._path.unlink(missing_ok=True)
            self._let_go()

    def close(self) -> None:
        """Leave this process's file to whoever finds it: the debts are his."""
        with self._lock:
            self._let_go()

    def _let_go(self) -> None:
        with unforked():
            file, self._file, self._path = self._file, -1, None
            if file >= 0:
                os.close(file)

    def adopt(self, *, with_living: bool = False) -> Debt:
        """What processes that have died owe: from now on, what this one owes.

        `with_living` adds what others owe that live; that stays theirs.
        """
        found = NO_DEBT
        for path in sorted(self._directory.glob(f"*{SUFFIX}")):
            if path == self._path:
                continue
            try:
                debt = self._adopt(path, with_living=with_living)
            except OSError as error:
                log.error("a journal cannot be read (%s): everything is owed", error)
                debt = _EVERYTHING
            found = found.plus(debt)
        return found

    def _adopt(self, path: Path, *, with_living: bool) -> Debt:
        try:
            file = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            return NO_DEBT  # another process was quicker
        try:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                has_died = True
            except BlockingIOError:
                has_died = False
                if not with_living:
                    return NO_DEBT
            if os.fstat(file).st_nlink == 0:
                return NO_DEBT
            namespace, debt = read(_all_of(file))
            is_ours = namespace == self._namespace
            if namespace is None:  # not even its head can be read: go by its name
                is_ours = path.name.startswith(f"{self._namespace}.")
            if not is_ours:
                return NO_DEBT
            if has_died and (not debt or self.append(debt)):
                path.unlink(missing_ok=True)
            return debt
        finally:
            os.close(file)

    def _open(self) -> None:
        """A file of our own, locked and with its head before anybody can find it."""
        name = f"{self._namespace}.{os.getpid()}.{os.urandom(6).hex()}"
        hidden, path = self._directory / f".{name}", self._directory / f"{name}{SUFFIX}"
        file = os.open(hidden, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_APPEND, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _write(file, f"{_HEAD} {self._namespace}\n".encode())
            os.fsync(file)
            hidden.rename(path)
        except OSError:
            hidden.unlink(missing_ok=True)
            os.close(file)
            raise
        self._file, self._path = file, path
        directory = os.open(self._directory, os.O_RDONLY)
        try:
            os.fsync(directory)  # else a power cut could lose the name
        finally:
            os.close(directory)


def read(data: bytes) -> tuple[str | None, Debt]:
    """The namespace (None: unreadable) and the debts of a journal's bytes."""
    head, _, rest = data.partition(b"\n")
    words = head.decode("ascii", "replace").split(" ")
    if len(words) != 3 or words[:2] != _HEAD.split(" "):
        return None, _EVERYTHING
    debt = NO_DEBT
    *whole, torn = rest.split(b"\n")
    for number, line in enumerate(whole):
        one = _debt(line)
        if one is None and number == len(whole) - 1 and not torn:
            break  # torn by a power cut in the middle of its last page
        debt = debt.plus(one if one is not None else _EVERYTHING)
    return words[2], debt


def _line(debt: Debt) -> bytes:
    said = {
        "stamps": sorted(debt.stamps),
        "globs": [glob.pattern for glob in debt.globs],
        "everything": debt.everything,
    }
    body = json.dumps(said).encode("ascii")
    return b"%08x %s\n" % (zlib.crc32(body), body)


def _debt(line: bytes) -> Debt | None:
    checksum, _, body = line.partition(b" ")
    if checksum != b"%08x" % zlib.crc32(body):
        return None
    try:
        said = json.loads(body)
        globs = tuple(Glob(pattern) for pattern in said["globs"])
        return Debt(frozenset(map(str, said["stamps"])), globs, bool(said["everything"]))
    except (ValueError, KeyError, TypeError, KeepwarmError):
        return _EVERYTHING


def _write(file: int, data: bytes) -> None:
    start = os.lseek(file, 0, os.SEEK_END)
    try:
        while data:
            data = data[os.write(file, data) :]
    except OSError:
        os.ftruncate(file, start)  # half a line would make the next one unreadable
        raise


def _all_of(file: int) -> bytes:
    parts = []
    while part := os.read(file, 1 << 20):
        parts.append(part)
    return b"".join(parts)
