# SPDX-License-Identifier: Apache-2.0
"""Slow and half-open connections beside well-behaved callers: what becomes of these, and of the gateway's memory."""

import time
from dataclasses import dataclass
from statistics import median
from typing import Any

from .. import counters, ratios
from ..bench import Bench, alternating, say
from ..load import Held, LoadTool
from ..peers import Gateway, Upstream
from ..processes import BenchError, Processes
from ..ratios import Mark, table
from ..setting import PATH

_CALLERS, _RATE = 16, 500  # well-behaved connections, and their requests a second together


@dataclass(frozen=True)
class _Attack:
    text: str
    rate: int  # new connections a second
    about: str


_ATTACKS = {
    "slow": _Attack("slow-loris", 2500, "TLS connections that send a request head, a byte each second"),
    "silent": _Attack("silent connections", 1000, "TCP connections that say nothing, 1,000 new ones a second"),
    "hello": _Attack("half a ClientHello", 1000, "the same, with the first half of a ClientHello"),
}


class Attacks:
    name = "attack"

    def run(self, bench: Bench) -> dict[str, Any]:
        names = [name for name in bench.full_peers if name in (bench.subject, bench.peers[0])]
        found: dict[str, Any] = {kind: {name: [] for name in names} for kind in _ATTACKS}
        for kind, attack in _ATTACKS.items():
            for number, order in alternating(bench.heavy_rounds, names):
                for name in order:
                    with Processes() as processes:
                        upstream = Upstream(bench.setting, processes)
                        gateway = bench.start(name, upstream, processes, True)
                        found[kind][name].append(_one(bench, gateway, kind, attack))
                say(f"{attack.text}, round {number} of {bench.heavy_rounds}: " + "; ".join(
                    f"{name} p99 {taken[-1]['quiet']['p99_us']:.0f} us, attacked {taken[-1]['attacked']['p99_us']:.0f} us"
                    for name, taken in found[kind].items()))
        return {"rounds": bench.heavy_rounds, "attackers": bench.attackers, "attacks": found}

    def text(self, data: dict[str, Any], subject: str) -> str:
        rows = [["", "p50 us", "p99 us", "p50 us, attacked", "p99 us, attacked", "MiB before", "held", "at the end", "after",
                 "connections held", "of it left after", "CPU, attacked"]]
        for kind, by_name in data["attacks"].items():
            for name, taken in by_name.items():
                rows.append([f"{_ATTACKS[kind].text}: {name}", *_cells(taken)])
        about = "; ".join(f"*{attack.text}*: {attack.about}" for attack in _ATTACKS.values())
        return (f"### Attacks\n\n{_CALLERS} well-behaved callers with {_RATE} requests a second together, over TLS, without and then "
                f"beside {data['attackers']:,} attackers ({about}; the oldest makes room for the newest). Their time is from when "
                f"a request was due. Medians of {data['rounds']} rounds, a fresh process each. Memory before, two seconds after "
                "all attackers are there, at the end of the attack, and after it.\n\n" + table(rows))

    def marks(self, data: dict[str, Any], subject: str) -> list[Mark]:
        marks = []
        for kind, by_name in data["attacks"].items():
            what, taken = _ATTACKS[kind].text, by_name[subject]
            p99 = {name: [one["attacked"]["p99_us"] for one in each] for name, each in by_name.items()}
            if "nginx" in p99 and subject != "nginx":
                marks.append(Mark(f"{what}: callers' p99, of nginx's", ratios.of_pairs(p99[subject], p99["nginx"]), 1.0))
            lost = sum(_lost(one["attacked"]) for one in taken)
            marks.append(Mark(f"{what}: well-behaved calls refused or not answered", float(lost), 0, form="{:.0f}"))
            growth = max(one["end_kib"] / one["held_kib"] for one in taken)
            marks.append(Mark(f"{what}: memory at its end, of that when all attackers were there", growth, 1.1))
            left = max(one["files_after"] - one["files_before"] for one in taken)
            marks.append(Mark(f"{what}: descriptors that are left after it", float(left), 2 * _CALLERS, form="{:.0f}"))
        return marks


def _cells(taken: list[dict[str, Any]]) -> list[str]:
    def middle(of) -> float:
        return median(of(one) for one in taken)
    return [*(f"{middle(lambda one: one[when][key]):.0f}" for when in ("quiet", "attacked") for key in ("p50_us", "p99_us")),
            *(f"{middle(lambda one: one[key]) / 1024:.1f}" for key in ("before_kib", "held_kib", "end_kib", "after_kib")),
            f"{middle(lambda one: one['files_held'] - one['files_before']):.0f}",
            f"{middle(lambda one: one['files_after'] - one['files_before']):.0f}",
            f"{middle(lambda one: one['cpu_share']):.0%}"]


def _lost(callers: dict[str, float]) -> float:
    return callers["errors"] + callers["unanswered"]


def _callers(bench: Bench, gateway: Gateway) -> dict[str, float]:
    found = LoadTool.run("callers", bench.setting.cores.load, port=gateway.port, tls=1, path="/api" + PATH,
                         key=bench.setting.key.text, connections=_CALLERS, rate=_RATE, warm_up=500,
                         milliseconds=int(max(2.0, bench.seconds * 2) * 1000))
    return found


def _one(bench: Bench, gateway: Gateway, kind: str, attack: _Attack) -> dict[str, Any]:
    found: dict[str, Any] = _state(gateway, "before")
    found["quiet"] = _callers(bench, gateway)
    if _lost(found["quiet"]):
        raise BenchError(f"{gateway.name}: {_lost(found['quiet'])} calls without any attack were refused or not answered")
    cores = bench.setting.cores
    with Held("attack", cores.spare or cores.load, kind=kind, port=gateway.port, tls=1, sources=32,
              connections=bench.attackers, rate=attack.rate, path="/api" + PATH) as held:
        held.wait_until_ready(40)
        time.sleep(2)  # a flood has gone round by then, or nearly
        found |= _state(gateway, "held")
        ran, at = counters.cpu_ns(gateway.pid)[0], time.monotonic()
        found["attacked"] = _callers(bench, gateway)
        found["cpu_share"] = (counters.cpu_ns(gateway.pid)[0] - ran) / 1e9 / (time.monotonic() - at)
        found |= _state(gateway, "end")
        found["attackers"] = held.end()
    time.sleep(1.5)
    return found | _state(gateway, "after")


def _state(gateway: Gateway, when: str) -> dict[str, int]:
    return {f"{when}_kib": counters.resident_kib(gateway.pid), f"files_{when}": counters.open_files(gateway.pid)}
