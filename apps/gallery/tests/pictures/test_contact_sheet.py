"""The command that lets people look."""

from pathlib import Path

import pytest
from PIL import Image

from gallery.pictures.__main__ import main


def test_contact_sheet_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "sheet.png"
    code = main(["contact-sheet", "--out", str(out), "--seed", "3", "--count", "6", "--across", "3",
                 "--width", "64", "--prompt", "elf queen"])  # fmt: skip
    assert code == 0
    assert "6 portraits" in capsys.readouterr().out
    with Image.open(out) as image:
        assert image.size == (192, 128)


def test_a_sheet_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        main(["contact-sheet", "--out", str(tmp_path / "x.png"), "--count", "0"])
