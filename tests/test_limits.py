"""A test that hangs is ended at its limit and says where it was; so are its fixtures."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent

HANGS = """\
import asyncio
import time

import pytest

pytestmark = pytest.mark.timeout(1)


@pytest.fixture
async def fine():
    yield


@pytest.fixture
async def endless():
    yield
    await asyncio.Event().wait()


@pytest.fixture
def sleeps():
    yield
    time.sleep(1000)


async def test_waits(fine):
    await asyncio.Event().wait()


async def test_fails_and_its_fixture_waits(endless):
    assert not "there"


def test_fails_and_its_fixture_sleeps(sleeps):
    assert not "there"


async def test_next(fine):
    pass
"""


def test_what_hangs_is_named_and_the_next_test_runs(tmp_path: Path) -> None:
    for name in ("conftest.py", "pyproject.toml"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_hangs.py").write_text(HANGS)
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-o", "testpaths=tests", "--color=no"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert "3 failed, 1 passed, 2 errors" in ran.stdout, ran.stdout
    hung = ran.stdout.index("TookTooLong: tests/test_hangs.py::test_waits[asyncio]: not done")
    assert " test_waits\n" in ran.stdout[hung:], ran.stdout
    assert " Event.wait\n" in ran.stdout[hung:], ran.stdout
