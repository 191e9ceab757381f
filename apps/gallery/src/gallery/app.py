"""Gallery as an ASGI app, joined from its parts."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from gallery.caching import POLICIES, ROUTES, CachedReads
from gallery.data import accounts as accounts_data
from gallery.data.database import Database
from gallery.generation import Generator, Workshop
from gallery.origin import Clock, Origin, utc_now
from gallery.painting import PaintingGenerator, Studio
from gallery.pictures.render import RenderPool
from gallery.pictures.upload import MAX_BYTES
from gallery.settings import Settings
from gallery.web import (
    accounts,
    characters,
    generations,
    images,
    media,
    pages,
    preferences,
)
from gallery.web.answers import install_schemas
from gallery.web.context import Parts
from gallery.web.frontend import Frontend
from gallery.web.guards import BodyLimit, BrowserRules, SameSiteWrites
from gallery.web.heads import AnswersHead
from gallery.web.hints import EarlyHints
from gallery.web.live import install_live, live_secret
from gallery.web.passwords import Passwords
from gallery.web.problems import install_problems
from gallery.web.throttle import Throttle
from gallery.writing import Writes
from keepwarm import Cache, HTTPCache, LiveHeaders
from keepwarm.frameworks import fastapi as keepwarm_fastapi

DESCRIPTION = "Fifty thousand painted characters, their admirers, and a cache in front of it all."


def open_cache(settings: Settings) -> Cache:
    """The cache that `settings` name, with Gallery's policies; not yet started."""
    return Cache(**{"namespace": "gallery", **settings.cache}, policies=POLICIES)


def create_app(
    settings: Settings,
    *,
    cache: Cache | None = None,
    clock: Clock = utc_now,
    generator: Generator | None = None,
    keeps_responses: bool = True,
) -> FastAPI:
    """The app of `settings`. It starts and ends what it uses, a given `cache` too.

    Without `keeps_responses` every request reaches the cached functions, as is needed to
    count their calls.
    """
    database = Database(settings.database_url)
    cache = cache or open_cache(settings)
    pool = RenderPool()
    painting = generator or PaintingGenerator()
    studio = Studio(pool, painting)
    writes = Writes(database, cache, settings.writes)
    workshop = Workshop(writes, painting, clock, workers=settings.generation_workers)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await database.migrate()
        async with database.transaction() as session:
            await accounts_data.purge_sessions(session, clock())
        await cache.start()
        try:
            await writes.start()
            await workshop.start()
            yield
        finally:
            await workshop.aclose()
            await writes.aclose()
            await cache.aclose()
            await pool.aclose()
            await database.dispose()

    app = FastAPI(
        title="Gallery",
        version="0.1.0",
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,  # FastAPI's own loads scripts from elsewhere; ours is in static/
        redoc_url=None,
        separate_input_output_schemas=False,
    )
    app.state.parts = Parts(
        settings=settings,
        database=database,
        reads=CachedReads(cache, Origin(database, studio, clock), studio),
        writes=writes,
        studio=studio,
        workshop=workshop,
        passwords=Passwords(),
        throttle=Throttle(time.monotonic),
        clock=clock,
        keeps_responses=keeps_responses,
    )
    app.state.cache = cache

    for part in (characters, images, preferences, generations, accounts, media):
        app.include_router(part.router)
    frontend = Frontend.load()
    pages.install_pages(app, frontend)
    secret = live_secret(settings)
    install_live(app, cache, secret)
    install_schemas(app)
    install_problems(app)

    # The last added stands first: refusals wear the browser's rules too.
    keepwarm_fastapi.install(app, cache, admin_token=settings.admin_token)
    app.add_middleware(SameSiteWrites)
    app.add_middleware(
        BodyLimit,
        ordinary=settings.body_max_bytes,
        images=MAX_BYTES + settings.body_max_bytes,
    )
    app.add_middleware(BrowserRules)
    app.add_middleware(AnswersHead)
    # Values judge by their own policies what may be served when their source fails.
    if keeps_responses:
        app.add_middleware(HTTPCache, cache=cache, routes=ROUTES, cdn=True, stale_on_error=False)
    app.add_middleware(LiveHeaders, cache=cache, secret=secret)
    if frontend.script:
        app.add_middleware(EarlyHints, script=frontend.script)
    return app
