# SPDX-License-Identifier: Apache-2.0
"""What was uploaded is not left in the process: neither by uploads that worked, nor by those that did not, nor by calls; and
the keys of the store are in the arena alone. In the locked fallback, for the reason that test_memory_secrecy.py gives."""

import base64
import os

import pytest

from support import wire
from support.gateway import IS_SANITIZED
from support.managed import ManagedGateway, managed_resources
from support.raw_upstream import RawUpstream
from support.waiting import until
from support.world import KINDS, fake_secret

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="reading another process's memory takes root"),
    pytest.mark.skipif(IS_SANITIZED, reason="a sanitizer's memory is not the gateway's"),
]

CALLS = 200


class Setting:
    """Every kind of credential, uploaded in every way, each used and then replaced; and uploads that are refused."""

    def __init__(self, directory, authority, identity):
        self.upstream = RawUpstream(identity)
        self.gateway = ManagedGateway(directory / "gateway", env={"CLAVIGER_SECRET_MEMORY": "locked"}, config={
            "gateway": {"workers": 2}, "log": {"level": "debug"}}).start()
        self.secrets = {}
        for number, (kind, auth) in enumerate(KINDS.items()):
            self.gateway.apply(managed_resources(kind, self.upstream.url("localhost"), auth=auth, tls={"ca": str(authority.cert)}))
        self.key = self.gateway.create_key("caller")
        self.clients = []
        for turn in ("old", "new"):
            for kind in KINDS:
                self.upload(kind, f"{kind}-{turn}")
            self.call()
        self.fail()

    def made(self, label, length=0):
        self.secrets[label] = fake_secret(label.replace(" ", "-"))
        return self.secrets[label].ljust(length, "x")

    def upload(self, kind, label):
        secret, name = self.made(label), f"{kind}-main"
        if kind == "basic":
            self.secrets[label] = secret = "user:" + secret
        if kind in ("bearer", "query"):
            self.gateway.set_secret(name, secret)
        else:
            self.gateway.cli("credential", "set", name, "--from-stdin", stdin=secret)

    def call(self):
        """Over lasting connections, which stay open."""
        client = self.gateway.connect()
        for turn in range(CALLS):
            kind = list(KINDS)[turn % len(KINDS)]
            assert client.call("POST", f"/{kind}/any?q=1", [wire.bearer(self.key)], b"x" * 100).status == 200
        self.clients.append(client)

    def fail(self):
        """Uploads to what is not there, of what is too much, in pieces, broken off, and in a place where no secret belongs."""
        api = self.gateway.api
        target = "/api/v1/credentials/bearer-main/secret"
        assert api("PUT", "/api/v1/credentials/nobody/secret", self.made("to nobody").encode()).status == 404
        assert api("PUT", target, self.made("to an old revision").encode(), fields=[("If-Match", '"1"')]).status == 409
        assert api("PUT", target, self.made("too long", 20_000).encode()).status == 400
        assert api("PUT", target, self.made("far too long", 300_000).encode()).status in (400, 413)
        assert api("PUT", target, self.made("with a line end").encode() + b"\r\nX-Evil: 1").status == 400
        assert api("PUT", target, {"secret": self.made("as json")}).status == 400
        assert api("POST", "/api/v1/apply", {"resources": [{
            "kind": "credential", "name": "x", "upstream": "bearer", "secret": self.made("in a resource")}]}).status == 400
        misplaced = self.made("as a name")
        for _ in range(50):  # documents lie on the ordinary heap, which reuses what was freed before it can be looked at
            assert api("POST", "/api/v1/apply", {"resources": [{
                "kind": "credential", "name": misplaced, "upstream": "bearer"}]}).status == 400
        own = self.gateway.create_key("caller")
        assert api("PUT", target, self.made("by somebody else").encode(), key=own).status == 403
        with self.gateway.connect("admin") as client:
            client.send(wire.head("PUT", target, [("X-API-Key", self.gateway.admin_key.text), ("Transfer-Encoding", "chunked"),
                                                  ("Content-Type", "application/octet-stream")])
                        + wire.chunked(self.made("in pieces").encode(), (7,)))
            assert client.read_answer().status in (200, 400)
        with self.gateway.connect("admin") as client:
            client.send(wire.head("PUT", target, [("X-API-Key", self.gateway.admin_key.text), ("Content-Length", "5000"),
                                                  ("Content-Type", "application/octet-stream")])
                        + self.made("broken off", 3000).encode())
            client.abort()
        self.gateway.set_secret("bearer-main", self.secrets["bearer-new"])
        assert self.gateway.get("/bearer/any", self.key).status == 200

    def searched(self):
        return {name.replace(" ", "-"): secret.encode() for name, secret in self.secrets.items()}


@pytest.fixture(scope="module")
def setting(tmp_path_factory, authority, identity):
    made = Setting(tmp_path_factory.mktemp("managed-memory"), authority, identity)
    until(lambda: made.gateway.metric("claviger_requests_active") == 0, "all calls to be over")
    yield made
    for client in made.clients:
        client.close()
    made.gateway.stop()
    made.upstream.stop()


def test_the_secrets_did_reach_the_upstream(setting):
    """Else nothing below would prove anything."""
    sent = b"".join(request.raw for request in setting.upstream.requests)
    for name in ("bearer-old", "bearer-new", "header-old", "header-new"):
        assert setting.secrets[name].encode() in sent


def test_no_upload_and_no_call_leaves_a_secret_in_memory(setting, scanner):
    findings = scanner.scan(setting.gateway.pid, setting.searched())

    assert findings.patterns == [], findings.describe()
    assert findings.scanned > 1_000_000 and findings.unreadable == 0


def test_management_leaves_no_api_key_in_memory(setting, scanner):
    """The admin's, and one that was made and shown."""
    findings = scanner.scan(setting.gateway.pid, {
        "admin-key": setting.gateway.admin_key.secret.encode(), "made-key": setting.key.secret.encode()})

    assert findings.patterns == [], findings.describe()


def test_the_master_key_and_all_key_schedules_are_in_the_arena_alone(setting, scanner):
    text = setting.gateway.master_key.read_text().strip().rpartition(":")[2]
    findings = scanner.scan(setting.gateway.pid, {"master-key": base64.b64decode(text), "its-text": text.encode()})

    outside = [(name, mapping) for name, mapping in findings.patterns + findings.schedules if not mapping.is_arena]
    assert outside == [], findings.describe()


def test_after_a_restart_they_are_not_in_memory_either(setting, scanner):
    """Opened from the store, and sealed for the process."""
    for client in setting.clients:
        client.close()
    setting.gateway.restart()
    setting.clients.clear()
    setting.call()

    findings = scanner.scan(setting.gateway.pid, setting.searched())
    assert findings.patterns == [], findings.describe()


def test_during_a_call_the_scan_finds_the_one_it_is_about(setting, scanner):
    """Else the scans above would prove nothing."""
    secret = setting.secrets["bearer-new"].encode()

    def pours(connection, request):
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            connection.send(wire.chunked((secret + b"\n") * 1000)[:-5])

    setting.upstream.on("/pours", pours)
    client = setting.gateway.connect(receive_buffer=16384)
    client.request("GET", "/bearer/pours", [wire.bearer(setting.key)])
    setting.upstream.last("/pours")
    found = until(lambda: scanner.scan(setting.gateway.pid, setting.searched()).names(), "the canary to be found")
    client.abort()
    assert {"bearer-new:raw", "bearer-new/first:raw"} & set(found)
