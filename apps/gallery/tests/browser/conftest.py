"""Gallery as it is started by everybody, and a real browser before it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from stage import Stage, Visit

# What needs Playwright is imported by those who run: `make test` collects this folder, too.


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One Gallery for a file of tests. Of a module and not of the run, because Playwright
    holds an event loop, and other tests start their own."""
    from stage import Stage

    with Stage(Path(tmp_path_factory.mktemp("gallery"))) as ready:
        yield ready


@pytest.fixture
def visit(stage: Stage) -> Iterator[Visit]:
    """A visitor with a fresh browser; whatever their console says fails the test."""
    with stage.visit() as visit:
        yield visit
    assert visit.complaints == []
