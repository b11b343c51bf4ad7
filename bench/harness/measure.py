# SPDX-License-Identifier: Apache-2.0
"""Loads a gateway and takes figures from a window in the middle, when all connections are up."""

import json
import math
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from . import allocations, counters
from .peers import Gateway, Upstream
from .processes import BenchError, tool
from .setting import PATH, Setting

_WARM_UP = 0.5  # seconds: connections, TLS handshakes, pools


@dataclass
class Sample:
    """One window. For direct calls there is no CPU time.

    `waited` is the share of the window in which a thread was ready and something else had its core, `busy` how many
    cores' worth of it all threads together ran.
    """

    rate: float
    p50_us: float
    p99_us: float
    cpu_us: float | None = None
    waited: float = 0.0
    busy: float = 0.0


@dataclass
class Syscalls:
    how: str
    per_request: float
    by_name: dict[str, float]


@dataclass
class Allocations:
    own: float  # for each request
    libraries: dict[str, float]
    sites: list[tuple[str, str, float]]  # owner, place, calls for each request


class _Load:
    """wrk, for the length of a `with` block plus what is left of its whole seconds."""

    def __init__(self, setting: Setting, url: str, authorization: str, connections: int, seconds: float) -> None:
        self._setting, self._url, self._authorization = setting, url, authorization
        self._connections, self._duration = connections, math.ceil(seconds + _WARM_UP + 0.2)

    def __enter__(self) -> "_Load":
        script = self._setting.root / "bench" / "load.lua"
        command = [tool("wrk", "wrk"), "-t1", f"-c{self._connections}", f"-d{self._duration}s", "-s", str(script),
                   self._url]
        cores = self._setting.cores.load
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                         env={**os.environ, "BENCH_AUTHORIZATION": f"Bearer {self._authorization}"},
                                         preexec_fn=lambda: os.sched_setaffinity(0, cores))
        try:
            time.sleep(_WARM_UP)
        except BaseException:
            self._process.kill()
            raise
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self._process.kill()
        self._output, _ = self._process.communicate()

    def result(self) -> dict[str, float]:
        lines = [line for line in self._output.splitlines() if line.startswith("{")]
        if self._process.returncode != 0 or not lines:
            raise BenchError(f"wrk failed on {self._url}:\n{self._output}")
        result = json.loads(lines[-1])
        if result["status_errors"] or result["socket_errors"] or not result["requests"]:
            raise BenchError(f"{self._url}: {result['status_errors']:.0f} answers were errors, "
                             f"{result['socket_errors']:.0f} connections failed, of {result['requests']:.0f} requests")
        return result


class Measurement:
    def __init__(self, setting: Setting, upstream: Upstream, tls: bool, path: str = PATH) -> None:
        self._setting, self._upstream, self._tls, self._path = setting, upstream, tls, path

    def _url(self, port: int, path: str) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{port}{path}"

    def _load(self, gateway: Gateway | None, connections: int, seconds: float) -> _Load:
        if gateway is None:
            url, secret = self._url(self._upstream.port(self._tls), self._path), self._upstream.credential
        else:
            url, secret = self._url(gateway.port, "/api" + self._path), self._setting.key.text
        return _Load(self._setting, url, secret, connections, seconds)

    @staticmethod
    def _finish(load: _Load, gateway: Gateway | None) -> dict[str, float]:
        if gateway is not None:
            gateway.truncate_log()
        return load.result()

    def timing(self, gateway: Gateway | None, connections: int, seconds: float) -> Sample:
        """`gateway` None: the upstream itself, with the credential."""
        with self._load(gateway, connections, seconds) as load:
            requests, (ran, waited), at = self._progress(gateway)
            time.sleep(seconds)
            requests_after, (ran_after, waited_after), at_after = self._progress(gateway)
        result = self._finish(load, gateway)
        done = _at_least_one(requests_after - requests)
        return Sample(rate=done / (at_after - at), p50_us=result["p50_us"], p99_us=result["p99_us"],
                      cpu_us=None if gateway is None else (ran_after - ran) / done / 1000,
                      waited=(waited_after - waited) / 1e9 / (at_after - at),
                      busy=(ran_after - ran) / 1e9 / (at_after - at))

    def _progress(self, gateway: Gateway | None) -> tuple[int, tuple[int, int], float]:
        requests = self._upstream.requests()
        return requests, counters.cpu_ns(gateway.pid) if gateway else (0, 0), time.monotonic()

    def syscalls(self, gateway: Gateway, connections: int, seconds: float) -> Syscalls:
        with self._load(gateway, connections, seconds) as load:
            counter = counters.syscall_counter(gateway.pid)
            try:
                requests, before = self._upstream.requests(), counter.read()
                time.sleep(seconds)
                requests_after, after = self._upstream.requests(), counter.read()
            finally:
                counter.close()
        self._finish(load, gateway)
        done = _at_least_one(requests_after - requests)
        by_name = {name: (count - before.get(name, 0)) / done for name, count in after.items()}
        total = by_name.pop("total")
        by_name["other"] = max(0.0, total - sum(by_name.values()))
        ordered = sorted(by_name.items(), key=lambda item: -item[1])
        return Syscalls(counter.how, total, {name: value for name, value in ordered if value >= 0.0005})

    def allocations(self, gateway: Gateway, connections: int, seconds: float) -> Allocations:
        """`gateway` was started with the counter preloaded."""
        table = str(gateway.counts_file)
        if not Path(table).is_file():
            raise BenchError(f"{gateway.name} did not load {gateway.preload}")
        with self._load(gateway, connections, seconds) as load:
            requests, before = self._upstream.requests(), allocations.read_table(table)
            time.sleep(seconds)
            requests_after, after = self._upstream.requests(), allocations.read_table(table)
        self._finish(load, gateway)
        done = _at_least_one(requests_after - requests)
        own, libraries, sites = 0.0, dict[str, float](), []
        for site in allocations.attribute(gateway.pid, allocations.difference(before, after)):
            share = site.calls / done
            sites.append((site.owner, site.where, share))
            if site.owner == "own":
                own += share
            else:
                libraries[site.owner] = libraries.get(site.owner, 0.0) + share
        return Allocations(own, libraries, sites[:40])


def _at_least_one(requests: int) -> int:
    if requests <= 0:
        raise BenchError("no request reached the upstream")
    return requests
