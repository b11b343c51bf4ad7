#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Where a gateway spends its CPU time under the benchmark's load: perf's top symbols.

`perf report -i build/bench/profile/perf.data` has the call graphs (frame pointers are compiled in).
"""

import argparse
import signal
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from harness.load import LoadTool  # noqa: E402
from harness.measure import Measurement  # noqa: E402
from harness.peers import GATEWAYS, Claviger, Upstream  # noqa: E402
from harness.processes import BenchError, Processes, descendants, tool  # noqa: E402
from harness.setting import Setting, choose_cores  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tls", action="store_true", help="TLS on both sides (default: plain)")
    parser.add_argument("--handshakes", choices=["full", "resumed"], help="these instead of calls")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--lines", type=int, default=30, help="symbols to print (default 30)")
    parser.add_argument("--subject", default="claviger", choices=GATEWAYS)
    parser.add_argument("--binary", type=Path, default=ROOT / "build/release/claviger")
    parser.add_argument("--output", type=Path, default=ROOT / "build/bench/profile")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    Claviger.binary = options.binary.resolve()
    LoadTool.path = Claviger.binary.with_name("bench_load")
    options.output.mkdir(parents=True, exist_ok=True)
    setting = Setting(root=ROOT, directory=options.output.resolve(), cores=choose_cores())
    setting.make_certificates()
    data = str(setting.directory / "perf.data")
    perf = tool("perf", "linux-perf")
    with Processes() as processes:
        upstream = Upstream(setting, processes)
        gateway = GATEWAYS[options.subject](setting, upstream, options.tls or options.handshakes is not None)
        gateway.start(processes)
        gateway.check()
        pids = ",".join(map(str, descendants(gateway.pid)))
        recorder = processes.start([perf, "record", "-q", "-e", "cpu-clock", "-F", "1999", "-g", "-o", data, "-p", pids,
                                    "--", "sleep", str(options.seconds + 1)], setting.cores.load,
                                   str(setting.directory / "perf.log"))
        if options.handshakes:
            done = LoadTool.run("handshakes", setting.cores.load, port=gateway.port, connections=16, sources=32,
                                milliseconds=options.seconds * 1000, resumed=int(options.handshakes == "resumed"))
            about = f"{done[options.handshakes] / options.seconds:.0f} {options.handshakes} handshakes/s"
        else:
            sample = Measurement(setting, upstream, options.tls).timing(gateway, options.connections, options.seconds)
            about = f"{sample.cpu_us:.1f} us CPU/request, {sample.rate:.0f}/s"
        recorder.wait()
    report = subprocess.run([perf, "report", "-i", data, "--no-children", "--stdio", "-g", "none", "--percent-limit",
                             "0.2"], capture_output=True, text=True, check=False)
    if report.returncode != 0:
        raise BenchError(f"perf report failed: {report.stderr.strip()}")
    print(f"{options.subject}: {about} (with perf attached)")
    symbols = [line for line in report.stdout.splitlines() if line.strip() and not line.startswith("#")]
    print("\n".join(line.rstrip() for line in symbols[:options.lines]))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BenchError as error:
        sys.exit(f"bench profile: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
