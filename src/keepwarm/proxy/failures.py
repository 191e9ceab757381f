"""What can go wrong upstream, and the answer a client gets for it (RFC 9209 words)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Failure:
    """An answer of the proxy's own: a status, a word for Proxy-Status, and why."""

    status: int
    word: str
    why: str

    @property
    def fields(self) -> list[tuple[bytes, bytes]]:
        return [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", b"%d" % len(self.body)),
            (b"cache-control", b"no-store"),
            (b"proxy-status", b"keepwarm; error=" + self.word.encode("ascii")),
        ]

    @property
    def body(self) -> bytes:
        return f"{self.why}\n".encode("ascii")


REFUSED = Failure(502, "connection_refused", "The upstream did not accept a connection.")
CONNECT_TIMEOUT = Failure(504, "connection_timeout", "The upstream could not be reached in time.")
TERMINATED = Failure(502, "connection_terminated", "The upstream closed the connection.")
MALFORMED = Failure(502, "http_protocol_error", "The upstream's response was not valid HTTP/1.1.")
UPGRADED = Failure(502, "http_upgrade_failed", "The upstream switched protocols unasked.")
TIMEOUT = Failure(504, "http_response_timeout", "The upstream did not answer in time.")


class Failed(Exception):
    """No response came: `failure` is to be answered."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.why)
        self.failure = failure


class ResponseCut(Exception):
    """A response ended before its end, with part of it sent on.

    Raised out of the app, so that the server aborts the connection and a cache before us
    does not take the part for the whole.
    """
