# SPDX-License-Identifier: Apache-2.0
"""Relayed calls over connections that stay: CPU time, latency, system calls, allocations, memory."""

from dataclasses import asdict
from statistics import median
from typing import Any

from .. import counters, ratios
from ..bench import Bench, alternating, mode_text, say
from ..measure import Measurement, Sample
from ..peers import Gateway, Upstream
from ..processes import Processes
from ..ratios import Mark, RatioTable

_TITLES = {"plain": "Calls: plain HTTP on both sides", "TLS": "Calls: TLS 1.3 (AES-256-GCM) on both sides"}


def _at(connections: int | str) -> str:
    return "1 connection" if str(connections) == "1" else f"{connections} connections"


class Calls:
    name = "calls"

    def run(self, bench: Bench) -> dict[str, Any]:
        return {"connections": bench.connections, "rounds": bench.rounds,
                "modes": {mode_text(tls): _Mode(bench, tls).result() for tls in bench.modes}}

    def text(self, data: dict[str, Any], subject: str) -> str:
        parts = [_table(mode, found, subject) for mode, found in data["modes"].items()]
        parts += [_details(mode, found, subject) for mode, found in data["modes"].items()]
        waited = median(sample["waited"] for found in data["modes"].values() for samples in found["rounds"].values()
                        for name, taken in samples.items() if name != "direct" for sample in taken)
        if waited > 0.05:
            parts.append(f"**Not a quiet machine**: gateways waited {waited:.0%} of the time for a core that something "
                         "else had. Counts hold; take times and ratios of times as a hint.")
        return "\n\n".join(parts)

    def marks(self, data: dict[str, Any], subject: str) -> list[Mark]:
        marks = []
        for mode, found in data["modes"].items():
            marks += _cost_marks(mode, found, subject, str(data["connections"]))
            for connections, samples in found["rounds"].items():
                marks += _latency_marks(mode, connections, samples, subject)
        return marks


class _Mode:
    """All measurements of calls in one mode, plain or TLS."""

    def __init__(self, bench: Bench, tls: bool) -> None:
        self._bench, self._tls, self._mode = bench, tls, mode_text(tls)
        self._counts = [bench.connections, 1] if bench.one else [bench.connections]

    def result(self) -> dict[str, Any]:
        bench = self._bench
        with Processes() as processes:
            upstream = Upstream(bench.setting, processes)
            measurement = Measurement(bench.setting, upstream, self._tls)
            gateways = {name: bench.start(name, upstream, processes, self._tls) for name in self._names()}
            rounds = {str(count): self._rounds(measurement, gateways, count) for count in self._counts}
            resident = {name: counters.resident_kib(gateway.pid) for name, gateway in gateways.items()}
            syscalls = self._syscalls(measurement, gateways)
        return {"rounds": rounds, "resident_kib": resident, "syscalls": syscalls, "allocations": self._allocations()}

    def _names(self) -> list[str]:
        # What a log costs nginx is asked where a call is cheapest.
        return self._bench.full_peers if self._tls else self._bench.names

    def _rounds(self, measurement: Measurement, gateways: dict[str, Gateway],
                connections: int) -> dict[str, list[dict[str, float]]]:
        """Each round runs every gateway and the upstream itself once."""
        names = [name for name in gateways if connections > 1 or name != "nginx_no_log"]
        samples: dict[str, list[dict[str, float]]] = {name: [] for name in [*names, "direct"]}
        for name in names:
            measurement.timing(gateways[name], connections, 0.5)  # pools and caches, not counted
        for number, order in alternating(self._bench.rounds, list(samples)):
            for name in order:
                sample = measurement.timing(gateways.get(name), connections, self._bench.seconds)
                samples[name].append(asdict(sample))
            say(f"{self._mode}, {_at(connections)}, round {number} of {self._bench.rounds}: "
                + "; ".join(self._brief(name, Sample(**taken[-1])) for name, taken in samples.items()))
        return samples

    @staticmethod
    def _brief(name: str, sample: Sample) -> str:
        cpu = "" if sample.cpu_us is None else f"{sample.cpu_us:.1f} us, "
        return f"{name} {cpu}{sample.rate:.0f}/s"

    def _syscalls(self, measurement: Measurement, gateways: dict[str, Gateway]) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {name: {} for name in gateways}
        for connections in self._counts:
            for name, gateway in gateways.items():
                say(f"{self._mode}, {_at(connections)}: system calls of {name}")
                try:
                    found[name][str(connections)] = asdict(measurement.syscalls(gateway, connections, 1.5))
                except counters.Unsupported as error:
                    say(f"  not counted: {error}")
        return found

    def _allocations(self) -> dict[str, Any]:
        """With gateways of their own, since preloading the counter slows them."""
        bench, found = self._bench, dict[str, Any]()
        if not bench.alloc_count.is_file():
            say(f"{bench.alloc_count} is not there (./dev build): allocations are not counted")
            return found
        for name in bench.full_peers:
            say(f"{self._mode}: allocations of {name}")
            with Processes() as processes:
                upstream = Upstream(bench.setting, processes)
                gateway = bench.start(name, upstream, processes, self._tls, preload=bench.alloc_count)
                measurement = Measurement(bench.setting, upstream, self._tls)
                found[name] = asdict(measurement.allocations(gateway, bench.connections, 1.5))
        return found


def _column(samples: dict[str, Any], key: str) -> dict[str, list[float]]:
    return {name: [sample[key] for sample in taken] for name, taken in samples.items() if name != "direct"}


def _added(samples: dict[str, Any], key: str) -> dict[str, list[float]]:
    return {name: [sample[key] - direct[key] for sample, direct in zip(taken, samples["direct"])]
            for name, taken in samples.items() if name != "direct"}


def _table(mode: str, found: dict[str, Any], subject: str) -> str:
    names = list(found["resident_kib"])
    table = RatioTable(subject, names)
    for connections, samples in found["rounds"].items():
        at = _at(connections)
        table.paired(f"CPU us/request, {at}", _column(samples, "cpu_us"), "{:.1f}")
        table.paired(f"requests/s, {at}", _column(samples, "rate"), "{:.0f}")
        table.paired(f"added p50 us, {at}", _added(samples, "p50_us"), "{:.0f}", ratios.of_medians)
        table.paired(f"added p99 us, {at}", _added(samples, "p99_us"), "{:.0f}", ratios.of_medians)
    for connections in found["rounds"]:
        counts = {name: found["syscalls"][name].get(connections, {}).get("per_request") for name in names}
        table.single(f"system calls/request, {_at(connections)}", counts, "{:.2f}")
    allocations = found["allocations"]
    if allocations:
        table.single("own heap allocations/request", {name: each["own"] for name, each in allocations.items()}, "{:.3f}")
        table.single("libraries' heap allocations/request",
                     {name: sum(each["libraries"].values()) for name, each in allocations.items()}, "{:.2f}")
    table.single("resident MiB", {name: found["resident_kib"][name] / 1024 for name in names}, "{:.1f}")
    return f"### {_TITLES[mode]}\n\n{table.text()}"


def _details(mode: str, found: dict[str, Any], subject: str) -> str:
    """Which system calls, which libraries."""
    lines = [f"### {mode}: what the counts are made of", ""]
    for name, by_connections in found["syscalls"].items():
        for connections, counted in by_connections.items():
            calls = ", ".join(f"{call} {value:.2f}" for call, value in counted["by_name"].items() if value >= 0.005)
            lines.append(f"- {name}, {_at(connections)}, system calls ({counted['how']}): {calls}")
    for name, counted in found["allocations"].items():
        if counted["libraries"]:
            by_share = sorted(counted["libraries"].items(), key=lambda item: -item[1])
            libraries = ", ".join(f"{library} {value:.2f}" for library, value in by_share if value >= 0.005)
            lines.append(f"- {name}, allocations of libraries: {libraries or 'none'}")
        if name == subject:
            lines += [f"  - {share:.3f} {owner}: {where}" for owner, where, share in counted["sites"][:12]
                      if share >= 0.001]
    return "\n".join(lines)


# Of which peer, in which mode, at most how much CPU time for a request.
_COST = {"plain": {"nginx": 0.95, "haproxy": 0.95, "nginx_no_log": 1.05}, "TLS": {"nginx": 0.95}}
_SYSCALLS = {"64": 4.4, "1": 6.0}


def _cost_marks(mode: str, found: dict[str, Any], subject: str, connections: str) -> list[Mark]:
    cpu = _column(found["rounds"][connections], "cpu_us")
    marks = [Mark(f"{mode}, {_at(connections)}: CPU a request, of {peer}'s", ratios.of_pairs(cpu[subject], cpu[peer]),
                  limit, note="aim 0.85" if (mode, limit) == ("plain", 0.95) else "")
             for peer, limit in _COST[mode].items() if peer in cpu]
    for count, limit in _SYSCALLS.items():
        if count in found["rounds"]:
            counted = found["syscalls"][subject].get(count, {}).get("per_request")
            marks.append(Mark(f"{mode}, {_at(count)}: system calls a request", counted, limit, form="{:.1f}"))
    own = found["allocations"].get(subject, {}).get("own")
    marks.append(Mark(f"{mode}: own heap allocations a request", own, 0.01, form="{:.3f}", note="none, but for timers"))
    return marks


def _latency_marks(mode: str, connections: str, samples: dict[str, Any], subject: str) -> list[Mark]:
    marks = []
    for key, limit in (("p50_us", 1.0), ("p99_us", 1.5)) if connections == "1" else (("p99_us", 1.0),):
        added = _added(samples, key)
        if "nginx" in added:
            marks.append(Mark(f"{mode}, {_at(connections)}: added {key[:3]}, of nginx's",
                              ratios.of_medians(added[subject], added["nginx"]), limit))
    return marks
