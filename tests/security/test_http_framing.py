"""HTTP, framing: what two readers could split differently is rejected, never repaired.

Attacks come over real sockets through each server. Where a server mends a request before
the app sees it (hypercorn's parser joins folded lines and takes bare LF; granian's drops a
length beside chunks), what counts is that the origin gets one request, framed anew.
"""

import socket
from collections.abc import Iterator

import h2.config
import h2.connection
import h2.events
import pytest

from keepwarm.proxy.servers import SERVERS
from proxy.clients import Client, fetch, get
from proxy.conftest import PATIENT, Running, before
from proxy.origins import Peer

security = pytest.mark.security

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: a.example\r\n\r\n"


@pytest.fixture(scope="module", params=list(SERVERS))
def proxy(request: pytest.FixtureRequest) -> Iterator[Running]:
    yield from before(request.param, PATIENT)


def post(*lines: bytes, body: bytes = b"", version: bytes = b"1.1") -> bytes:
    """A request whose head has these lines as they are."""
    start = b"POST /a HTTP/" + version + b"\r\nHost: a.example\r\n"
    return start + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


CHUNKED = b"Transfer-Encoding: chunked"
LAST = b"0\r\n\r\n"

REJECTED = {
    "two-lengths": post(b"Content-Length: 0", b"Content-Length: 42", body=HIDDEN),
    "length-list": post(b"Content-Length: 0, 42", body=HIDDEN),
    "length-plus": post(b"Content-Length: +0", body=HIDDEN),
    "length-minus": post(b"Content-Length: -1", body=HIDDEN),
    "length-hex": post(b"Content-Length: 0x2a", body=HIDDEN),
    "length-underscore": post(b"Content-Length: 4_2", body=HIDDEN),
    "length-empty": post(b"Content-Length:", body=HIDDEN),
    "length-huge": post(b"Content-Length: 18446744073709551616", body=HIDDEN),
    "coding-x": post(b"Transfer-Encoding: xchunked", body=LAST + HIDDEN),
    "coding-list": post(b"Transfer-Encoding: gzip, chunked", body=LAST + HIDDEN),
    "coding-reversed": post(b"Transfer-Encoding: chunked, gzip", body=LAST + HIDDEN),
    "coding-identity": post(CHUNKED, b"Transfer-Encoding: identity", body=LAST + HIDDEN),
    "coding-vertical-tab": post(b"Transfer-Encoding: \x0bchunked", body=LAST + HIDDEN),
    "coding-quoted": post(b'Transfer-Encoding: "chunked"', body=LAST + HIDDEN),
    "coding-parameter": post(b"Transfer-Encoding: chunked;q=1", body=LAST + HIDDEN),
    "coding-in-1.0": post(CHUNKED, body=LAST + HIDDEN, version=b"1.0"),
    "space-before-colon": post(b"Transfer-Encoding : chunked", body=LAST + HIDDEN),
    "space-before-colon-length": post(b"Content-Length : 42", body=HIDDEN),
    "tab-before-colon": post(b"Content-Length\t: 42", body=HIDDEN),
    "name-not-a-token": post(b"Content-Length\x00: 42", body=HIDDEN),
    "bare-cr-in-value": post(b"X: a\rContent-Length: 42", body=HIDDEN),
    "nul-in-value": post(b"X: a\x00b"),
    "no-colon": post(b"X"),
    "version-2.0": b"GET /a HTTP/2.0\r\nHost: a.example\r\n\r\n",
    "version-1.2": b"GET /a HTTP/1.2\r\nHost: a.example\r\n\r\n",
    "version-0.9": b"GET /a\r\n\r\n",
    "version-odd": b"GET /a HTTP/1.1.1\r\nHost: a.example\r\n\r\n",
    "no-host": b"GET /a HTTP/1.1\r\n\r\n",
    "two-hosts": b"GET /a HTTP/1.1\r\nHost: a.example\r\nHost: b.example\r\n\r\n",
    "host-list": b"GET /a HTTP/1.1\r\nHost: a.example, b.example\r\n\r\n",
    "fragment-or-space": b"GET /a b HTTP/1.1\r\nHost: a.example\r\n\r\n",
    "large-field": get("/a", "X: " + "y" * 70_000),
    "many-fields": get("/a", *[f"X{n}: y" for n in range(201)]),
}


@security("HTTP: framing, requests")
@pytest.mark.parametrize("attack", REJECTED.values(), ids=list(REJECTED))
def test_an_ambiguous_request_reaches_no_origin(proxy: Running, attack: bytes) -> None:
    proxy.origin.answers(OK)

    with Client(proxy.port) as client:
        client.send(attack)
        assert refused(client.rest())

    assert proxy.origin.requests == []
    assert fetch(proxy.port).body == b"ok"


def refused(data: bytes) -> bool:
    """Whether `data`, up to the connection's end, is one response that refuses, or none."""
    return data.count(b"HTTP/1.") <= 1 and (not data or data[9:10] in b"45")


def closing(*lines: bytes, body: bytes = b"") -> bytes:
    """The same, after which the server is to close."""
    return post(b"Connection: close", *lines, body=body)


MENDED = {
    "length-and-chunked": closing(b"Content-Length: 5", CHUNKED, body=b"0\r\n\r\n" + HIDDEN),
    "chunked-and-length": closing(CHUNKED, b"Content-Length: 47", body=LAST + HIDDEN),
    "fold": closing(b"X: a", b" Content-Length: 42"),
    "fold-coding": closing(b"Transfer-Encoding:", b" chunked", body=LAST),
    "fold-first": b"GET /a HTTP/1.1\r\n X: y\r\nHost: a.example\r\nConnection: close\r\n\r\n",
    "bare-lf": b"GET /a HTTP/1.1\nHost: a.example\nConnection: close\n\n",
    "bare-lf-in-fields": closing(b"X: a\nContent-Length: 0"),
    "same-length-twice": closing(b"Content-Length: 2", b"Content-Length: 2", body=b"ab"),
}


@security("HTTP: framing, requests")
@pytest.mark.parametrize("attack", MENDED.values(), ids=list(MENDED))
def test_what_a_server_mends_is_framed_anew(proxy: Running, attack: bytes) -> None:
    """The origin gets it in one reading, or not at all; `hidden` is its own request or none."""
    proxy.origin.answers(OK)

    with Client(proxy.port) as client:
        client.send(attack)
        client.rest()

    for request in proxy.origin.requests:
        head = request.partition(b"\r\n\r\n")[0].lower()
        lines = head.split(b"\r\n")
        assert head.count(b"\ncontent-length:") + head.count(b"\ntransfer-encoding:") <= 1
        assert not any(line[:1] in (b" ", b"\t") or b"\n" in line for line in lines)
    assert fetch(proxy.port).body == b"ok"


CHUNKS = {
    "bare-lf": b"5\nabcde\r\n0\r\n\r\n",
    "longer-than-said": b"2\r\nabcde\r\n0\r\n\r\n",
    "minus": b"-5\r\nabcde\r\n0\r\n\r\n",
    "prefix": b"0x5\r\nabcde\r\n0\r\n\r\n",
    "huge": b"fffffffffffffffff1\r\nabcde\r\n0\r\n\r\n",
    "no-size": b"\r\nabcde\r\n0\r\n\r\n",
    "no-end": b"5\r\nabcde0\r\n\r\n",
}


@security("HTTP: framing, requests")
@pytest.mark.parametrize("body", CHUNKS.values(), ids=list(CHUNKS))
def test_a_body_in_bad_chunks_is_no_whole_request(proxy: Running, body: bytes) -> None:
    """It may have begun when that is seen; then its last chunk never comes."""
    proxy.origin.answers(OK)

    with Client(proxy.port) as client:
        client.send(post(CHUNKED, body=body + HIDDEN))
        client.sock.shutdown(socket.SHUT_WR)  # it may be a chunk that nobody can fill
        data = client.rest()

    assert b"200 OK" not in data
    assert proxy.origin.requests == []
    assert fetch(proxy.port).body == b"ok"


@security("HTTP: framing, hop-by-hop fields")
@pytest.mark.parametrize(
    "option", ["Authorization", "Cookie", "Cache-Control", "Host", "Content-Length", "Range"]
)
def test_connection_strips_nothing_that_gates_or_frames(proxy: Running, option: str) -> None:
    proxy.origin.answers(OK)

    with Client(proxy.port) as client:
        client.send(
            post(
                b"Connection: close, " + option.encode(),
                b"Authorization: Basic x",
                b"Cookie: a=b",
                b"Cache-Control: no-store",
                b"Range: bytes=0-1",
                b"Content-Length: 2",
                body=b"ab",
            )
        )
        client.rest()

    (request,) = proxy.origin.requests
    assert b"\r\n" + option.lower().encode() + b": " in request
    assert request.endswith(b"\r\n\r\nab")


@security("HTTP: framing, hop-by-hop fields")
@pytest.mark.parametrize("upgrade", ["h2c", "websocket", "TLS/1.0"])
def test_no_upgrade_goes_through(proxy: Running, upgrade: str) -> None:
    proxy.origin.answers(OK)

    with Client(proxy.port) as client:
        client.send(
            get(
                "/a",
                "Connection: Upgrade, HTTP2-Settings, close",
                f"Upgrade: {upgrade}",
                "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",
                "Sec-WebSocket-Version: 13",
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            )
        )
        client.more()

    for request in proxy.origin.requests:
        assert b"\r\nupgrade:" not in request.lower()
        assert b"\r\nhttp2-settings:" not in request.lower()


@security("HTTP: framing, a second request")
def test_requests_sent_at_once_get_their_answers_in_order(proxy: Running) -> None:
    def play(peer: Peer) -> None:
        while request := peer.request():
            path = request.split(b" ")[1]
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(path), path))

    proxy.origin.plays(play)

    with Client(proxy.port) as client:
        client.send(get("/0") + post(b"Content-Length: 2", body=b"ab") + get("/2") + get("/3"))
        bodies = [client.reply().body for _ in range(4)]

    assert bodies == [b"/0", b"/a", b"/2", b"/3"]


# HTTP/2, which hypercorn speaks to those who begin with it.


@pytest.fixture(scope="module")
def over_h2() -> Iterator[Running]:
    yield from before("hypercorn", PATIENT)


def ask_h2(port: int, fields: list[tuple[str, str]], body: bytes = b"") -> bytes | None:
    """The status of a request over HTTP/2; None if the stream or the connection was ended."""
    config = h2.config.H2Configuration(
        validate_outbound_headers=False,
        normalize_outbound_headers=False,
        header_encoding=None,
    )
    connection = h2.connection.H2Connection(config)
    connection.initiate_connection()
    connection.send_headers(1, fields, end_stream=not body)
    if body:
        connection.send_data(1, body, end_stream=True)
    with Client(port) as client:
        client.send(connection.data_to_send())
        while data := client.sock.recv(65_536):
            for event in connection.receive_data(data):
                if isinstance(event, h2.events.ResponseReceived):
                    return dict(event.headers)[b":status"]
                if isinstance(event, h2.events.StreamReset | h2.events.ConnectionTerminated):
                    return None
            client.send(connection.data_to_send())
    return None


H2 = [(":method", "GET"), (":scheme", "http"), (":authority", "a.example")]
SMUGGLED = "/a HTTP/1.1\r\nHost: b.example\r\n\r\nGET /hidden"
H2_REJECTED = {
    "path-with-lines": [*H2, (":path", SMUGGLED)],
    "path-with-space": [*H2, (":path", "/a HTTP/1.1")],
    "path-empty": [*H2, (":path", "")],
    "path-not-a-path": [*H2, (":path", "http://b.example/")],
    "value-with-lines": [*H2, (":path", "/a"), ("x", "y\r\nTransfer-Encoding: chunked")],
    "value-with-nul": [*H2, (":path", "/a"), ("x", "a\0b")],
    "name-with-colon": [*H2, (":path", "/a"), ("x: y\r\nz", "1")],
    "coding": [*H2, (":path", "/a"), ("transfer-encoding", "chunked")],
    "authority-with-lines": [*H2[:2], (":authority", "a\r\nX: y"), (":path", "/a")],
    "authority-with-path": [*H2[:2], (":authority", "a/b"), (":path", "/a")],
    "no-path": H2,
    "method-with-lines": [
        (":method", "GET / HTTP/1.1\r\nX: y\r\n\r\nGET"),
        *H2[1:],
        (":path", "/"),
    ],
}


@security("HTTP: framing, downgrade from HTTP/2")
@pytest.mark.parametrize("fields", H2_REJECTED.values(), ids=list(H2_REJECTED))
def test_what_no_line_can_say_is_rejected_over_http_2(
    over_h2: Running, fields: list[tuple[str, str]]
) -> None:
    over_h2.origin.answers(OK)

    status = ask_h2(over_h2.port, fields)

    assert status is None or status[:1] in b"45"
    assert over_h2.origin.requests == []


@security("HTTP: framing, downgrade from HTTP/2")
def test_over_http_2_the_authority_is_the_host(over_h2: Running) -> None:
    over_h2.origin.answers(OK)

    status = ask_h2(over_h2.port, [*H2, (":path", "/a"), ("host", "b.example")])

    if status == b"200":
        (request,) = over_h2.origin.requests
        assert b"\r\nhost: a.example\r\n" in request
        assert b"b.example" not in request
    else:
        assert over_h2.origin.requests == []


@security("HTTP: framing, downgrade from HTTP/2")
@pytest.mark.parametrize("length", [None, "3"])
def test_a_body_over_http_2_is_framed_for_http_1(over_h2: Running, length: str | None) -> None:
    over_h2.origin.answers(OK)
    fields = [(":method", "POST"), *H2[1:], (":path", "/a")]

    status = ask_h2(
        over_h2.port, [*fields, *([("content-length", length)] if length else [])], b"abc"
    )

    (request,) = over_h2.origin.requests
    assert status == b"200"
    body = request.partition(b"\r\n\r\n")[2]
    assert body == (b"abc" if length else b"3\r\nabc\r\n0\r\n\r\n")
