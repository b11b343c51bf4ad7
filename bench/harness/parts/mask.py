# SPDX-License-Identifier: Apache-2.0
"""Masking: what it costs to search answers for the credential."""

from dataclasses import asdict
from statistics import median, quantiles
from typing import Any

from ..bench import Bench, alternating, mode_text, say
from ..measure import Measurement
from ..peers import Claviger, ClavigerUnmasked, Upstream
from ..processes import BenchError, Processes
from ..ratios import Mark, Ratio, RatioTable, of_pairs
from ..setting import LARGE_PATH, PATH

_ON, _OFF = Claviger.name, ClavigerUnmasked.name
_NAMES = [_ON, _OFF]
_SECRET = "fake-secret-of-24-bytes!"  # the shortest for which the mark holds: of longer ones fewer places are looked at
_LARGE_CONNECTIONS = 8
_SIZES = {"1 MiB": LARGE_PATH, "1 KiB": PATH}

Samples = dict[str, list[dict[str, float]]]


class Mask:
    name = "mask"

    def run(self, bench: Bench) -> dict[str, Any]:
        if bench.subject != _ON:
            raise BenchError("masking is Claviger's alone: --subject claviger")
        return {"rounds": bench.rounds, "secret_bytes": len(_SECRET), "modes": {mode_text(tls): _mode(bench, tls) for tls in bench.modes}}

    def text(self, data: dict[str, Any], subject: str) -> str:
        parts = ["### Masking\n\n"
                 f"{_ON} beside the same program with `answers: {{ mask: false }}`; answers of JSON, a credential of {data['secret_bytes']} bytes. "
                 "CPU time is that of all threads."]
        parts += [_table(mode, by_size) for mode, by_size in data["modes"].items()]
        return "\n\n".join(parts)

    def marks(self, data: dict[str, Any], subject: str) -> list[Mark]:
        marks = []
        for mode, by_size in data["modes"].items():
            large = by_size["1 MiB"]
            marks += [Mark(f"{mode}: throughput of 1 MiB answers, of that unmasked", _ratio(large, "rate"), 0.95, at_least=True),
                      Mark(f"{mode}: CPU a 1 MiB answer, of that unmasked", _ratio(large, "cpu_us"), 1.05),
                      Mark(f"{mode}: CPU us a call of 1 KiB above that unmasked", _above(by_size["1 KiB"]), 0.2)]
        return marks


def _mode(bench: Bench, tls: bool) -> dict[str, Samples]:
    with Processes() as processes:
        upstream = Upstream(bench.setting, processes, _SECRET)
        gateways = {name: bench.start(name, upstream, processes, tls) for name in _NAMES}
        found: dict[str, Samples] = {}
        for size, path in _SIZES.items():
            measurement = Measurement(bench.setting, upstream, tls, path)
            connections = bench.connections if path == PATH else _LARGE_CONNECTIONS
            samples: Samples = {name: [] for name in _NAMES}
            for gateway in gateways.values():
                measurement.timing(gateway, connections, 0.5)  # pools and caches, not counted
            for number, order in alternating(bench.rounds, _NAMES):
                for name in order:
                    samples[name].append(asdict(measurement.timing(gateways[name], connections, bench.seconds)))
                say(f"{mode_text(tls)}, {size}, round {number} of {bench.rounds}: " + "; ".join(
                    f"{name} {taken[-1]['cpu_us']:.1f} us, {taken[-1]['rate']:.0f}/s" for name, taken in samples.items()))
            found[size] = samples
        return found


def _values(samples: Samples, name: str, key: str) -> list[float]:
    return [sample[key] for sample in samples[name]]


def _ratio(samples: Samples, key: str) -> Ratio | None:
    return of_pairs(_values(samples, _ON, key), _values(samples, _OFF, key))


def _above(samples: Samples) -> Ratio:
    """Of CPU time, not a ratio: the median of paired differences, and quartiles."""
    above = [ours - theirs for ours, theirs in zip(_values(samples, _ON, "cpu_us"), _values(samples, _OFF, "cpu_us"))]
    low, _, high = quantiles(above, n=4, method="inclusive") if len(above) > 1 else (above[0],) * 3
    return Ratio(median(above), low, high)


def _table(mode: str, by_size: dict[str, Samples]) -> str:
    made = RatioTable(_ON, _NAMES)
    for size, samples in by_size.items():
        for label, key, form in (("CPU us/answer", "cpu_us", "{:.1f}"), ("answers/s", "rate", "{:.0f}"), ("p50 us", "p50_us", "{:.0f}"),
                                 ("p99 us", "p99_us", "{:.0f}")):
            made.paired(f"{label}, {size}", {name: _values(samples, name, key) for name in _NAMES}, form)
    return f"{mode}:\n\n{made.text()}"
