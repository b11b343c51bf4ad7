# SPDX-License-Identifier: Apache-2.0
"""The upstream and the gateways that are compared: how each is configured and started.

A later peer is one more class with start() and a line in GATEWAYS.
"""

import hashlib
import http.client
import json
import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .processes import BenchError, Processes, free_port, tail, tool, wait_for_port
from .setting import CREDENTIAL, LARGE_PATH, PATH, Setting


@dataclass(frozen=True)
class Shape:
    """In what the gateways of one part of the benchmark differ from those of another; the same for all peers."""

    streams: bool = False  # each piece of an answer is passed on at once
    connections: int = 8192  # at most
    workers: int = 1  # of Claviger alone
    cores: tuple[int, ...] = ()  # none: the setting's


def _nginx_user() -> str:
    return "user root;" if os.geteuid() == 0 else ""


def _large_body() -> str:
    """1 MiB of JSON with what answers have in them: numbers, words, URLs, ids."""
    size, number, text = 1 << 20, 0, '{"object":"list","data":[\n'
    while len(text) < size - 400:
        mark = hashlib.sha256(str(number).encode()).hexdigest()
        text += (f'{{"id":"item_{mark[:24]}","number":{number},"name":"item {number} of the list","state":"active",'
                 f'"url":"https://api.example.com/v1/items/{mark[24:40]}?page={number}&sort=name",'
                 '"tags":["production","password","user-key"],"text":"What it is, and what is to be known of it."},\n')
        number += 1
    return (text.rstrip(",\n") + "\n]}").ljust(size)


class Upstream:
    def __init__(self, setting: Setting, processes: Processes, credential: str = CREDENTIAL) -> None:
        self.credential = credential
        directory = setting.make_directory("upstream")
        self.plain_port, self.tls_port, self.status_port = free_port(), free_port(), free_port()
        items = ",".join(f'{{"id":{number},"name":"item {number}","state":"active"}}' for number in range(10, 33))
        body = f'{{"object":"list","data":[{items}]}}'
        (directory / "large.json").write_text(_large_body())
        setting.fill("nginx_upstream.conf.in", directory / "nginx.conf", {
            "USER": _nginx_user(), "DIR": directory, "PLAIN_PORT": self.plain_port, "TLS_PORT": self.tls_port,
            "STATUS_PORT": self.status_port, "CERT": setting.certificate, "KEY": setting.private_key,
            "CREDENTIAL": credential, "LARGE_PATH": LARGE_PATH, "BODY": body})
        log = str(directory / "output.log")
        process = processes.start([tool("nginx", "nginx"), "-c", str(directory / "nginx.conf")],
                                  setting.cores.upstream, log)
        wait_for_port(process, self.status_port, "the upstream nginx", log)
        self._status: socket.socket | None = None

    def port(self, tls: bool) -> int:
        return self.tls_port if tls else self.plain_port

    def requests(self) -> int:
        """How many it has answered so far, of all callers."""
        if self._status is None:
            self._status = socket.create_connection(("127.0.0.1", self.status_port))
        self._status.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        text = b""
        while b"Waiting:" not in text:
            part = self._status.recv(4096)
            if not part:
                raise BenchError("the upstream's status port closed the connection")
            text += part
        return int(text.split(b"handled requests\n")[1].split()[2])


class EventSource:
    """The upstream of event streams: nginx cannot make events."""

    credential = CREDENTIAL

    def __init__(self, setting: Setting, processes: Processes, tool_path: Path, rate: int) -> None:
        directory = setting.make_directory("event_source")
        self._ports = free_port(), free_port()
        log = str(directory / "output.log")
        process = processes.start(
            [str(tool_path), "event-source", f"--port={self._ports[0]}", f"--tls-port={self._ports[1]}",
             f"--certificate={setting.certificate}", f"--private-key={setting.private_key}",
             f"--credential={CREDENTIAL}", f"--rate={rate}"], setting.cores.upstream, log)
        wait_for_port(process, self._ports[1], "the event source", log)

    def port(self, tls: bool) -> int:
        return self._ports[1] if tls else self._ports[0]


class Gateway:
    """One gateway doing the job. `preload`: count its allocations into counts_file."""

    name = ""

    def __init__(self, setting: Setting, upstream: Upstream | EventSource, tls: bool, preload: Path | None = None,
                 shape: Shape = Shape()) -> None:
        self.setting, self.upstream, self.tls, self.preload, self.shape = setting, upstream, tls, preload, shape
        several = f"_{shape.workers}" if shape.workers > 1 else ""  # beside one of one worker
        self.directory = setting.make_directory(f"{self.name}_{'tls' if tls else 'plain'}{several}")
        self.port = free_port()
        self.log = str(self.directory / "output.log")
        self.counts_file = self.directory / "allocations"
        self.pid = 0
        for old in (self.counts_file, *self.directory.glob("data/audit/*"), self.directory / "access.log"):
            old.unlink(missing_ok=True)

    @classmethod
    def version(cls) -> str:
        raise NotImplementedError

    def start(self, processes: Processes) -> None:
        raise NotImplementedError

    def truncate_log(self) -> None:
        """After each load: the disk must not fill up. All peers append."""
        try:
            os.truncate(self.directory / "access.log", 0)
        except FileNotFoundError:
            pass

    def _launch(self, processes: Processes, command: list[str]) -> None:
        env = {}
        if self.preload is not None:
            env = {"LD_PRELOAD": str(self.preload), "CLV_ALLOC_COUNT_FILE": str(self.counts_file)}
        cores = list(self.shape.cores) or self.setting.cores.gateway
        self.process = processes.start(command, cores, self.log, env)
        self.pid = self.process.pid
        wait_for_port(self.process, self.port, self.name, self.log)

    def check(self) -> None:
        """Does it do the job? A gateway that answers quickly and wrongly must not look good."""
        status, headers, body = self._ask(self.setting.key.text)
        if status != 200 or b'"object":"list"' not in body:
            raise BenchError(f"{self.name}: a call with the key was answered {status}: {body[:200]!r}\n"
                             f"{tail(self.log)}")
        if not headers.get("X-Request-Id"):
            raise BenchError(f"{self.name}: the answer has no X-Request-Id")
        status, _, _ = self._ask("wrong" + self.setting.key.text[5:])
        if status != 401:
            raise BenchError(f"{self.name}: a call with an unknown key was answered {status}, not 401")

    def _ask(self, key: str) -> tuple[int, http.client.HTTPMessage, bytes]:
        if self.tls:
            context = ssl.create_default_context(cafile=str(self.setting.ca))
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                "127.0.0.1", self.port, timeout=10, context=context)
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", "/api" + PATH, headers={"Authorization": "Bearer " + key})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise BenchError(f"{self.name} does not answer: {error}\n{tail(self.log)}") from None
        finally:
            connection.close()

    def _write_key_map(self, form: str) -> None:
        keys = [self.setting.key, *self.setting.others]
        (self.directory / "keys.map").write_text("".join(form.format(text=key.text, id=key.id) for key in keys))


class Nginx(Gateway):
    name = "nginx"
    access_log = "{directory}/access.log calls buffer=64k flush=1s"

    @classmethod
    def version(cls) -> str:
        done = subprocess.run([tool("nginx", "nginx"), "-v"], capture_output=True, text=True)
        return done.stderr.split("/")[-1].strip()

    def start(self, processes: Processes) -> None:
        self._write_key_map('"Bearer {text}" "{id}";\n')
        listen, proxy_pass = f"listen 127.0.0.1:{self.port} backlog=1024;", "proxy_pass http://backend/;"
        if self.tls:
            listen = "\n    ".join([
                f"listen 127.0.0.1:{self.port} ssl backlog=1024;", f"ssl_certificate {self.setting.certificate};",
                f"ssl_certificate_key {self.setting.private_key};", "ssl_protocols TLSv1.3;",
                "ssl_conf_command Ciphersuites TLS_AES_256_GCM_SHA384;", "ssl_session_tickets on;"])
            proxy_pass = "\n      ".join([
                "proxy_pass https://backend/;", "proxy_ssl_protocols TLSv1.3;",
                "proxy_ssl_conf_command Ciphersuites TLS_AES_256_GCM_SHA384;", "proxy_ssl_verify on;",
                f"proxy_ssl_trusted_certificate {self.setting.ca};", "proxy_ssl_name localhost;",
                "proxy_ssl_server_name on;", "proxy_ssl_session_reuse on;"])
        self.setting.fill("nginx_gateway.conf.in", self.directory / "nginx.conf", {
            "USER": _nginx_user(), "DIR": self.directory, "LISTEN": listen, "PROXY_PASS": proxy_pass,
            "UPSTREAM_PORT": self.upstream.port(self.tls), "CREDENTIAL": CREDENTIAL,
            "ACCESS_LOG": self.access_log.format(directory=self.directory), "CONNECTIONS": self.shape.connections,
            "BUFFERING": "proxy_buffering off;" if self.shape.streams else ""})
        self._launch(processes, [tool("nginx", "nginx"), "-c", str(self.directory / "nginx.conf")])


class NginxNoLog(Nginx):
    """nginx without any access log, which is less than the job."""

    name = "nginx_no_log"
    access_log = "off"


class NginxAgain(Nginx):
    """nginx in Claviger's place: what the harness says when there is no difference."""

    name = "nginx_again"


class Haproxy(Gateway):
    name = "haproxy"

    @classmethod
    def version(cls) -> str:
        return subprocess.run([tool("haproxy", "haproxy"), "-v"], capture_output=True, text=True).stdout.split()[2]

    def start(self, processes: Processes) -> None:
        self._write_key_map("{text} {id}\n")
        log_port = free_port()
        sink_log = str(self.directory / "sink.log")
        sink = processes.start([sys.executable, str(Path(__file__).with_name("log_sink.py")), str(log_port),
                                str(self.directory / "access.log")], self.setting.cores.load, sink_log)
        wait_for_port(sink, log_port, "the log sink", sink_log)
        bind = f"bind 127.0.0.1:{self.port}"
        server = f"server upstream 127.0.0.1:{self.upstream.port(self.tls)} pool-max-conn 64"
        if self.tls:
            both = self.directory / "server_and_key.pem"
            both.touch(0o600)
            both.write_text(self.setting.certificate.read_text() + self.setting.private_key.read_text())
            bind += f" ssl crt {both}"
            server += f" ssl verify required ca-file {self.setting.ca} sni str(localhost) verifyhost localhost"
        self.setting.fill("haproxy.cfg.in", self.directory / "haproxy.cfg", {
            "DIR": self.directory, "BIND": bind, "SERVER": server, "LOG_PORT": log_port, "CREDENTIAL": CREDENTIAL,
            "CONNECTIONS": self.shape.connections,
            "NO_DELAY": "option http-no-delay" if self.shape.streams else ""})
        self._launch(processes, [tool("haproxy", "haproxy"), "-db", "-f", str(self.directory / "haproxy.cfg")])


class Claviger(Gateway):
    name = "claviger"
    binary = Path("build/release/claviger")
    durability = "group"
    answers = "{ mask: true }"

    @classmethod
    def version(cls) -> str:
        done = subprocess.run([str(cls.binary), "version"], capture_output=True, text=True)
        return done.stdout.strip().removeprefix("claviger ")

    def start(self, processes: Processes) -> None:
        if not self.binary.is_file():
            raise BenchError(f"{self.binary} is not there; run ./dev build first")
        resources = self.directory / "resources"
        resources.mkdir(exist_ok=True)
        secret = self.directory / "credential"
        secret.unlink(missing_ok=True)
        secret.touch(0o600)
        secret.write_text(self.upstream.credential)
        (resources / "bench.yaml").write_text(self._resources(secret))
        keys = [self.setting.key, *self.setting.others]
        (resources / "keys.yaml").write_text("---\n".join(
            f"kind: api_key\nname: {key.id}\nprincipal: bench\nhash: \"{key.hash}\"\n" for key in keys))
        config = self.directory / "claviger.yaml"
        tls = "off"
        if self.tls:
            tls = f'{{ cert: "{self.setting.certificate}", key: "{self.setting.private_key}" }}'
        config.write_text(f"""data_dir: {self.setting.make_directory(self.directory.name + '/data')}
gateway: {{ listen: "127.0.0.1:{self.port}", tls: {tls}, workers: {self.shape.workers} }}
admin: {{ listen: "127.0.0.1:{free_port()}", tls: off }}
limits: {{ connections: {self.shape.connections}, requests_per_connection: 1000000000 }}
audit: {{ durability: {self.durability} }}
log: {{ level: info, access: off }}
""")
        self._launch(processes, [str(self.binary), "serve", "--resources", str(resources), "--config", str(config)])

    def check(self) -> None:
        """Besides: the calls of the check must be in the audit log soon after."""
        super().check()
        deadline = time.monotonic() + 2
        while not any(map(_is_relayed_call, self._audit_events())):
            if time.monotonic() > deadline:
                raise BenchError(f"{self.name}: a call is not in the audit log\n{tail(self.log)}")
            time.sleep(0.05)

    def _audit_events(self) -> Iterator[dict[str, Any]]:
        for segment in sorted(self.directory.glob("data/audit/*.jsonl")):
            yield from (json.loads(line) for line in segment.read_text().splitlines(keepends=True) if line.endswith("\n"))

    def _resources(self, secret: Path) -> str:
        port = self.upstream.port(self.tls)
        trust = f"base_url: http://127.0.0.1:{port}\nallow_plaintext: true"
        if self.tls:
            trust = f'base_url: https://127.0.0.1:{port}\ntls: {{ ca: "{self.setting.ca}", server_name: localhost }}'
        return f"""kind: upstream
name: bench
mount: /api
{trust}
allow_private_addresses: true
auth: {{ kind: bearer }}
answers: {self.answers}
---
kind: credential
name: bench
upstream: bench
from: "file:{secret}"
---
kind: principal
name: bench
type: service
---
kind: grant
principal: bench
upstream: bench
methods: [GET]
paths: ["/v1/**"]
rate: 1000000/s
"""


def _is_relayed_call(event: dict[str, Any]) -> bool:
    return (event["type"], event.get("path"), event.get("status")) == ("call.finished", "/api" + PATH, 200)


class ClavigerStrict(Claviger):
    """A call goes upstream when it is on disk that it began."""

    name = "claviger_strict"
    durability = "strict"


class ClavigerUnmasked(Claviger):
    """Answers are not searched for the credential."""

    name = "claviger_unmasked"
    answers = "{ mask: false }"


class ClavigerNullAudit(Claviger):
    """Claviger with an audit log that keeps nothing (bench/null_audit_log.cc)."""

    name = "claviger_null_audit"

    def start(self, processes: Processes) -> None:
        self.binary = Claviger.binary.parent / "claviger_null_audit"
        super().start(processes)

    def check(self) -> None:
        Gateway.check(self)


GATEWAYS: dict[str, type[Gateway]] = {
    gateway.name: gateway
    for gateway in (Nginx, Claviger, Haproxy, NginxNoLog, NginxAgain, ClavigerStrict, ClavigerNullAudit, ClavigerUnmasked)}
