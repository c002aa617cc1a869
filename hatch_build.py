"""Put what is built from frontend/ into the wheel and the source archive: the chat's component, the admin's editor."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

BUILT = (
    "vendor/hugerte/hugerte.min.js",
    "webchat/client.js",
    "webchat/webchat.js",
    "webchat/webchat-with-sidebar.js",
)


class ComponentHook(BuildHookInterface[Any]):
    """Build what is not in the repository; a source archive brings it along."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the component; an editable install leaves that to ``make``."""
        root = Path(self.root)
        if version == "editable":
            return
        if (root / "frontend" / "package.json").exists():
            subprocess.run([root / "scripts" / "frontend.sh"], check=True)
        folder = root / "src" / "unicom" / "static" / "unicom"
        missing = [name for name in BUILT if not (folder / name).is_file()]
        if missing:
            raise SystemExit(f"Not everything is built: {', '.join(missing)} are missing in {folder}.")
