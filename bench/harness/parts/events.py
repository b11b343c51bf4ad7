# SPDX-License-Identifier: Apache-2.0
"""Server-sent events: what a gateway adds to the way of each, from the upstream's stamp to the caller."""

from typing import Any

from .. import ratios
from ..bench import Bench, alternating, mode_text, say
from ..load import LoadTool
from ..peers import EventSource, Gateway, Shape
from ..processes import BenchError, Processes
from ..ratios import Mark, RatioTable
from ..setting import CREDENTIAL

_STREAMS, _RATE = 8, 200  # each
_KEYS = ("p50_us", "p99_us")


class Events:
    name = "sse"

    def run(self, bench: Bench) -> dict[str, Any]:
        return {"rounds": bench.rounds, "modes": {mode_text(tls): self._mode(bench, tls) for tls in bench.modes}}

    @staticmethod
    def _mode(bench: Bench, tls: bool) -> dict[str, list[dict[str, float]]]:
        samples: dict[str, list[dict[str, float]]] = {name: [] for name in [*bench.full_peers, "direct"]}
        with Processes() as processes:
            source = EventSource(bench.setting, processes, LoadTool.path, _RATE)
            gateways = {name: bench.start(name, source, processes, tls, Shape(streams=True))
                        for name in bench.full_peers}
            for number, order in alternating(bench.rounds, list(samples)):
                for name in order:
                    samples[name].append(_one(bench, gateways.get(name), source.port(tls), tls))
                say(f"{mode_text(tls)} events, round {number} of {bench.rounds}: " + "; ".join(
                    f"{name} p50 {taken[-1]['p50_us']:.0f} us, p99 {taken[-1]['p99_us']:.0f}"
                    for name, taken in samples.items()))
        return samples

    def text(self, data: dict[str, Any], subject: str) -> str:
        table = RatioTable(subject, [name for name in next(iter(data["modes"].values())) if name != "direct"])
        for mode, samples in data["modes"].items():
            for key in _KEYS:
                table.paired(f"{mode}: added {key[:3]} us", _added(samples, key), "{:.0f}", ratios.of_medians)
        return (f"### Server-sent events\n\n{_STREAMS} streams of {_RATE} events of 120 bytes a second each, spread evenly; time from the "
                "upstream's stamp to arrival, less that of direct streams in the same round.\n\n" + table.text())

    def marks(self, data: dict[str, Any], subject: str) -> list[Mark]:
        marks = []
        for mode, samples in data["modes"].items():
            for key in _KEYS:
                added = _added(samples, key)
                if "nginx" in added:
                    marks.append(Mark(f"{mode}, server-sent events: added {key[:3]}, of nginx's",
                                      ratios.of_medians(added[subject], added["nginx"]), 1.0))
        return marks


def _added(samples: dict[str, Any], key: str) -> dict[str, list[float]]:
    return {name: [sample[key] - direct[key] for sample, direct in zip(taken, samples["direct"])]
            for name, taken in samples.items() if name != "direct"}


def _one(bench: Bench, gateway: Gateway | None, direct_port: int, tls: bool) -> dict[str, float]:
    path, key, port = "/v1/events", CREDENTIAL, direct_port
    if gateway is not None:
        path, key, port = "/api/v1/events", bench.setting.key.text, gateway.port
    found = LoadTool.run("events", bench.setting.cores.load, port=port, tls=int(tls), path=path, key=key,
                         streams=_STREAMS, warm_up=300, milliseconds=int(bench.seconds * 1000))
    wanted = _STREAMS * _RATE * bench.seconds
    if found["count"] < wanted * 0.95:
        raise BenchError(f"{gateway.name if gateway else 'direct'}: {found['count']} events came, of {wanted:.0f}")
    return found
