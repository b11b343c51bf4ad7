# SPDX-License-Identifier: Apache-2.0
"""What kind of machine a result is from. The kind only: nothing that tells which machine."""

import os
import platform
import re
import subprocess
from pathlib import Path

from .peers import Gateway


def describe(gateways: list[type[Gateway]]) -> dict[str, str]:
    info = Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*:\s*(.+)", info)
    kernel = re.match(r"\d+\.\d+", platform.release())
    found = {
        "CPU": model.group(1).strip() if model else platform.machine(),
        "cores": str(len(os.sched_getaffinity(0))),
        "virtual": "yes" if "hypervisor" in info else "no",
        "Linux": kernel.group(0) if kernel else platform.release(),
        "OpenSSL": _first_word_after(["openssl", "version"], "OpenSSL "),
        "wrk": _first_word_after(["wrk", "-v"], "wrk "),
    }
    for gateway in gateways:
        found[gateway.name] = gateway.version()
    return found


def _first_word_after(command: list[str], prefix: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "none"
    found = re.search(re.escape(prefix) + r"(\S+)", done.stdout + done.stderr)
    return found.group(1) if found else "unknown"
