# SPDX-License-Identifier: Apache-2.0
"""Turns a result into tables. Ratios are medians of ratios of paired rounds, with their quartiles."""

import shlex
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles

from .processes import BenchError

_BEGIN, _END = "<!-- bench/run.py: begin -->", "<!-- bench/run.py: end -->"
Values = list[float]


def connections_text(count: str | int) -> str:
    return "1 connection" if str(count) == "1" else f"{count} connections"


def command_line(arguments: list[str]) -> str:
    return shlex.join(["./dev", "bench", *(a for a in arguments if a != "--write-docs")])


def render(result: dict) -> str:
    parts = [_table(result, mode) for mode in result["modes"]]
    parts += [_details(result, mode) for mode in result["modes"]]
    waited = _waited(result)
    if waited > 0.05:
        parts.append(f"**Not a quiet machine**: gateways waited {waited:.0%} of the time for a core that something else "
                     "had. Counts hold; take times and ratios of times as a hint.")
    parts.append("Machine: " + ", ".join(f"{name} {value}" for name, value in result["machine"].items())
                 + f".\nCommand: `{result['command']}`, {result['rounds']} rounds.")
    return "\n\n".join(parts)


def _waited(result: dict) -> float:
    shares = [sample["waited"] for data in result["modes"].values() for samples in data["rounds"].values()
              for name, taken in samples.items() if name != "direct" for sample in taken]
    return median(shares)


def write_docs(path: Path, text: str) -> None:
    page = path.read_text()
    if _BEGIN not in page or _END not in page:
        raise BenchError(f"{path} has lost its markers {_BEGIN} and {_END}")
    before, rest = page.split(_BEGIN, 1)
    path.write_text(f"{before}{_BEGIN}\n{text}\n{_END}{rest.split(_END, 1)[1]}")


def ratio_of(ours: Values, theirs: Values) -> tuple[float, float, float]:
    """Median and quartiles of the ratios of paired rounds."""
    ratios = [a / b for a, b in zip(ours, theirs) if b]
    low, _, high = quantiles(ratios, n=4) if len(ratios) > 1 else (ratios[0],) * 3
    return median(ratios), low, high


class _Table:
    def __init__(self, subject: str, names: list[str]) -> None:
        self._subject = subject
        self._peers = [name for name in names if name != subject]
        self._names = [subject, *self._peers]
        self._rows = [["", *self._names, *(f"{subject} / {peer}" for peer in self._peers)]]

    def paired(self, label: str, values: dict[str, Values], form: Callable[[float], str]) -> None:
        """A row of medians over rounds, with ratios."""
        ratios = []
        for peer in self._peers:
            if min(values[peer]) <= 0 or min(values[self._subject]) <= 0:
                ratios.append("")
                continue
            middle, low, high = ratio_of(values[self._subject], values[peer])
            ratios.append(f"**{middle:.2f}** ({low:.2f} to {high:.2f})")
        self._rows.append([label, *(form(median(values[name])) for name in self._names), *ratios])

    def single(self, label: str, values: dict[str, float | None], form: Callable[[float], str]) -> None:
        """A row of values that were taken once; no ratio of small counts."""
        ours = values.get(self._subject)
        ratios = [f"{ours / values[peer]:.2f}" if ours and values.get(peer) else "" for peer in self._peers]
        cells = ["not counted" if values.get(name) is None else form(values[name]) for name in self._names]
        self._rows.append([label, *cells, *ratios])

    def text(self) -> str:
        widths = [max(len(row[column]) for row in self._rows) for column in range(len(self._rows[0]))]
        lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in self._rows]
        lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
        return "\n".join(lines)


def _table(result: dict, mode: str) -> str:
    data, subject = result["modes"][mode], result["subject"]
    names = [name for name in next(iter(data["rounds"].values())) if name != "direct"]
    table = _Table(subject, names)
    for connections, samples in data["rounds"].items():
        at = connections_text(connections)
        column = lambda key: {name: [sample[key] for sample in samples[name]] for name in names}  # noqa: E731
        added = lambda key: {name: [sample[key] - direct[key] for sample, direct in  # noqa: E731
                                    zip(samples[name], samples["direct"])] for name in names}
        table.paired(f"CPU us/request, {at}", column("cpu_us"), "{:.1f}".format)
        table.paired(f"requests/s, {at}", column("rate"), "{:.0f}".format)
        table.paired(f"added p50 us, {at}", added("p50_us"), "{:.0f}".format)
        table.paired(f"added p99 us, {at}", added("p99_us"), "{:.0f}".format)
    for connections in data["rounds"]:
        counts = {name: data["syscalls"][name].get(connections, {}).get("per_request") for name in names}
        table.single(f"system calls/request, {connections_text(connections)}", counts, "{:.2f}".format)
    allocations = data["allocations"]
    if allocations:
        own = {name: allocations[name]["own"] for name in names}
        table.single("own heap allocations/request", own, "{:.3f}".format)
        table.single("libraries' heap allocations/request",
                     {name: sum(allocations[name]["libraries"].values()) for name in names}, "{:.2f}".format)
    table.single("resident MiB", {name: data["resident_kib"][name] / 1024 for name in names}, "{:.1f}".format)
    title = "Plain HTTP on both sides" if mode == "plain" else "TLS 1.3 (AES-256-GCM) on both sides"
    return f"### {title}\n\n{table.text()}"


def _details(result: dict, mode: str) -> str:
    """Which system calls, which libraries."""
    data, lines = result["modes"][mode], [f"### {mode}: what the counts are made of", ""]
    for name, by_connections in data["syscalls"].items():
        for connections, counted in by_connections.items():
            calls = ", ".join(f"{call} {value:.2f}" for call, value in counted["by_name"].items() if value >= 0.005)
            lines.append(f"- {name}, {connections_text(connections)}, system calls ({counted['how']}): {calls}")
    for name, counted in data["allocations"].items():
        if counted["libraries"]:
            by_share = sorted(counted["libraries"].items(), key=lambda item: -item[1])
            libraries = ", ".join(f"{library} {value:.2f}" for library, value in by_share if value >= 0.005)
            lines.append(f"- {name}, allocations of libraries: {libraries or 'none'}")
        if name == result["subject"]:
            lines += [f"  - {share:.3f} {owner}: {where}" for owner, where, share in counted["sites"][:12]
                      if share >= 0.001]
    return "\n".join(lines)
