# SPDX-License-Identifier: Apache-2.0
"""No secret, and nothing that was fetched with one, is anywhere in the process between calls: of every kind of credential, after
whatever can happen to it. In the locked fallback, for the reason that test_memory_secrecy.py gives."""

import base64
import json
import os
import re
import secrets
import subprocess

import pytest

from support import resources as yaml
from support import wire
from support.endpoint import Endpoint
from support.gateway import IS_SANITIZED, parse_json
from support.managed import ManagedGateway, managed_resources
from support.raw_upstream import chunk
from support.vault_server import VaultServer
from support.waiting import until
from support.world import KINDS as STATIC
from support.world import fake_secret

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="reading another process's memory takes root"),
    pytest.mark.skipif(IS_SANITIZED, reason="a sanitizer's memory is not the gateway's"),
]

FETCHING = ("session", "cookie", "client", "refresh", "jwt")
KINDS = (*FETCHING, "aws", "certificate", *STATIC)


def openssl(*arguments, text=None):
    return subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, check=True, input=text).stdout


def new_key():
    return openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")


def scalar_of(pem):
    text = openssl("pkey", "-noout", "-text", text=pem)
    return bytes.fromhex(re.sub(r"[\s:]", "", re.search(r"priv:(.*?)pub:", text, re.S)[1]))[-32:]


class Setting:
    def __init__(self, directory, authority, identity):
        self.authority = authority
        self.endpoint = Endpoint(identity)
        self.guarded = Endpoint(identity)  # lets in whoever has a certificate, alone
        self.guarded.context.load_verify_locations(authority.cert)
        self.guarded.context.verify_mode = 2  # ssl.CERT_REQUIRED
        self.directory = directory
        self.gateway = ManagedGateway(directory / "gateway", env={"CLAVIGER_SECRET_MEMORY": "locked"}, config={
            "gateway": {"workers": 2}, "log": {"level": "debug"}}).start()
        self.secrets = {}  # in the form that no memory may hold; from the first on
        self.inside = {}   # what may lie in the arena, and nowhere else
        self.clients = []
        for kind in KINDS:
            upstream = self.guarded if kind == "certificate" else self.endpoint
            self.gateway.apply(managed_resources(kind, upstream.url("localhost"), auth=self.auth(kind), tls={"ca": str(authority.cert)}))
            self.rotate(kind, "first")
        self.key = self.gateway.create_key("caller")

    def auth(self, kind):
        token = {"token_url": self.endpoint.url("localhost") + "/token", "ca": str(self.authority.cert),
                 "allow_private_addresses": ["127.0.0.0/8", "::1/128"]}
        login = {"kind": "session_login", "username": "user", "login": {"path": "/login", "json": {"user": "$user", "pass": "$password"}}}
        return {
            "session": {**login, "token": {"json": "data.token", "expires_in": "expires_in"}, "send": {"kind": "header", "name": "X-Session"}},
            "cookie": {**login, "token": {"cookie": "SID"}, "lifetime": "10m", "send": {"kind": "cookie", "name": "SID"}},
            "client": {"kind": "oauth2_client_credentials", "client_id": "claviger", **token},
            "refresh": {"kind": "oauth2_refresh_token", "client_id": "claviger", "client_auth": "none", **token},
            "jwt": {"kind": "jwt_bearer", "issuer": "claviger", **token},
            "aws": {"kind": "aws_sigv4", "region": "eu-central-1", "service": "s3"},
            "certificate": {"kind": "client_certificate"},
            **STATIC,
        }[kind]

    def made(self, kind, label):
        """A secret as it is set; what is looked for goes where it belongs."""
        name = f"{kind}-{label}"
        if kind == "refresh":
            self.endpoint.refresh = self.secrets[name] = f"fake-refresh-{secrets.token_hex(20)}"
            return self.secrets[name]
        if kind == "jwt":
            pem = new_key()
            self.secrets[name] = "".join(pem.splitlines()[1:-1])[40:120]
            self.inside[name] = scalar_of(pem)
            return pem
        if kind == "aws":
            self.secrets[name] = secrets.token_hex(20)
            self.secrets[f"{name}-token"] = secrets.token_hex(40)
            return f"AKIAFAKEFAKEFAKEFAKE:{self.secrets[name]}:{self.secrets[f'{name}-token']}"
        if kind == "certificate":
            identity = self.authority.issue(f"custody-{label}-{secrets.token_hex(4)}", names=("DNS:claviger",), usage="clientAuth")
            pem = identity.key.read_text()
            self.secrets[name] = "".join(pem.splitlines()[1:-1])[40:120]
            self.inside[name] = scalar_of(pem)
            return identity.cert.read_text() + pem
        self.secrets[name] = fake_secret(name)
        return ("user:" if kind == "basic" else "") + self.secrets[name]

    def rotate(self, kind, label):
        self.gateway.set_secret(f"{kind}-main", self.made(kind, label))

    def ask(self, kind, path="/any", method="GET", body=b""):
        return self.gateway.call(method, f"/{kind}{path}", self.key, body=body)

    def use(self, kinds=KINDS, rounds=10):
        """Calls of every sort over a lasting connection, which stays open."""
        client = self.gateway.connect()
        for turn in range(rounds * len(kinds)):
            kind = kinds[turn % len(kinds)]
            answer = client.call("POST" if turn % 2 else "GET", f"/{kind}/any?q=1", [wire.bearer(self.key)], b"x" * 100 if turn % 2 else b"")
            assert answer.status == 200, (kind, answer)
        self.clients.append(client)
        for kind in kinds:
            assert self.ask(kind, "/echoes", "POST", b"y" * 50).status == 200, kind
            assert self.ask(kind, "/resets").status == 502
            with pytest.raises((wire.BrokenAnswer, ConnectionError)):
                self.ask(kind, "/breaks-off")

    def searched(self):
        everything = {**self.secrets, **self.endpoint.made, **self.endpoint.shown}
        return {name.replace(" ", "-"): secret.encode() for name, secret in everything.items()}

    def settle(self):
        until(lambda: self.gateway.metric("claviger_requests_active") == 0, "all calls to be over")

    def expect_clean(self, scanner):
        self.settle()
        findings = scanner.scan(self.gateway.pid, self.searched())
        assert findings.patterns == [], findings.describe()
        assert findings.scanned > 1_000_000 and findings.unreadable == 0
        both_ways = {name + end: key[::step] for name, key in self.inside.items() for end, step in (("", 1), ("-limbs", -1))}
        findings = scanner.scan(self.gateway.pid, both_ways)
        outside = [(name, mapping) for name, mapping in findings.patterns + findings.schedules if not mapping.is_arena]
        assert outside == [], findings.describe()

    def stop(self):
        for client in self.clients:
            client.close()
        self.gateway.stop()
        self.endpoint.stop()
        self.guarded.stop()


@pytest.fixture(scope="module")
def setting(tmp_path_factory, authority, identity):
    made = Setting(tmp_path_factory.mktemp("custody-memory"), authority, identity)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def used(setting):
    setting.use()
    return setting


def test_secrets_that_were_set_and_not_used_are_in_no_memory(setting, scanner):
    setting.expect_clean(scanner)


def test_what_was_fetched_did_reach_the_upstream(used):
    """Else nothing below would prove anything."""
    sent = b"".join(request.raw for request in used.endpoint.requests if request.path == "/any")
    for label in ("session", "cookie", "client", "refresh", "jwt"):
        assert any(token.encode() in sent for name, token in used.endpoint.made.items() if name.startswith(label + ".")), label
    assert b"AWS4-HMAC-SHA256" in sent and used.secrets["aws-first-token"].encode() in sent
    assert used.guarded.requests
    assert used.secrets["bearer-first"].encode() in sent and used.secrets["header-first"].encode() in sent


def test_calls_leave_neither_secret_nor_token_nor_assertion(used, scanner):
    used.expect_clean(scanner)


def test_nor_do_tokens_that_the_upstream_gave_up_and_those_after_them(used, scanner):
    used.endpoint.forget_all()  # once: what is lost again and again is renewed with growing pauses
    for kind in FETCHING:
        assert used.ask(kind).status == 200, kind
    used.expect_clean(scanner)


def test_nor_do_refreshes_ahead_of_their_time(used, scanner):
    used.endpoint.lifetime = 4
    for kind in FETCHING:
        used.rotate(kind, "short")
    before = len(used.endpoint.made)
    until(lambda: {used.ask(kind).status for kind in FETCHING} == {200} and len(used.endpoint.made) >= before + 12, "some refreshes")
    used.endpoint.lifetime = 600
    used.expect_clean(scanner)


@pytest.mark.parametrize("mood", ["error", "refusal", "nonsense", "redirect", "too much", "hangs up", "breaks off"])
def test_nor_do_token_endpoints_that_fail_with_what_they_were_shown_in_their_answer(used, scanner, mood):
    for kind in FETCHING:  # anew, so that no back-off of the mood before is in the way
        used.rotate(kind, mood.replace(" ", "-"))
    used.endpoint.mood = mood
    asked = len(used.endpoint.requests)
    statuses = {kind: used.ask(kind).status for kind in FETCHING}
    used.endpoint.mood = "fine"
    assert set(statuses.values()) <= {502, 503, 504}, statuses
    assert len(used.endpoint.requests) > asked
    used.expect_clean(scanner)


def test_nor_do_rotations(used, scanner):
    for label in ("second", "third"):
        for kind in KINDS:
            used.rotate(kind, label)
        used.use(rounds=3)
    used.expect_clean(scanner)


def test_nor_do_uploads_that_are_no_secret_of_the_kind(used, scanner):
    api = used.gateway.api
    for kind, secret in (("jwt", "not-a-key-" + used.secrets["jwt-third"]), ("aws", used.secrets["aws-third"]),
                         ("certificate", "-----BEGIN PRIVATE KEY-----\n" + used.secrets["certificate-third"] + "\n-----END PRIVATE KEY-----"),
                         ("refresh", json.dumps({"client_secret": used.secrets["client-third"]}))):
        answer = api("PUT", f"/api/v1/credentials/{kind}-main/secret", secret.encode())
        assert answer.status == 400, (kind, answer.text)
        assert not any(each.encode() in answer.body for each in used.secrets.values())
    used.use(rounds=1)
    used.expect_clean(scanner)


def test_nor_does_another_master_key(used, scanner):
    old = base64.b64decode(used.gateway.master_key.read_text().strip().rpartition(":")[2])
    used.gateway.cli("rekey", "--remove-old")
    new = base64.b64decode(used.gateway.master_key.read_text().strip().rpartition(":")[2])
    assert new != old
    used.use(rounds=2)
    used.expect_clean(scanner)
    findings = scanner.scan(used.gateway.pid, {"old-master-key": old, "new-master-key": new})
    assert [name for name, mapping in findings.patterns if not mapping.is_arena] == [], findings.describe()


def test_nor_do_disabling_revoking_and_deleting(used, scanner):
    for kind in ("client", "aws", "certificate"):
        name = f"{kind}-last"
        used.gateway.apply([{"kind": "credential", "name": name, "upstream": kind}])
        used.gateway.set_secret(name, used.made(kind, "last"))
        used.use((kind,), rounds=4)
        used.gateway.managed("POST", f"/credentials/{name}/disable")
        used.gateway.managed("POST", f"/credentials/{name}/enable")
        used.use((kind,), rounds=4)
        used.gateway.managed("POST", f"/credentials/{name}/revoke")
        used.use((kind,), rounds=2)
    used.expect_clean(scanner)


def test_nor_does_a_restart(used, scanner):
    for client in used.clients:
        client.close()
    used.clients.clear()
    used.gateway.restart()
    used.use(rounds=3)
    used.expect_clean(scanner)


def test_no_log_event_or_metric_has_any_of_it(used):
    said = (used.gateway.log.text() + used.gateway.access.text() + used.gateway.exposition() +
            "".join(path.read_text(errors="replace") for path in used.gateway.audit_log.rglob("*") if path.is_file())).encode()
    assert [name for name, secret in used.searched().items() if secret in said] == []


def test_no_file_of_the_gateway_has_any_of_it(used):
    held = b"".join(path.read_bytes() for path in used.gateway.files())
    assert [name for name, secret in used.searched().items() if secret in held] == []


def test_during_a_call_the_scan_finds_the_token_that_it_is_about(used, scanner):
    """Else the scans above would prove nothing. With masking off: on, it would not lie in the gateway even then."""
    def pours(connection, request):
        line = request.get("X-Session").encode() + b"\n"
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            connection.send(chunk(line * 1000))

    used.gateway.apply(managed_resources("session", used.endpoint.url("localhost"), auth=used.auth("session"),
                                         tls={"ca": str(used.authority.cert)}, answers={"mask": False})[:1])
    used.endpoint.on("/pours", pours)
    client = used.gateway.connect(receive_buffer=16384)
    client.request("GET", "/session/pours", [wire.bearer(used.key)])
    used.endpoint.last("/pours")
    found = until(lambda: scanner.scan(used.gateway.pid, used.searched()).names(), "the canary to be found")
    client.abort()
    assert any(re.match(r"session\.\d+(/first|/second)?:raw", name) for name in found), found
    assert not [name for name in found if not name.startswith("session.")], found


SOURCES = {name: f"fake-{name}-{secrets.token_hex(16)}" for name in ("role", "secret-id")}


def test_secrets_that_lie_elsewhere_leave_nothing_when_they_change_nor_when_their_source_fails(make_gateway, make_upstream, key, scanner, tmp_path):
    vault, upstream = VaultServer(), make_upstream()
    vault.add_role(SOURCES["role"], SOURCES["secret-id"], ttl=4, most_renewals=1)
    vault.mount("secret/")
    held = {f"{where}-{turn}": fake_secret(f"{where}-{turn}") for where in ("vault", "file", "env") for turn in range(4)}
    vault.put("secret/", "team/api", key=held["vault-0"])
    file = tmp_path / "secret"

    def write(turn):
        beside = tmp_path / "beside"
        beside.write_text(held[f"file-{turn}"] + "\n")
        beside.chmod(0o600)
        beside.rename(file)

    write(0)
    places = {"vault": "vault:secret/team/api#key", "file": f"file:{file}", "env": "env:E2E_SECRET"}
    resources = [yaml.principal("caller"), yaml.api_key(key, "caller")]
    for where, place in places.items():
        resources += [yaml.upstream(where, upstream.url()), yaml.credential(f"{where}-main", where, place), yaml.grant("caller", where)]
    gateway = make_gateway(resources, env={
        "CLAVIGER_SECRET_MEMORY": "locked", "E2E_SECRET": held["env-0"], "FAKE_ROLE": SOURCES["role"], "FAKE_SECRET_ID": SOURCES["secret-id"],
    }, config={"gateway": {"workers": 2}, "log": {"level": "debug"}, "sources": {"wait": "5s", "file": {"poll": "1s"}, "vault": {
        "address": vault.url, "refresh": "1s", "auth": {"approle": {"role_id": "env:FAKE_ROLE", "secret_id": "env:FAKE_SECRET_ID"}}}}})

    def sends(where, turn):
        return gateway.get(f"/{where}/any", key).status == 200 and held[f"{where}-{turn}"] in upstream.last("/any").get("Authorization")

    for turn in range(3):
        vault.put("secret/", "team/api", key=held[f"vault-{turn}"])
        write(turn)
        for where in ("vault", "file"):
            until(lambda where=where, turn=turn: sends(where, turn), f"{where} {turn}")
        assert sends("env", 0)
    gateway.reload()
    for where, turn in (("vault", 2), ("file", 2), ("env", 0)):
        until(lambda where=where, turn=turn: sends(where, turn), f"{where} after the reload")
    vault.stop()
    file.unlink()
    until(lambda: b"source" in gateway.log.text().encode() and any(
        line and line.get("level") in ("warning", "error") for line in map(parse_json, list(gateway.log.lines))), "it to say that they fail")

    tokens = {f"client-token-{number}": token for number, token in enumerate(vault.tokens) }
    searched = {name: secret.encode() for name, secret in {**held, **SOURCES, **tokens}.items()}
    until(lambda: gateway.metric("claviger_requests_active") == 0, "all calls to be over")
    findings = scanner.scan(gateway.pid, searched)
    assert findings.patterns == [], findings.describe()
