#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the same job on Claviger, nginx and HAProxy side by side and prints ratios. See bench/README.md."""

import argparse
import json
import resource
import signal
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
from harness import machine, report  # noqa: E402
from harness.bench import Bench, say  # noqa: E402
from harness.load import LoadTool  # noqa: E402
from harness.parts import PARTS  # noqa: E402
from harness.peers import GATEWAYS, Claviger  # noqa: E402
from harness.processes import BenchError  # noqa: E402
from harness.setting import Setting, choose_cores  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default=",".join(PARTS), help=f"comma-separated parts, of {','.join(PARTS)} (default all)")
    parser.add_argument("--keep", action="store_true", help="parts not run now: print them as of the last run")
    parser.add_argument("--rounds", type=int, help="paired rounds (default 15; fewer mislead)")
    parser.add_argument("--heavy-rounds", type=int, help="of idle connections and attacks (default 5)")
    parser.add_argument("--connections", type=int, default=64, help="of calls, besides one (default 64)")
    parser.add_argument("--idle", type=int, default=10_000, help="idle connections (default 10000)")
    parser.add_argument("--attackers", type=int, default=5_000, help="connections of an attack (default 5000)")
    parser.add_argument("--seconds", type=float, help="length of a round's window (default 2)")
    parser.add_argument("--plain", action="store_true", help="only plain HTTP (default: plain and TLS)")
    parser.add_argument("--tls", action="store_true", help="only TLS")
    parser.add_argument("--quick", action="store_true", help="3 rounds of 1 second, 1 heavy one: a look, not a result")
    parser.add_argument("--subject", default="claviger", choices=GATEWAYS, help="what is compared with the peers")
    parser.add_argument("--peers", default="nginx,haproxy,nginx_no_log", help="comma-separated (default all three)")
    parser.add_argument("--no-one", action="store_true", help="leave out the calls at one connection")
    parser.add_argument("--binary", type=Path, default=ROOT / "build/release/claviger",
                        help="alloc_count.so and bench_load lie beside it")
    parser.add_argument("--output", type=Path, default=ROOT / "build/bench", help="directory (default build/bench)")
    parser.add_argument("--write-docs", action="store_true", help="put the tables into docs/performance.md")
    options = parser.parse_args()
    options.rounds = options.rounds or (3 if options.quick else 15)
    options.heavy_rounds = options.heavy_rounds or (1 if options.quick else 5)
    options.seconds = options.seconds or (1.0 if options.quick else 2.0)
    options.parts, options.peers = options.only.split(","), [peer for peer in options.peers.split(",") if peer]
    for kind, asked, known in (("part", options.parts, PARTS), ("peer", options.peers, GATEWAYS)):
        unknown = [name for name in asked if name not in known]
        if unknown:
            parser.error(f"unknown {kind} {unknown[0]}; there are {', '.join(known)}")
    return options


def make_bench(options: argparse.Namespace) -> Bench:
    Claviger.binary = options.binary.resolve()
    LoadTool.path = Claviger.binary.with_name("bench_load")
    if options.subject == "claviger" and not options.binary.is_file():
        raise BenchError(f"{options.binary} is not there; run ./dev build first")
    options.output.mkdir(parents=True, exist_ok=True)
    setting = Setting(root=ROOT, directory=options.output.resolve(), cores=choose_cores())
    setting.make_certificates()
    both = options.plain == options.tls
    return Bench(
        setting=setting, subject=options.subject, peers=options.peers, rounds=options.rounds, seconds=options.seconds,
        modes=[tls for tls, wanted in ((False, options.plain), (True, options.tls)) if wanted or both],
        connections=options.connections, one=not options.no_one, heavy_rounds=options.heavy_rounds, idle=options.idle,
        attackers=options.attackers, alloc_count=Claviger.binary.with_name("alloc_count.so"))


def allow_descriptors() -> None:
    """As many as may be, for all that are started here: ten thousand connections need them."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def kept(file: Path, subject: str) -> dict[str, Any]:
    """The parts of the last run, if it was about the same."""
    try:
        last = json.loads(file.read_text())
        return last["parts"] if last["subject"] == subject else {}
    except (FileNotFoundError, KeyError, json.JSONDecodeError):
        return {}


def main() -> int:
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that `with` blocks end what was started
    allow_descriptors()
    bench = make_bench(options)
    file = bench.setting.directory / "result.json"
    command = report.command_line(sys.argv[1:])
    found = kept(file, options.subject) if options.keep else {}
    failed = 0
    for name in options.parts:
        try:
            found[name] = {"command": command, "data": PARTS[name].run(bench)}
        except BenchError as error:  # the others are worth having
            say(f"bench: {name} failed: {error}")
            found.pop(name, None)
            failed = 1
        result = {"machine": machine.describe([GATEWAYS[peer] for peer in bench.full_peers]), "subject": options.subject,
                  "parts": {part: found[part] for part in PARTS if part in found}}
        file.write_text(json.dumps(result, indent=1))  # after each part: whatever befalls a later one
    text = report.render(result)
    print(text)
    say(f"all figures: {file}")
    if options.write_docs and not failed:
        report.write_docs(ROOT / "docs/performance.md", text)
    return failed


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BenchError as error:
        sys.exit(f"bench: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
