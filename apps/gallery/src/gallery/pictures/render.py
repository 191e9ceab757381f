"""Pixels from SVG: WebP and AVIF at three widths, on a pool that cannot grow."""

import asyncio
import base64
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Literal, Self, TypeVar, get_args

import pyvips

from gallery.pictures.painter import paint
from gallery.pictures.traits import Traits

T = TypeVar("T")
Format = Literal["webp", "avif"]
Width = Literal[160, 320, 640]

FORMATS: tuple[Format, ...] = get_args(Format)
SIZES: tuple[Width, ...] = get_args(Width)  # enumerated: a width is never taken from a client
MEDIA_TYPES: dict[Format, str] = {"webp": "image/webp", "avif": "image/avif"}
SVG_WIDTH = 640

# One thread for each picture: the pool is what uses the cores. And no operation
# cache: every picture is new, and the cache in front keeps the results.
pyvips.concurrency_set(1)
pyvips.cache_set_max(0)
pyvips.cache_set_max_mem(0)
pyvips.cache_set_max_files(0)


class RenderBusy(Exception):
    """More pictures wait than the pool may hold; worth a 503 and a try later."""


def render(svg: str, width: int, format: Format) -> bytes:
    """An SVG of the painter's as an encoded square `width` px wide.

    Blocks for tens of milliseconds of processor time, without the GIL.
    Raises ValueError for a width or a format that is not offered.
    """
    check(width, format)
    image = pyvips.Image.svgload_buffer(svg.encode(), scale=width / SVG_WIDTH)
    return encode(image.flatten(), format)


def portrait(seed: int, traits: Traits | None, width: int, format: Format) -> bytes:
    """Paints and renders in one go."""
    check(width, format)
    return render(paint(seed, traits), width, format)


def check(width: int, format: str) -> None:
    """Raises ValueError unless `width` and `format` are among those offered."""
    if width not in SIZES:
        raise ValueError(f"pictures are {SIZES} px wide, not {width}")
    if format not in FORMATS:
        raise ValueError(f"pictures are {' or '.join(FORMATS)}, not {format!r}")


def encode(image: pyvips.Image, format: Format) -> bytes:
    """Encoded bytes without any metadata."""
    if format == "avif":
        # At 640 px effort 0 takes 26 ms and 21 kB, effort 1 takes 95 ms and 17 kB;
        # WebP takes 18 ms and 26 kB. A picture is fetched few times per painting.
        return bytes(
            image.heifsave_buffer(compression="av1", Q=54, effort=0, bitdepth=8, keep="none")
        )
    return bytes(image.webpsave_buffer(Q=82, effort=2, keep="none"))


def placeholder(svg: str) -> str:
    """A data URI of a few blurred pixels, at most 400 characters, to show while a picture loads."""
    image = pyvips.Image.svgload_buffer(svg.encode(), scale=64 / SVG_WIDTH).flatten()
    tiny = image.resize(8 / image.width)
    small = bytes(tiny.webpsave_buffer(Q=40, effort=4, keep="none"))
    return f"data:image/webp;base64,{base64.b64encode(small).decode()}"


class RenderPool:
    """Threads that paint: at most `workers` at work and `waiting` behind them."""

    def __init__(self, *, workers: int | None = None, waiting: int = 64) -> None:
        """By default one core is left to the event loop and everything else."""
        self.workers = workers if workers is not None else max(1, (os.cpu_count() or 1) - 1)
        if self.workers < 1 or waiting < 0:
            raise ValueError("a pool needs at least one worker, and no negative queue")
        self._room = self.workers + waiting
        self._pending = 0
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(self.workers, thread_name_prefix="picture")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    @property
    def pending(self) -> int:
        """Pictures at work and waiting."""
        return self._pending

    async def render(self, svg: str, width: int, format: Format) -> bytes:
        """`render` on a thread of the pool. Raises RenderBusy when the queue is full."""
        return await self.run(lambda: render(svg, width, format))

    async def portrait(self, seed: int, traits: Traits | None, width: int, format: Format) -> bytes:
        """`portrait` on a thread of the pool. Raises RenderBusy when the queue is full."""
        return await self.run(lambda: portrait(seed, traits, width, format))

    async def run(self, work: Callable[[], T]) -> T:
        """Any blocking picture work; a caller who is cancelled takes back what has not begun.

        Raises RenderBusy when the queue is full, RuntimeError once the pool is closed.
        """
        with self._lock:
            if self._pending >= self._room:
                raise RenderBusy(f"{self._pending} pictures are already being painted")
            self._pending += 1
        try:
            future = self._threads.submit(work)
        except RuntimeError:
            self._leave(None)
            raise
        # Counted down when the work ends, not when its caller goes: a cancelled
        # caller's picture may still be on a thread.
        future.add_done_callback(self._leave)
        return await asyncio.wrap_future(future)

    def _leave(self, _: Future[T] | None) -> None:
        with self._lock:
            self._pending -= 1

    async def aclose(self) -> None:
        """Lets work that has begun end, drops what has not, and ends the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        await asyncio.to_thread(self._threads.shutdown, wait=True)
