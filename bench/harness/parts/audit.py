# SPDX-License-Identifier: Apache-2.0
"""The audit log: what it costs a call, what waiting for the disk costs, how fast a log is verified."""

import os
import shutil
import subprocess
import time
from dataclasses import asdict
from pathlib import Path
from statistics import fmean, median, quantiles
from typing import Any

from ..bench import Bench, alternating, mode_text, say
from ..measure import Measurement, Sample
from ..peers import Claviger, ClavigerNullAudit, ClavigerStrict, Gateway, Upstream
from ..processes import BenchError, Processes
from ..ratios import Mark, Ratio, RatioTable, of_pairs, table
from ..setting import Setting

_GROUP, _NULL, _STRICT = Claviger.name, ClavigerNullAudit.name, ClavigerStrict.name
_NAMES = [_GROUP, _NULL, _STRICT]
_PROBE_SECONDS = 0.3
_LOG_MIB = 1024
_MEBIBYTE = 1 << 20

Samples = dict[str, list[dict[str, float]]]


class Audit:
    name = "audit"

    def run(self, bench: Bench) -> dict[str, Any]:
        if bench.subject != _GROUP:
            raise BenchError("the audit log is Claviger's alone: --subject claviger")
        counts = [bench.connections, 1] if bench.one else [bench.connections]
        return {"rounds": bench.rounds, "modes": {mode_text(tls): _mode(bench, tls, counts) for tls in bench.modes},
                "verify": _verify(bench.setting, max(3, bench.heavy_rounds))}

    def text(self, data: dict[str, Any], subject: str) -> str:
        parts = ["### The audit log\n\n"
                 f"{_GROUP} (group mode) beside the same program with a log that keeps nothing, and beside itself in strict mode, in which a "
                 "call goes upstream when it is on disk that it began. Latencies are callers', whole; CPU time is that of all threads."]
        parts += [_cost_table(mode, by_count) for mode, by_count in data["modes"].items()]
        parts.append(_strict_table(data["modes"]))
        parts.append(_verify_text(data["verify"]))
        return "\n\n".join(parts)

    def marks(self, data: dict[str, Any], subject: str) -> list[Mark]:
        marks = []
        for mode, by_count in data["modes"].items():
            for count, samples in by_count.items():
                marks += _cost_marks(f"{mode}, {_at(count)}", samples)
            marks += [Mark(f"{mode}, {_at(count)}: strict mode's calls/s, of the ceiling",
                           of_pairs(_values(samples, _STRICT, "rate"), _ceilings(by_count, count)), 0.8, at_least=True)
                      for count, samples in by_count.items()]
        marks.append(Mark(f"audit verify, {data['verify']['bytes'] / _MEBIBYTE:.0f} MiB: MB for each CPU second",
                          median(_verify_rates(data["verify"], "cpu_s")), 500, at_least=True, form="{:.0f}"))
        return marks


# --- calls

def _mode(bench: Bench, tls: bool, counts: list[int]) -> dict[str, Samples]:
    with Processes() as processes:
        upstream = Upstream(bench.setting, processes)
        measurement = Measurement(bench.setting, upstream, tls)
        gateways = {name: bench.start(name, upstream, processes, tls) for name in _NAMES}
        return {str(count): _rounds(bench, mode_text(tls), upstream, measurement, gateways, count) for count in counts}


def _rounds(bench: Bench, mode: str, upstream: Upstream, measurement: Measurement, gateways: dict[str, Gateway],
            count: int) -> Samples:
    """Each round runs all three once, and asks the disk how long an append takes it."""
    samples: Samples = {name: [] for name in [*gateways, "disk"]}
    for gateway in gateways.values():
        measurement.timing(gateway, count, 0.5)  # pools and caches, not counted
    strict = gateways[_STRICT]
    for number, order in alternating(bench.rounds, list(gateways)):
        for name in order:
            if name == _STRICT:
                before = upstream.requests(), _log_bytes(strict)
            samples[name].append(asdict(measurement.timing(gateways[name], count, bench.seconds)))
            if name == _STRICT:
                call_bytes = (_log_bytes(strict) - before[1]) / (upstream.requests() - before[0])
        # What a commit writes when each connection's call is in it.
        samples["disk"].append(_probe(strict.directory / "data", int(call_bytes * count)))
        say(f"{mode}, {_at(count)}, round {number} of {bench.rounds}: "
            + "; ".join(_brief(name, Sample(**taken[-1])) for name, taken in samples.items() if name != "disk")
            + f"; commit {samples['disk'][-1]['commit_us']:.0f} us")
    return samples


def _brief(name: str, sample: Sample) -> str:
    return f"{name} {sample.cpu_us:.1f} us, {sample.rate:.0f}/s, p99 {sample.p99_us:.0f} us"


def _log_bytes(gateway: Gateway) -> int:
    return sum(segment.stat().st_size for segment in gateway.directory.glob("data/audit/*.jsonl"))


def _probe(directory: Path, size: int) -> dict[str, float]:
    """How long fdatasync takes after an append of `size` bytes, in the file system that the log is in, one after the other."""
    path, taken, block = directory / "probe", [], b"x" * size
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        until = time.monotonic() + _PROBE_SECONDS
        while time.monotonic() < until or len(taken) < 10:
            os.write(fd, block)
            began = time.monotonic()
            os.fdatasync(fd)
            taken.append(time.monotonic() - began)
    finally:
        os.close(fd)
        path.unlink()
    return {"commit_us": fmean(taken) * 1e6, "p50_us": median(taken) * 1e6, "bytes": size}


# --- what it comes to

def _at(count: int | str) -> str:
    return "1 connection" if str(count) == "1" else f"{count} connections"


def _values(samples: Samples, name: str, key: str) -> list[float]:
    return [sample[key] for sample in samples[name]]


def _above(samples: Samples) -> Ratio:
    """Of CPU time, not a ratio: the median of paired differences, and quartiles."""
    above = [ours - theirs for ours, theirs in
             zip(_values(samples, _GROUP, "cpu_us"), _values(samples, _NULL, "cpu_us"))]
    low, _, high = quantiles(above, n=4, method="inclusive") if len(above) > 1 else (above[0],) * 3
    return Ratio(median(above), low, high)


def _ceilings(by_count: dict[str, Samples], count: str) -> list[float]:
    """Calls/s that strict mode cannot exceed, round by round.

    A call takes as long as a commit, and as long as it takes by itself in group mode; so many are under way at once as there are
    connections. And there are never more than group mode manages.
    """
    samples = by_count[count]
    alone = median(1 / rate for rate in _values(by_count["1"], _GROUP, "rate")) if "1" in by_count else 0.0
    return [min(int(count) / (disk["commit_us"] / 1e6 + alone), group)
            for disk, group in zip(samples["disk"], _values(samples, _GROUP, "rate"))]


def _cost_marks(where: str, samples: Samples) -> list[Mark]:
    def ratio(key: str) -> Ratio | None:
        return of_pairs(_values(samples, _GROUP, key), _values(samples, _NULL, key))
    return [Mark(f"{where}: CPU a call, of that with no log", ratio("cpu_us"), 1.12),
            Mark(f"{where}: CPU us a call above that with no log", _above(samples), 1.5),
            Mark(f"{where}: callers' p99, of that with no log", ratio("p99_us"), 1.2)]


def _cost_table(mode: str, by_count: dict[str, Samples]) -> str:
    made = RatioTable(_GROUP, _NAMES)
    for count, samples in by_count.items():
        for label, key, form in (("CPU us/call", "cpu_us", "{:.1f}"), ("calls/s", "rate", "{:.0f}"),
                                 ("p50 us", "p50_us", "{:.0f}"), ("p99 us", "p99_us", "{:.0f}")):
            made.paired(f"{label}, {_at(count)}", {name: _values(samples, name, key) for name in _NAMES}, form)
    above = "; ".join(f"{_at(count)} {_above(samples)}" for count, samples in by_count.items())
    return f"{mode}:\n\n{made.text()}\n\nCPU us a call above {_NULL}, paired: {above}."


def _strict_table(modes: dict[str, dict[str, Samples]]) -> str:
    rows = [["strict mode", "commit us", "bytes", "ceiling calls/s", "calls/s", "of the ceiling"]]
    for mode, by_count in modes.items():
        for count, samples in by_count.items():
            ceilings, rates = _ceilings(by_count, count), _values(samples, _STRICT, "rate")
            rows.append([f"{mode}, {_at(count)}", f"{median(_values(samples, 'disk', 'commit_us')):.0f}",
                         f"{median(_values(samples, 'disk', 'bytes')):.0f}", f"{median(ceilings):.0f}",
                         f"{median(rates):.0f}", str(of_pairs(rates, ceilings))])
    return ("A commit is an append of as many bytes as the calls of all connections take, and fdatasync, one after the other in the same file "
            "system and the same round: its mean. The ceiling is connections / (commit + a call's own time, which is group mode's at one "
            "connection), and never more than group mode's calls/s.\n\n" + table(rows))


# --- verifying

def _verify(setting: Setting, rounds: int) -> dict[str, Any]:
    """Of a log as the gateway writes it, from the page cache and from the disk."""
    maker = Claviger.binary.with_name("make_log")
    if not maker.is_file():
        raise BenchError(f"{maker} is not there; run ./dev build release")
    directory = setting.directory / "verify_log"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    log = directory / "audit"
    try:
        say(f"audit verify: making a log of {_LOG_MIB} MiB")
        _checked([str(maker), str(log), str(_LOG_MIB)])
        segments = sorted(log.glob("*.jsonl"))
        found = {"bytes": sum(segment.stat().st_size for segment in segments), "segments": len(segments), "warm": [], "cold": []}
        for number in range(rounds):
            _forget(log)
            found["cold"].append(_timed_verify(log) | {"read_s": _timed_read(segments)})
            found["warm"].append(_timed_verify(log))
            warm = found["warm"][-1]
            say(f"audit verify, round {number + 1} of {rounds}: {found['bytes'] / 1e6 / warm['cpu_s']:.0f} MB for each CPU second, "
                f"{found['bytes'] / 1e6 / warm['wall_s']:.0f} MB/s, {warm['peak_mib']:.0f} MiB")
        return found
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _checked(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BenchError(f"{' '.join(command[:3])}... failed:\n{done.stdout}{done.stderr}")


def _forget(log: Path) -> None:
    """Takes the log's files out of the page cache."""
    for path in log.iterdir():
        with open(path, "rb") as file:
            os.fdatasync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _timed_verify(log: Path) -> dict[str, float]:
    began = time.monotonic()
    process = subprocess.Popen([str(Claviger.binary), "audit", "verify", "--log", str(log)],
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    if process.returncode != 0 or "VERIFIED" not in output:
        raise BenchError(f"claviger audit verify: {output}")
    return {"wall_s": time.monotonic() - began, "cpu_s": usage.ru_utime + usage.ru_stime, "peak_mib": usage.ru_maxrss / 1024}


def _timed_read(segments: list[Path]) -> float:
    """What the disk takes for it by itself. The pages are thrown out first."""
    for segment in segments:
        with open(segment, "rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    began, buffer = time.monotonic(), bytearray(_MEBIBYTE)
    for segment in segments:
        with open(segment, "rb", buffering=0) as file:
            while file.readinto(buffer):
                pass
    return time.monotonic() - began


def _verify_rates(data: dict[str, Any], key: str, where: str = "warm") -> list[float]:
    """MB/s."""
    return [data["bytes"] / 1e6 / run[key] for run in data[where]]


def _verify_text(data: dict[str, Any]) -> str:
    rows = [["`claviger audit verify`", "MB for each CPU second", "MB/s", "peak MiB"]]
    for where, label in (("warm", "from the page cache"), ("cold", "from the disk")):
        rows.append([label, f"{median(_verify_rates(data, 'cpu_s', where)):.0f}", f"{median(_verify_rates(data, 'wall_s', where)):.0f}",
                     f"{median(run['peak_mib'] for run in data[where]):.0f}"])
    rows.append(["reading alone, from the disk", "", f"{median(_verify_rates(data, 'read_s', 'cold')):.0f}", ""])
    return f"A log of {data['bytes'] / _MEBIBYTE:.0f} MiB in {data['segments']} segments.\n\n{table(rows)}"
