"""What is installed is whole: a wheel carries the built front end."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

APP = Path(__file__).parents[2]


@pytest.mark.more
@pytest.mark.timeout(300)
def test_wheel_carries_the_built_front_end(tmp_path):
    made = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"),
            *("--no-build-isolation", "--wheel-dir", str(tmp_path), str(APP)),
        ],
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    built = {name.removeprefix("gallery/built/") for name in names if "/built/" in name}
    assert "manifest.json" in built
    for ending in (".js", ".js.gz", ".js.br", ".css"):
        assert any(name.startswith(("main-", "style-")) and name.endswith(ending) for name in built)
    assert "gallery/static/docs.html" in names
