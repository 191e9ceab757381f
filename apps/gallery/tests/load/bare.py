"""A Gallery whose every request reaches the cached functions: their calls can be counted."""

from gallery.app import create_app
from gallery.load.server import serve, with_figures
from gallery.settings import Settings

if __name__ == "__main__":
    settings = Settings.from_env()
    serve(with_figures(create_app(settings, keeps_responses=False)), settings)
