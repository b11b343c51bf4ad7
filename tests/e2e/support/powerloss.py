# SPDX-License-Identifier: Apache-2.0
"""Power cuts: a process started with `environment()` writes to `live`; once it was killed, `crash()` leaves in `live` only
what the process had made durable (tests/powerloss/powerloss.c says what that is)."""

import contextlib
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
SOURCE = REPOSITORY / "tests/powerloss/powerloss.c"
BUILT = REPOSITORY / "build/powerloss"


def library():
    """The layer, built once for each version of its source."""
    text = SOURCE.read_bytes()
    made = BUILT / f"powerloss-{hashlib.sha256(text).hexdigest()[:16]}.so"
    if not made.exists():
        BUILT.mkdir(parents=True, exist_ok=True)
        fresh = made.with_suffix(f".{os.getpid()}")
        subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-std=gnu11", "-Wall", "-Wextra", "-Werror",
                        "-fvisibility=hidden", "-o", fresh, SOURCE, "-lpthread"], check=True)
        fresh.rename(made)
    return made


def environment(live, mirror, kind_dirs=False):
    """What to add to the environment of a process that writes to `live`, which has to exist. What is in there when the first
    such process starts is durable."""
    return {"LD_PRELOAD": str(library()), "POWERLOSS_LIVE": str(Path(live).resolve(strict=True)),
            "POWERLOSS_MIRROR": str(Path(mirror).resolve()), "POWERLOSS_KIND_DIRS": "1" if kind_dirs else "0"}


def _entries(mirror, key):
    listing = mirror / "dirs" / key
    for entry in listing.read_bytes().split(b"\0") if listing.exists() else ():
        if entry:
            kind, child, name = entry.split(b" ", 2)
            yield kind, os.fsdecode(child), os.fsdecode(name)


def _restore(mirror, key, directory):
    for kind, child, name in _entries(mirror, key):
        target = directory / name
        if kind == b"d":
            target.mkdir(mode=0o700)
            _restore(mirror, child, target)
            continue
        target.touch(mode=0o600)
        with contextlib.suppress(FileNotFoundError):  # its content was never synced
            shutil.copyfile(mirror / "files" / child, target)


def durable_copy(mirror, directory):
    """Makes `directory` what a power cut would leave now. Files are 0600, directories 0700."""
    mirror, directory = Path(mirror), Path(directory)
    directory.mkdir(mode=0o700, parents=True)
    _restore(mirror, (mirror / "root").read_text(), directory)


def crash(live, mirror):
    """The power cut. Nothing may be running in `live`; the next process starts with a mirror of its own."""
    live, mirror = Path(live), Path(mirror)
    if not (mirror / "root").exists():  # killed before it had begun, and so had written nothing
        shutil.rmtree(mirror, ignore_errors=True)
        return
    left = live.with_name(live.name + ".after-power-cut")
    durable_copy(mirror, left)
    shutil.rmtree(live)
    left.rename(live)
    shutil.rmtree(mirror)
