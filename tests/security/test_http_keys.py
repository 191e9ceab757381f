"""HTTP, keys: requests that an origin may tell apart have different entries."""

import json
from typing import Any

import pytest

from asgi.stage import Answer, ask
from keepwarm.asgi.middleware import HTTPCache
from keepwarm.proxy.front import Front

security = pytest.mark.security


async def mirror(scope: Any, receive: Any, send: Any) -> None:
    """Says, cacheably, what it was asked."""
    fields = dict(scope["headers"])
    content = (await receive()).get("body", b"")
    said = [
        scope["method"],
        scope["raw_path"].decode("latin-1"),
        scope["query_string"].decode("latin-1"),
        fields.get(b"host", b"").decode("latin-1"),
        content.decode("latin-1"),
    ]
    body = json.dumps(said).encode()
    headers = [(b"cache-control", b"public, max-age=3600")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if said[0] == "HEAD" else body})


def said(method: str, path: str, host: str, body: bytes) -> bytes:
    """What the mirror says to that request."""
    raw, _, query = path.partition("?")
    return json.dumps([method, raw, query, host, body.decode("latin-1")]).encode()


async def own_answers(*requests: tuple[str, str, str, bytes]) -> None:
    """Each request, made after all others and again, gets the mirror's answer to itself."""
    app = HTTPCache(mirror, declared_only=False)
    for _ in range(2):
        for path, host, method, body in requests:
            answer = await ask(app, path, method=method, host=host, body=body)
            if method != "HEAD":
                assert answer.body == said(method, path, host, body)


def gets(*paths: str, host: str = "site.test") -> list[tuple[str, str, str, bytes]]:
    return [(path, host, "GET", b"") for path in paths]


PATHS = {
    "query-order": ["/a?x=1&y=2", "/a?y=2&x=1"],
    "query-repetition": ["/a?x=1", "/a?x=1&x=1", "/a?x=1&x=2", "/a?x=2&x=1"],
    "semicolon-is-no-ampersand": ["/a?x=1&y=2", "/a?x=1;y=2", "/a?x=1%26y=2", "/a?x=1%3By=2"],
    "cloaked-parameter": ["/a?x=1&utm_content=1;x=2", "/a?x=1&utm_content=1", "/a?x=2"],
    "slash": ["/a/b", "/a%2Fb", "/a%2fb", "/a//b", "/a/./b", "/a\\b", "/a%5Cb"],
    "dots": ["/a/../b", "/b", "/a/%2e%2e/b", "/a/..%2fb", "/a/..;/b"],
    "nul": ["/a", "/a%00", "/a%00b", "/a%2500"],
    "line-feed": ["/a", "/a%0a", "/a%0d%0a", "/a%250a"],
    "case": ["/a", "/A", "/%61", "/%41"],
    "question-mark": ["/a?b", "/a%3Fb", "/a%3fb", "/a??b", "/a?%3Fb"],
    "plus-and-space": ["/a?x=1+2", "/a?x=1%202", "/a?x=1%2B2", "/a+b", "/a%20b"],
    "twice-encoded": ["/%2e", "/%252e", "/%25252e", "/."],
    "not-utf-8": ["/%ff", "/%fe", "/%c3%a9", "/%e9", "/\xe9", "/\xc3\xa9"],
    "hash": ["/a", "/a%23", "/a%23b", "/a%2523b"],
    "trailing": ["/a", "/a/", "/a?", "/a.", "/a%20", "/a;"],
    "separators-of-ours": ["/a|b", "/a:b", "/a{b}", "/a*", "/a?*", "/a[b-c]", "/a\x1fb"],
}


@security("HTTP: keys, targets")
@pytest.mark.parametrize("paths", PATHS.values(), ids=list(PATHS))
async def test_targets_that_differ_have_different_entries(paths: list[str]) -> None:
    paths = [path for path in paths if path != "/a?"]  # ASGI tells no empty query from none
    await own_answers(*gets(*paths))


@security("HTTP: keys, hosts")
async def test_hosts_and_ports_have_different_entries() -> None:
    hosts = ["a.test", "b.test", "a.test:81", "a.test:8080", "a.test.", "[::1]", "[::1]:81"]

    await own_answers(*(request for host in hosts for request in gets("/", host=host)))


@security("HTTP: keys, hosts")
@pytest.mark.parametrize(
    "host", ["", "a.test/x", "a.test@b.test", "a.test#", "a.test?x", "a,b", "a b", "a.test:99999x"]
)
async def test_a_host_that_is_none_neither_reads_nor_writes_entries(host: str) -> None:
    app = HTTPCache(mirror, declared_only=False)

    answers = [await ask(app, "/", host=host) for _ in range(2)]

    assert not any("; hit" in answer.told or "; stored" in answer.told for answer in answers)
    for other in ("a.test", "b.test", "a", "b"):
        assert (await ask(app, "/", host=other)).body == said("GET", "/", other, b"")


@security("HTTP: keys, hosts")
async def test_two_hosts_are_refused_and_not_stored() -> None:
    app = HTTPCache(mirror, declared_only=False)
    twice = [("Host", "evil.test")]

    async def server(scope: Any, receive: Any, send: Any) -> None:
        await Front(app)({**scope, "http_version": "1.1"}, receive, send)

    answers = [await ask(app, "/", twice, host="site.test") for _ in range(2)]
    refused = await ask(server, "/", twice, host="site.test")

    assert not any("; hit" in answer.told or "; stored" in answer.told for answer in answers)
    assert (await ask(app, "/")).body == said("GET", "/", "site.test", b"")
    assert refused.status == 400


@security("HTTP: keys, absolute targets")
async def test_an_absolute_target_is_the_entry_of_its_path() -> None:
    """Where a server leaves it to the app, it must name the same host as Host."""
    app = Front(HTTPCache(mirror, declared_only=False))

    assert (await scoped(app, b"http://evil.test/a")).status == 400
    assert (await scoped(app, b"http://site.test/a")).body == said("GET", "/a", "site.test", b"")
    assert (await scoped(app, b"/a")).body == said("GET", "/a", "site.test", b"")


async def scoped(app: Any, target: bytes) -> Answer:
    """The answer to a scope as hypercorn makes it: the target as it came."""

    async def server(scope: Any, receive: Any, send: Any) -> None:
        path = target.decode()
        await app({**scope, "raw_path": target, "path": path, "http_version": "1.1"}, receive, send)

    return await ask(server, "/")


@security("HTTP: keys, methods")
async def test_other_methods_never_answer_a_get_nor_a_get_them() -> None:
    methods = ["HEAD", "POST", "PUT", "OPTIONS", "DELETE", "QUERY", "get", "GETS"]

    for method in methods:
        await own_answers(("/a", "site.test", method, b""), *gets("/a"))
        await own_answers(*gets("/a"), ("/a", "site.test", method, b""))


@security("HTTP: keys, methods")
async def test_a_fat_get_neither_reads_nor_writes_entries() -> None:
    fat = ("/a", "site.test", "GET", b"x=evil")

    await own_answers(fat, *gets("/a"))
    await own_answers(*gets("/a"), fat)


@security("HTTP: keys, methods")
async def test_a_head_answered_by_a_get_says_what_the_get_said() -> None:
    app = HTTPCache(mirror, declared_only=False)
    got = await ask(app, "/a")

    head = await ask(app, "/a", method="HEAD")

    assert (head.status, head.body) == (200, b"")
    assert head.get("etag") == got.get("etag")


@security("HTTP: keys, methods")
async def test_queries_with_different_content_have_different_entries() -> None:
    bodies = [b"", b"a", b"b", b"a" * 70_000, b"a" * 70_001]

    await own_answers(*(("/q", "site.test", "QUERY", body) for body in bodies))
