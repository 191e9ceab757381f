"""HTTP, unsafe requests: what failed outdates nothing, and nobody purges by a method."""

import contextlib

import pytest

from asgi.stage import Broken, Reply, Stage

security = pytest.mark.security

PAGE = [("Cache-Control", "public, max-age=3600")]


@pytest.fixture
async def stage() -> Stage:
    """With a page stored."""
    stage = Stage(declared_only=False)
    await stage.ask(reply=Reply(200, PAGE))
    return stage


@security("HTTP: unsafe requests that fail")
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "FOO"])
@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 422, 429, 500, 502, 503])
async def test_a_failed_unsafe_request_outdates_nothing(
    stage: Stage, method: str, status: int
) -> None:
    fields = [("Location", "/page"), ("Content-Location", "/page"), *PAGE]

    await stage.ask(method=method, reply=Reply(status, fields))

    assert (await stage.ask()).body == b"body 1"


@security("HTTP: unsafe requests that fail")
@pytest.mark.parametrize("method", ["POST", "DELETE"])
async def test_an_unsafe_request_that_raises_outdates_nothing(stage: Stage, method: str) -> None:
    with pytest.raises(Broken):
        await stage.ask(method=method, reply=Reply(fails=True))

    assert (await stage.ask()).body == b"body 1"


@security("HTTP: unsafe requests that fail")
@pytest.mark.parametrize("where", ["https://other.test/page", "http://site.test:81/page"])
async def test_a_success_elsewhere_outdates_nothing_here(stage: Stage, where: str) -> None:
    """An origin cannot name another's URLs (RFC 9111 §4.4)."""
    fields = [("Location", where), ("Content-Location", where)]

    await stage.ask("/form", host="evil.test", method="POST", reply=Reply(201, fields))

    assert (await stage.ask()).body == b"body 1"


@security("HTTP: purge")
@pytest.mark.parametrize(
    "method", ["PURGE", "BAN", "REFRESH", "INVALIDATE", "PURGEALL", "UNCACHE", "purge"]
)
@pytest.mark.parametrize("path", ["/page", "/*", "/.*", "*"])
async def test_a_purge_that_the_origin_does_not_do_is_not_done(
    stage: Stage, method: str, path: str
) -> None:
    """The cache knows no such methods; they go to the origin, which says who may."""
    answer = await stage.ask(path, method=method, reply=Reply(405))

    assert answer.status == 405
    assert stage.origin.seen[-1].method == method
    assert (await stage.ask()).body == b"body 1"


@security("HTTP: purge")
@pytest.mark.parametrize(
    "field",
    [
        ("X-Purge", "1"),
        ("X-Cache-Purge", "all"),
        ("X-Invalidate-Pattern", ".*"),
        ("Surrogate-Key", "page"),
        ("Cache-Group-Invalidation", '"g"'),
        ("Cache-Groups", '"g"'),
    ],
    ids=lambda field: field[0],
)
async def test_a_clients_field_ends_nothing(stage: Stage, field: tuple[str, str]) -> None:
    with contextlib.suppress(Exception):
        await stage.ask(fields=[field])

    assert (await stage.ask()).body == b"body 1"


@pytest.mark.parametrize("host", ["site.test:", "SITE.test:80", "site.test:080", " site.test"])
async def test_a_host_in_another_spelling_is_the_same_host(stage: Stage, host: str) -> None:
    """RFC 3986 section 6.2.3: an empty port is the default one."""
    await stage.ask(method="POST", host=host, reply=Reply(200))

    assert (await stage.ask()).body == b"body 3"


@pytest.mark.parametrize("host", ["site.test:99999", "site.test:8x", "a, b"])
async def test_an_unsafe_request_to_what_is_no_host_is_answered(stage: Stage, host: str) -> None:
    answer = await stage.ask(method="POST", host=host, reply=Reply(200))

    assert answer.status == 200
    assert (await stage.ask(host=host)).told == "keepwarm; fwd=bypass; detail=host"
    assert (await stage.ask()).is_hit


async def test_an_unsafe_request_ends_what_was_stored_before_its_search_was_known() -> None:
    stage = Stage()
    await stage.ask("/page?a=1", reply=Reply(200, PAGE))
    await stage.ask("/page?b=2", reply=Reply(200, [*PAGE, ("No-Vary-Search", 'params=("utm")')]))

    await stage.ask("/page?a=1", method="POST", reply=Reply(200))
    await stage.ask("/page?c=3", reply=Reply(200, PAGE))  # which says nothing of the kind

    assert (await stage.ask("/page?a=1")).body == b"body 5"
