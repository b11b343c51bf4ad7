# SPDX-License-Identifier: Apache-2.0
"""bench_load (bench/load/), the load that wrk cannot make: run to its end, or held while something else is measured."""

import json
import os
import select
import subprocess
import time
from pathlib import Path

from .processes import BenchError


class LoadTool:
    path = Path("build/release/bench_load")

    @classmethod
    def run(cls, mode: str, cores: list[int], **options: object) -> dict[str, float]:
        with Held(mode, cores, **options) as held:
            return held.end(close=False)


class Held:
    """One run of the tool. Leaving the `with` block kills it, if it still runs."""

    def __init__(self, mode: str, cores: list[int], **options: object) -> None:
        if not LoadTool.path.is_file():
            raise BenchError(f"{LoadTool.path} is not there; run ./dev build release")
        self._mode = mode
        arguments = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
        self._process = subprocess.Popen([str(LoadTool.path), mode, *arguments], stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                         preexec_fn=lambda: os.sched_setaffinity(0, cores))

    def __enter__(self) -> "Held":
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()

    def wait_until_ready(self, seconds: float) -> None:
        """Until all connections are up, or have been once."""
        deadline = time.monotonic() + seconds
        while not select.select([self._process.stdout], [], [], 0.1)[0]:
            if time.monotonic() > deadline:
                raise BenchError(f"bench_load {self._mode}: not ready after {seconds:.0f} s")
        if "ready" not in self._process.stdout.readline():
            raise self._failed()

    def end(self, close: bool = True) -> dict[str, float]:
        """What it printed last. `close`: it ends when its input does."""
        if close:
            self._process.stdin.close()
            self._process.stdin = None
        output, errors = self._process.communicate()
        if self._process.returncode != 0:
            raise BenchError(f"bench_load {self._mode} failed: {errors.strip()}")
        return json.loads(output.splitlines()[-1])

    def _failed(self) -> BenchError:
        self._process.kill()
        _, errors = self._process.communicate()
        return BenchError(f"bench_load {self._mode} failed: {errors.strip()}")
