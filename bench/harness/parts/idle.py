# SPDX-License-Identifier: Apache-2.0
"""Memory with many idle TLS connections, each of which has had an answer."""

import resource
import time
from typing import Any

from .. import counters, ratios
from ..bench import Bench, alternating, say
from ..load import Held
from ..peers import Gateway, Shape, Upstream
from ..processes import BenchError, Processes
from ..ratios import Mark, RatioTable
from ..setting import PATH

_SILENCE = 2.5  # seconds


class Idle:
    name = "idle"

    def run(self, bench: Bench) -> dict[str, Any]:
        found: dict[str, list[dict[str, float]]] = {name: [] for name in bench.full_peers}
        _, descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)
        if descriptors < bench.idle + 500:
            raise BenchError(f"{bench.idle} connections need as many descriptors; this machine allows {descriptors}")
        for number, order in alternating(bench.heavy_rounds, bench.full_peers):
            for name in order:
                with Processes() as processes:  # a fresh one each time: memory that was used once stays
                    upstream = Upstream(bench.setting, processes)
                    gateway = bench.start(name, upstream, processes, True, Shape(connections=bench.idle + 2000))
                    found[name].append(_one(bench, gateway))
            say(f"idle connections, round {number} of {bench.heavy_rounds}: " + "; ".join(
                f"{name} {taken[-1]['with_kib'] / 1024:.0f} MiB" for name, taken in found.items()))
        return {"rounds": bench.heavy_rounds, "connections": bench.idle, "memory": found}

    def text(self, data: dict[str, Any], subject: str) -> str:
        table, memory = RatioTable(subject, list(data["memory"])), data["memory"]
        count = data["connections"]

        def column(of):
            return {name: [of(sample) for sample in taken] for name, taken in memory.items()}
        table.paired("resident MiB before", column(lambda one: one["before_kib"] / 1024), "{:.1f}")
        table.paired(f"resident MiB with {count:,}", _resident(data), "{:.1f}")
        table.paired("KiB for each connection",
                     column(lambda one: (one["with_kib"] - one["before_kib"]) / count), "{:.1f}")
        table.paired("resident MiB after they closed", column(lambda one: one["after_kib"] / 1024), "{:.1f}")
        secret = max(sample["secret_kib"] for sample in memory.get(subject, [])) if subject in memory else 0
        return (f"### {count:,} idle TLS connections\n\nEach has had one answer, then {_SILENCE} s of silence. A fresh process "
                f"each round, {data['rounds']} rounds. {subject}'s memory_secret pages ({secret} KiB) are included.\n\n" + table.text())

    def marks(self, data: dict[str, Any], subject: str) -> list[Mark]:
        resident = _resident(data)
        if "nginx" not in resident:
            return []
        return [Mark(f"{data['connections']:,} idle TLS connections: resident memory, of nginx's",
                     ratios.of_pairs(resident[subject], resident["nginx"]), 1.25)]


def _resident(data: dict[str, Any]) -> dict[str, list[float]]:
    return {name: [sample["with_kib"] / 1024 for sample in taken] for name, taken in data["memory"].items()}


def _memory_kib(gateway: Gateway) -> tuple[int, int]:
    """Resident, with what memfd_secret holds; and of it the latter."""
    size, counted = counters.secret_kib(gateway.pid)
    return counters.resident_kib(gateway.pid) + size - counted, size


def _one(bench: Bench, gateway: Gateway) -> dict[str, float]:
    before, _ = _memory_kib(gateway)
    cores = bench.setting.cores
    with Held("idle", cores.load + cores.spare, port=gateway.port, tls=1, sources=32, connections=bench.idle,
              path="/api" + PATH, key=bench.setting.key.text) as held:
        held.wait_until_ready(60)
        time.sleep(_SILENCE)
        resident, secret = _memory_kib(gateway)
        lost = held.end()["lost"]
    if lost:
        raise BenchError(f"{gateway.name} closed {lost} of {bench.idle} idle connections within {_SILENCE} s")
    time.sleep(1.5)
    after, _ = _memory_kib(gateway)
    return {"before_kib": before, "with_kib": resident, "after_kib": after, "secret_kib": secret}
