#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every source file says its licence in its first lines. Exits 1 when one does not."""

import sys
from pathlib import Path

import tree

SUFFIXES = {".h", ".cc", ".c", ".py", ".sh", ".cmake", ".in", ".yml"}
NAMES = {"CMakeLists.txt", "dev", "Makefile", "run"}
LINE = "SPDX-License-Identifier: Apache-2.0"


def lacks_line(path):
    if path.suffix not in SUFFIXES and path.name not in NAMES:
        return False
    first_lines = path.read_text(encoding="utf-8", errors="replace").splitlines()[:3]
    return not any(LINE in line for line in first_lines)


def main():
    root = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else tree.ROOT
    found = [path for path in tree.files(root) if path.stat().st_size and lacks_line(path)]
    for path in found:
        print(f"{path.relative_to(root)}:1: no line '{LINE}' among the first three")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
