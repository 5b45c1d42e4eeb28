"""How to install what a command lacks. Tiffin is in no package index, so it is installed from its clone."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def install(extra: str, root: Path = ROOT) -> str:
    """The command that brings `extra` into the environment that runs this one."""
    clone = root if (root / "pyproject.toml").is_file() else "/path/to/the/clone"
    return f"{sys.executable} -m pip install '{clone}[{extra}]'"
