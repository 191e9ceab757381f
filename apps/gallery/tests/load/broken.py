"""A Gallery that forgets to invalidate: what a judge of answers must find out."""

from gallery.app import create_app
from gallery.caching import Invalidations
from gallery.load.server import serve, with_figures
from gallery.settings import Settings


async def forget(self: Invalidations, *tags: str) -> dict[str, str]:
    return {"Cache-Invalidation": "done"}


if __name__ == "__main__":
    Invalidations._end = forget
    settings = Settings.from_env()
    serve(with_figures(create_app(settings)), settings)
