"""Failures in mid-answer, parts, HEAD, and fields that are for one client."""

import pytest

from asgi.stage import FieldLike, Reply, Stage, date
from keepwarm.asgi.judging import LARGEST_PART

TAG = ("ETag", '"v"')
SHORT, FRESH = ("Cache-Control", "max-age=2"), ("Cache-Control", "max-age=600")
HALF = [("Range", "bytes=0-4")]
PART = Reply(206, [FRESH, TAG, ("Content-Range", "bytes 0-4/10")], b"01234")
WHOLE = Reply(200, [FRESH, TAG], b"0123456789")


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.mark.parametrize("after", [0, 1])
async def test_an_error_that_breaks_off_is_covered_by_what_is_stored(
    stage: Stage, after: int
) -> None:
    await stage.ask(reply=Reply(200, [SHORT]))
    stage.clock.advance(3)

    answer = await stage.ask(reply=Reply(503, chunks=[b"oops", b"!"], breaks_after=after))

    assert (answer.status, answer.body) == (200, b"body 1")
    assert "fwd-status=503" in answer.told


async def test_the_rest_of_a_large_part_is_not_gathered_in_memory(stage: Stage) -> None:
    size = LARGEST_PART + 1
    part = Reply(206, [FRESH, TAG, ("Content-Range", f"bytes 0-0/{size}")], b"x")
    await stage.ask(fields=[("Range", "bytes=0-0")], reply=part)

    whole = await stage.ask(reply=Reply(200, [FRESH, TAG], b"x" * size))

    assert stage.origin.seen[-1].get("range") is None
    assert len(whole.body) == size


@pytest.mark.parametrize("reply", [PART, Reply(200, [FRESH, TAG], b"01234")])
async def test_a_rest_longer_than_it_said_is_no_rest(stage: Stage, reply: Reply) -> None:
    await stage.ask(fields=HALF, reply=PART)
    said = [FRESH, TAG, ("Content-Range", "bytes 5-9/10")]
    stage.origin.replies = [Reply(206, said, chunks=[b"56789", b"0" * 100, b"1"]), WHOLE]

    assert (await stage.ask()).body == b"0123456789"
    assert stage.calls == 3


@pytest.mark.parametrize(
    "said", [[], [TAG], [("Content-Length", "6")], [("Last-Modified", date())]]
)
async def test_a_head_without_a_validator_in_common_renews_nothing(
    stage: Stage, said: list[FieldLike]
) -> None:
    await stage.ask(reply=Reply(200, [SHORT]))
    stage.clock.advance(3)
    await stage.ask(method="HEAD", reply=Reply(200, [FRESH, *said]))

    assert not (await stage.ask(reply=Reply(200, [FRESH]))).is_hit


async def test_nor_does_it_outdate_anything(stage: Stage) -> None:
    await stage.ask(reply=Reply(200, [FRESH]))
    await stage.ask(method="HEAD", fields=[("Cache-Control", "no-cache")], reply=Reply(200))

    assert (await stage.ask()).is_hit


async def test_what_a_head_renews_keeps_what_its_body_is(stage: Stage) -> None:
    kind = ("Content-Type", "text/plain")
    await stage.ask(reply=Reply(200, [SHORT, TAG, kind]))
    stage.clock.advance(3)
    other = [("Content-Encoding", "gzip"), ("Content-Type", "application/gzip")]
    await stage.ask(method="HEAD", reply=Reply(200, [FRESH, TAG, *other]))

    found = await stage.ask()

    assert found.is_hit
    assert (found.get("content-type"), found.get("content-encoding")) == ("text/plain", None)


@pytest.mark.parametrize("condition", ['"old"', date(-9_000)])
async def test_a_stored_part_is_only_for_those_whose_condition_names_it(
    stage: Stage, condition: str
) -> None:
    await stage.ask(fields=HALF, reply=PART)

    other = await stage.ask(fields=[*HALF, ("If-Range", condition)], reply=WHOLE)

    assert (other.status, other.body) == (200, b"0123456789")


async def test_it_is_for_those_whose_condition_does(stage: Stage) -> None:
    await stage.ask(fields=HALF, reply=PART)

    same = await stage.ask(fields=[*HALF, ("If-Range", TAG[1])])

    assert same.is_hit
    assert (same.status, same.body) == (206, b"01234")


async def test_a_condition_on_a_stored_part_is_answered(stage: Stage) -> None:
    await stage.ask(fields=HALF, reply=PART)

    same = await stage.ask(fields=[*HALF, ("If-None-Match", TAG[1])])

    assert same.is_hit
    assert (same.status, same.body, same.get("content-range")) == (304, b"", None)


@pytest.mark.parametrize("word", ["private", "no-cache"])
async def test_fields_that_a_304_keeps_for_one_client_reach_that_one_only(
    stage: Stage, word: str
) -> None:
    await stage.ask(reply=Reply(200, [SHORT, TAG, ("X-User", "old"), ("X-Other", "1")]))
    stage.clock.advance(3)
    says = ("Cache-Control", f'max-age=600, {word}="x-user"')
    mine = await stage.ask(reply=Reply(304, [says, TAG, ("X-User", "alice")]))
    other = await stage.ask()

    assert mine.get("x-user") == "alice"
    assert other.is_hit
    assert (other.get("x-user"), other.get("x-other")) == (None, "1")


@pytest.mark.parametrize("stored", [True, False])
async def test_so_do_those_of_what_replaces_a_stored_response(stage: Stage, stored: bool) -> None:
    says = ("Cache-Control", 'max-age=2, private="x-user, age, content-length, etag"')
    for user in ("alice", "bob") if stored else ("bob",):
        mine = await stage.ask(reply=Reply(200, [says, ("ETag", f'"{user}"'), ("X-User", user)]))
        stage.clock.advance(3)

    assert mine.get("x-user") == "bob"
    assert [n for n, _ in mine.fields].count("content-length") <= 1
    assert [n for n, _ in mine.fields].count("etag") == 1
