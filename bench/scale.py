#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How a gateway with a store bears numbers: 100,000 API keys, 10,000 grants, 1,000 upstreams, against ten of each.

Measures the time from exec to ready, resident memory for each key, how long a change takes from the request to its
acknowledgement (every worker decides by it then) against a synced write of the same disk, and CPU time for each relayed call, in
alternating rounds. Prints a table; --write-docs puts it into docs/performance.md.
"""

import argparse
import hashlib
import http.client
import json
import os
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from harness.processes import BenchError, Processes, free_port, tool  # noqa: E402
from harness.setting import Setting, choose_cores  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
BATCH = 5000
BEGIN, END = "<!-- scale: begin -->", "<!-- scale: end -->"


class Api:
    def __init__(self, port: int, data: Path) -> None:
        self._token = (data / "admin.key").read_text().strip()
        self._connection = http.client.HTTPSConnection(
            "127.0.0.1", port, timeout=60, context=ssl.create_default_context(cafile=str(data / "ca.pem")))

    def call(self, method: str, path: str, body: object = None) -> dict:
        headers = {"X-API-Key": self._token}
        text = None
        if body is not None:
            text, headers["Content-Type"] = json.dumps(body), "application/json"
        self._connection.request(method, "/api/v1" + path, body=text, headers=headers)
        answer = self._connection.getresponse()
        data = answer.read()
        if answer.status >= 300:
            raise BenchError(f"{method} {path}: {answer.status} {data[:300]!r}")
        return json.loads(data) if data else {}

    def put_secret(self, credential: str, secret: bytes) -> None:
        self._connection.request("PUT", f"/api/v1/credentials/{credential}/secret", body=secret,
                                 headers={"X-API-Key": self._token, "Content-Type": "application/octet-stream"})
        answer = self._connection.getresponse()
        data = answer.read()
        if answer.status >= 300:
            raise BenchError(f"set the secret: {answer.status} {data[:300]!r}")

    def apply(self, resources: list[dict]) -> None:
        for at in range(0, len(resources), BATCH):
            self.call("POST", "/apply", {"resources": resources[at:at + BATCH]})


class Subject:
    def __init__(self, binary: Path, directory: Path, processes: Processes, cores: object, upstream_port: int,
                 sizes: tuple[int, int, int]) -> None:
        self.binary, self.data, self.processes, self.cores = binary, directory / "data", processes, cores
        self.upstream_port, (self.keys, self.grants, self.upstreams) = upstream_port, sizes
        self.port, self.admin = free_port(), free_port()
        directory.mkdir(parents=True)
        self.config = directory / "claviger.yaml"
        self.config.write_text(
            f'gateway: {{ listen: "127.0.0.1:{self.port}", tls: off }}\n'
            f'admin: {{ listen: "127.0.0.1:{self.admin}", tls: {{ cert: "{self.data}/server.pem", '
            f'key: "{self.data}/server.key" }}, rate: 1000000/s }}\nlog: {{ level: warning }}\n')
        subprocess.run([str(binary), "init", "--data-dir", str(self.data)], check=True, stdout=subprocess.DEVNULL)
        self.log = str(directory / "output.log")

    def start(self) -> float:
        began = time.monotonic()
        self.process = self.processes.start(
            [str(self.binary), "serve", "--config", str(self.config), "--data-dir", str(self.data)],
            self.cores, self.log)
        context = ssl.create_default_context(cafile=str(self.data / "ca.pem"))
        while True:
            try:
                connection = http.client.HTTPSConnection("127.0.0.1", self.admin, timeout=5, context=context)
                connection.request("GET", "/readyz")
                if connection.getresponse().status == 200:
                    break
            except OSError:
                pass
            if self.process.poll() is not None or time.monotonic() > began + 60:
                raise BenchError(f"the gateway did not start: {Path(self.log).read_text()[-800:]}")
            time.sleep(0.002)
        self.api = Api(self.admin, self.data)
        return time.monotonic() - began

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=30)

    def fill(self) -> None:
        principals = max(10, self.grants)
        self.api.apply([{"kind": "upstream", "name": f"up{i}", "mount": f"/up{i}",
                         "base_url": f"http://127.0.0.1:{self.upstream_port}", "allow_plaintext": True,
                         "allow_private_addresses": True, "auth": {"kind": "bearer"}} for i in range(self.upstreams)])
        self.api.apply([{"kind": "credential", "name": f"cred{i}", "upstream": f"up{i}"}
                        for i in range(self.upstreams)])
        self.api.put_secret("cred7", b"fake-credential-of-the-scale-bench")
        self.api.apply([{"kind": "principal", "name": f"p{i}"} for i in range(principals)])
        self.api.apply([{"kind": "grant", "name": f"g{i}", "principal": f"p{i}", "upstream": f"up{i % self.upstreams}",
                         "methods": ["GET"], "paths": ["/**"], "rate": "1000000/s"} for i in range(self.grants)])
        self.key = self.api.call("POST", "/api_keys", {"principal": "p7"})["key"]

    def fill_keys(self) -> None:
        alphabet = "0123456789abcdefghijklmnopqrstuvwxyz"

        def name(number: int) -> str:
            digits = ""
            for _ in range(8):
                number, digit = divmod(number * 7919 + 12345, 36)
                digits += alphabet[digit]
            return digits

        principals = max(10, self.grants)
        names = list({name(i * 104729) for i in range(self.keys * 2)})[:self.keys]
        self.api.apply([{"kind": "api_key", "name": each, "principal": f"p{i % principals}",
                         "hash": "sha256:" + hashlib.sha256(each.encode()).hexdigest()}
                        for i, each in enumerate(names)])

    def rss_kib(self) -> int:
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1])
        raise BenchError("no VmRSS")

    def cpu_us(self) -> float:
        return sum(int((task / "schedstat").read_text().split()[0])
                   for task in Path(f"/proc/{self.process.pid}/task").iterdir()) / 1000

    def load(self, seconds: float) -> float:
        """CPU microseconds for each call."""
        before = self.cpu_us()
        done = subprocess.run([tool("wrk", "wrk"), "-c", "64", "-t", "1", "-d", f"{seconds}s", "-H",
                               f"Authorization: Bearer {self.key}", f"http://127.0.0.1:{self.port}/up7/v1/x"],
                              capture_output=True, text=True, check=True).stdout
        if "Non-2xx" in done:
            raise BenchError("calls failed: " + done)
        calls = int(done.split(" requests in ")[0].split()[-1])
        return (self.cpu_us() - before) / calls


def median_sync_ms(directory: Path) -> float:
    """What a synced append costs here: the disk's share of a change, which has a write of the WAL at least."""
    times = []
    with open(directory / "probe", "wb", buffering=0) as file:
        for _ in range(50):
            began = time.monotonic()
            file.write(b"x" * 32768)
            os.fdatasync(file.fileno())
            times.append((time.monotonic() - began) * 1000)
    return statistics.median(times)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", type=Path, default=ROOT / "build/release/claviger")
    parser.add_argument("--keys", type=int, default=100_000)
    parser.add_argument("--grants", type=int, default=10_000)
    parser.add_argument("--upstreams", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--write-docs", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="claviger-scale-") as scratch, Processes() as processes:
        directory = Path(scratch)
        cores = choose_cores()
        setting = Setting(root=ROOT, directory=directory, cores=cores)
        port = free_port()
        conf = directory / "nginx.conf"
        user = "user root;\n" if os.geteuid() == 0 else ""
        conf.write_text(user + f"daemon off; pid {directory}/nginx.pid; error_log /dev/null;\nevents {{}}\n"
                        f"http {{ access_log off; keepalive_requests 100000000; server {{ listen 127.0.0.1:{port}; "
                        "location / { return 200 'ok'; } } }\n")
        processes.start([tool("nginx", "nginx"), "-c", str(conf)], cores.upstream, str(directory / "nginx.log"))
        small = Subject(options.binary.resolve(), directory / "small", processes, setting.cores.gateway, port,
                        (10, 10, 10))
        large = Subject(options.binary.resolve(), directory / "large", processes, setting.cores.gateway, port,
                        (options.keys, options.grants, options.upstreams))
        small.start()
        small.fill()
        small.fill_keys()
        large.start()
        large.fill()
        large.stop()
        large.start()
        without_keys = large.rss_kib()
        large.fill_keys()
        large.stop()
        starts = []
        for _ in range(3):
            starts.append(large.start())
            large.stop()
        start = statistics.median(starts)
        large.start()
        with_keys = large.rss_kib()
        times = []
        for i in range(60):
            began = time.monotonic()
            large.api.call("POST", f"/principals/p{100 + i}/disable")
            times.append((time.monotonic() - began) * 1000)
        change, sync = statistics.median(times), median_sync_ms(directory)
        ratios = []
        for subject in (small, large):
            subject.load(1)
        for number in range(options.rounds):
            order = [small, large] if number % 2 == 0 else [large, small]
            found = {subject: subject.load(1) for subject in order}
            ratios.append(found[large] / found[small])
        rows = [
            ("start, exec to ready", f"{start:.2f} s", "2 s"),
            ("resident memory for each key", f"{(with_keys - without_keys) * 1024 / options.keys:.0f} bytes", "150 bytes"),
            ("one change, request to acknowledgement", f"{change:.1f} ms (a synced 32 KiB write here: {sync:.1f} ms)",
             "10 ms and the sync"),
            ("CPU for each call, against ten of each", f"{statistics.median(ratios):.3f}", "1.05"),
        ]
        text = "\n".join(["| with {:,} API keys, {:,} grants, {:,} upstreams | measured | mark |".format(
            options.keys, options.grants, options.upstreams), "| --- | --- | --- |",
            *(f"| {what} | {value} | at most {mark} |" for what, value, mark in rows)])
        print(text)
        if options.write_docs:
            path = ROOT / "docs/performance.md"
            page = path.read_text()
            if BEGIN not in page:
                page += f"\n## Numbers of resources\n\nBy `bench/scale.py`, medians.\n\n{BEGIN}\n{END}\n"
            head, rest = page.split(BEGIN)
            path.write_text(head + BEGIN + "\n" + text + "\n" + END + rest.split(END)[1])
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BenchError as error:
        sys.exit(f"scale: {error}")
