"""Each Python example in the README and the guide runs as it stands."""

import ast
import inspect
import re
import types
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [
    "README.md",
    "docs/guide.md",
    "docs/coherence.md",
    "docs/writing.md",
    "docs/stores.md",
    "docs/worlds.md",
    "docs/http.md",
    "docs/live.md",
]


def examples(page: str) -> list[tuple[int, str]]:
    text = (ROOT / page).read_text()
    found = re.finditer(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return [(text[: match.start(1)].count("\n"), match[1]) for match in found]


@pytest.mark.parametrize("page", PAGES)
async def test_examples_run(page: str) -> None:
    """The blocks of a page run one after the other, as a reader would type them."""
    blocks = examples(page)
    assert blocks
    module = types.ModuleType("example")
    for line, block in blocks:
        source = "\n" * line + block
        code = compile(source, page, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        running = eval(code, module.__dict__)  # only this repository's own text
        if inspect.iscoroutine(running):
            await running


def test_the_readme_fits_on_a_screen_or_two() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 120
