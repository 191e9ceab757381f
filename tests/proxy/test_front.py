"""Which requests are refused before the cache, and what it sees of the others; no server."""

from typing import Any

import pytest

from keepwarm.proxy.front import MAX_FIELDS, MAX_HEAD, Front, cleaned, hops_left, refusal

HOST = (b"host", b"a.example")


def scope(*fields: tuple[bytes, bytes], **changes: Any) -> dict[str, Any]:
    """A request's scope, as servers make it."""
    usual = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "path": "/a",
        "raw_path": b"/a",
        "query_string": b"",
        "headers": list(fields) or [HOST],
    }
    return usual | changes


TAKEN = {
    "plain": scope(),
    "1.0-without-host": scope((b"x", b"y"), http_version="1.0"),
    "1.0-as-granian-has-it": scope((b"x", b"y"), http_version="1"),
    "http-2": scope(http_version="2"),
    "length": scope(HOST, (b"content-length", b"5")),
    "chunked": scope(HOST, (b"transfer-encoding", b"Chunked")),
    "host-with-port": scope((b"host", b"[::1]:8080")),
    "options-star": scope(method="OPTIONS", raw_path=b"*"),
    "absolute": scope(raw_path=b"http://A.example/x"),
    "odd-target": scope(raw_path=b"/%00;a=b/[x]|{}^`'", query_string=b'?&=%zz|"'),
}


@pytest.mark.parametrize("given", TAKEN.values(), ids=list(TAKEN))
def test_a_clear_request_is_taken(given: dict[str, Any]) -> None:
    assert refusal(given) is None


REFUSED = {
    "2.5-version": (505, scope(http_version="1.2")),
    "2.5-version-0.9": (505, scope(http_version="0.9")),
    "2.5-version-2.0-on-a-line": (505, scope(http_version="2.0")),
    "9.3.6-connect": (405, scope(method="CONNECT")),
    "3.2-no-host": (400, scope((b"x", b"y"))),
    "3.2-two-hosts": (400, scope(HOST, HOST)),
    "3.2-empty-host": (400, scope((b"host", b""))),
    "3.2-host-with-path": (400, scope((b"host", b"a/b"))),
    "3.2-host-with-user": (400, scope((b"host", b"u@a"))),
    "3.2-host-with-space": (400, scope((b"host", b"a b"))),
    "3.2-host-list": (400, scope((b"host", b"a.example, b.example\t"))),
    "3.2.2-other-authority": (400, scope(raw_path=b"http://b.example/x")),
    "3.2.4-star": (400, scope(raw_path=b"*")),
    "3.2-no-slash": (400, scope(raw_path=b"a")),
    "3.2-empty": (400, scope(raw_path=b"")),
    "3.2-fragment": (400, scope(raw_path=b"/a#b")),
    "3.2-fragment-in-query": (400, scope(query_string=b"a#b")),
    "3.2-space": (400, scope(raw_path=b"/a b")),
    "3.2-line-feed": (400, scope(raw_path=b"/a\nb")),
    "3.2-not-ascii": (400, scope(raw_path=b"/\xe9")),
    "5-control-in-value": (400, scope(HOST, (b"x", b"a\nb"))),
    "5-comma-in-name": (400, scope(HOST, (b"x,z", b"y"))),
    "5-empty-name": (400, scope(HOST, (b"", b"y"))),
    "5-space-in-name": (400, scope(HOST, (b"x ", b"y"))),
    "6.1-coding": (501, scope(HOST, (b"transfer-encoding", b"gzip, chunked"))),
    "6.1-coding-twice": (
        501,
        scope(HOST, (b"transfer-encoding", b"chunked"), (b"transfer-encoding", b"chunked")),
    ),
    "6.1-coding-obfuscated": (501, scope(HOST, (b"transfer-encoding", b"chunked;x"))),
    "6.1-coding-in-1.0": (
        400,
        scope(HOST, (b"transfer-encoding", b"chunked"), http_version="1.0"),
    ),
    "6.3-both": (
        400,
        scope(HOST, (b"content-length", b"1"), (b"transfer-encoding", b"chunked")),
    ),
    "6.3-two-lengths": (400, scope(HOST, (b"content-length", b"1"), (b"content-length", b"1"))),
    "6.3-length-list": (400, scope(HOST, (b"content-length", b"1, 1"))),
    "6.3-length-plus": (400, scope(HOST, (b"content-length", b"+1"))),
    "6.3-length-empty": (400, scope(HOST, (b"content-length", b""))),
    "6.3-length-huge": (400, scope(HOST, (b"content-length", b"9" * 19))),
    "5.4-large-field": (431, scope(HOST, (b"x", b"y" * MAX_HEAD))),
    "5.4-large-target": (431, scope(query_string=b"y" * MAX_HEAD)),
    "5.4-many-fields": (431, scope(*[HOST] * (MAX_FIELDS + 1))),
}


@pytest.mark.security("HTTP: framing, requests", "HTTP: resources, header counts")
@pytest.mark.parametrize("status, given", REFUSED.values(), ids=list(REFUSED))
def test_a_request_that_could_be_misread_is_refused(status: int, given: dict[str, Any]) -> None:
    refused = refusal(given)

    assert refused is not None
    assert status == refused.status


def test_the_cache_sees_the_fields_that_the_origin_will_see() -> None:
    """`Connection: accept-language` must not make the cache key by what nobody was asked."""
    given = scope(
        HOST,
        (b"connection", b"x-mine, authorization, transfer-encoding"),
        (b"x-mine", b"1"),
        (b"authorization", b"2"),
        (b"te", b"trailers"),
        (b"transfer-encoding", b"chunked"),
    )

    assert cleaned(given)["headers"] == [
        HOST,
        (b"authorization", b"2"),
        (b"transfer-encoding", b"chunked"),
    ]


def test_an_absolute_target_becomes_its_path() -> None:
    seen = cleaned(scope(raw_path=b"http://a.example/x%20y", path="http://a.example/x y"))

    assert (seen["raw_path"], seen["path"]) == (b"/x%20y", "/x y")


def test_what_was_given_is_not_changed() -> None:
    given = scope(HOST, (b"te", b"x"))

    cleaned(given)

    assert given == scope(HOST, (b"te", b"x"))


@pytest.mark.parametrize("method", ["TRACE", "OPTIONS"])
def test_7_6_2_a_request_is_forwarded_as_often_as_it_may(method: str) -> None:
    given = scope(HOST, (b"max-forwards", b"5"), method=method)

    assert cleaned(given)["headers"] == [HOST, (b"max-forwards", b"4")]


@pytest.mark.parametrize("field", [b"x", b"-1", b"", b"1, 2"])
def test_7_6_2_what_is_no_number_says_nothing(field: bytes) -> None:
    given = scope(HOST, (b"max-forwards", field), method="TRACE")

    assert hops_left(given) is None
    assert cleaned(given)["headers"] == given["headers"]


def test_7_6_2_is_for_trace_and_options() -> None:
    assert hops_left(scope(HOST, (b"max-forwards", b"0"))) is None


@pytest.mark.parametrize(("method", "status"), [("OPTIONS", 200), ("TRACE", 405)])
async def test_7_6_2_the_last_one_answers_himself(method: str, status: int) -> None:
    sent: list[Any] = []

    async def app(*_: Any) -> None:
        raise AssertionError("it was forwarded")

    async def send(message: Any) -> None:
        sent.append(message)

    await Front(app)(scope(HOST, (b"max-forwards", b"0"), method=method), send, send)

    assert sent[0]["status"] == status
