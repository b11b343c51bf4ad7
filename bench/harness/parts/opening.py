# SPDX-License-Identifier: Apache-2.0
"""Custody: what it costs to open a credential for a call."""

import subprocess
from statistics import median
from typing import Any

from ..bench import Bench, say
from ..peers import Claviger
from ..processes import BenchError
from ..ratios import Mark, table

_MARK_US = 0.7


class Opening:
    name = "opening"

    def run(self, bench: Bench) -> dict[str, Any]:
        program = Claviger.binary.with_name("open_credential")
        if not program.is_file():
            raise BenchError(f"{program} is not there; run ./dev build release")
        say("opening credentials")
        done = subprocess.run([str(program), str(bench.rounds)], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise BenchError(f"{program.name} failed: {done.stderr}")
        samples: dict[str, list[float]] = {}
        for line in done.stdout.splitlines():
            size, nanoseconds = line.split()
            samples.setdefault(size, []).append(float(nanoseconds) / 1e3)
        return {"rounds": bench.rounds, "us": samples}

    def text(self, data: dict[str, Any], subject: str) -> str:
        rows = [["bytes", "CPU us", "least", "most"]]
        rows += [[size, f"{median(us):.2f}", f"{min(us):.2f}", f"{max(us):.2f}"] for size, us in data["us"].items()]
        return ("### Opening a credential\n\n"
                "By itself, on one core: AES-256-GCM under the process's key, into memory that is wiped behind it; medians of rounds of "
                "100,000.\n\n" + table(rows))

    def marks(self, data: dict[str, Any], subject: str) -> list[Mark]:
        return [Mark(f"opening a credential of {size} bytes, us", median(us), _MARK_US) for size, us in data["us"].items() if int(size) <= 164]
