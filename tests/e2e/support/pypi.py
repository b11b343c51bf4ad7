# SPDX-License-Identifier: Apache-2.0
"""Packages of the Python world that tests take for peers: each set in a directory of its own, kept between runs."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

KEPT = Path(__file__).resolve().parents[3] / "build" / "peers"
SDKS = ("openai==3.54.0", "anthropic==2.12.0")


def is_missing(what):
    """Skips the test, unless CLAVIGER_TESTS_MAY_NOT_SKIP says that whoever runs it has what its peers are made of."""
    if os.environ.get("CLAVIGER_TESTS_MAY_NOT_SKIP", "0") != "0":
        pytest.fail(what, pytrace=False)
    pytest.skip(what)


def packages(*wanted):
    """A directory for PYTHONPATH with these packages in it. Skips the test where they cannot be had."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    place = KEPT / f"python{version}-{'-'.join(wanted).replace('==', '-')}"
    if place.is_dir():
        return place
    KEPT.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(dir=KEPT))
    done = subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", made, *wanted],
                          capture_output=True, text=True, timeout=300)
    if done.returncode:
        shutil.rmtree(made)
        is_missing(f"pip could not get {', '.join(wanted)}: {done.stderr.strip().splitlines()[-1:]}")
    try:
        made.chmod(0o755)
        made.rename(place)
    except OSError:  # another run was first
        shutil.rmtree(made)
    return place


def run_with(place, program, *arguments, env=None, patience=60):
    """A Python program of its own with these packages; what it wrote."""
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=patience,
                          env={**os.environ, "PYTHONPATH": str(place), **(env or {})})
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout
