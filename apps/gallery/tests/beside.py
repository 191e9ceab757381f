"""Gallery with the page as it is usually made at /naive/, started like `python -m gallery`."""

import sys

from stage import NAIVE
from starlette.middleware.gzip import GZipMiddleware
from starlette.staticfiles import StaticFiles

import gallery.__main__ as command

ordinary = command.create_app


def create_app(settings):
    app = ordinary(settings)
    app.mount("/naive", GZipMiddleware(StaticFiles(directory=NAIVE, html=True)))
    return app


command.create_app = create_app
sys.exit(command.main())
