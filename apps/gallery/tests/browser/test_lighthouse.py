"""Lighthouse's judgement of the pages that strangers see first, as on a slow phone."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from stage import Stage

pytestmark = [pytest.mark.soak, pytest.mark.timeout(900)]

LEAST = 95
CATEGORIES = ("performance", "accessibility", "best-practices")
#: Performance is a measurement: the median of a few.
RUNS = 3


@pytest.mark.parametrize("path", ["/", "/characters/3"])
def test_pages_score_at_least(stage: Stage, tmp_path: Path, path: str) -> None:
    with stage.api() as api:
        api.get(path)
    lighthouse(stage.address + path, tmp_path / "warm.json")  # paints the pictures
    reports = [
        lighthouse(stage.address + path, tmp_path / f"{run}.json")["categories"]
        for run in range(RUNS)
    ]
    scores = {
        name: round(100 * statistics.median(report[name]["score"] or 0 for report in reports))
        for name in CATEGORIES
    }
    line = f"Lighthouse {path}: {scores}"
    print(line)
    if figures := os.environ.get("GALLERY_FIGURES"):
        with Path(figures).open("a") as file:
            file.write(line + "\n")
    assert min(scores.values()) >= LEAST, scores


def lighthouse(url: str, report: Path) -> dict[str, Any]:
    from stage import CHROMIUM, FLAGS, ROOT

    made = subprocess.run(
        [
            *("scripts/audit.sh", "npx", "lighthouse", url, "--quiet"),
            *("--throttling-method=devtools", f"--only-categories={','.join(CATEGORIES)}"),
            *(f"--chrome-flags={' '.join(FLAGS)}", "--output=json", f"--output-path={report}"),
        ],
        cwd=ROOT,
        env={**os.environ, "CHROME_PATH": CHROMIUM},
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    told: dict[str, Any] = json.loads(report.read_text())
    return told
