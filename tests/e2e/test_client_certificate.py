# SPDX-License-Identifier: Apache-2.0
"""The gateway proves itself with a certificate in the TLS handshake: to a real nginx that lets nobody in without."""

import json
import os
import subprocess

import pytest

from support import resources as yaml
from support.certs import Authority, Identity, openssl
from support.gateway import IS_SANITIZED
from support.keys import make_api_key
from support.nginx import free_ports
from support.waiting import until

KINDS = {"rsa": ("-newkey", "rsa:2048"), "ec": ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"), "ed25519": ("-newkey", "ed25519")}
VERSIONS = ("TLSv1.2", "TLSv1.3")

CONFIGURATION = """
{user}
daemon off;
worker_processes 1;
pid {dir}/nginx.pid;
error_log {dir}/error.log info;
events {{ worker_connections 256; }}
http {{
  log_format seen escape=json '{{"subject":"$ssl_client_s_dn","verified":"$ssl_client_verify","resumed":"$ssl_session_reused",'
    '"protocol":"$ssl_protocol","connection":"$connection","status":"$status","requests":"$connection_requests","uri":"$uri"}}';
  access_log {dir}/seen.log seen;
  client_body_temp_path {dir}/bodies; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/fastcgi;
  uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;
  ssl_certificate {cert};
  ssl_certificate_key {key};
  ssl_client_certificate {ca};
  ssl_verify_depth 3;
  ssl_session_cache shared:sessions:1m;
  server {{ listen 127.0.0.1:{v12} ssl; ssl_protocols TLSv1.2; ssl_verify_client on; location / {{ return 200 "$ssl_client_s_dn"; }} }}
  server {{ listen 127.0.0.1:{v13} ssl; ssl_protocols TLSv1.3; ssl_verify_client on; location / {{ return 200 "$ssl_client_s_dn"; }}
    location /hang-up {{ keepalive_timeout 0; return 200 "$ssl_client_s_dn"; }} }}
}}
"""


class VerifyingNginx:
    """Asks for certificates of one CA, on a port for each version of TLS."""

    def __init__(self, directory, identity, ca):
        self.directory = directory
        for _ in range(5):
            v12, v13 = free_ports(2)
            self.ports = {"TLSv1.2": v12, "TLSv1.3": v13}
            configuration = directory / "nginx.conf"
            configuration.write_text(CONFIGURATION.format(
                user="user root;" if os.geteuid() == 0 else "", dir=directory, cert=identity.cert, key=identity.key, ca=ca, v12=v12, v13=v13))
            self.process = subprocess.Popen(
                ["nginx", "-p", str(directory), "-e", str(directory / "error.log"), "-c", str(configuration)],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            until(lambda: (directory / "nginx.pid").exists() or self.process.poll() is not None, "nginx to start")
            if self.process.poll() is None:
                return
        raise AssertionError("nginx does not start: " + (directory / "error.log").read_text())

    def url(self, version):
        return f"https://localhost:{self.ports[version]}"

    def seen(self, uri):
        log = self.directory / "seen.log"
        lines = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        return [line for line in lines if line["uri"] == uri]

    def one(self, uri):
        return until(lambda: self.seen(uri), f"nginx to have seen {uri}")[-1]

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


def issue(authority, label, kind="ec", days=1):
    """A client's certificate, with a key of any kind."""
    key, request, cert, extensions = (authority.directory / f"{label}.{end}" for end in ("key", "csr", "pem", "ext"))
    extensions.write_text("extendedKeyUsage=clientAuth\n")
    openssl("req", "-new", *KINDS[kind], "-nodes", "-subj", f"/CN={label}", "-keyout", key, "-out", request)
    openssl("x509", "-req", "-in", request, "-CA", authority.cert, "-CAkey", authority.key, "-CAcreateserial", "-days", days,
            "-extfile", extensions, "-out", cert)
    return Identity(cert, key)


def pem(identity, *others):
    return "".join(path.read_text() for path in (identity.cert, *others, identity.key))


@pytest.fixture(scope="module")
def clients(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("clients"), "Test clients CA")


@pytest.fixture(scope="module")
def intermediate(clients, tmp_path_factory):
    """A CA below it, of which the upstream knows nothing."""
    made = object.__new__(Authority)
    made.directory = tmp_path_factory.mktemp("intermediate")
    made.cert, made.key = made.directory / "ca.pem", made.directory / "ca.key"
    extensions = made.directory / "ca.ext"
    extensions.write_text("basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n")
    openssl("req", "-new", *KINDS["ec"], "-nodes", "-subj", "/CN=Test intermediate CA", "-keyout", made.key, "-out", made.directory / "ca.csr")
    openssl("x509", "-req", "-in", made.directory / "ca.csr", "-CA", clients.cert, "-CAkey", clients.key, "-CAcreateserial", "-days", "1",
            "-extfile", extensions, "-out", made.cert)
    return made


@pytest.fixture(scope="module")
def server(tmp_path_factory, identity, clients):
    made = VerifyingNginx(tmp_path_factory.mktemp("verifying"), identity, clients.cert)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def identities(clients):
    return {kind: issue(clients, f"client-{kind}", kind) for kind in KINDS}


def resources(server, authority, key, credentials, version="TLSv1.3", name="mutual"):
    """`credentials`: name to file of one upstream."""
    made = [yaml.upstream(name, server.url(version), "client_certificate", tls={"ca": str(authority.cert)}), yaml.principal("caller"),
            yaml.api_key(key, "caller"), yaml.grant("caller", name)]
    return made + [yaml.credential(label, name, source) for label, source in credentials.items()]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_upstream_knows_the_gateway_by_its_certificate(make_gateway, server, authority, identities, key, kind, version):
    gateway = make_gateway(start=False)
    source = gateway.write_secret("client.pem", pem(identities[kind]))
    gateway.write_resources(resources(server, authority, key, {"main": source}, version))
    gateway.start()
    for number in range(3):
        answer = gateway.get(f"/mutual/{kind}", key)
        assert (answer.status, answer.text) == (200, f"CN=client-{kind}")
    seen = server.one(f"/{kind}")
    assert (seen["verified"], seen["protocol"]) == ("SUCCESS", version)


def test_the_order_in_the_text_does_not_matter_and_the_chain_is_shown(make_gateway, server, authority, intermediate, key):
    below = issue(intermediate, "client-below")
    gateway = make_gateway(start=False)
    source = gateway.write_secret("client.pem", below.key.read_text() + intermediate.cert.read_text() + below.cert.read_text())
    gateway.write_resources(resources(server, authority, key, {"main": source}))
    gateway.start()
    assert gateway.get("/mutual/below", key).text == "CN=client-below"


def test_without_its_chain_the_upstream_does_not_take_it(make_gateway, server, authority, intermediate, key):
    below = issue(intermediate, "client-lone")
    gateway = make_gateway(start=False)
    source = gateway.write_secret("client.pem", pem(below))
    gateway.write_resources(resources(server, authority, key, {"main": source}))
    gateway.start()
    assert gateway.get("/mutual/lone", key).status in (400, 502)  # nginx says so in an answer
    assert server.one("/lone")["verified"].startswith("FAILED")


def test_connections_and_sessions_are_never_shared_between_credentials(make_gateway, server, authority, identities, clients, key):
    other = issue(clients, "client-other")
    gateway = make_gateway(start=False, config={"gateway": {"workers": 1}})
    sources = {"one": gateway.write_secret("one.pem", pem(identities["ec"])), "two": gateway.write_secret("two.pem", pem(other))}
    gateway.write_resources(resources(server, authority, key, sources))
    gateway.start()
    told = []
    for number in range(12):
        told.append(gateway.get("/mutual/hang-up" if number < 6 else "/mutual/shared", key).text)
    assert sorted(set(told)) == ["CN=client-ec", "CN=client-other"] and told.count("CN=client-ec") == 6
    by_connection = {}
    for line in until(lambda: len(server.seen("/shared")) == 6 and server.seen("/shared"), "nginx to have seen all"):
        by_connection.setdefault(line["connection"], set()).add(line["subject"])
    assert len(by_connection) == 2 and all(len(subjects) == 1 for subjects in by_connection.values())
    resumed = [line for line in server.seen("/hang-up") if line["resumed"] == "r"]
    assert resumed, "sessions of one credential are resumed"


def test_another_certificate_is_shown_on_connections_of_its_own(make_gateway, server, authority, identities, clients, key):
    gateway = make_gateway(start=False, config={"gateway": {"workers": 1}})
    source = gateway.write_secret("client.pem", pem(identities["ec"]))
    gateway.write_resources(resources(server, authority, key, {"main": source}))
    gateway.start()
    assert gateway.get("/mutual/before", key).text == "CN=client-ec"
    until(lambda: gateway.metric("claviger_upstream_connections_idle") == 1, "the connection to be kept")
    gateway.write_secret("client.pem", pem(issue(clients, "client-next")))
    gateway.reload()
    until(lambda: gateway.metric("claviger_upstream_connections_idle") == 0, "the connection that showed the old one to be closed")
    assert gateway.get("/mutual/after", key).text == "CN=client-next"
    assert server.one("/before")["connection"] != server.one("/after")["connection"]


def test_a_chain_that_was_forgotten_is_shown_once_it_is_there(make_gateway, server, authority, intermediate, key):
    below = issue(intermediate, "client-mended")
    gateway = make_gateway(start=False, config={"gateway": {"workers": 1}})
    source = gateway.write_secret("client.pem", pem(below))
    gateway.write_resources(resources(server, authority, key, {"main": source}))
    gateway.start()
    assert gateway.get("/mutual/mended", key).status in (400, 502)
    gateway.write_secret("client.pem", pem(below, intermediate.cert))
    gateway.reload()
    answer = until(lambda: (got := gateway.get("/mutual/mended", key)).status == 200 and got, "the chain to be shown")
    assert answer.text == "CN=client-mended"


def test_before_it_expires_there_are_reminders_and_then_it_is_used_no_more(make_gateway, server, authority, clients, key):
    gateway = make_gateway(start=False)
    source = gateway.write_secret("client.pem", pem(issue(clients, "client-brief", days=1)))
    gateway.write_resources(resources(server, authority, key, {"main": source}))
    gateway.start()
    reminder = gateway.event("credential_needs_attention")
    assert reminder["credential"] == "main" and "expires in 23 hours" in reminder["detail"]
    assert gateway.get("/mutual/brief", key).status == 200
    gateway.write_secret("client.pem", pem(issue(clients, "client-over", days=0)))
    gateway.reload()
    changed = gateway.event("credential_state_changed")
    assert (changed["to"], changed["reason"]) == ("invalid", "expired")
    refused = gateway.get("/mutual/over", key)
    assert refused.status == 503 and "no_credential" in refused.text
    assert server.seen("/over") == []
    gateway.write_secret("client.pem", pem(issue(clients, "client-lasting", days=100)))
    gateway.reload()
    until(lambda: gateway.get("/mutual/lasting", key).text == "CN=client-lasting", "the next one to be shown")


def test_revoking_it_closes_its_connections(make_managed, server, authority, identities):
    gateway = make_managed(config={"gateway": {"workers": 1}})
    key = gateway.serve_simple("mutual", server.url("TLSv1.3"), pem(identities["rsa"]), auth="client_certificate",
                               tls={"ca": str(authority.cert)})
    assert gateway.get("/mutual/revoke", key).text == "CN=client-rsa"
    until(lambda: gateway.metric("claviger_upstream_connections_idle") == 1, "the connection to be kept")
    gateway.cli("credential", "revoke", "mutual-main")
    until(lambda: gateway.metric("claviger_upstream_connections_idle") == 0, "its connections to be closed")
    assert gateway.get("/mutual/revoke", key).status == 503


def wrong(tmp_path, clients, identities):
    """Secrets that are none, and what is said of them."""
    strange = issue(clients, "client-strange")
    locked = tmp_path / "locked.key"
    openssl("pkey", "-in", strange.key, "-aes256", "-passout", "pass:fake", "-out", locked)
    own = identities["ec"]
    return {
        own.cert.read_text() + strange.key.read_text(): "the private key is that of none of the certificates",
        own.cert.read_text() + locked.read_text(): "has a password",
        own.cert.read_text(): "there is no private key",
        own.key.read_text(): "there is no certificate",
        "fake-and-no-pem-at-all": "there is no certificate",
        own.cert.read_text()[:300] + "\n-----END CERTIFICATE-----\n" + own.key.read_text(): "damaged",
        own.key.read_text().replace("PRIVATE KEY-----\n", "PRIVATE KEY-----\nAAAA", 1) + own.cert.read_text(): "there is no private key",
    }


def test_what_is_wrong_with_a_secret_is_said_with_what_to_do(make_gateway, server, authority, identities, clients, key, tmp_path):
    for secret, what in wrong(tmp_path, clients, identities).items():
        gateway = make_gateway(start=False)
        gateway.write_resources(resources(server, authority, key, {"main": gateway.write_secret("client.pem", secret)}))
        gateway.spawn()
        assert gateway.wait() != 0
        text = gateway.log.text()
        assert what in text and "credential 'main'" in text, text
        assert not any(line in text for line in secret.splitlines() if len(line) > 40)


def test_it_is_shown_over_tls_alone(make_gateway, key, identities):
    gateway = make_gateway(start=False)
    source = gateway.write_secret("client.pem", pem(identities["ec"]))
    gateway.write_resources([yaml.upstream("plain", "http://127.0.0.1:1", "client_certificate"), yaml.credential("main", "plain", source)])
    gateway.spawn()
    assert gateway.wait() != 0
    assert "its upstream has to be https: a certificate is shown in the TLS handshake" in gateway.log.text()


def private_numbers(identity):
    """Every number that gives the key away, as OpenSSL keeps them and as they are written."""
    serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization", reason="python3-cryptography is not there")
    key = serialization.load_pem_private_key(identity.key.read_bytes(), None)
    if not hasattr(key, "private_numbers"):
        raw = serialization
        return {"seed": key.private_bytes(raw.Encoding.Raw, raw.PrivateFormat.Raw, raw.NoEncryption())}
    numbers = key.private_numbers()
    if hasattr(numbers, "private_value"):
        return both_ways("private", numbers.private_value)
    return {name: value for label in ("p", "q", "d") for name, value in both_ways(label, getattr(numbers, label)).items()}


def both_ways(label, number):
    size = (number.bit_length() + 7) // 8
    return {f"{label}.be": number.to_bytes(size, "big"), f"{label}.le": number.to_bytes(size, "little")}


@pytest.mark.skipif(os.geteuid() != 0, reason="reading another process's memory takes root")
@pytest.mark.skipif(IS_SANITIZED, reason="a sanitizer's memory is not the gateway's")
@pytest.mark.parametrize("kind", KINDS)
def test_the_private_key_is_in_the_arena_alone(make_gateway, server, authority, identities, key, scanner, kind):
    gateway = make_gateway(start=False, env={"CLAVIGER_SECRET_MEMORY": "locked"}, config={"gateway": {"workers": 2}})
    secret = pem(identities[kind])
    gateway.write_resources(resources(server, authority, key, {"main": gateway.write_secret("client.pem", secret)}))
    gateway.start()
    for version in range(6):
        assert gateway.get("/mutual/hang-up", key).status == 200
    gateway.reload()
    assert gateway.get("/mutual/hang-up", key).status == 200
    searched = private_numbers(identities[kind])
    searched["pem"] = identities[kind].key.read_text().splitlines()[1].encode()
    findings = scanner.scan(gateway.pid, searched)
    outside = [(name, mapping) for name, mapping in findings.patterns if not mapping.is_arena]
    assert outside == [], findings.describe()
    assert findings.patterns, "where it lies it is found"
    assert not any(name.startswith("pem") for name in findings.names()), "its text is wiped"
