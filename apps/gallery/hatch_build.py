"""A wheel carries the built front end; it is built if it is missing or old (scripts/built.sh)."""

import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

BUILT = Path("src") / "gallery" / "built"


class BuildFrontend(BuildHookInterface):  # type: ignore[type-arg]
    """Runs before a wheel is put together. An editable install is built by `make run` instead."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        repository = Path(self.root).parents[1]
        script = repository / "scripts" / "built.sh"
        if script.is_file():
            subprocess.run([str(script)], cwd=repository, check=True)  # noqa: S603 - our own
        if not (Path(self.root) / BUILT / "manifest.json").is_file():
            raise RuntimeError(
                f"{BUILT} is missing and cannot be built here: build the wheel in a checkout"
            )
        # They are ignored by git, and would be by hatch.
        build_data["artifacts"].append(f"/{BUILT.as_posix()}/*")
