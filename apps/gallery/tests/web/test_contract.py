"""OpenAPI says what the API does: every answer fits the schema it is documented with."""

import base64
import hashlib
import re
from pathlib import Path

import jsonschema
import pytest

import gallery.web.pages

GETS = [
    ("/api/characters", "/api/characters?mode=featured&page_size=3"),
    ("/api/characters/{character_id}", "/api/characters/1"),
    ("/api/characters/{character_id}/similar", "/api/characters/1/similar"),
    ("/api/characters/{character_id}/images", "/api/characters/1/images"),
    ("/api/users/{username}/images", "/api/users/u1/images"),
    ("/api/featured", "/api/featured"),
    ("/api/facets", "/api/facets"),
    ("/api/words", "/api/words"),
    ("/api/preferences", "/api/preferences"),
    ("/api/auth/me", "/api/auth/me"),
]


@pytest.fixture
async def document(site):
    return await (await site.visitor()).read("/openapi.json")


def check(document, path, method, answer):
    """That a body is what `document` says of this answer."""
    told = document["paths"][path][method]["responses"][str(answer.status_code)]
    schema = told["content"]["application/json"]["schema"]
    jsonschema.validate(answer.json(), {**schema, "components": document["components"]})


async def test_every_reference_leads_somewhere(document):
    names = set(re.findall(r"#/components/schemas/([^\"']+)", str(document)))
    assert names <= document["components"]["schemas"].keys()
    assert document["openapi"].startswith("3.1")


async def test_every_schema_is_one(document):
    for schema in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


async def test_every_route_of_the_api_is_documented(site, document):
    told = {
        (method.upper(), path) for path, methods in document["paths"].items() for method in methods
    }
    promised = {
        ("GET", "/api/characters"),
        ("POST", "/api/characters"),
        ("GET", "/api/characters/{character_id}"),
        ("PATCH", "/api/characters/{character_id}"),
        ("DELETE", "/api/characters/{character_id}"),
        ("GET", "/api/characters/{character_id}/similar"),
        ("POST", "/api/characters/{character_id}/like"),
        ("DELETE", "/api/characters/{character_id}/like"),
        ("POST", "/api/characters/{character_id}/view"),
        ("GET", "/api/featured"),
        ("GET", "/api/words"),
        ("GET", "/api/users/{username}/images"),
        ("POST", "/api/users/{username}/images"),
        ("DELETE", "/api/users/{username}/images/{image_id}"),
        ("GET", "/api/characters/{character_id}/images"),
        ("POST", "/api/characters/{character_id}/images"),
        ("DELETE", "/api/characters/{character_id}/images/{image_id}"),
        ("GET", "/api/preferences"),
        ("PUT", "/api/preferences"),
        ("POST", "/api/generations"),
        ("GET", "/api/generations/{job_id}"),
        ("GET", "/api/generations/{job_id}/result"),
        ("POST", "/api/auth/register"),
        ("POST", "/api/auth/login"),
        ("POST", "/api/auth/logout"),
        ("GET", "/api/auth/me"),
    }
    assert promised <= told


@pytest.mark.parametrize("path, address", GETS, ids=[path for path, _ in GETS])
async def test_answer_fits_its_schema(site, document, path, address):
    visitor = await site.visitor("u1")
    answer = await visitor.get(address)
    assert answer.status_code == 200
    check(document, path, "get", answer)


async def test_refusals_fit_their_schema(site, document):
    visitor = await site.visitor()
    check(document, "/api/preferences", "get", await visitor.get("/api/preferences"))
    missing = await visitor.get("/api/characters/999999")
    check(document, "/api/characters/{character_id}", "get", missing)
    invalid = await visitor.get("/api/characters?page=-1")
    check(document, "/api/characters", "get", invalid)


async def test_writes_fit_their_schema(site, document):
    visitor = await site.visitor("u1")
    wish = {"name": "A", "description": "B.", "attributes": {"species": "elf"}}
    made = await visitor.post("/api/characters", json=wish)
    check(document, "/api/characters", "post", made)
    job = await visitor.post("/api/generations", json={"prompt": "a fox"})
    check(document, "/api/generations", "post", job)
    liked = await visitor.post("/api/characters/1/like")
    check(document, "/api/characters/{character_id}/like", "post", liked)


async def test_page_loads_nothing_from_elsewhere(site):
    visitor = await site.visitor()
    for path in ("/", "/docs", "/characters/1"):
        page = await visitor.get(path)
        assert page.status_code == 200
        assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert not re.search(r"(?:src|href)=\"(?:https?:)?//", page.text)
        data = r'<script type="application/json" id="first">.*?</script>'  # not run by anybody
        shown = re.sub(data, "", page.text)
        for inside in re.findall(r'<script type="module">(.*?)</script>', shown, re.DOTALL):
            digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
            assert f"'sha256-{digest}'" in page.headers["Content-Security-Policy"]
            shown = shown.replace(f'<script type="module">{inside}</script>', "")
        assert not re.search(r"<script(?![^>]*\ssrc=)|\sstyle=|\son\w+=", shown)
        for asset in re.findall(r"(?:src|href)=\"(/(?:static|assets)/[^\"]+)\"", page.text):
            assert (await visitor.get(asset)).status_code == 200


def test_scripts_import_what_is_there_and_write_no_markup():
    folder = gallery.web.pages.STATIC
    for script in folder.glob("*.js"):
        text = script.read_text()
        for name in re.findall(r"from \"\./([^\"]+)\"", text):
            assert Path(folder, name).is_file(), f"{script.name} imports {name}"
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text)


async def test_unknown_asset_is_not_found(site):
    visitor = await site.visitor()
    for path in ("/static/none.js", "/static/../app.py", "/static/%2e%2e/app.py"):
        assert (await visitor.get(path)).status_code == 404
