# SPDX-License-Identifier: Apache-2.0
"""TLS 1.3 handshakes, full and resumed by ticket, for each second of CPU time."""

import time
from typing import Any

from .. import counters, ratios
from ..bench import Bench, alternating, say
from ..load import LoadTool
from ..peers import Gateway, Upstream
from ..processes import BenchError, Processes
from ..ratios import Mark, RatioTable

_CONNECTIONS = 16
_KINDS = {"full": 0, "resumed": 1}


class Handshakes:
    name = "handshakes"

    def run(self, bench: Bench) -> dict[str, Any]:
        found: dict[str, Any] = {kind: {name: [] for name in bench.full_peers} for kind in _KINDS}
        with Processes() as processes:
            upstream = Upstream(bench.setting, processes)
            gateways = {name: bench.start(name, upstream, processes, True) for name in bench.full_peers}
            for kind in _KINDS:
                for gateway in gateways.values():
                    _one(bench, gateway, kind, 0.3)  # not counted
                for number, order in alternating(bench.rounds, list(gateways)):
                    for name in order:
                        found[kind][name].append(_one(bench, gateways[name], kind, bench.seconds / 2))
                    say(f"{kind} handshakes, round {number} of {bench.rounds}: " + "; ".join(
                        f"{name} {taken[-1]:.0f} us" for name, taken in found[kind].items()))
        return {"rounds": bench.rounds, "cpu_us": found}

    def text(self, data: dict[str, Any], subject: str) -> str:
        names = list(data["cpu_us"]["full"])
        table = RatioTable(subject, names)
        for kind in _KINDS:
            table.paired(f"{kind} handshakes/CPU second", _per_second(data, kind), "{:.0f}")
        return ("### TLS handshakes\n\nTLS 1.3, P-256 certificate, X25519, one connection each: connect, shake hands, take the "
                f"ticket, close. {_CONNECTIONS} at a time; the CPU time is all that the gateway uses, closing included.\n\n"
                + table.text())

    def marks(self, data: dict[str, Any], subject: str) -> list[Mark]:
        marks = []
        for kind in _KINDS:
            values = _per_second(data, kind)
            if "nginx" in values:
                marks.append(Mark(f"TLS: {kind} handshakes for each CPU second, of nginx's",
                                  ratios.of_pairs(values[subject], values["nginx"]), 1.0, at_least=True))
        return marks


def _per_second(data: dict[str, Any], kind: str) -> dict[str, list[float]]:
    return {name: [1e6 / each for each in taken] for name, taken in data["cpu_us"][kind].items()}


def _one(bench: Bench, gateway: Gateway, kind: str, seconds: float) -> float:
    """CPU microseconds of the gateway for each handshake, from before the first to after the last."""
    before, _ = counters.cpu_ns(gateway.pid)
    done = LoadTool.run("handshakes", bench.setting.cores.load, port=gateway.port, connections=_CONNECTIONS, sources=32,
                        milliseconds=int(seconds * 1000), resumed=_KINDS[kind])
    time.sleep(0.1)  # the last ones close
    after, _ = counters.cpu_ns(gateway.pid)
    other = done["full" if kind == "resumed" else "resumed"]
    if done["failed"] or not done[kind] or other > max(1, done[kind] * 0.001):
        raise BenchError(f"{gateway.name}: wanted {kind} handshakes alone, got {done}")
    return (after - before) / 1000 / (done["full"] + done["resumed"])
