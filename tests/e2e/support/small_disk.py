# SPDX-License-Identifier: Apache-2.0
"""A file system of a test's own, which it fills and empties. Takes root."""

import contextlib
import os
import subprocess

import pytest


class SmallDisk:
    """A file system of a few MiB, which can be filled and emptied."""

    def __init__(self, directory, size="24m"):
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "claviger-e2e", directory], capture_output=True)
        if done.returncode != 0:
            pytest.skip(f"no file system can be mounted here: {done.stderr.decode().strip()}")

    def fill(self):
        """To the last byte. Whatever is freed meanwhile is taken as well."""
        with open(self.directory / "filler", "ab", buffering=0) as filler:
            for size in (1 << 20, 1 << 12, 1):
                with contextlib.suppress(OSError):
                    while True:
                        filler.write(b"\0" * size)

    def empty(self):
        (self.directory / "filler").unlink()

    def leave(self, size):
        """Takes all but `size` bytes."""
        about = os.statvfs(self.directory)
        with open(self.directory / "filler", "ab", buffering=0) as filler:
            filler.write(b"\0" * (about.f_bavail * about.f_frsize - size))

    def unmount(self):
        subprocess.run(["umount", "--lazy", self.directory], check=True)
