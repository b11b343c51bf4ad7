#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the same job on Claviger, nginx and HAProxy side by side and prints ratios. See bench/README.md."""

import argparse
import json
import signal
import sys
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from harness import counters, machine, report  # noqa: E402
from harness.measure import Measurement, Sample  # noqa: E402
from harness.peers import GATEWAYS, Claviger, Gateway, Upstream  # noqa: E402
from harness.processes import BenchError, Processes  # noqa: E402
from harness.setting import Setting, choose_cores  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, help="paired rounds (default 15; fewer mislead)")
    parser.add_argument("--connections", type=int, default=64, help="besides one (default 64)")
    parser.add_argument("--seconds", type=float, help="length of a round's window (default 2)")
    parser.add_argument("--plain", action="store_true", help="only plain HTTP (default: plain and TLS)")
    parser.add_argument("--tls", action="store_true", help="only TLS")
    parser.add_argument("--quick", action="store_true", help="3 rounds of 1 second: a look, not a result")
    parser.add_argument("--subject", default="claviger", choices=GATEWAYS, help="what is compared with the peers")
    parser.add_argument("--peers", default="nginx,haproxy", help="comma-separated (default nginx,haproxy)")
    parser.add_argument("--no-one", action="store_true", help="leave out the rounds at one connection")
    parser.add_argument("--binary", type=Path, default=ROOT / "build/release/claviger")
    parser.add_argument("--alloc-count", type=Path, default=ROOT / "build/release/alloc_count.so")
    parser.add_argument("--output", type=Path, default=ROOT / "build/bench", help="directory (default build/bench)")
    parser.add_argument("--write-docs", action="store_true", help="put the table into docs/performance.md")
    options = parser.parse_args()
    options.rounds = options.rounds or (3 if options.quick else 15)
    options.seconds = options.seconds or (1.0 if options.quick else 2.0)
    unknown = [peer for peer in options.peers.split(",") if peer not in GATEWAYS]
    if unknown:
        parser.error(f"unknown peer {unknown[0]}; there are {', '.join(GATEWAYS)}")
    return options


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class Run:
    """All measurements of one mode, plain or TLS."""

    def __init__(self, options: argparse.Namespace, setting: Setting, tls: bool) -> None:
        self._options, self._setting, self._tls = options, setting, tls
        peers = [peer for peer in options.peers.split(",") if peer]
        self._names = list(dict.fromkeys([peers[0], options.subject, *peers[1:]]))
        self._mode = "TLS" if tls else "plain"
        self._counts = [options.connections] if options.no_one else [options.connections, 1]

    def result(self) -> dict[str, object]:
        with Processes() as processes:
            upstream = Upstream(self._setting, processes)
            measurement = Measurement(self._setting, upstream, self._tls)
            gateways = {name: self._start(name, upstream, processes) for name in self._names}
            rounds = {str(count): self._rounds(measurement, gateways, count) for count in self._counts}
            resident = {name: counters.resident_kib(gateway.pid) for name, gateway in gateways.items()}
            syscalls = self._syscalls(measurement, gateways)
        return {"rounds": rounds, "resident_kib": resident, "syscalls": syscalls, "allocations": self._allocations()}

    def _start(self, name: str, upstream: Upstream, processes: Processes, preload: Path | None = None) -> Gateway:
        gateway = GATEWAYS[name](self._setting, upstream, self._tls, preload)
        gateway.start(processes)
        gateway.check()
        return gateway

    def _rounds(self, measurement: Measurement, gateways: dict[str, Gateway],
                connections: int) -> dict[str, list[dict[str, float]]]:
        """Each round runs every gateway and the upstream itself once; the order turns round every time."""
        samples: dict[str, list[dict[str, float]]] = {name: [] for name in [*gateways, "direct"]}
        order: list[tuple[str, Gateway | None]] = [*gateways.items(), ("direct", None)]
        for gateway in gateways.values():
            measurement.timing(gateway, connections, 0.5)  # pools and caches, not counted
        for number in range(self._options.rounds):
            for name, gateway in order if number % 2 == 0 else reversed(order):
                sample = measurement.timing(gateway, connections, self._options.seconds)
                samples[name].append(asdict(sample))
            say(f"{self._mode}, {report.connections_text(connections)}, round {number + 1} of {self._options.rounds}: "
                + "; ".join(self._brief(name, Sample(**values[-1])) for name, values in samples.items()))
        return samples

    @staticmethod
    def _brief(name: str, sample: Sample) -> str:
        cpu = "" if sample.cpu_us is None else f"{sample.cpu_us:.1f} us, "
        return f"{name} {cpu}{sample.rate:.0f}/s"

    def _syscalls(self, measurement: Measurement, gateways: dict[str, Gateway]) -> dict[str, dict[str, object]]:
        found: dict[str, dict[str, object]] = {name: {} for name in gateways}
        for connections in self._counts:
            for name, gateway in gateways.items():
                say(f"{self._mode}, {report.connections_text(connections)}: system calls of {name}")
                try:
                    found[name][str(connections)] = asdict(measurement.syscalls(gateway, connections, 1.5))
                except counters.Unsupported as error:
                    say(f"  not counted: {error}")
        return found

    def _allocations(self) -> dict[str, object]:
        """With gateways of their own, since preloading the counter slows them."""
        found: dict[str, object] = {}
        if not self._options.alloc_count.is_file():
            say(f"{self._options.alloc_count} is not there (./dev build): allocations are not counted")
            return found
        for name in self._names:
            say(f"{self._mode}: allocations of {name}")
            with Processes() as processes:
                upstream = Upstream(self._setting, processes)
                gateway = self._start(name, upstream, processes, self._options.alloc_count)
                measurement = Measurement(self._setting, upstream, self._tls)
                found[name] = asdict(measurement.allocations(gateway, self._options.connections, 1.5))
        return found


def main() -> int:
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that `with` blocks end what was started
    Claviger.binary = options.binary.resolve()
    options.alloc_count = options.alloc_count.resolve()
    options.output.mkdir(parents=True, exist_ok=True)
    setting = Setting(root=ROOT, directory=options.output.resolve(), cores=choose_cores())
    setting.make_certificates()
    both = options.plain == options.tls
    modes = [tls for tls, wanted in ((False, options.plain), (True, options.tls)) if wanted or both]
    names = dict.fromkeys([options.subject, *options.peers.split(",")])
    if options.subject == "claviger" and not options.binary.is_file():
        raise BenchError(f"{options.binary} is not there; run ./dev build first")
    result: dict[str, object] = {
        "machine": machine.describe([GATEWAYS[name] for name in names if name]),
        "command": report.command_line(sys.argv[1:]),
        "subject": options.subject, "connections": options.connections, "rounds": options.rounds,
        "modes": {"tls" if tls else "plain": Run(options, setting, tls).result() for tls in modes}}
    (setting.directory / "result.json").write_text(json.dumps(result, indent=1))
    text = report.render(result)
    print(text)
    say(f"all figures: {setting.directory / 'result.json'}")
    if options.write_docs:
        report.write_docs(ROOT / "docs/performance.md", text)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BenchError as error:
        sys.exit(f"bench: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
