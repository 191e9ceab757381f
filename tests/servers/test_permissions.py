"""The permissions that the page for operators names are enough, and all that is asked for."""

import re
from pathlib import Path

import redis

from keepwarm import Cache, Policy
from keepwarm.testing.servers import valkey

PAGE = Path(__file__).parents[2] / "docs" / "operating.md"


async def test_the_user_of_the_operators_page_can_do_everything() -> None:
    found = re.search(r"^ACL SETUSER app on >secret (.*)$", PAGE.read_text(), re.MULTILINE)
    assert found
    settings = {"namespace": "gallery", "policies": {"p": Policy("5m")}}
    with valkey(tcp=True) as server, redis.Redis.from_url(server.url) as admin:
        rules = ["reset", "on", ">secret", *found[1].split()]
        admin.execute_command("ACL", "SETUSER", "app", *rules)
        url = f"redis://app:secret@127.0.0.1:{server.port}"
        async with Cache(url, **settings) as one, Cache(url, **settings) as two:
            for cache in (one, two):
                for _ in range(2):
                    assert await cache.get_or_set("k", lambda: 1, "p", tags=["t"]) == 1
            assert (await one.invalidate("t")).processes
            await one.invalidate_pattern("k*")
            async with one.writing("t") as w:
                await w.check()
            await one.clear()
            assert (await one.health()).notes == (await two.health()).notes == ()
            assert one.stats().errors == two.stats().errors == 0
        assert admin.execute_command("ACL", "LOG") == []
