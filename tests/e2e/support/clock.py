# SPDX-License-Identifier: Apache-2.0
"""A wall clock that a test sets, for one process."""

import struct
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("clockshift.c")


class WallClock:
    def __init__(self, directory):
        self.file, self.library = directory / "shift", directory / "clockshift.so"
        self.set(0)
        subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-fvisibility=hidden",
                        "-o", self.library, SOURCE], check=True)

    def environment(self):
        """What to add to the environment of the process."""
        return {"LD_PRELOAD": str(self.library), "CLOCKSHIFT": str(self.file)}

    def set(self, seconds):
        """How far it is ahead of the true time."""
        with open(self.file, "r+b" if self.file.exists() else "wb") as file:
            file.write(struct.pack("=q", seconds))
