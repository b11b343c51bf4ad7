# SPDX-License-Identifier: Apache-2.0
"""Callers that prove who they are with a certificate: who gets in, as whom, and when that ends."""

import contextlib
import hashlib
import ssl
import threading
import time

import pytest

from support import resources as yaml
from support import wire
from support.certs import Authority
from support.keys import make_api_key
from support.managed import managed_resources
from support.raw_upstream import LEAVE, chunk
from support.waiting import PATIENCE, until
from support.world import fake_secret

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def streams(connection, request):
    """Server-sent events, until the other side has enough."""
    connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not connection.upstream.release.wait(0.02):
        connection.send(chunk(b"data: tick\n\n"))
    return LEAVE


def fingerprint(identity):
    der = ssl.PEM_cert_to_DER_cert(identity.cert.read_text())
    return "sha256:" + hashlib.sha256(der).hexdigest()


@pytest.fixture(scope="module")
def callers(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("callers"), "Test callers CA")


@pytest.fixture(scope="module")
def strangers(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("strangers"), "Test strangers CA")


def issue(authority, label, *names, **how):
    return authority.issue(label, names, usage="clientAuth", **how)


@pytest.fixture(scope="module")
def alice(callers):
    return issue(callers, "alice", "DNS:Alice.Example.com", "URI:spiffe://example.com/alice")


@pytest.fixture(scope="module")
def bob(callers):
    return issue(callers, "bob", "DNS:bob.example.com")


@pytest.fixture(scope="module")
def nameless(callers):
    return issue(callers, "nameless")


class Stand:
    """alice and bob have certificates, carol has none; each has a key."""

    def __init__(self, make_gateway, directory, callers, upstream, nameless, mode):
        self.keys = {name: make_api_key() for name in ("alice", "bob", "carol")}
        self.nameless = nameless
        self.upstream = upstream
        self.ca_file = directory / "callers.pem"
        self.trust(callers.cert.read_text())
        tls = {"client_ca": str(self.ca_file)} | ({"client_certificate": "optional"} if mode == "optional" else {})
        self.gateway = make_gateway(self.resources(), tls=True, env={"E2E_SECRET": fake_secret("mutual")},
                                    config={"gateway": {"tls": tls, "workers": 2}})

    def resources(self, alice=("dns:alice.example.com",), **of_alice):
        return [
            yaml.upstream("raw", self.upstream.url()), yaml.credential("raw-main", "raw", "env:E2E_SECRET"),
            yaml.principal("alice", certificates=list(alice), **of_alice),
            yaml.principal("bob", certificates=["dns:bob.example.com", fingerprint(self.nameless)]),
            yaml.principal("carol"),
            *(yaml.api_key(key, name) for name, key in self.keys.items()),
            *(yaml.grant(name, "raw") for name in self.keys),
        ]

    def trust(self, text):
        """Replaces the CA file in one step, as an operator's tool would."""
        part = self.ca_file.with_suffix(".part")
        part.write_text(text)
        part.chmod(0o644)
        part.rename(self.ca_file)

    def context(self, identity=None, version=None):
        context = ssl.create_default_context(cafile=str(self.gateway.ca))
        if identity:
            context.load_cert_chain(identity.cert, identity.key)
        if version:
            context.minimum_version = context.maximum_version = VERSIONS[version]
        return context

    def connect(self, identity=None, version=None, **how):
        return self.gateway.connect(**{"context": self.context(identity, version), **how})

    def get(self, identity=None, key=None, client=None, version=None):
        """The answer; None when there was none, since the connection was refused."""
        fields = [wire.bearer(self.keys[key])] if key else []
        if client:
            return client.call("GET", "/raw/any", fields)
        try:
            with self.connect(identity, version) as own:
                return own.call("GET", "/raw/any", fields)
        except (ssl.SSLError, ConnectionError, wire.BrokenAnswer):
            return None

    def status(self, *arguments, **how):
        answer = self.get(*arguments, **how)
        return answer and answer.status

    def requests(self):
        """How many reached the gateway listener's doors."""
        return sum(self.gateway.metric("claviger_requests_total", worker=str(number)) for number in range(2))

    def who(self, *arguments, **how):
        answer = self.get(*arguments, **how)
        assert answer is not None and answer.status == 200, answer
        line = self.gateway.access_line(answer.get("X-Request-Id"))
        return line["principal"], line["auth"], line.get("certificate")


@pytest.fixture
def upstream(make_upstream):
    return make_upstream().on("/events", streams)


@pytest.fixture
def required(make_gateway, tmp_path, callers, upstream, nameless):
    return Stand(make_gateway, tmp_path, callers, upstream, nameless, "required")


@pytest.fixture
def optional(make_gateway, tmp_path, callers, upstream, nameless):
    return Stand(make_gateway, tmp_path, callers, upstream, nameless, "optional")


# -- who gets in

@pytest.mark.parametrize("version", VERSIONS)
def test_where_a_certificate_is_required_nobody_gets_in_without_a_good_one(required, callers, strangers, alice, version):
    assert required.who(alice, version=version) == ("alice", "certificate", "dns:alice.example.com")
    expired = issue(callers, "expired", "DNS:alice.example.com", days=-1)
    forged = issue(strangers, "forged", "DNS:alice.example.com")
    server = callers.issue("server", ["DNS:alice.example.com"])
    for identity in (None, expired, forged, server):
        assert required.get(identity, version=version) is None
        assert required.get(identity, key="carol", version=version) is None
    assert required.requests() == 1


def test_where_it_is_optional_a_key_is_enough_and_a_bad_certificate_is_none_the_better(optional, strangers, alice):
    assert optional.status() == 401
    assert optional.who(key="carol") == ("carol", "api_key", None)
    assert optional.who(alice) == ("alice", "certificate", "dns:alice.example.com")
    assert optional.get(issue(strangers, "forged", "DNS:alice.example.com"), key="carol") is None


def test_a_certificate_that_is_nobodys_is_a_stranger_with_the_same_answer_as_none(optional, callers):
    unknown = optional.get(issue(callers, "unknown", "DNS:unknown.example.com"))
    none = optional.get()
    assert (unknown.status, unknown.problem_code) == (401, "unauthenticated")
    assert {**unknown.json, "request_id": ""} == {**none.json, "request_id": ""}


def test_a_certificate_without_names_is_known_by_its_fingerprint(required, nameless):
    assert required.who(nameless) == ("bob", "certificate", fingerprint(nameless))


def test_a_certificate_of_two_principals_is_nobodys(required, callers):
    both = issue(callers, "both", "DNS:alice.example.com", "DNS:bob.example.com")
    assert required.status(both) == 401
    assert required.status(both, key="alice") == 401


def test_the_admin_listener_asks_nobody_for_a_certificate(required):
    with required.gateway.connect("admin") as client:
        assert client.call("GET", "/readyz").status == 200


# -- keys and certificates together

def test_a_key_goes_with_its_own_principals_certificate_alone(required, callers, alice, bob):
    unknown = issue(callers, "unknown", "DNS:unknown.example.com")
    assert required.who(alice, key="alice") == ("alice", "api_key", "dns:alice.example.com")
    assert required.who(unknown, key="carol") == ("carol", "api_key", None)
    for identity, key in ((bob, "alice"), (alice, "bob"), (alice, "carol"), (unknown, "alice")):
        assert required.status(identity, key=key) == 401


def test_a_stolen_key_alone_of_who_has_a_certificate_is_worth_nothing(optional):
    assert optional.status(key="alice") == 401
    assert optional.status(key="carol") == 200


def test_a_wrong_key_is_not_made_good_by_a_certificate(required, alice):
    with required.connect(alice) as client:
        for field in (("X-API-Key", "fake"), ("Authorization", "Digest fake"), ("X-API-Key", "")):
            assert client.call("GET", "/raw/any", [field]).status == 401


# -- when it ends

@contextlib.contextmanager
def open_stream(stand, identity=None, key=None):
    """An event stream, and what tells when it was cut off."""
    with stand.connect(identity) as client:
        line = f"GET /raw/events HTTP/1.1\r\nHost: g\r\n"
        field = "%s: %s\r\n" % wire.bearer(stand.keys[key]) if key else ""
        client.send((line + field + "\r\n").encode())
        until(lambda: client.receive() and b"tick" in client.buffer, "an event")
        assert client.buffer.startswith(b"HTTP/1.1 200 OK")
        ended = threading.Event()

        def read():
            with contextlib.suppress(OSError):
                while client.receive():
                    client.buffer = b""
            ended.set()
        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        yield ended
        client.sock.close()
        reader.join(PATIENCE)


def ends_within_a_second(stand, ended, change):
    change()
    stand.gateway.reload()
    assert ended.wait(1.0), "the stream went on"


def test_a_stream_ends_when_the_name_in_its_certificate_is_taken_from_the_principal(required, alice, bob):
    with open_stream(required, alice) as of_alice, open_stream(required, bob) as of_bob:
        ends_within_a_second(required, of_alice, lambda: required.gateway.write_resources(
            required.resources(alice=["dns:other.example.com"])))
        assert required.status(alice) == 401
        assert not of_bob.is_set()


def test_a_stream_by_key_ends_when_its_principal_has_to_show_another_certificate(required, alice):
    with open_stream(required, alice, key="alice") as ended:
        ends_within_a_second(required, ended, lambda: required.gateway.write_resources(
            required.resources(alice=["dns:other.example.com"])))


def test_revoking_a_certificate_ends_its_connections_and_its_streams_and_nobody_elses(required, callers, alice, bob):
    with (required.connect(alice) as idle, required.connect(bob) as of_bob, open_stream(required, alice) as ended,
          open_stream(required, bob) as goes_on):
        assert required.status(client=idle) == required.status(client=of_bob) == 200
        ends_within_a_second(required, ended, lambda: required.trust(
            callers.cert.read_text() + callers.revocations(alice)))
        answer = required.get(client=idle, key="carol")  # whose key is good, and who is not she
        assert (answer.status, answer.get("Connection")) == (401, "close")
        assert required.status(client=of_bob) == 200
        assert not goes_on.is_set()
    assert required.get(alice) is None
    assert required.who(bob)[0] == "bob"


def test_where_it_is_optional_too_a_connection_ends_whose_certificate_was_revoked(optional, callers, alice, bob):
    with optional.connect(alice) as of_alice, optional.connect(bob) as of_bob:
        assert optional.status(client=of_alice) == optional.status(client=of_bob) == 200
        optional.trust(callers.cert.read_text() + callers.revocations(alice))
        optional.gateway.reload()
        answer = optional.get(client=of_alice, key="carol")  # for whom no certificate is needed
        assert (answer.status, answer.get("Connection")) == (200, "close")
        assert optional.get(client=of_bob).get("Connection") is None


def test_disabling_a_principal_ends_its_streams_by_certificate_within_a_second(make_managed, tmp_path, upstream, callers,
                                                                              alice):
    gateway = make_managed(config={"gateway": {"tls": {"client_ca": str(callers.cert)}, "workers": 2}})
    gateway.apply([*managed_resources("raw", upstream.url(), principal="alice")[:2],
                   yaml.principal("alice", certificates=["dns:alice.example.com"]), yaml.grant("alice", "raw", name="g")])
    gateway.set_secret("raw-main", fake_secret("mutual"))
    stand = Stand.__new__(Stand)
    stand.gateway = gateway
    with open_stream(stand, alice) as ended:
        gateway.cli("principal", "disable", "alice")
        assert ended.wait(1.0), "the stream went on"
        assert stand.status(alice) == 401
    gateway.cli("principal", "enable", "alice")
    assert stand.status(alice) == 200
    of_alice = until(lambda: [event for event in gateway.events() if event.get("principal") == "alice" and "auth" in event],
                     "the calls in the audit log")
    assert {(event["auth"], event["certificate"]) for event in of_alice} == {("certificate", "dns:alice.example.com")}


# -- sessions

def resumed(stand, context, session, **how):
    """One call on a connection that offers `session`: whether that was taken, the status, and the session after it."""
    with stand.connect(context=context, session=session) as client:
        status = stand.get(client=client, **how).status
        until(lambda: client.sock.session is not None, "a session")
        return client.sock.session_reused, status, client.sock.session


@pytest.mark.parametrize("version", VERSIONS)
def test_a_session_is_resumed_across_a_reload_as_the_same_caller(required, alice, version):
    context = required.context(alice, version)
    first, status, session = resumed(required, context, None)
    assert (first, status) == (False, 200)
    required.gateway.reload()
    again, status, _ = resumed(required, context, session)
    assert (again, status) == (True, 200)
    assert required.requests() == 2


@pytest.mark.parametrize("version", VERSIONS)
def test_a_session_from_before_the_ca_changed_is_not_resumed(required, callers, strangers, alice, version):
    context = required.context(alice, version)
    session = resumed(required, context, None)[2]
    required.trust(callers.cert.read_text() + strangers.cert.read_text())
    required.gateway.reload()
    again, status, session = resumed(required, context, session)
    assert (again, status) == (False, 200)  # since the certificate is there to be shown again
    required.trust(strangers.cert.read_text())
    required.gateway.reload()
    with pytest.raises((ssl.SSLError, ConnectionError, wire.BrokenAnswer)):
        resumed(required, context, session)


# -- what is wrong with it

def test_a_ca_file_that_is_no_good_changes_nothing(required, alice):
    good = required.ca_file.read_text()
    for bad in ("", "junk", good[:200], alice.cert.read_text(), good + alice.key.read_text()):
        required.trust(bad)
        event = required.gateway.reload("reload_failed")
        assert "callers.pem" in event["reason"], event
        assert required.status(alice) == 200
    required.ca_file.chmod(0o666)
    assert "too open" in required.gateway.reload("reload_failed")["reason"]


def test_no_two_principals_have_the_same_name_in_certificates(make_managed):
    gateway = make_managed()
    alice = yaml.principal("alice", certificates=["dns:alice.example.com", "uri:spiffe://example.com/alice"])
    gateway.apply([alice])
    shown = gateway.managed("GET", "/principals/alice")
    assert shown["certificates"] == alice["certificates"]
    assert [each["effect"] for each in gateway.apply([shown])] == ["unchanged"]
    refused = gateway.api("POST", "/api/v1/apply", {"resources": [
        yaml.principal("bob", certificates=["dns:alice.example.com"])]})
    assert refused.status == 400 and "principal 'alice'" in refused.text, refused.text
