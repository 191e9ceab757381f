"""What an installation without extras can still do, and what it says of the rest."""

import subprocess
import sys

import pytest

EXTRAS = ("starlette", "fastapi", "prometheus_client", "redis", "typer", "rich", "pydantic")


def without_extras(code: str) -> subprocess.CompletedProcess[str]:
    """Run `code` in a process where none of the extras can be imported."""
    hidden = f"import sys; sys.modules.update(dict.fromkeys({EXTRAS!r}))\n"
    return subprocess.run(
        [sys.executable, "-c", hidden + code], capture_output=True, text=True, timeout=60
    )


def test_the_cache_needs_none_of_them() -> None:
    ended = without_extras(
        "import asyncio, keepwarm\n"
        "async def main():\n"
        "    async with keepwarm.Cache() as cache:\n"
        "        await cache.set('x', 1, keepwarm.Policy(ttl='1m'))\n"
        "        print(await cache.get('x'))\n"
        "asyncio.run(main())\n"
    )

    assert (ended.stdout, ended.stderr) == ("1\n", "")


@pytest.mark.parametrize(
    "code, extra",
    [
        ("import keepwarm.frameworks.fastapi", "keepwarm[http]"),
        ("import keepwarm; keepwarm.admin(keepwarm.Cache())", "keepwarm[http]"),
        ("import keepwarm; keepwarm.Cache('redis://127.0.0.1')", "keepwarm[redis]"),
        ("from keepwarm.cli import main; main()", "keepwarm[cli]"),
    ],
)
def test_the_rest_names_its_extra(code: str, extra: str) -> None:
    ended = without_extras(code)

    assert ended.returncode != 0
    assert f"pip install '{extra}'" in ended.stderr
