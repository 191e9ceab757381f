"""A client on raw sockets, and its responses as another parser than ours reads them."""

import contextlib
import socket
from dataclasses import dataclass
from typing import Self

import h11

from .origins import PATIENCE_S


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    fields: list[tuple[bytes, bytes]]
    body: bytes
    is_whole: bool
    """False if the connection ended before the response did."""

    def values(self, name: bytes) -> list[bytes]:
        return [value for key, value in self.fields if key.lower() == name]


class Client:
    """One connection. Not reused by itself: tests say what goes over it."""

    def __init__(self, port: int, receive_buffer: int | None = None) -> None:
        self.sock = socket.socket()
        if receive_buffer is not None:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(PATIENCE_S)
        self.sock.connect(("127.0.0.1", port))
        self._left = b""

    def send(self, data: bytes) -> Self:
        self.sock.sendall(data)
        return self

    def send_until_closed(self, count: int) -> None:
        """Send `count` bytes, or what the other side takes of them."""
        with contextlib.suppress(OSError):
            self.sock.sendall(bytes(count))

    def reply(self, method: str = "GET") -> Reply:
        """The next response, as h11 reads it."""
        parser = h11.Connection(h11.CLIENT)
        parser.send(h11.Request(method=method, target="/", headers=[("host", "x")]))
        parser.send(h11.EndOfMessage())
        if self._left:
            parser.receive_data(self._left)
        head: h11.Response | None = None
        body = b""
        try:
            while True:
                event = parser.next_event()
                if event is h11.NEED_DATA:
                    parser.receive_data(self._recv())
                elif isinstance(event, h11.Response):
                    head = event
                elif isinstance(event, h11.Data):
                    body += event.data
                elif isinstance(event, h11.EndOfMessage | h11.ConnectionClosed):
                    break
        except h11.RemoteProtocolError:
            if head is None:
                raise ConnectionAbortedError("no response") from None
            return Reply(head.status_code, head.headers.raw_items(), body, False)
        if head is None:
            raise ConnectionAbortedError("no response")
        self._left = parser.trailing_data[0]
        return Reply(head.status_code, head.headers.raw_items(), body, True)

    def head(self) -> bytes:
        """The bytes of the next head, as soon as they are here."""
        while b"\r\n\r\n" not in self._left:
            data = self._recv()
            if not data:
                raise ConnectionAbortedError("no response")
            self._left += data
        head, _, self._left = self._left.partition(b"\r\n\r\n")
        return head + b"\r\n\r\n"

    def more(self) -> bytes:
        """What comes next, at least a byte."""
        data, self._left = self._left or self._recv(), b""
        if not data:
            raise ConnectionAbortedError("the other side has closed")
        return data

    def rest_of(self, count: int) -> bytes:
        """The first `count` bytes of a body, after a head."""
        self.head()
        data, self._left = bytearray(self._left), b""
        while len(data) < count and (piece := self._recv()):
            data += piece
        return bytes(data)

    def rest(self) -> bytes:
        """Everything until the other side closes."""
        data, self._left = self._left, b""
        with contextlib.suppress(ConnectionError):
            while piece := self._recv():
                data += piece
        return data

    def close(self) -> None:
        self.sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _recv(self) -> bytes:
        try:
            return self.sock.recv(65_536)
        except ConnectionResetError:
            return b""


def get(path: str = "/", *fields: str, method: str = "GET", version: str = "1.1") -> bytes:
    """A request without a body."""
    lines = [f"{method} {path} HTTP/{version}", "Host: origin.example", *fields]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def fetch(port: int, path: str = "/", *fields: str, method: str = "GET") -> Reply:
    """A response over a connection of its own."""
    with Client(port) as client:
        return client.send(get(path, *fields, method=method)).reply(method)
