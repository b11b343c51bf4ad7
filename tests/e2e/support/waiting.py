# SPDX-License-Identifier: Apache-2.0
"""Waiting for something to become true, with a deadline; never for time to pass."""

import os
import time

# Generous, since machines under test share their cores; a test that passes never waits it out.
PATIENCE = float(os.environ.get("CLAVIGER_E2E_PATIENCE", "15"))


def until(condition, what, patience=PATIENCE):
    """Calls `condition` until it returns something true, and returns that."""
    deadline = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {patience:g} s in vain for: {what}")
        time.sleep(0.005)


def until_stable(read, quiet=0.4, patience=PATIENCE):
    """The value of `read()` once it has not changed for `quiet` seconds: for what must have come to rest."""
    deadline = time.monotonic() + patience
    value, since = read(), time.monotonic()
    while time.monotonic() - since < quiet:
        if time.monotonic() > deadline:
            raise AssertionError(f"still changing after {patience:g} s: {value}")
        time.sleep(0.01)
        now = read()
        if now != value:
            value, since = now, time.monotonic()
    return value
