"""Rendering: the sizes and formats offered, and a pool that stays within its bounds."""

import base64
import io
import threading
from typing import get_args

import anyio
import pytest
from PIL import Image

from gallery.pictures.painter import paint
from gallery.pictures.render import (
    SIZES,
    Format,
    RenderBusy,
    RenderPool,
    placeholder,
    portrait,
    render,
)


@pytest.mark.parametrize("format", get_args(Format))
@pytest.mark.parametrize("width", SIZES)
def test_each_size_in_each_format(width: int, format: Format) -> None:
    picture = render(paint(1), width, format)

    with Image.open(io.BytesIO(picture)) as image:
        assert (format.upper(), (width, width)) == (image.format, image.size)
        image.load()
        assert "exif" not in image.info
    assert 1_000 < len(picture) < 100_000


def test_other_sizes_and_formats_are_refused() -> None:
    with pytest.raises(ValueError, match="161"):
        render(paint(1), 161, "webp")
    with pytest.raises(ValueError, match="png"):
        render(paint(1), 160, "png")  # type: ignore[arg-type]


def test_rendering_repeats_to_the_byte() -> None:
    assert portrait(4, None, 160, "webp") == portrait(4, None, 160, "webp")


def test_placeholder_is_a_tiny_picture() -> None:
    for seed in range(12):
        uri = placeholder(paint(seed))
        assert len(uri) <= 400
        scheme, _, code = uri.partition(",")
        assert scheme == "data:image/webp;base64"
        with Image.open(io.BytesIO(base64.b64decode(code))) as image:
            assert image.size == (8, 8)


async def test_pool_never_works_on_more_than_its_workers() -> None:
    gate = threading.Event()
    async with RenderPool(workers=2, waiting=20) as pool, anyio.create_task_group() as group:
        for _ in range(12):
            group.start_soon(pool.run, lambda: gate.wait(10))
        await anyio.wait_all_tasks_blocked()

        # The executor starts its threads as work is handed in, so none can come later.
        threads = [t for t in threading.enumerate() if t.name.startswith("picture")]
        assert (len(threads), pool.pending) == (2, 12)
        gate.set()

    assert pool.pending == 0


async def test_a_full_queue_is_said_at_once_and_recovers() -> None:
    gate = threading.Event()
    async with RenderPool(workers=1, waiting=1) as pool:
        async with anyio.create_task_group() as group:
            for _ in range(2):
                group.start_soon(pool.run, lambda: gate.wait(10))
            await anyio.wait_all_tasks_blocked()
            with pytest.raises(RenderBusy):
                await pool.portrait(1, None, 160, "webp")
            gate.set()
        assert await pool.portrait(1, None, 160, "webp") == portrait(1, None, 160, "webp")


async def test_a_cancelled_caller_takes_back_work_that_has_not_begun() -> None:
    gate, begun = threading.Event(), []
    async with RenderPool(workers=1, waiting=2) as pool:
        async with anyio.create_task_group() as group:
            group.start_soon(pool.run, lambda: gate.wait(10))
            await anyio.wait_all_tasks_blocked()
            async with anyio.create_task_group() as hasty:
                hasty.start_soon(pool.run, lambda: begun.append(1))
                await anyio.wait_all_tasks_blocked()
                assert pool.pending == 2
                hasty.cancel_scope.cancel()
            assert pool.pending == 1
            gate.set()
        assert await pool.render(paint(2), 160, "webp")
    assert begun == []


async def test_work_that_fails_tells_its_caller_and_frees_its_place() -> None:
    async with RenderPool(workers=1, waiting=0) as pool:
        with pytest.raises(ValueError, match="99"):
            await pool.render(paint(1), 99, "webp")
        assert await pool.render(paint(1), 160, "webp")


async def test_closing_ends_the_threads_and_refuses_more() -> None:
    pool = RenderPool(workers=2)
    await pool.portrait(1, None, 160, "webp")
    await pool.aclose()
    await pool.aclose()

    assert not [t for t in threading.enumerate() if t.name.startswith("picture")]
    with pytest.raises(RuntimeError):
        await pool.portrait(1, None, 160, "webp")
    assert pool.pending == 0


def test_a_pool_needs_a_worker() -> None:
    with pytest.raises(ValueError, match="worker"):
        RenderPool(workers=0)
    assert RenderPool().workers >= 1
