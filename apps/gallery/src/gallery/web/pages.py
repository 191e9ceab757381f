"""The page itself and the API's reference, with everything they need."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, FastAPI
from starlette.responses import FileResponse
from starlette.staticfiles import StaticFiles

STATIC = Path(__file__).parent.parent / "static"

router = APIRouter(include_in_schema=False)

#: Checked with the server each time: the page is small, and never older than the API.
_RECHECK = {"Cache-Control": "no-cache"}


@router.get("/")
@router.get("/characters/{character_id:int}")
async def page() -> FileResponse:
    return FileResponse(STATIC / "index.html", headers=_RECHECK)


@router.get("/docs")
async def docs() -> FileResponse:
    return FileResponse(STATIC / "docs.html", headers=_RECHECK)


@router.get("/favicon.ico")
async def icon() -> FileResponse:
    return FileResponse(STATIC / "icon.svg", media_type="image/svg+xml", headers=_RECHECK)


def install_pages(app: FastAPI) -> None:
    app.include_router(router)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
