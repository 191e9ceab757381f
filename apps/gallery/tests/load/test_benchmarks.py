"""What `make bench` writes, and that it can be run at all."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))


def test_only_the_block_between_the_markers_is_rewritten(tmp_path: Path) -> None:
    from benchmarks.pages import BEGIN, END, rewrite_block

    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")

    rewrite_block(readme, "new")
    rewrite_block(readme, "newer")

    assert readme.read_text() == f"before\n{BEGIN}\nnewer\n{END}\nafter\n"


@pytest.mark.parametrize(
    "text",
    ["no markers", "<!-- bench:begin -->", "<!-- bench:end -->\n<!-- bench:begin -->"],
    ids=["none", "one", "wrong way round"],
)
def test_missing_markers_are_a_message_and_leave_the_file_alone(tmp_path: Path, text: str) -> None:
    from benchmarks.pages import MarkersMissing, rewrite_block

    readme = tmp_path / "README.md"
    readme.write_text(text)

    with pytest.raises(MarkersMissing, match="bench:begin"):
        rewrite_block(readme, "new")
    assert readme.read_text() == text


@pytest.mark.more
def test_a_quick_benchmark_runs_without_errors_or_wrong_answers() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick"],
        cwd=ROOT, capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
