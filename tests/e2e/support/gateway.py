# SPDX-License-Identifier: Apache-2.0
"""The binary under test as a process of its own, with its files in a directory of its own."""

import collections
import json
import os
import re
import signal
import subprocess
import threading
from pathlib import Path

from support import resources as yaml
from support import wire
from support.waiting import PATIENCE, until

REPOSITORY = Path(__file__).resolve().parents[3]
BINARY = Path(os.environ.get("CLAVIGER_BIN", REPOSITORY / "build/release/claviger")).resolve()


# A sanitizer maps terabytes and keeps what was freed: what is measured of memory would be its own.
IS_SANITIZED = BINARY.exists() and any(name in BINARY.read_bytes() for name in (b"__asan_init", b"__tsan_init"))


class Lines:
    """What a process writes, line by line, for tests to wait on."""

    def __init__(self, stream):
        self.stream = stream
        self.lines = []
        self.changed = threading.Condition()
        self.ended = False
        self.may_read = threading.Event()
        self.may_read.set()
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        for line in iter(self._next_line, ""):
            with self.changed:
                self.lines.append(line.rstrip("\n"))
                self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def _next_line(self):
        self.may_read.wait()
        try:
            return self.stream.readline()
        except ValueError:  # closed by close()
            return ""

    def stall(self):
        """Stops reading (after the line it waits for), so that the pipe fills."""
        self.may_read.clear()

    def go_on(self):
        self.may_read.set()

    def close(self):
        """Hangs up on the writer."""
        os.close(self.stream.fileno())
        with open(os.devnull) as nothing:
            os.dup2(nothing.fileno(), self.stream.fileno())

    def wait(self, wanted, start=0, patience=PATIENCE):
        """The first line from `start` on that `wanted` makes something true of, as it made it; None at the end."""
        def look():
            for line in self.lines[start:]:
                found = wanted(line)
                if found:
                    return found
            return "ended" if self.ended else None

        with self.changed:
            found = self.changed.wait_for(look, patience)
        assert found, f"nothing of that kind within {patience:g} s in:\n" + self.text()
        return None if found == "ended" else found

    def text(self):
        return "\n".join(self.lines)


def parse_json(line):
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def merged(base, over):
    out = dict(base)
    for key, value in over.items():
        out[key] = merged(out[key], value) if isinstance(value, dict) and isinstance(out.get(key), dict) else value
    return out


def replace_file(path, text):
    part = path.with_name(f".{path.name}.part")
    part.write_text(text)
    part.chmod(0o600)
    part.rename(path)


class Gateway:
    def __init__(self, directory, resources, config=None, env=None, tls=False, arguments=()):
        self.directory = Path(directory)
        self.data = self.directory / "data"
        self.resources = self.directory / "resources"
        self.config_file = self.directory / "claviger.yaml"
        for made in (self.directory, self.data, self.resources):
            made.mkdir(parents=True, exist_ok=True)
            made.chmod(0o700)
        defaults = {
            "gateway": {"listen": "127.0.0.1:0"},
            "admin": {"listen": "127.0.0.1:0"},
            "log": {"level": "info"},
        }
        if not tls:
            defaults["gateway"]["tls"] = "off"
        self.config = merged(defaults, config or {})
        self.config_file.write_text(yaml.one_document(self.config))
        self.write_resources(resources)
        self.env = dict(os.environ, **(env or {}))
        self.arguments = list(arguments)
        self.tls = tls
        self.trusted = None  # another CA than the one that it makes
        self.wrapper = []  # what starts the binary, if not we
        self.process = None
        self.addresses = {}

    # -- files

    def write_resources(self, resources, name="all.yaml"):
        """Replaces a resource file in one step, as an operator's tool would."""
        text = resources if isinstance(resources, str) else yaml.dump(resources)
        replace_file(self.resources / name, text)

    def write_config(self, changes=None, text=None):
        """Replaces the configuration file: what it started with and `changes`, or just `text`."""
        replace_file(self.config_file, text or yaml.one_document(merged(self.config, changes or {})))

    def write_secret(self, name, value, mode=0o600):
        path = self.directory / name
        path.write_text(value)
        path.chmod(mode)
        return f"file:{path}"

    # -- process

    def spawn(self):
        command = [*self.wrapper, str(BINARY), "serve", "--resources", str(self.resources), "--config", str(self.config_file),
                   "--data-dir", str(self.data), *self.arguments]
        return self.spawn_command(command)

    def spawn_command(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, env=self.env, cwd=self.directory)
        self.log = Lines(self.process.stderr)
        self.access = Lines(self.process.stdout)
        return self

    def start(self):
        self.spawn()
        ready = self.event("ready")
        assert ready, f"it did not start:\n{self.log.text()}"
        for line in map(parse_json, self.log.lines):
            if line and line.get("event") == "listener_started":
                host, _, port = line["address"].rpartition(":")
                self.addresses[line["listener"]] = (host.strip("[]"), int(port))
        return self

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    @property
    def pid(self):
        return self.process.pid

    def signal(self, number):
        os.kill(self.pid, number)

    def stop(self):
        """The exit status after SIGTERM. A process that does not go is killed, and that is a failure."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        return self.wait()

    def wait(self, patience=PATIENCE):
        try:
            status = self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"it had to be killed:\n{self.log.text()}") from None
        finally:
            self.log.thread.join(PATIENCE)
            self.access.thread.join(PATIENCE)
            self.process.stdout.close()
            self.process.stderr.close()
        return status

    def event(self, *names, start=0, patience=PATIENCE):
        def wanted(line):
            value = parse_json(line)
            return value if value and value.get("event") in names else None
        return self.log.wait(wanted, start, patience)

    def reload(self, expected="reloaded"):
        start = len(self.log.lines)
        self.signal(signal.SIGHUP)
        event = self.event("reloaded", "reload_failed", start=start)
        assert event and event["event"] == expected, f"{expected} was expected:\n{self.log.text()}"
        return event

    # -- calls

    @property
    def ca(self):
        return (self.trusted or self.data / "ca.pem") if self.tls else None

    def connect(self, listener="gateway", **how):
        host = self.addresses[listener][0]
        return wire.Client(self.addresses[listener], tls=self.ca, server_name=host, **how)

    def url(self, path, listener="gateway"):
        host, port = self.addresses[listener]
        return f"{'https' if self.tls else 'http'}://{host}:{port}{path}"

    def call(self, method, target, key=None, fields=(), body=b"", **how):
        fields = list(fields)
        if key is not None:
            fields.append(wire.bearer(key))
        with self.connect() as client:
            return client.call(method, target, fields, body, **how)

    def get(self, target, key=None, fields=()):
        return self.call("GET", target, key, fields)

    def access_line(self, request_id):
        def wanted(line):
            value = parse_json(line)
            return value if value and value.get("request_id") == request_id else None
        return self.access.wait(wanted)

    # -- what it says of itself

    def exposition(self):
        with self.connect("admin") as client:
            answer = client.call("GET", "/metrics")
        assert answer.status == 200, answer
        return answer.text

    @staticmethod
    def samples_in(text):
        samples = collections.OrderedDict()
        for line in text.splitlines():
            match = re.fullmatch(r'(\w+)(?:\{(.*)\})? (\S+)', line)
            if match and not line.startswith("#"):
                labels = dict(re.findall(r'(\w+)="([^"]*)"', match[2] or ""))
                samples[(match[1], frozenset(labels.items()))] = float(match[3])
        return samples

    def metrics(self):
        return self.samples_in(self.exposition())

    def metric(self, name, **labels):
        """The sum of all samples of that name that carry these labels: there may be none yet, but not of a name that is nowhere."""
        text = self.exposition()
        families = re.findall(r"^# TYPE (\w+) ", text, re.M)
        if name not in families and re.sub(r"_(sum|count|bucket)$", "", name) not in families:
            raise LookupError(f"no metric is called {name}")
        return sum(value for (known, has), value in self.samples_in(text).items()
                   if known == name and set(labels.items()) <= has)

    def status_kib(self, field):
        text = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(rf"^{field}:\s+(\d+) kB", text, re.M)[1])

    def reset_peak_memory(self):
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")


def wait_for_metric(gateway, name, at_least, **labels):
    return until(lambda: gateway.metric(name, **labels) >= at_least, f"{name}{labels} >= {at_least}")


def run(*arguments, env=None, stdin=None, patience=PATIENCE):
    """One run of the binary that is expected to end by itself."""
    return subprocess.run([str(BINARY), *map(str, arguments)], capture_output=True, text=True, input=stdin,
                          env=dict(os.environ, **(env or {})), timeout=patience)
