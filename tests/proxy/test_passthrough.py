"""What goes through unchanged, and what a client sees when the upstream fails; on each server."""

import contextlib
import threading
from collections.abc import Callable

import pytest

from .clients import Client, fetch, get
from .conftest import Running
from .origins import Peer

security = pytest.mark.security

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def once(act: Callable[[Peer], None]) -> Callable[[Peer], None]:
    """Read one request, act, and hang up."""

    def play(peer: Peer) -> None:
        if peer.request():
            act(peer)

    return play


# Requests.


@pytest.mark.parametrize(
    "method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "PROPFIND"]
)
def test_every_method_goes_through(proxy: Running, method: str) -> None:
    proxy.origin.answers(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    assert fetch(proxy.port, "/m", method=method).status == 200
    assert proxy.origin.requests[0].startswith(method.encode() + b" /m HTTP/1.1\r\n")


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/a?b=c&b=d;e",
        "/%2F/%00%0a/caf%C3%A9/%zz",
        "//x/./y/../z",
        "/a?q=%3F+%20&",
        "/a?/?x",
        "/;v=1/a,b'()*",
        '/[x]|{y}^`\\"<>',
    ],
)
def test_a_target_goes_through_byte_for_byte(proxy: Running, target: str) -> None:
    proxy.origin.answers(OK)

    reply = fetch(proxy.port, target)

    if reply.status != 400:  # some servers refuse bytes that RFC 3986 does not allow
        assert proxy.origin.requests[0].startswith(f"GET {target} HTTP/1.1\r\n".encode())
    else:
        assert target.endswith('\\"<>')


def test_fields_keep_order_and_repetition(proxy: Running) -> None:
    proxy.origin.answers(OK)

    fetch(proxy.port, "/", "X-B: 1", "x-a: 2", "X-B: 3", "X-Empty:", "X-High: caf\xe9 \xff")

    sent = [b"x-b: 1", b"x-a: 2", b"x-b: 3", b"x-empty: ", b"x-high: caf\xe9 \xff"]
    lines = proxy.origin.requests[0].split(b"\r\n")[2:-3]
    assert in_order(proxy, sent) == in_order(proxy, lines)


def in_order(proxy: Running, lines: list[bytes]) -> list[bytes]:
    """`lines`, in the order that the server can keep: granian's puts equal names together."""
    if proxy.name != "granian":
        return lines
    return sorted(lines, key=lambda line: line.partition(b":")[0])


def test_fields_that_end_at_a_proxy_do_not_go_through(proxy: Running) -> None:
    proxy.origin.answers(OK)

    fetch(
        proxy.port,
        "/",
        "Connection: keep-alive, X-Mine , close",
        "Keep-Alive: timeout=5",
        "Proxy-Connection: keep-alive",
        "TE: trailers",
        "Trailer: x",
        "X-Mine: secret",
        "X-Yours: here",
    )

    (request,) = proxy.origin.requests
    assert names(request) == [b"host", b"x-yours", b"via"]


def names(request: bytes) -> list[bytes]:
    return [line.partition(b":")[0] for line in request.split(b"\r\n")[1:-2]]


def test_connection_cannot_strip_what_gates_caching(proxy: Running) -> None:
    proxy.origin.answers(OK)
    gates = {
        "authorization": "Basic x",
        "cookie": "a=b",
        "cache-control": "no-store",
        "accept-language": "de",
    }

    fetch(
        proxy.port,
        "/",
        f"Connection: {', '.join(gates)}, host",
        *[f"{name}: {value}" for name, value in gates.items()],
    )

    (request,) = proxy.origin.requests
    assert names(request) == [b"host", *(name.encode() for name in gates), b"via"]


def test_a_body_with_a_length_goes_through(proxy: Running) -> None:
    proxy.origin.answers(OK)
    body = bytes(range(256)) * 4096

    with Client(proxy.port) as client:
        client.send(get("/", f"Content-Length: {len(body)}", method="POST") + body)
        assert client.reply().body == b"ok"

    assert proxy.origin.requests[0].endswith(b"\r\n\r\n" + body)


def test_a_chunked_body_goes_through(proxy: Running) -> None:
    proxy.origin.answers(OK)

    with Client(proxy.port) as client:
        client.send(get("/", "Transfer-Encoding: chunked", method="POST"))
        client.send(b"3\r\nabc\r\n").send(b"2;x=y\r\nde\r\n0\r\nTrailer: 1\r\n\r\n")
        assert client.reply().body == b"ok"

    head, _, body = proxy.origin.requests[0].partition(b"\r\n\r\n")
    assert b"\r\ntransfer-encoding: chunked\r\n" in head
    assert unchunked(body) == b"abcde"


def unchunked(body: bytes) -> bytes:
    found = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        found, body = found + body[: int(size, 16)], body[int(size, 16) + 2 :]
    return found


def test_expect_is_answered_by_the_server_and_not_sent_on(proxy: Running) -> None:
    proxy.origin.answers(OK)

    with Client(proxy.port) as client:
        client.send(get("/", "Expect: 100-continue", "Content-Length: 3", method="POST"))
        assert client.head().startswith(b"HTTP/1.1 100")
        client.send(b"abc")
        assert client.reply().body == b"ok"

    assert b"expect" not in proxy.origin.requests[0]


# Responses.


@pytest.mark.parametrize(
    "status", [200, 203, 206, 226, 299, 300, 400, 418, 451, 499, 500, 599, 600, 777, 999]
)
def test_every_status_goes_through(proxy: Running, status: int) -> None:
    proxy.origin.answers(b"HTTP/1.1 %d Whatever\r\nContent-Length: 2\r\n\r\nok" % status)

    reply = fetch(proxy.port)

    assert (status, b"ok") == (reply.status, reply.body)


@pytest.mark.parametrize("status", [204, 304])
@pytest.mark.parametrize("length", [b"", b"Content-Length: 5\r\n"], ids=["bare", "length"])
def test_responses_without_a_body_leave_the_connection_usable(
    proxy: Running, status: int, length: bytes
) -> None:
    proxy.origin.answers(b'HTTP/1.1 %d X\r\nETag: "e"\r\n%s\r\n' % (status, length), OK)

    with Client(proxy.port) as client:
        reply = client.send(get()).reply()
        assert (status, b"", [b'"e"']) == (reply.status, reply.body, reply.values(b"etag"))
        assert client.send(get()).reply().body == b"ok"


def test_a_response_to_head_keeps_its_length_and_has_no_body(proxy: Running) -> None:
    proxy.origin.answers(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", OK)

    with Client(proxy.port) as client:
        reply = client.send(get(method="HEAD")).reply("HEAD")
        assert reply.values(b"content-length") == [b"7"]
        assert client.send(get()).reply().body == b"ok"


def test_response_fields_keep_order_and_repetition(proxy: Running) -> None:
    proxy.origin.answers(
        b"HTTP/1.1 200 OK\r\nX-B: 1\r\nx-a:2\r\nCache-Control: no-cache\r\n"
        b"X-B:  3 \t\r\nCache-Control: max-age=1\r\nX-Empty:\r\nX-High: caf\xe9 \xff \xe2\x82\xac"
        b"\r\nDate: not a date\r\nServer: s\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\n"
        b"Content-Length: 0\r\n\r\n"
    )

    sent = [
        b"x-b: 1",
        b"x-a: 2",
        b"cache-control: no-cache",
        b"x-b: 3",
        b"cache-control: max-age=1",
        b"x-empty: ",
        b"x-high: caf\xe9 \xff \xe2\x82\xac",
        b"date: not a date",
        b"server: s",
        b"set-cookie: a=b",
        b"set-cookie: c=d",
        b"content-length: 0",
    ]
    lines = [name.lower() + b": " + value for name, value in fetch(proxy.port).fields]
    assert in_order(proxy, sent) == in_order(proxy, lines)


def test_nothing_is_added(proxy: Running) -> None:
    proxy.origin.answers(OK)

    found = {name.lower() for name, _ in fetch(proxy.port).fields}

    # granian's HTTP library adds both where the app sends none, and offers no switch.
    unavoidable = {b"date", b"server"} if proxy.name == "granian" else set()
    assert found - unavoidable == {b"content-length"}


def test_response_fields_that_end_at_a_proxy_do_not_go_through(proxy: Running) -> None:
    proxy.origin.answers(
        b"HTTP/1.1 200 OK\r\nConnection: X-Hop, cache-control, Set-Cookie\r\nX-Hop: 1\r\n"
        b"Keep-Alive: timeout=5\r\nTrailer: x\r\nUpgrade: h2c\r\nProxy-Connection: x\r\n"
        b"Cache-Control: private\r\nSet-Cookie: a=b\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"2\r\nok\r\n0\r\nX: y\r\n\r\n"
    )

    reply = fetch(proxy.port)

    # What the server adds of its own, to frame the body anew or always.
    added = {b"date", b"server", b"content-length", b"transfer-encoding"}
    assert {name.lower() for name, _ in reply.fields} - added == {b"cache-control", b"set-cookie"}
    assert [x for x in reply.values(b"transfer-encoding") if x != b"chunked"] == []
    assert reply.body == b"ok"


@pytest.mark.parametrize("status_line", [b"HTTP/1.1 200 Caf\xe9 \xff", b"HTTP/1.1 200 "])
def test_any_reason_is_taken(proxy: Running, status_line: bytes) -> None:
    proxy.origin.answers(status_line + b"\r\nContent-Length: 0\r\n\r\n")

    assert fetch(proxy.port).status == 200


@pytest.mark.parametrize(
    "interim",
    [
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
        b"HTTP/1.1 199 Odd\r\nX: y\r\n\r\n" * 5,
    ],
)
def test_interim_responses_end_here(proxy: Running, interim: bytes) -> None:
    proxy.origin.answers(interim + OK)

    reply = fetch(proxy.port)

    assert (reply.status, reply.body) == (200, b"ok")


def test_a_body_until_the_end_of_the_connection_goes_through(proxy: Running) -> None:
    def play(peer: Peer) -> None:
        peer.send(b"HTTP/1.0 200 OK\r\n\r\nabc")
        peer.send(b"def")

    proxy.origin.plays(once(play))

    reply = fetch(proxy.port)

    assert (reply.body, reply.is_whole) == (b"abcdef", True)


def test_an_http_1_0_client_gets_a_body_it_can_read(proxy: Running) -> None:
    proxy.origin.answers(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    )

    with Client(proxy.port) as client:
        reply = client.send(get(version="1.0")).reply()

    assert (
        reply.values(b"transfer-encoding"),
        reply.body,
        reply.is_whole,
    ) == ([], b"abc", True)


def test_the_head_is_sent_on_before_the_body_has_ended(proxy: Running) -> None:
    is_seen = threading.Event()

    def play(peer: Peer) -> None:
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
        assert is_seen.wait(1)
        peer.send(b"ok")

    proxy.origin.plays(once(play))

    with Client(proxy.port) as client:
        assert client.send(get()).head().startswith(b"HTTP/1.1 200")
        is_seen.set()
        assert client.more() == b"ok"


def test_parts_of_a_body_are_sent_on_as_they_come(proxy: Running) -> None:
    is_seen = threading.Event()

    def play(peer: Peer) -> None:
        peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        assert is_seen.wait(1)
        peer.send(b"4\r\nlast\r\n0\r\n\r\n")

    proxy.origin.plays(once(play))

    with Client(proxy.port) as client:
        client.send(get()).head()
        data = b""
        while b"first" not in data:
            data += client.more()
        is_seen.set()
        while b"0\r\n\r\n" not in data:
            data += client.more()
        assert unchunked(data) == b"firstlast"


def test_an_answer_before_the_body_was_read_goes_through(proxy: Running) -> None:
    def play(peer: Peer) -> None:
        peer.head()
        peer.send(b"HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno")
        peer.wait_closed()

    proxy.origin.plays(play)

    with Client(proxy.port) as client:
        client.send(get("/", "Content-Length: 1000000", method="POST") + b"x" * 1000)
        reply = client.reply("POST")

    assert (reply.status, reply.body) == (413, b"no")


# Failures.


def test_a_refused_connection_is_502(proxy: Running) -> None:
    proxy.origin.plays(lambda peer: peer.reset())

    assert fetch(proxy.port).status == 502


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_nothing_is_sent_twice(proxy: Running, method: str) -> None:
    proxy.origin.plays(once(lambda peer: peer.sock.close()))

    assert fetch(proxy.port, method=method).status == 502
    assert proxy.origin.connections == 1


def test_a_kept_connection_that_ends_with_the_request_is_502_and_no_second_try(
    proxy: Running,
) -> None:
    def play(peer: Peer) -> None:
        peer.request()
        peer.send(OK)
        peer.request()
        peer.sock.close()

    proxy.origin.plays(play)

    assert fetch(proxy.port).status == 200
    assert fetch(proxy.port).status == 502
    assert proxy.origin.connections == 1


def test_an_upstream_that_does_not_answer_is_504(hasty: Running) -> None:
    hasty.origin.plays(once(hang))

    reply = fetch(hasty.port)

    assert reply.status == 504
    assert reply.values(b"proxy-status") == [b"keepwarm; error=http_response_timeout"]


def test_an_upstream_that_stops_in_its_body_is_cut(hasty: Running) -> None:
    def play(peer: Peer) -> None:
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
        peer.wait_closed()

    hasty.origin.plays(once(play))

    reply = fetch(hasty.port)

    assert (reply.body, reply.is_whole) == (b"abc", False)


def test_an_upstream_that_does_not_take_the_request_is_504(hasty: Running) -> None:
    def play(peer: Peer) -> None:
        peer.head()
        is_over.wait(10)

    is_over = threading.Event()
    hasty.origin.plays(play)

    with Client(hasty.port) as client:
        client.send(get("/", "Content-Length: 67108864", method="POST"))
        sender = threading.Thread(target=client.send_until_closed, args=(67_108_864,))
        sender.start()
        assert client.reply("POST").status == 504
        client.close()
        sender.join()
    is_over.set()


def hang(peer: Peer) -> None:
    peer.wait_closed()


CUTS = {
    "length": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
    "length-no-body": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
    "chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc",
    "no-last-chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    "in-last-chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n",
    "bad-chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n",
}


@security("HTTP: denial, cut bodies")
@pytest.mark.parametrize("response", CUTS.values(), ids=list(CUTS))
@pytest.mark.parametrize("end", [Peer.finish, Peer.reset], ids=["fin", "rst"])
def test_a_response_cut_short_is_never_whole(
    proxy: Running, response: bytes, end: Callable[[Peer], None]
) -> None:
    def play(peer: Peer) -> None:
        peer.send(response)
        end(peer)

    proxy.origin.plays(once(play))

    try:
        reply = fetch(proxy.port)
    except ConnectionAbortedError:
        return  # a reset may overtake the head
    assert reply.status >= 500 or not reply.is_whole


MALFORMED = {
    "nothing-like-http": b"SSH-2.0-OpenSSH\r\n",
    "status-2-digits": b"HTTP/1.1 20 OK\r\n\r\n",
    "status-4-digits": b"HTTP/1.1 2000 OK\r\n\r\n",
    "status-099": b"HTTP/1.1 099 X\r\n\r\n",
    "version-2.0": b"HTTP/2.0 200 OK\r\n\r\n",
    "version-1.2": b"HTTP/1.2 200 OK\r\n\r\n",
    "version-lower": b"http/1.1 200 OK\r\n\r\n",
    "two-spaces": b"HTTP/1.1  200 OK\r\n\r\n",
    "bare-lf": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
    "bare-lf-in-fields": b"HTTP/1.1 200 OK\r\nX: y\nContent-Length: 2\r\n\r\nok",
    "bare-cr": b"HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 2\r\n\r\nok",
    "nul": b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 2\r\n\r\nok",
    "obs-fold": b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\nok",
    "space-before-colon": b"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok",
    "no-colon": b"HTTP/1.1 200 OK\r\nX\r\n\r\n",
    "no-name": b"HTTP/1.1 200 OK\r\n: x\r\n\r\n",
    "length-and-chunked": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two-lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
    "same-length-twice": b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok",
    "length-plus": b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok",
    "length-minus": b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok",
    "length-hex": b"HTTP/1.1 200 OK\r\nContent-Length: 0x2\r\n\r\nok",
    "length-empty": b"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nok",
    "length-huge": b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nok",
    "coding-unknown": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "coding-twice": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "coding-tab": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "coding-in-1.0": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "upgrade": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
    "endless-interim": b"HTTP/1.1 102 X\r\n\r\n" * 1000,
    "endless-head": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000,
    "cut-head": b"HTTP/1.1 200 OK\r\nX: y\r\n",
    "nothing": b"",
}


@security("HTTP: framing, responses")
@pytest.mark.parametrize("response", MALFORMED.values(), ids=list(MALFORMED))
def test_what_is_not_valid_http_is_502_at_once(proxy: Running, response: bytes) -> None:
    def play(peer: Peer) -> None:
        peer.send(response)
        peer.finish()
        peer.wait_closed()

    proxy.origin.plays(once(play))

    reply = fetch(proxy.port)

    assert reply.status == 502
    assert reply.values(b"proxy-status")[0].startswith(b"keepwarm; error=")
    assert reply.values(b"cache-control") == [b"no-store"]


# Connections.


def test_a_connection_is_used_again(proxy: Running) -> None:
    proxy.origin.answers(OK)

    for _ in range(3):
        fetch(proxy.port)

    assert (proxy.origin.connections, len(proxy.origin.requests)) == (1, 3)


SPOILT = {
    "bytes-after-length": OK + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
    "bytes-after-chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n"
    b"0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
    "body-after-304": b"HTTP/1.1 304 X\r\nContent-Length: 2\r\n\r\nok",
    "body-after-204": b"HTTP/1.1 204 X\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
    "close": b"HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 2\r\n\r\nok",
    "http-1.0": b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok",
    "malformed": b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
}


@security("HTTP: framing, responses")
@pytest.mark.parametrize("response", SPOILT.values(), ids=list(SPOILT))
def test_a_spoilt_connection_is_not_used_again(proxy: Running, response: bytes) -> None:
    proxy.origin.answers(response, OK)

    fetch(proxy.port)
    reply = fetch(proxy.port)

    assert (reply.status, reply.body, proxy.origin.connections) == (200, b"ok", 2)


@security("HTTP: framing, responses")
def test_bytes_that_come_while_a_connection_is_idle_spoil_it(proxy: Running) -> None:
    is_sent = threading.Event()

    def play(peer: Peer) -> None:
        peer.request()
        peer.send(OK)
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        is_sent.set()
        peer.wait_closed()

    proxy.origin.plays(play)
    fetch(proxy.port)
    assert is_sent.wait(5)
    proxy.origin._play = once(lambda peer: peer.send(OK))

    assert fetch(proxy.port).body == b"ok"


def test_a_client_that_goes_away_ends_the_exchange(proxy: Running) -> None:
    is_asked, is_over = threading.Event(), threading.Event()

    def play(peer: Peer) -> None:
        peer.request()
        is_asked.set()
        if peer.wait_closed():
            is_over.set()

    proxy.origin.plays(play)
    with Client(proxy.port) as client:
        client.send(get())
        assert is_asked.wait(5)

    assert is_over.wait(1)  # sooner than the timeout would have it


def test_a_client_that_goes_away_in_its_body_sends_no_half_request(proxy: Running) -> None:
    received: list[bytes] = []
    is_begun, is_over = threading.Event(), threading.Event()

    def play(peer: Peer) -> None:
        peer.head()
        is_begun.set()
        received.append(peer.exactly(10))
        is_over.set()

    proxy.origin.plays(play)
    with Client(proxy.port) as client:
        client.send(get("/", "Transfer-Encoding: chunked", method="POST") + b"3\r\nabc\r\n")
        assert is_begun.wait(5)

    assert is_over.wait(5)
    assert b"0\r\n\r\n" not in received[0]


@security("HTTP: resources, slow readers")
def test_a_client_that_does_not_read_holds_the_upstream_back(proxy: Running) -> None:
    """Back pressure: of 64 MB, what is not read is not taken from the upstream either."""
    sent = 0
    is_stuck = threading.Event()

    def play(peer: Peer) -> None:
        nonlocal sent
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 67108864\r\n\r\n")
        peer.sock.settimeout(0.5)
        try:
            while sent < 67_108_864:
                sent += peer.sock.send(b"x" * 65_536)
        except TimeoutError:
            is_stuck.set()

    proxy.origin.plays(once(play))

    with Client(proxy.port, receive_buffer=65_536) as client:
        client.send(get()).head()
        assert is_stuck.wait(10)

    assert sent < 32 * 1024 * 1024


def test_an_upstream_that_does_not_read_holds_the_client_back(proxy: Running) -> None:
    is_over = threading.Event()

    def play(peer: Peer) -> None:
        peer.head()
        is_over.wait(10)

    proxy.origin.plays(play)
    sent = 0

    with Client(proxy.port) as client:
        client.send(get("/", "Content-Length: 67108864", method="POST"))
        client.sock.settimeout(0.5)
        with contextlib.suppress(TimeoutError):
            while sent < 67_108_864:
                sent += client.sock.send(b"x" * 65_536)
    is_over.set()

    assert sent < 32 * 1024 * 1024


def test_64_mb_go_through_both_ways(proxy: Running) -> None:
    body = bytes(range(256)) * 262_144

    def play(peer: Peer) -> None:
        request = peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 67108864\r\n\r\n")
        peer.send(request[-len(body) :])

    proxy.origin.plays(play)

    with Client(proxy.port) as client:
        client.send(get("/", f"Content-Length: {len(body)}", method="POST"))
        sender = threading.Thread(target=client.sock.sendall, args=(body,))
        sender.start()
        data = client.rest_of(len(body))
        sender.join()

    assert data == body


def test_25_parallel_clients_get_their_own_answers(proxy: Running) -> None:
    def play(peer: Peer) -> None:
        while request := peer.request():
            path = request.split(b" ", 2)[1]
            if path.endswith(b"cut"):
                peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" + path)
                return
            if path.endswith(b"bad"):
                peer.send(b"HTTP/1.1 nonsense\r\n\r\n")
                return
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(path), path))

    proxy.origin.plays(play)
    wrong: list[object] = []

    def run(number: int) -> None:
        with Client(proxy.port) as client:
            for turn in range(20):
                path = f"/{number}/{turn}"
                reply = client.send(get(path)).reply()
                if (200, path.encode()) != (reply.status, reply.body):
                    wrong.append((path, reply))
        if fetch(proxy.port, f"/{number}/cut").is_whole:
            wrong.append("cut")
        if fetch(proxy.port, f"/{number}/bad").status != 502:
            wrong.append("bad")

    threads = [threading.Thread(target=run, args=(number,)) for number in range(25)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []
