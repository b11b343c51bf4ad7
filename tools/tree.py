# SPDX-License-Identifier: Apache-2.0
"""The files of the tree, for the checks beside this file."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SKIPPED = {".git", "build", "__pycache__", ".cache", ".venv"}


def files(root=ROOT):
    """What is committed or would be: git's view where there is one, else all but build output."""
    listed = subprocess.run(["git", "-C", root, "ls-files", "-coz", "--exclude-standard"], capture_output=True, check=False)
    if listed.returncode == 0:
        paths = [root / name for name in listed.stdout.decode().split("\0") if name]
    else:
        paths = [path for path in root.rglob("*") if not SKIPPED.intersection(path.relative_to(root).parts)]
    return sorted({path for path in paths if path.is_file() and not path.is_symlink()})
