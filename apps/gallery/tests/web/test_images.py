"""Pictures: addresses that never change meaning, uploads, galleries kept current."""

import io
import re

import pytest
from photographs import IMMUTABLE, photograph, portrait_address
from PIL import Image


@pytest.mark.parametrize("width, format", [(160, "webp"), (320, "webp"), (160, "avif")])
async def test_portrait_is_painted_once(site, width, format):
    visitor = await site.visitor()
    address = await portrait_address(visitor, width=width, format=format)
    first, second = await visitor.get(address), await visitor.get(address)
    assert first.status_code == 200
    assert first.headers["Content-Type"] == f"image/{format}"
    assert first.headers["Cache-Control"] == IMMUTABLE
    assert (first.headers["X-Cache"], second.headers["X-Cache"]) == ("MISS", "HIT")
    assert first.content == second.content
    if format == "webp":
        assert Image.open(io.BytesIO(first.content)).size == (width, width)


@pytest.mark.parametrize(
    "name",
    [
        "portrait-1-161.webp",
        "portrait-1-160.png",
        "portrait-01-160.webp",
        "portrait-1-160.webp.html",
        "other-1-160.webp",
        "portrait-9223372036854775808-160.webp",
        "..%2Fportrait-1-160.webp",
    ],
)
async def test_only_offered_sizes_and_kinds_have_addresses(site, name):
    visitor = await site.visitor()
    digest = (await portrait_address(visitor)).split("/")[2]
    answer = await visitor.get(f"/media/{digest}/{name}")
    assert answer.status_code == 404
    assert answer.headers["Cache-Control"] == "no-store"


async def test_address_with_another_pictures_digest_has_nothing(site):
    visitor = await site.visitor()
    one, two = await portrait_address(visitor, 1), await portrait_address(visitor, 2)
    assert (await visitor.get(one.replace("-1-", "-2-"))).status_code == 404
    assert (await visitor.get(two)).status_code == 200


async def test_edited_look_has_a_new_address_and_the_old_text_keeps_its_own(site):
    owner = await site.visitor("u1")
    made = await owner.own_character()
    path = f"/api/characters/{made['id']}"
    named = (await owner.patch(path, json={"version": 1, "name": "Renamed"})).json()
    assert named["picture"] == made["picture"]
    looks = {"species": "orc", "mood": "angry"}
    painted = (await owner.patch(path, json={"version": 2, "attributes": looks})).json()
    assert painted["picture"] != made["picture"]


async def test_upload_is_seen_at_once_in_both_galleries_and_gone_at_once(site):
    owner, stranger = await site.visitor("u1"), await site.visitor()
    galleries = ("/api/characters/5/images", "/api/users/u1/images")
    for path in galleries:
        await stranger.read(path)
    before = [len((await stranger.read(path))["items"]) for path in galleries]

    kept = await owner.post("/api/characters/5/images", files=photograph())

    assert kept.status_code == 201, kept.text
    assert kept.headers["Cache-Invalidation"] == "done"
    image = kept.json()
    for path, count in zip(galleries, before, strict=True):
        now = (await stranger.read(path))["items"]
        assert len(now) == count + 1
        assert now[0]["id"] == image["id"]
    shown = await stranger.get(image["url_160"])
    assert shown.status_code == 200
    assert Image.open(io.BytesIO(shown.content)).size == (64, 48)

    gone = await owner.delete(f"/api/characters/5/images/{image['id']}")

    assert gone.status_code == 204
    for path, count in zip(galleries, before, strict=True):
        assert len((await stranger.read(path))["items"]) == count
    assert (await stranger.get(image["url_160"])).status_code == 404


async def test_image_goes_to_ones_own_gallery_only(site):
    one, other, admin = [await site.visitor(name) for name in ("u1", "u2", "admin")]
    refused = await one.post("/api/users/u2/images", files=photograph())
    assert refused.status_code == 403
    kept = await other.post("/api/users/u2/images", files=photograph())
    assert kept.status_code == 201
    path = f"/api/users/u2/images/{kept.json()['id']}"
    assert (await one.delete(path)).status_code == 403
    assert (await admin.delete(path)).status_code == 204


async def test_image_is_removed_only_through_where_it_is(site):
    owner = await site.visitor("u1")
    kept = (await owner.post("/api/characters/5/images", files=photograph())).json()
    assert (await owner.delete(f"/api/characters/6/images/{kept['id']}")).status_code == 404
    assert (await owner.delete(f"/api/users/u2/images/{kept['id']}")).status_code == 404
    assert (await owner.get(kept["url_160"])).status_code == 200


async def test_gallery_can_be_narrowed_to_a_character(site):
    owner = await site.visitor("u1")
    await owner.post("/api/characters/5/images", files=photograph(colour="red"))
    await owner.post("/api/characters/6/images", files=photograph(colour="blue"))
    whole = (await owner.read("/api/users/u1/images"))["items"]
    five = (await owner.read("/api/users/u1/images", character_id=5))["items"]
    assert {each["character_id"] for each in five} == {5}
    assert {5, 6} <= {each["character_id"] for each in whole}
    assert (await owner.read("/api/users/U1/images"))["items"] == whole


@pytest.mark.parametrize(
    "content",
    [b"", b"GIF89a", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"\x89PNG\r\n\x1a\nbroken"],
    ids=["empty", "gif", "svg", "broken"],
)
async def test_what_is_no_picture_is_refused_in_words(site, content):
    owner = await site.visitor("u1")
    answer = await owner.post(
        "/api/characters/5/images", files={"file": ("a.png", content, "image/png")}
    )
    assert answer.status_code == 415
    assert answer.json()["error"]["message"]


async def test_image_of_nobody_is_refused(site):
    owner = await site.visitor("u1")
    answer = await owner.post("/api/characters/999999/images", files=photograph())
    assert answer.status_code == 404


async def test_deleting_a_character_takes_its_images_out_of_everybodys_gallery(site):
    owner, fan = await site.visitor("u1"), await site.visitor("u2")
    made = await owner.own_character()
    kept = await fan.post(f"/api/characters/{made['id']}/images", files=photograph())
    image = kept.json()
    mine = (await fan.read("/api/users/u2/images"))["items"]
    assert mine[0]["id"] == image["id"]
    await fan.get(image["url_160"])

    await owner.delete(f"/api/characters/{made['id']}")

    assert image["id"] not in [i["id"] for i in (await fan.read("/api/users/u2/images"))["items"]]
    assert (await fan.get(image["url_160"])).status_code == 404


async def test_addresses_in_answers_work(site):
    visitor = await site.visitor()
    images = (await visitor.read("/api/characters/1/images"))["items"]
    assert images
    assert re.fullmatch(r"/media/[0-9a-f]{24}/image-\d+-320\.webp", images[0]["url_320"])
    assert (await visitor.get(images[0]["url_160"])).status_code == 200
