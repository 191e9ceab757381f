"""A real browser on two processes of an app, and the figures that tests take down."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .figures import Figures
    from .stage import Stage, Tabs

# What needs Playwright is imported by those who run: `make test` collects this folder, too.


@pytest.fixture(scope="session")
def figures() -> Iterator[Figures]:
    """Written to the file that LIVE_FIGURES names, and printed."""
    from .figures import Figures

    taken = Figures()
    yield taken
    if path := os.environ.get("LIVE_FIGURES"):
        Path(path).write_text(json.dumps(taken.rows, indent=2))


@pytest.fixture(scope="session")
async def stage() -> AsyncIterator[Stage]:
    from .stage import Stage, build_pages, chromium

    build_pages()
    async with chromium() as browser, Stage(browser) as ready:
        yield ready


@pytest.fixture
async def tabs(stage: Stage) -> AsyncIterator[Tabs]:
    async with stage.browser() as opened:
        yield opened
