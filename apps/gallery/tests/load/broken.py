"""A Gallery that forgets to invalidate: what a judge of answers must find out."""

from gallery.app import create_app
from gallery.load.server import serve, with_figures
from gallery.settings import Settings
from gallery.writing import Write


def forget(self: Write, *tags: str) -> None:
    self._binding.declare(self.session)


if __name__ == "__main__":
    Write.ends = forget
    settings = Settings.from_env()
    serve(with_figures(create_app(settings)), settings)
