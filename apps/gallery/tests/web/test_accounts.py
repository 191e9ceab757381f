"""Signing in, sessions, writes from elsewhere, roles."""

import pytest
from databases import ADMIN_PASSWORD

from gallery.web.problems import Problem
from gallery.web.throttle import Throttle

WISH = {"name": "Nobody", "description": "None.", "attributes": {"species": "elf"}}


async def test_new_user_is_signed_in_and_can_write(site):
    visitor = await site.visitor()
    made = await visitor.post(
        "/api/auth/register", json={"username": "Maren", "password": "a long enough one"}
    )
    assert made.status_code == 201
    assert made.json()["user"]["username"] == "maren"

    visitor.headers["X-CSRF-Token"] = made.json()["csrf_token"]
    assert (await visitor.own_character())["creator"] == "maren"


async def test_name_is_taken_whatever_its_case(site):
    visitor = await site.visitor()
    answer = await visitor.post(
        "/api/auth/register", json={"username": "U11", "password": "a long enough one"}
    )
    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "name_taken"


@pytest.mark.parametrize("name, password", [("u1", "wrong"), ("nobody", "demo-gallery")])
async def test_wrong_credentials_tell_not_which_part_was_wrong(site, name, password):
    visitor = await site.visitor()
    answer = await visitor.post("/api/auth/login", json={"username": name, "password": password})
    assert answer.status_code == 401
    assert answer.json()["error"]["message"] == "The name or the password is wrong."
    assert "set-cookie" not in answer.headers


async def test_guessing_is_slowed(site):
    visitor = await site.visitor()
    for _ in range(10):
        await visitor.post("/api/auth/login", json={"username": "u1", "password": "guess"})
    answer = await visitor.post(
        "/api/auth/login", json={"username": "u1", "password": "demo-gallery"}
    )
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 300


def test_throttle_forgets_after_its_window():
    now = 0.0
    throttle = Throttle(lambda: now, allowed=2, window_s=60, remembered=100)
    throttle.failed("a")
    throttle.failed("a")
    with pytest.raises(Problem) as refused:
        throttle.check("a", "b")
    assert refused.value.headers == {"Retry-After": "60"}
    throttle.check("b")
    now = 60.0
    throttle.check("a")


def test_throttle_remembers_no_more_than_it_may():
    throttle = Throttle(lambda: 0.0, allowed=1, window_s=60, remembered=2)
    for name in ("a", "b", "c"):
        throttle.failed(name)
    throttle.check("a")
    with pytest.raises(Problem):
        throttle.check("c")


async def test_signing_out_ends_the_session_for_whoever_has_its_cookie(site):
    visitor = await site.visitor("u1")
    kept = dict(visitor.cookies)
    assert (await visitor.post("/api/auth/logout")).status_code == 204
    assert "gallery_session" not in visitor.cookies

    thief = await site.visitor()
    thief.cookies.update(kept)
    assert (await thief.read("/api/auth/me"))["user"] is None


async def test_sessions_end_by_themselves(site):
    visitor = await site.visitor("u1")
    site.now = site.now.replace(month=site.now.month + 1)
    assert (await visitor.get("/api/preferences")).status_code == 401


async def test_signing_in_replaces_the_session(site):
    visitor = await site.visitor("u1")
    before = visitor.cookies["gallery_session"]
    await visitor.sign_in("u1")
    assert visitor.cookies["gallery_session"] != before
    visitor.cookies.set("gallery_session", before, domain="gallery.test", path="/")
    assert (await visitor.read("/api/auth/me"))["user"] is None


async def test_database_holds_no_token(site):
    visitor = await site.visitor("u1")
    token = visitor.cookies["gallery_session"]
    from sqlalchemy import text

    async with site.database.session() as session:
        rows = (await session.execute(text("SELECT * FROM sessions"))).all()
    assert len(rows) == 1
    assert token not in repr(rows)


@pytest.mark.parametrize(
    "address, name, is_secure",
    [
        ("http://gallery.test", "gallery_session", False),
        ("https://gallery.test", "__Host-gallery_session", True),
    ],
)
async def test_cookie_is_kept_from_scripts_and_other_sites(site, address, name, is_secure):
    visitor = await site.visitor(address=address)
    answer = await visitor.post(
        "/api/auth/login", json={"username": "u1", "password": "demo-gallery"}
    )
    session = next(c for c in answer.headers.get_list("set-cookie") if c.startswith(f"{name}="))
    assert "HttpOnly" in session
    assert "SameSite=lax" in session
    assert ("Secure" in session) == is_secure


async def test_write_without_its_sessions_token_is_refused(site):
    one, other = await site.visitor("u1"), await site.visitor("u2")
    for token in ("", "0" * 64, other.headers["X-CSRF-Token"]):
        answer = await one.post("/api/characters", json=WISH, headers={"X-CSRF-Token": token})
        assert answer.status_code == 403
        assert answer.json()["error"]["code"] == "csrf"


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://evil.test"},
        {"Origin": "null"},
        {"Origin": "http://gallery.test.evil.test"},
    ],
    ids=str,
)
@pytest.mark.parametrize("path", ["/api/characters", "/api/auth/login", "/api/cache/invalidate"])
async def test_write_from_another_site_is_refused(site, headers, path):
    visitor = await site.visitor("u1")
    answer = await visitor.post(path, json=WISH, headers=headers)
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "cross_site"


async def test_write_from_our_own_page_is_taken(site):
    visitor = await site.visitor("u1")
    ours = {"Sec-Fetch-Site": "same-origin", "Origin": "http://gallery.test"}
    answer = await visitor.post("/api/characters", json=WISH, headers=ours)
    assert answer.status_code == 201


@pytest.mark.parametrize(
    "method, path",
    [
        ("POST", "/api/characters"),
        ("PATCH", "/api/characters/1"),
        ("DELETE", "/api/characters/1"),
        ("POST", "/api/characters/1/like"),
        ("DELETE", "/api/characters/1/like"),
        ("GET", "/api/preferences"),
        ("PUT", "/api/preferences"),
        ("POST", "/api/generations"),
        ("GET", "/api/generations/none"),
        ("DELETE", "/api/characters/1/images/1"),
        ("DELETE", "/api/users/u1/images/1"),
    ],
)
async def test_strangers_are_asked_to_sign_in(site, method, path):
    visitor = await site.visitor()
    bodies = {
        "/api/characters": WISH,
        "/api/characters/1": {"version": 1},
        "/api/preferences": {},
        "/api/generations": {"prompt": "a fox"},
    }
    answer = await visitor.request(method, path, json=bodies.get(path))
    assert answer.status_code == 401
    assert "POST /api/auth/login" in answer.json()["error"]["hint"]


async def test_only_the_creator_and_admins_may_change_a_character(site):
    owner, other, admin = [await site.visitor(name) for name in ("u1", "u2", "admin")]
    made = await owner.own_character()
    path, change = f"/api/characters/{made['id']}", {"version": 1, "name": "Taken"}

    assert (await other.patch(path, json=change)).status_code == 403
    assert (await other.delete(path)).status_code == 403
    assert (await owner.read(path))["name"] == made["name"]

    assert (await admin.patch(path, json=change)).status_code == 200
    assert (await owner.read(path))["name"] == "Taken"
    assert (await owner.delete(path)).status_code == 204


async def test_refused_input_is_not_repeated(site):
    visitor = await site.visitor()
    answer = await visitor.post(
        "/api/auth/register", json={"username": "maren", "password": "secret!"}
    )
    assert answer.status_code == 422
    assert answer.json()["error"]["fields"][0]["field"] == "password"
    assert "secret!" not in answer.text


async def test_admin_signs_in(site):
    visitor = await site.visitor()
    await visitor.sign_in("admin", ADMIN_PASSWORD)
    assert visitor.user["role"] == "admin"
