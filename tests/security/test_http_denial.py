"""HTTP, errors and denial: no request makes the next client get less than the page."""

import asyncio
import contextlib
import re
import time
from typing import Any

import pytest

from asgi.stage import Broken, Reply, Stage, ask
from keepwarm import Shared
from keepwarm.asgi.middleware import HTTPCache

security = pytest.mark.security

PAGE = [("Cache-Control", "public, max-age=3600")]
OVERFLOWS = ["2147483648", "4294967296", "9223372036854775807", "9" * 30, "9" * 5_000]


@pytest.fixture(params=["app", "proxy"])
def stage(request: pytest.FixtureRequest) -> Stage:
    """As middleware with a declared route, and as the proxy has it."""
    if request.param == "app":
        return Stage(declared_only=True, routes={"GET /page": Shared(ttl="1h")})
    return Stage(declared_only=False)


@security("HTTP: denial, error answers")
@pytest.mark.parametrize("status", [400, 401, 403, 405, 408, 413, 414, 429, 431, 500, 502, 503])
@pytest.mark.parametrize(
    "fields",
    [
        [("X-Oversized", "a" * 20_000)],
        [("X-Control", "a\x7fb")],
        [("X-HTTP-Method-Override", "POST")],
        [("Accept", "\x00")],
    ],
    ids=["oversized", "control", "override", "nul"],
)
async def test_an_error_that_one_request_caused_is_not_reused(
    stage: Stage, status: int, fields: list[tuple[str, str]]
) -> None:
    poisoned = await stage.ask(fields=fields, reply=Reply(status))

    victim = await stage.ask(reply=Reply(200, PAGE))

    assert (poisoned.status, victim.status) == (status, 200)


@security("HTTP: denial, error answers")
@pytest.mark.parametrize("status", [400, 403, 429, 500, 503])
async def test_an_error_with_only_a_validator_is_not_reused(status: int) -> None:
    stage = Stage(declared_only=False)
    fields = [("Last-Modified", "Mon, 01 Jan 2024 00:00:00 GMT"), ("ETag", '"e"')]
    await stage.ask(reply=Reply(status, fields))

    assert (await stage.ask(reply=Reply(200, PAGE))).status == 200


CONDITIONS = [
    ("If-None-Match", "*"),
    ("If-None-Match", '"e"'),
    ("If-Modified-Since", "Fri, 31 Dec 2100 00:00:00 GMT"),
    ("If-Match", '"nothing"'),
    ("If-Unmodified-Since", "Mon, 01 Jan 1990 00:00:00 GMT"),
    ("Range", "bytes=0-0"),
    ("Range", "bytes=999999-"),
    ("If-Range", '"x"'),
]


async def strict_app(scope: Any, receive: Any, send: Any) -> None:
    """An origin that obeys each condition and range to the letter."""
    fields = dict(scope["headers"])
    headers = [(b"cache-control", b"public, max-age=3600"), (b"etag", b'"e"')]
    status, body = 200, b"0123456789"
    if b"if-match" in fields or b"if-unmodified-since" in fields:
        status, body = 412, b""
    elif b"if-none-match" in fields or b"if-modified-since" in fields:
        status, body = 304, b""
    elif found := re.fullmatch(rb"bytes=(\d+)-(\d*)", fields.get(b"range", b"")):
        first, last = int(found[1]), min(int(found[2] or 9), 9)
        status, body = (206, body[first : last + 1]) if first < 10 else (416, b"")
        headers.append((b"content-range", b"bytes %d-%d/10" % (first, last)))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@security("HTTP: denial, conditions and ranges")
@pytest.mark.parametrize("condition", CONDITIONS, ids=" ".join)
async def test_a_condition_of_one_client_does_not_shape_what_is_stored(
    condition: tuple[str, str],
) -> None:
    app = HTTPCache(strict_app, declared_only=False)
    for _ in range(2):
        await ask(app, "/", [condition])

    victims = [await ask(app, "/") for _ in range(2)]

    assert {(answer.status, answer.body) for answer in victims} == {(200, b"0123456789")}


@security("HTTP: denial, conditions and ranges")
@pytest.mark.parametrize(
    "ranges",
    [
        ",".join(["0-"] * 1_300),
        ",".join(f"{n}-{n + 5}" for n in range(1_300)),
        ",".join(f"{n}-{n}" for n in range(0, 2_600, 2)),
        ",".join(["-1"] * 1_300),
        "," * 10_000,
        "0-" + "9" * 5_000,
    ],
    ids=["same", "overlapping", "single-bytes", "suffixes", "commas", "long-number"],
)
async def test_many_ranges_cost_no_more_than_the_page(stage: Stage, ranges: str) -> None:
    page = b"x" * 100_000
    await stage.ask(reply=Reply(200, PAGE, body=page))
    began = time.process_time()

    answer = await stage.ask(fields=[("Range", f"bytes={ranges}")])

    assert time.process_time() - began < 1
    assert len(answer.body) <= 2 * len(page)
    assert answer.status in (200, 206, 416)


@security("HTTP: denial, cut bodies")
@pytest.mark.parametrize("at", [0, 1, 2])
async def test_a_body_that_broke_off_is_never_whole(stage: Stage, at: int) -> None:
    broken = Reply(200, PAGE, chunks=[b"a", b"b", b"c"], breaks_after=at)
    with pytest.raises(Broken):
        await stage.ask(reply=broken)

    assert (await stage.ask(reply=Reply(200, PAGE, body=b"abc"))).body == b"abc"


@security("HTTP: denial, cut bodies")
@pytest.mark.parametrize("sent", [b"", b"abc", b"abcdefghijkl"])
async def test_a_body_of_another_length_than_said_is_not_stored(stage: Stage, sent: bytes) -> None:
    reply = Reply(200, [*PAGE, ("Content-Length", "9")], body=sent)
    with contextlib.suppress(Exception):
        await stage.ask(reply=reply)

    assert (await stage.ask(reply=Reply(200, PAGE, body=b"page"))).body == b"page"


@security("HTTP: denial, cut bodies")
async def test_a_client_gone_in_mid_fill_leaves_no_part_behind(stage: Stage) -> None:
    """It is cancelled while the origin has sent half; the next one gets all of it."""
    stage.origin.gate = asyncio.Event()
    stage.origin.replies = [Reply(200, PAGE, chunks=[b"half", b"-whole"])]
    asking = asyncio.create_task(stage.ask())
    while not stage.calls:
        await asyncio.sleep(0)

    asking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asking
    stage.origin.gate.set()

    answer = await stage.ask(reply=Reply(200, PAGE, body=b"half-whole"))
    assert answer.body == b"half-whole"


@security("HTTP: denial, overflow")
@pytest.mark.parametrize("number", OVERFLOWS, ids=lambda n: f"{len(n)} digits")
async def test_numbers_beyond_any_are_only_long(number: str) -> None:
    stage = Stage(declared_only=False)
    reply = Reply(200, [("Cache-Control", f"max-age={number}")])

    answers = [await stage.ask(reply=reply) for _ in range(2)]

    assert [answer.status for answer in answers] == [200, 200]
    assert stage.calls == 1


@security("HTTP: denial, overflow")
@pytest.mark.parametrize("number", OVERFLOWS, ids=lambda n: f"{len(n)} digits")
@pytest.mark.parametrize("name", ["Age", "Expires", "Content-Length-Like", "Date"])
async def test_nonsense_in_other_numbers_breaks_nothing(name: str, number: str) -> None:
    stage = Stage(declared_only=False)

    answer = await stage.ask(reply=Reply(200, [*PAGE, (name, number)]))

    assert (answer.status, answer.body) == (200, b"body 1")


@security("HTTP: denial, overflow")
@pytest.mark.parametrize("directive", ["max-age", "max-stale", "min-fresh", "stale-if-error"])
@pytest.mark.parametrize("number", [*OVERFLOWS, "-1", "", "1e3", "\xb2"])
async def test_nonsense_in_a_request_breaks_nothing(directive: str, number: str) -> None:
    stage = Stage(declared_only=False)
    stage.origin.default = Reply(200, PAGE)
    await stage.ask()

    answer = await stage.ask(fields=[("Cache-Control", f"{directive}={number}")])

    assert answer.status == 200


@security("HTTP: denial, only-if-cached")
async def test_a_504_for_one_client_is_not_stored(stage: Stage) -> None:
    refused = await stage.ask(fields=[("Cache-Control", "only-if-cached")])

    answer = await stage.ask(reply=Reply(200, PAGE))

    assert (refused.status, answer.status) == (504, 200)
    assert stage.calls == 1
