#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The CI gate on cost: system calls and Claviger's own heap allocations for each request.

Counts only, since they do not depend on how busy the machine is. CPU time is judged by bench/run.py.
Prints one PASS or FAIL line for each check. Exit code 1 when one fails, or when CI=true and nothing could be counted.
"""

import argparse
import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from harness import counters  # noqa: E402
from harness.measure import Measurement  # noqa: E402
from harness.peers import GATEWAYS, Claviger, Upstream  # noqa: E402
from harness.processes import BenchError, Processes  # noqa: E402
from harness.setting import Setting, choose_cores  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
SYSCALLS = {64: 4.4, 1: 6.2}  # connections: most system calls for each request
OWN_ALLOCATIONS = 0.01  # for each request; what is above zero is timers and the log's turn of buffers


class Gate:
    def __init__(self, subject: str, setting: Setting, preload: Path) -> None:
        self._subject, self._setting, self._preload = subject, setting, preload
        self.failed = self.uncounted = False

    def run(self, tls: bool) -> None:
        mode = "TLS" if tls else "plain"
        with Processes() as processes:
            upstream = Upstream(self._setting, processes)
            gateway = GATEWAYS[self._subject](self._setting, upstream, tls, self._preload)
            gateway.start(processes)
            gateway.check()
            measurement = Measurement(self._setting, upstream, tls)
            for connections, limit in SYSCALLS.items():
                what = f"{mode}, system calls/request at {connections} connection{'s' if connections > 1 else ''}"
                try:
                    counted = measurement.syscalls(gateway, connections, 1.0)
                except counters.Unsupported as error:
                    self._not_counted(what, error)
                    continue
                made_of = ", ".join(f"{name} {value:.2f}" for name, value in counted.by_name.items() if value >= 0.01)
                self._judge(what, counted.per_request, limit, f"{counted.how}: {made_of}")
            found = measurement.allocations(gateway, 64, 1.0)
            own = [f"{share:.3f} {where}" for owner, where, share in found.sites if owner == "own" and share >= 0.001]
            libraries = [f"{name} {share:.2f}" for name, share in found.libraries.items() if share >= 0.01]
            self._judge(f"{mode}, own heap allocations/request", found.own, OWN_ALLOCATIONS,
                        "; ".join(own) or f"libraries': {', '.join(libraries) or 'none'}")

    def _judge(self, what: str, value: float, limit: float, detail: str) -> None:
        self.failed |= value > limit
        print(f"{'FAIL' if value > limit else 'PASS'} {what}: {value:.3f}, at most {limit:g} ({detail})", flush=True)

    def _not_counted(self, what: str, error: BenchError) -> None:
        self.uncounted = True
        print(f"SKIP {what}: {error}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", type=Path, default=ROOT / "build/release/claviger")
    parser.add_argument("--alloc-count", type=Path, default=ROOT / "build/release/alloc_count.so")
    parser.add_argument("--output", type=Path, default=ROOT / "build/bench/gate")
    parser.add_argument("--subject", default="claviger", choices=GATEWAYS)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    Claviger.binary = options.binary.resolve()
    if not options.alloc_count.is_file():
        raise BenchError(f"{options.alloc_count} is not there; run ./dev build first")
    options.output.mkdir(parents=True, exist_ok=True)
    setting = Setting(root=ROOT, directory=options.output.resolve(), cores=choose_cores())
    setting.make_certificates()
    gate = Gate(options.subject, setting, options.alloc_count.resolve())
    for tls in (False, True):
        gate.run(tls)
    return 1 if gate.failed or (gate.uncounted and os.environ.get("CI") == "true") else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BenchError as error:
        sys.exit(f"bench gate: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
