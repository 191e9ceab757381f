"""A real browser on two processes of an app, and the figures that tests take down."""

import json
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from .figures import Figures
from .stage import Stage, Tabs, build_pages, chromium


@pytest.fixture(scope="session")
def figures() -> Iterator[Figures]:
    """Printed, and written to the file that LIVE_FIGURES names."""
    taken = Figures()
    yield taken
    if path := os.environ.get("LIVE_FIGURES"):
        Path(path).write_text(json.dumps(taken.rows))


@pytest.fixture(scope="session")
async def stage() -> AsyncIterator[Stage]:
    build_pages()
    async with chromium() as browser, Stage(browser) as ready:
        yield ready


@pytest.fixture
async def tabs(stage: Stage) -> AsyncIterator[Tabs]:
    async with stage.browser() as opened:
        yield opened
