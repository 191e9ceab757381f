"""Heads and bodies as the upstream's bytes: what is taken, what is malformed; no socket."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwarm.proxy.wire import (
    MAX_HEAD,
    Chunks,
    Counted,
    Head,
    Malformed,
    ToTheEnd,
    body_after,
    check_so_far,
    parse_head,
    request_head,
)

TAKEN = {
    "4-status-line": (b"HTTP/1.1 200 OK", Head(1, 200, b"OK", ())),
    "4-empty-reason": (b"HTTP/1.1 200 ", Head(1, 200, b"", ())),
    "4-no-reason": (b"HTTP/1.1 200", Head(1, 200, b"", ())),
    "4-any-reason": (b"HTTP/1.0 999 a\tb \xff", Head(0, 999, b"a\tb \xff", ())),
    "5-order-and-case": (
        b"HTTP/1.1 200 OK\r\nX-b:1\r\nA: 2\r\nx-B: 3",
        Head(1, 200, b"OK", ((b"X-b", b"1"), (b"A", b"2"), (b"x-B", b"3"))),
    ),
    "5-space-around-a-value": (
        b"HTTP/1.1 200 OK\r\nA: \t b \t c\t ",
        Head(1, 200, b"OK", ((b"A", b"b \t c"),)),
    ),
    "5-empty-value": (b"HTTP/1.1 200 OK\r\nA: ", Head(1, 200, b"OK", ((b"A", b""),))),
    "5.5-obs-text": (b"HTTP/1.1 200 OK\r\nA: \xe9", Head(1, 200, b"OK", ((b"A", b"\xe9"),))),
    "5.6.2-odd-name": (b"HTTP/1.1 200 OK\r\n!#$%&'*+-.^_`|~0: x", None),
}


@pytest.mark.parametrize("data, head", TAKEN.values(), ids=list(TAKEN))
def test_a_valid_head_is_taken_as_it_came(data: bytes, head: Head | None) -> None:
    parsed = parse_head(data)

    assert head is None or parsed == head


REFUSED = {
    "empty": b"",
    "leading-line": b"\r\nHTTP/1.1 200 OK",
    "control-in-reason": b"HTTP/1.1 200 O\x01K",
    "no-digits": b"HTTP/1.1 abc OK",
    "status-line-trailing": b"HTTP/1.1 200OK",
    "digits-of-another-script": "HTTP/1.1 ٢00 OK".encode(),
    "name-with-space": b"HTTP/1.1 200 OK\r\nA b: c",
    "name-with-delimiter": b"HTTP/1.1 200 OK\r\nA(: c",
    "name-not-ascii": b"HTTP/1.1 200 OK\r\n\xe9: c",
    "value-with-del": b"HTTP/1.1 200 OK\r\nA: \x7f",
    "value-with-escape": b"HTTP/1.1 200 OK\r\nA: \x1b[0m",
    "fold": b"HTTP/1.1 200 OK\r\nA: b\r\n\tc",
    "fold-first": b"HTTP/1.1 200 OK\r\n A: b",
}


@pytest.mark.parametrize("data", REFUSED.values(), ids=list(REFUSED))
def test_an_invalid_head_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        parse_head(data)


@pytest.mark.parametrize(
    "data", [b"SSH", b"HTTP/2", b"HTTP/1.1 200 OK\n", b"HTTP/1.1 200\rX", b"H" * (MAX_HEAD + 1)]
)
def test_a_head_that_cannot_become_one_is_malformed_before_it_ends(data: bytes) -> None:
    with pytest.raises(Malformed):
        check_so_far(data)


@pytest.mark.parametrize("size", range(len(b"HTTP/1.1 200 OK\r\nA: b\r\n\r")))
def test_the_beginning_of_a_valid_head_is_waited_for(size: int) -> None:
    check_so_far(b"HTTP/1.1 200 OK\r\nA: b\r\n\r"[:size])


BODIES = {
    "6.3-1-head": ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 5", Counted(0)),
    "6.3-1-204": ("GET", b"HTTP/1.1 204 OK\r\nContent-Length: 5", Counted(0)),
    "6.3-1-304": ("GET", b"HTTP/1.1 304 OK\r\nTransfer-Encoding: chunked", Counted(0)),
    "6.3-4-chunked": ("GET", b"HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked", Chunks()),
    "6.3-6-length": ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 005", Counted(5)),
    "6.3-6-zero": ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 0", Counted(0)),
    "6.3-8-close": ("GET", b"HTTP/1.1 200 OK", ToTheEnd()),
}


@pytest.mark.parametrize("method, data, body", BODIES.values(), ids=list(BODIES))
def test_the_head_tells_how_the_body_ends(
    method: str, data: bytes, body: Counted | Chunks | ToTheEnd
) -> None:
    assert body == body_after(method, parse_head(data))


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_two_framings_are_malformed_even_where_no_body_follows(method: str) -> None:
    head = parse_head(b"HTTP/1.1 304 X\r\nContent-Length: 1\r\nTransfer-Encoding: chunked")

    with pytest.raises(Malformed):
        body_after(method, head)


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges)]


@given(
    st.lists(st.binary(min_size=1, max_size=40), max_size=5),
    st.lists(st.integers(0, 10_000), max_size=8),
    st.binary(max_size=10),
)
def test_chunks_give_the_body_however_it_arrives(
    parts: list[bytes], cuts: list[int], after: bytes
) -> None:
    sent = b"".join(b"%X;a=b\r\n%s\r\n" % (len(part), part) for part in parts)
    sent += b"0\r\nTrailer: x\r\n\r\n"
    chunks = Chunks()

    body = b"".join(chunks.feed(piece) for piece in pieces(sent, cuts))
    assert chunks.is_done
    assert body == b"".join(parts)

    again = Chunks()
    again.feed(sent + after)
    assert again.rest == after


BAD_CHUNKS = {
    "7.1-no-size": b"\r\nabc\r\n",
    "7.1-plus": b"+3\r\nabc\r\n",
    "7.1-prefix": b"0x3\r\nabc\r\n",
    "7.1-underscore": b"1_0\r\n",
    "7.1-space-first": b" 3\r\nabc\r\n",
    "7.1-space-after": b"3 \r\nabc\r\n",
    "7.1-too-large": b"1000000000000000\r\n",
    "7.1-bare-lf": b"3\nabc\r\n",
    "7.1-bare-cr": b"3\rabc\r\n",
    "7.1-longer-than-said": b"3\r\nabcd\r\n0\r\n\r\n",
    "7.1-no-end": b"3\r\nabc0\r\n\r\n",
    "7.1-lf-end": b"3\r\nabc\n0\r\n\r\n",
    "7.1.1-long-extension": b"3;" + b"a" * 5000,
    "7.1.1-cr-in-extension": b"3;a\rb\r\nabc\r\n",
    "7.1.2-not-a-field": b"0\r\nGET / HTTP/1.1\r\n\r\n",
    "7.1.2-endless": b"0\r\n" + b"A: b\r\n" * 20_000,
}


@pytest.mark.parametrize("data", BAD_CHUNKS.values(), ids=list(BAD_CHUNKS))
def test_bad_chunks_are_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        Chunks().feed(data)


@pytest.mark.parametrize("body", [Counted(1), Chunks()])
def test_an_end_before_the_end_is_malformed(body: Counted | Chunks) -> None:
    with pytest.raises(Malformed):
        body.end()


def test_a_head_is_sent_as_its_parts_say() -> None:
    assert (
        request_head("GET", b"/a?b", [(b"host", b"x"), (b"X-y", b"\xe9")])
        == b"GET /a?b HTTP/1.1\r\nhost: x\r\nX-y: \xe9\r\n\r\n"
    )
