"""uvicorn's HTTP/1.1, with what a proxy needs and an app does not.

Held by tests/proxy against the pinned release: each of these leans on its inside.
"""

from uvicorn.protocols.http import httptools_impl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from keepwarm.proxy.front import MAX_FIELDS, MAX_HEAD

# Its table of status lines ends at 599, and a KeyError in the middle of a response is no
# answer: RFC 9110 §15 has clients treat 600 to 999 as server errors.
for _status in range(600, 1000):
    httptools_impl.STATUS_LINE.setdefault(_status, b"HTTP/1.1 %d \r\n" % _status)


class _AnyLength(int):
    """The rest of a body that may have any length: greater than all, never less."""

    def __lt__(self, other: object) -> bool:
        return False

    def __ne__(self, other: object) -> bool:
        return False

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0

    def __sub__(self, other: int) -> "_AnyLength":
        return self


class Protocol(HttpToolsProtocol):
    """Bounds a request's head while it comes, and sends no chunks to HTTP/1.0 clients."""

    def on_message_begin(self) -> None:
        self._head_size = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value) + 4)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        if self.scope["http_version"] == "1.0":
            # The end of the connection ends the body (RFC 9112 §6.3). nginx speaks 1.0 to
            # what is behind it unless told otherwise.
            self.cycle.chunked_encoding = False
            self.cycle.expected_content_length = _AnyLength()

    def _count(self, size: int) -> None:
        self._head_size += size
        if self._head_size > 2 * MAX_HEAD or len(self.headers) > 2 * MAX_FIELDS:
            # Up to twice as much, the front answers with a 431 of its own.
            raise ValueError("the head of a request is too large")
