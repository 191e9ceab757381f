"""An upstream that does byte for byte what a test tells it, on raw sockets."""

import contextlib
import re
import select
import socket
import struct
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

PATIENCE_S = 30.0  # far beyond what anything here takes, so that a bug is an error and no hang

_LENGTH = re.compile(rb"\r\ncontent-length: ?(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: ?chunked", re.IGNORECASE)


class Peer:
    """One connection, seen from its far end."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._buffer = bytearray()
        sock.settimeout(PATIENCE_S)

    def head(self) -> bytes:
        """The next head with its empty line; b"" if the other side has closed."""
        return self._until(b"\r\n\r\n")

    def request(self) -> bytes:
        """The next request, head and body as they came; b"" if it never came to its end."""
        head = self.head()
        if _CHUNKED.search(head):
            chunks = self._chunks()
            return head + chunks if chunks else b""
        found = _LENGTH.search(head)
        count = int(found[1]) if found else 0
        body = self.exactly(count)
        return head + body if len(body) == count else b""

    def _chunks(self) -> bytes:
        """A chunked body to its end; b"" if that never came."""
        body = b""
        while line := self._until(b"\r\n"):
            size = int(line, 16)
            rest = self.exactly(size + 2)
            if len(rest) != size + 2:
                return b""
            body += line + rest
            if not size:
                return body
        return b""

    def exactly(self, count: int) -> bytes:
        while len(self._buffer) < count and self._more():
            pass
        return self._take(count)

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def finish(self) -> None:
        """FIN: no more from here."""
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """RST: what was not read is thrown away."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def wait_closed(self) -> bool:
        """Whether the other side closes within the patience; what it still sends is dropped."""
        with contextlib.suppress(TimeoutError, ConnectionError):
            while self.sock.recv(65_536):
                pass
            return True
        return False

    @property
    def is_closed(self) -> bool:
        """Whether the other side has closed by now, having sent nothing more."""
        if not select.select([self.sock], [], [], 0)[0]:
            return False
        try:
            return not self.sock.recv(1, socket.MSG_PEEK)
        except ConnectionError:
            return True

    def _until(self, end: bytes) -> bytes:
        while end not in self._buffer and self._more():
            pass
        if end not in self._buffer:
            return b""
        return self._take(self._buffer.index(end) + len(end))

    def _take(self, count: int) -> bytes:
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    def _more(self) -> bool:
        try:
            data = self.sock.recv(65_536)
        except ConnectionError:
            return False
        self._buffer += data
        return bool(data)


Play = Callable[[Peer], None]


class Origin:
    """Listens on loopback; each connection is played on a thread of its own.

    `requests` has what was asked, in order, over all connections; `connections` counts them.
    An exception in a play is raised by `close`.
    """

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self._listener.getsockname()[1]
        self.requests: list[bytes] = []
        self.connections = 0
        self.errors: list[BaseException] = []
        self._play: Play = self._hang_up
        self._socks: set[socket.socket] = set()
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answers(self, *responses: bytes) -> None:
        """Answer each request with the next of `responses`, over all connections.

        The last one is repeated.
        """
        left = list(responses)

        def play(peer: Peer) -> None:
            while request := peer.request():
                with self._lock:
                    self.requests.append(request)
                    answer = left.pop(0) if len(left) > 1 else left[0]
                peer.send(answer)

        self.plays(play)

    def plays(self, play: Play) -> None:
        """Let `play` do each new connection; forget what was asked before."""
        self.drop()
        self.requests = []
        self.connections = 0
        self._play = play

    def drop(self) -> None:
        """End the connections there are."""
        with self._lock:
            for sock in self._socks:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
            self._socks.clear()

    def close(self) -> None:
        self.drop()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # or it takes one more in `accept`
        self._listener.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self._socks.add(sock)
                self.connections += 1
            threading.Thread(target=self._run, args=(sock, self._play), daemon=True).start()

    def _run(self, sock: socket.socket, play: Play) -> None:
        try:
            play(Peer(sock))
        except (OSError, TimeoutError):
            pass  # the other side, or `drop`, ended it
        except BaseException as error:
            self.errors.append(error)
        finally:
            with self._lock:
                self._socks.discard(sock)
            sock.close()

    @staticmethod
    def _hang_up(peer: Peer) -> None:
        peer.sock.close()
