# SPDX-License-Identifier: Apache-2.0
"""Between calls no copy of a credential is anywhere in the process, and keys are in the arena alone.

The scans read memory as root through /proc/PID/mem, which memfd_secret would rightly forbid: so they run in the locked
fallback, which is the same code but for where its pages come from."""

import ctypes
import os
import re
import ssl
import subprocess
import threading
from collections import Counter
from pathlib import Path

import pytest

from support import resources as yaml
from support import wire
from support.gateway import IS_SANITIZED, Gateway
from support.keys import make_api_key
from support.memory import forms, mappings
from support.raw_upstream import LEAVE, STAY, RawUpstream, chunk
from support.waiting import until
from support.world import KINDS, fake_secret

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="reading another process's memory takes root"),
    pytest.mark.skipif(IS_SANITIZED, reason="a sanitizer's memory is not the gateway's"),
]

CALLS = 10_000
CALLERS = 6


def echoes_everywhere(connection, request):
    """The credential comes back in the head, and in the body in pieces of every size."""
    request.body = connection.read_body(request)
    value = (request.get("Authorization") or request.get("X-API-Key") or request.target).encode("latin-1")
    connection.send(b"HTTP/1.1 200 OK\r\nX-Echo: " + value + b"\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(value) +
                    chunk(request.raw * 3) + b"".join(chunk(bytes([byte])) for byte in value) + b"0\r\n\r\n")
    return STAY


def resets(connection, request):
    connection.abort()
    return LEAVE


def breaks_off(connection, request):
    connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + request.raw)
    return LEAVE


def lies(connection, request):
    connection.send(b"HTTP/1.1 200 OK\r\nX-A : " + request.raw.replace(b"\r\n", b" ") + b"\r\n\r\n")
    return LEAVE


class Setting:
    """A gateway with every kind of credential, over TLS on both sides, and what it is used for."""

    def __init__(self, directory, nginx, authority, identity):
        self.upstream = RawUpstream(identity)
        for path, behaviour in (("/echoes", echoes_everywhere), ("/resets", resets), ("/breaks-off", breaks_off), ("/lies", lies)):
            self.upstream.on(path, behaviour)
        self.key = make_api_key()
        self.secrets = {f"{kind}-{where}": fake_secret(f"{kind}-{where}") for kind in KINDS for where in ("nginx", "raw")}
        self.secrets["bearer-unmasked"] = fake_secret("bearer-unmasked")
        for name in self.secrets:
            if name.startswith("basic"):
                self.secrets[name] = "user:" + self.secrets[name]
        self.gateway = Gateway(directory, [], tls=True, env={"CLAVIGER_SECRET_MEMORY": "locked"}, config={
            "gateway": {"workers": 2}, "log": {"level": "debug"}})
        tls = {"ca": str(authority.cert)}
        resources = [yaml.principal("caller"), yaml.api_key(self.key, "caller")]
        for number, (name, secret) in enumerate(self.secrets.items()):
            kind, _, where = name.partition("-")
            url = nginx.tls_url() if where == "nginx" else self.upstream.url("localhost")
            resources.append(yaml.upstream(name, url, KINDS[kind], tls=tls, answers={"mask": where != "unmasked"}))
            if number % 2:
                self.gateway.env[f"E2E_SECRET_{number}"] = secret
                source = f"env:E2E_SECRET_{number}"
            else:
                source = self.gateway.write_secret(name, secret + "\n")
            resources.append(yaml.credential(f"{name}-main", name, source))
            resources.append(yaml.grant("caller", name, methods=["GET", "HEAD", "POST", "PUT"]))
        self.gateway.write_resources(resources)

    def searched(self):
        return {name: secret.encode() for name, secret in self.secrets.items()}

    def mix(self):
        """What a caller does, over and over: (method, path, body, whether the key is sent)."""
        calls = []
        for kind in KINDS:
            nginx, raw = f"/{kind}-nginx", f"/{kind}-raw"
            calls += [("GET", f"{nginx}/echo/a?q=1", b"", True)] * 6
            calls += [("POST", f"{nginx}/echo/b", b"x" * 3000, True)] * 4
            calls += [("PUT", f"{nginx}/sink/{kind}", b"x" * 40_000, True), ("HEAD", f"{nginx}/echo/c", b"", True),
                      ("GET", f"{nginx}/files/small.txt", b"", True), ("GET", f"{nginx}/status/404", b"", True),
                      ("GET", f"{nginx}/status/500", b"", True), ("GET", f"{nginx}/status/301", b"", True)]
            calls += [("POST", f"{raw}/echoes", b"y" * 100, True)] * 2
            calls += [("DELETE", f"{nginx}/echo/d", b"", True), ("GET", f"{nginx}/echo/e", b"", False), ("GET", "/nowhere", b"", True)]
            calls += [("POST", "/bearer-unmasked/echoes", b"y" * 100, True)]
            calls += [("POST", f"{raw}/resets", b"z", True), ("GET", f"{raw}/breaks-off", b"", True), ("GET", f"{raw}/lies", b"", True)]
        return calls

    def run(self, count):
        """`count` calls by several callers at once over lasting connections, which stay open; statuses counted."""
        tally, mix, clients, failures = Counter(), self.mix(), [], []

        def calls(number):
            try:
                client = self.gateway.connect()
                for turn in range(count // CALLERS + 1):
                    method, path, body, known = mix[(turn * 7 + number) % len(mix)]
                    fields = [wire.bearer(self.key)] if known else []
                    if turn % 3 == 0 and body:
                        fields.append(("Transfer-Encoding", "chunked"))
                        body = wire.chunked(body, (1500,))
                    try:
                        answer = client.call(method, path, fields, body)
                        tally[answer.status] += 1
                        ended = answer.get("Connection") == "close"
                    except wire.BrokenAnswer:
                        tally["broken"] += 1
                        ended = True
                    if ended:
                        client.close()
                        client = self.gateway.connect()
                clients.append(client)
            except Exception as error:
                failures.append(error)
                raise

        callers = [threading.Thread(target=calls, args=(number,)) for number in range(CALLERS)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        assert failures == []
        until(lambda: self.gateway.metric("claviger_requests_active") == 0, "all calls to be over")
        return tally, clients


@pytest.fixture(scope="module")
def setting(tmp_path_factory, nginx, authority, identity):
    made = Setting(tmp_path_factory.mktemp("secrecy"), nginx, authority, identity)
    made.gateway.start()
    yield made
    made.gateway.stop()
    made.upstream.stop()


@pytest.fixture(scope="module")
def worn(setting):
    """The same after ten thousand calls of every sort, with connections on both sides left open and idle."""
    tally, clients = setting.run(CALLS)
    assert sum(tally.values()) >= CALLS
    assert {200, 201, 204, 301, 401, 403, 404, 500, 502, "broken"} >= set(tally) >= {200, 301, 401, 403, 404, 500, 502, "broken"}, tally
    yield setting
    for client in clients:
        client.close()


def test_before_any_call_no_credential_is_in_memory(setting, scanner):
    findings = scanner.scan(setting.gateway.pid, setting.searched())

    assert findings.patterns == [], findings.describe()
    assert findings.scanned > 1_000_000 and findings.unreadable == 0


def test_between_calls_no_credential_is_anywhere_in_memory_in_any_form(worn, scanner):
    findings = scanner.scan(worn.gateway.pid, worn.searched())

    assert findings.patterns == [], findings.describe()
    assert findings.unreadable == 0


def test_key_schedules_are_in_the_arena_alone(worn, scanner):
    findings = scanner.scan(worn.gateway.pid, {})

    outside = [(name, mapping) for name, mapping in findings.schedules if not mapping.is_arena]
    assert outside == [], findings.describe()
    assert len(findings.schedules) >= 3, "the process's own key and those of open TLS connections must be seen somewhere"


def test_the_openssl_arena_did_not_overflow(worn):
    assert worn.gateway.metric("claviger_openssl_arena_overflows_total") == 0


def test_the_arena_is_locked_and_left_out_of_dumps_and_forks(worn):
    arena = [mapping for mapping in mappings(worn.gateway.pid) if mapping.is_arena]

    assert arena and all(mapping.access == "rw-p" for mapping in arena)
    assert all({"lo", "dd", "dc"} <= mapping.flags for mapping in arena), arena


@pytest.fixture
def stalled(worn):
    """A call whose caller does not read, so that the echoed credential, which is not masked, has to wait in the gateway."""
    secret = worn.secrets["bearer-unmasked"].encode()

    def pours(connection, request):
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            connection.send(chunk((secret + b"\n") * 1000))

    worn.upstream.on("/pours", pours)
    client = worn.gateway.connect(receive_buffer=16384)
    client.request("GET", "/bearer-unmasked/pours", [wire.bearer(worn.key)])
    worn.upstream.last("/pours")
    yield worn
    client.abort()
    until(lambda: worn.gateway.metric("claviger_requests_active") == 0, "the call to be over")


def test_during_a_call_the_scan_finds_the_credential_it_is_about(stalled, scanner):
    """Else the scans above would prove nothing."""
    found = until(lambda: scanner.scan(stalled.gateway.pid, stalled.searched()).names(), "the canary to be found")

    assert "bearer-unmasked:raw" in found
    assert {name.partition(":")[0].partition("/")[0] for name in found} == {"bearer-unmasked"}


def test_after_a_call_that_was_cut_off_nothing_is_left_behind(worn, scanner):
    findings = scanner.scan(worn.gateway.pid, worn.searched())

    assert findings.patterns == [], findings.describe()


def test_after_reloads_nothing_is_left_behind(worn, scanner):
    for _ in range(5):
        worn.gateway.reload()
    worn.run(200)[1].clear()

    findings = scanner.scan(worn.gateway.pid, worn.searched())
    assert findings.patterns == [], findings.describe()


def test_the_environment_of_the_process_shows_no_credential(worn):
    environment = Path(f"/proc/{worn.gateway.pid}/environ").read_bytes()

    assert [name for name, secret in worn.secrets.items() if secret.encode() in environment] == []
    assert b"E2E_SECRET" not in environment or not re.search(rb"E2E_SECRET_\d+=[^\0]*fake", environment)


def test_neither_log_shows_a_credential_or_a_callers_key_at_debug_level(worn):
    said = (worn.gateway.log.text() + worn.gateway.access.text()).encode()

    assert len(worn.gateway.access.lines) > CALLS / 2
    for name, secret in worn.searched().items():
        for form, data in forms(secret):
            assert data not in said, f"{name} as {form}"
    for form, data in forms(worn.key.secret.encode()):
        assert data not in said, form


def test_no_metric_shows_a_credential(worn):
    with worn.gateway.connect("admin") as client:
        text = client.call("GET", "/metrics").body
    assert not [name for name, secret in worn.searched().items() for _, data in forms(secret) if data in text]


def test_a_callers_key_does_not_linger_either(worn, scanner):
    findings = scanner.scan(worn.gateway.pid, {"callers-key": worn.key.secret.encode()})

    assert findings.patterns == [], findings.describe()


def private_scalar(path):
    text = subprocess.run(["openssl", "pkey", "-in", path, "-noout", "-text"], capture_output=True, text=True, check=True).stdout
    return bytes.fromhex(re.sub(r"[\s:]", "", re.search(r"priv:(.*?)pub:", text, re.S)[1]))[-32:]


def test_the_private_key_of_the_listener_is_in_the_arena_alone(worn, scanner):
    path = worn.gateway.data / "server.key"
    scalar = private_scalar(path)
    pem = "".join(line for line in path.read_text().splitlines() if not line.startswith("-"))
    findings = scanner.scan(worn.gateway.pid, {"big-endian": scalar, "limbs": scalar[::-1], "pem": pem[40:88].encode()})

    outside = [(name, mapping) for name, mapping in findings.patterns if not mapping.is_arena]
    assert outside == [], findings.describe()
    assert [name for name in findings.names() if name.startswith(("limbs:raw", "big-endian:raw"))], "it must be somewhere"


def test_the_secrets_of_a_tls_session_are_gone_with_its_connection(worn, scanner, tmp_path):
    """While it lasts OpenSSL keeps them inside of its connection object, on the heap; key schedules never."""
    context = ssl.create_default_context(cafile=str(worn.gateway.ca))
    context.keylog_filename = str(tmp_path / "keys")
    with wire.Client(worn.gateway.addresses["gateway"]) as client:
        client.sock = context.wrap_socket(client.sock, server_hostname=worn.gateway.addresses["gateway"][0])
        open_before = worn.gateway.metric("claviger_connections_open")
        assert client.call("GET", "/bearer-nginx/echo/a", [wire.bearer(worn.key)]).status == 200
        logged = dict((line.split()[0], bytes.fromhex(line.split()[2]))
                      for line in (tmp_path / "keys").read_text().splitlines() if not line.startswith("#"))
        assert {"CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0"} <= set(logged)
        assert "SERVER_TRAFFIC_SECRET_0:raw" in scanner.scan(worn.gateway.pid, logged).names()
    until(lambda: worn.gateway.metric("claviger_connections_open") < open_before, "the connection to be gone")
    findings = scanner.scan(worn.gateway.pid, logged)
    assert findings.patterns == [], findings.describe()


def has_secret_memory():
    """memfd_secret(2): the same number on every architecture; no wrapper in libc as yet."""
    descriptor = ctypes.CDLL(None, use_errno=True).syscall(447, 0)
    if descriptor >= 0:
        os.close(descriptor)
    return descriptor >= 0


@pytest.mark.skipif(not has_secret_memory(), reason="this kernel has no memfd_secret")
@pytest.mark.parametrize("choice", ["memfd", None], ids=["asked for", "by default"])
def test_with_secretmem_not_even_root_reads_the_arena(make_gateway, make_upstream, choice, scanner):
    upstream, key = make_upstream(), make_api_key()
    gateway = make_gateway(yaml.simple("raw", upstream.url(), key), env={
        "E2E_SECRET": "fake-secretmem-0123456789-abcdef", **({"CLAVIGER_SECRET_MEMORY": choice} if choice else {})})
    assert gateway.get("/raw/any", key).status == 200

    arena = [mapping for mapping in mappings(gateway.pid) if "secretmem" in mapping.name]
    assert arena and all(mapping.access == "rw-s" for mapping in arena)
    with open(f"/proc/{gateway.pid}/mem", "rb", buffering=0) as memory:
        for mapping in arena:
            memory.seek(mapping.start)
            with pytest.raises(OSError):
                memory.read(16)
    findings = scanner.scan(gateway.pid, {"secret": b"fake-secretmem-0123456789-abcdef"})
    assert findings.patterns == [] and findings.schedules == [], findings.describe()
    assert findings.unreadable >= 4096
    assert gateway.metric("claviger_secret_memory", kind="memfd") == 1
