"""A wheel carries the browser's side of the live channel; it is built if it is missing or old."""

import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

CLIENT = Path("src") / "keepwarm" / "live" / "client.js"


class BuildClient(BuildHookInterface):  # type: ignore[type-arg]
    """Runs before a wheel is put together. In an editable install `make client` does it."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        script = Path(self.root) / "scripts" / "client.sh"
        if script.is_file():
            subprocess.run([str(script)], cwd=self.root, check=True)  # noqa: S603 - our own
        if not (Path(self.root) / CLIENT).is_file():
            raise RuntimeError(
                f"{CLIENT} is missing and cannot be built here: build the wheel in a checkout"
            )
        # It is ignored by git, and would be by hatch.
        build_data["artifacts"].append(f"/{CLIENT.as_posix()}")
