# SPDX-License-Identifier: Apache-2.0
"""Two workers against one."""

from dataclasses import asdict
from statistics import median
from typing import Any

from .. import ratios
from ..bench import Bench, alternating, mode_text, say
from ..measure import Measurement
from ..peers import Shape, Upstream
from ..processes import Processes
from ..ratios import Mark, RatioTable

_COUNTS = {"one": 1, "two": 2}
_BUSY = 0.9  # of its cores: what makes a rate the gateway's and not that of the load


class Workers:
    name = "scale"

    def run(self, bench: Bench) -> dict[str, Any]:
        cores = bench.setting.cores
        if not cores.spare or bench.subject != "claviger":
            say("two workers: needs claviger and four cores, one of them for the second worker")
            return {"rounds": 0, "modes": {}}
        return {"rounds": bench.rounds, "modes": {mode_text(tls): self._mode(bench, tls) for tls in bench.modes}}

    @staticmethod
    def _mode(bench: Bench, tls: bool) -> dict[str, list[dict[str, float]]]:
        """As many cores as workers, and for each worker as many connections as `calls` has."""
        cores = bench.setting.cores
        pair = (*cores.gateway, cores.spare[0])
        samples: dict[str, list[dict[str, float]]] = {name: [] for name in _COUNTS}
        with Processes() as processes:
            upstream = Upstream(bench.setting, processes)
            measurement = Measurement(bench.setting, upstream, tls)
            gateways = {name: bench.start("claviger", upstream, processes, tls,
                                          Shape(workers=count, cores=pair[:count]))
                        for name, count in _COUNTS.items()}
            for name, count in _COUNTS.items():
                measurement.timing(gateways[name], bench.connections * count, 0.5)  # pools, not counted
            for number, order in alternating(bench.rounds, list(samples)):
                for name in order:
                    sample = measurement.timing(gateways[name], bench.connections * _COUNTS[name], bench.seconds)
                    samples[name].append(asdict(sample))
                say(f"{mode_text(tls)} workers, round {number} of {bench.rounds}: " + "; ".join(
                    f"{name} {taken[-1]['cpu_us']:.1f} us, {taken[-1]['rate']:.0f}/s, {taken[-1]['busy']:.2f} cores"
                    for name, taken in samples.items()))
        return samples

    def text(self, data: dict[str, Any], subject: str) -> str:
        if not data["modes"]:
            return "### Two workers\n\nNot measured: this needs four cores."
        tables = RatioTable("two", ["one", "two"])
        for mode, samples in data["modes"].items():
            for key, label, form in (("rate", "requests/s", "{:.0f}"), ("cpu_us", "CPU us/request", "{:.1f}"),
                                     ("busy", "cores busy", "{:.2f}")):
                tables.paired(f"{mode}: {label}", {name: [one[key] for one in taken] for name, taken in samples.items()}, form)
        return ("### Two workers\n\nEach worker has a core and a core's share of connections; upstream and load have one core each "
                "throughout, so what two workers could do may be more than they are asked for.\n\n" + tables.text())

    def marks(self, data: dict[str, Any], subject: str) -> list[Mark]:
        marks = []
        for mode, samples in data["modes"].items():
            two, one = samples["two"], samples["one"]
            if median(sample["busy"] for sample in two) >= 2 * _BUSY:
                ratio = ratios.of_pairs([each["rate"] for each in two], [each["rate"] for each in one])
                marks.append(Mark(f"{mode}: requests/s of two workers, of one's", ratio, 1.8, at_least=True))
            else:
                ratio = ratios.of_pairs([each["cpu_us"] for each in two], [each["cpu_us"] for each in one])
                marks.append(Mark(f"{mode}: CPU a request of two workers, of one's", ratio, 1.05,
                                  note="no load here makes two busy"))
        return marks
