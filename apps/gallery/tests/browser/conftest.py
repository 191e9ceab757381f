"""Gallery as it is started by everybody, and a real browser before it."""

from __future__ import annotations

import time
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


@pytest.fixture(params=["store", "no store"])
def visitor(request: pytest.FixtureRequest, stage: Stage) -> Iterator[Visit]:
    """With the store there, and with every connection to it cut and refused."""
    is_away = request.param == "no store"
    if is_away:
        stage.network.refuse()
    try:
        with stage.visit() as visit:
            yield visit
        assert visit.complaints == []
    finally:
        if is_away:
            stage.network.pass_through()
            is_back(stage)


def is_back(stage: Stage) -> None:
    """Return once Gallery has its store again."""
    deadline = time.monotonic() + 30
    with stage.api() as api:
        while api.get("/api/cache/health").json()["cache"]["status"] != "healthy":
            assert time.monotonic() < deadline, "the store does not come back"
