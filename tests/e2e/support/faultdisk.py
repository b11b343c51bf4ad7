# SPDX-License-Identifier: Apache-2.0
"""A disk that a test makes slow, failing or read-only while a process uses it (faultdisk.c says how)."""

import errno
import mmap
import struct
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("faultdisk.c")


class FaultDisk:
    """`environment` is what to add to that of a process. What lies in `directory`, which may come later, is affected."""

    def __init__(self, directory, place):
        place.mkdir(parents=True, exist_ok=True)
        library, self.switch = place / "faultdisk.so", place / "faultdisk.switch"
        subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-fvisibility=hidden",
                        "-o", library, SOURCE], check=True)
        self.switch.write_bytes(bytes(mmap.PAGESIZE))
        self.environment = {"LD_PRELOAD": str(library), "FAULTDISK_DIRECTORY": str(Path(directory).resolve()),
                            "FAULTDISK_SWITCH": str(self.switch)}

    def set(self, sync_milliseconds=0, sync_errno=0, write_errno=0):
        with open(self.switch, "r+b", buffering=0) as file:
            file.write(struct.pack("=iii", sync_milliseconds, sync_errno, write_errno))

    def slow(self, milliseconds):
        self.set(sync_milliseconds=milliseconds)

    def read_only(self):
        self.set(sync_errno=errno.EROFS, write_errno=errno.EROFS)

    def failing(self):
        """Syncs fail, as on a device that has lost a write."""
        self.set(sync_errno=errno.EIO)

    def well(self):
        self.set()
