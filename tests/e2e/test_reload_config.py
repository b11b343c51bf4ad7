# SPDX-License-Identifier: Apache-2.0
"""SIGHUP and the configuration: every setting is taken over by a running gateway or refused by name, a bad file changes nothing,
and no call fails meanwhile. CLAVIGER_RELOAD_ROUNDS says how many reloads the storm has (`./dev soak`: 1000)."""

import contextlib
import itertools
import os
import re
import signal
import ssl
import time

import pytest

from support import resources as yaml
from support import wire
from support.callers import Callers
from support.gateway import REPOSITORY, parse_json
from support.keys import make_api_key
from support.raw_upstream import STAY
from support.waiting import PATIENCE, until

ROUNDS = int(os.environ.get("CLAVIGER_RELOAD_ROUNDS", "100"))
ENV = {"E2E_SECRET": "fake-reload-config-secret-0123456789"}


@pytest.fixture
def gateway(make_gateway, upstream, key):
    return make_gateway(yaml.simple("raw", upstream.url(), key), env=ENV, config={"gateway": {"workers": 2}})


@pytest.fixture
def alone(make_gateway, upstream, key):
    """With one worker, where what counts for each of them counts for all."""
    return make_gateway(yaml.simple("raw", upstream.url(), key), env=ENV, config={"gateway": {"workers": 1}})


@pytest.fixture(scope="module")
def identities(authority):
    return [authority.issue("gateway-a"), authority.issue("gateway-b")]


def files(identity):
    return {"cert": str(identity.cert), "key": str(identity.key)}


@pytest.fixture
def tls_gateway(make_gateway, upstream, key, authority, identities):
    gateway = make_gateway(yaml.simple("raw", upstream.url(), key), env=ENV, tls=True, start=False,
                           config={"gateway": {"workers": 2, "tls": files(identities[0])}})
    gateway.trusted = authority.cert
    return gateway.start()


def reload_with(gateway, changes, names):
    gateway.write_config(changes)
    event = gateway.reload()
    assert event["changed"] == names
    return event


def ask(client, key, fields=(), **how):
    return client.call("GET", "/raw/any", [wire.bearer(key), *fields], **how)


# --- The storm

def settings_of_round(number, identities):
    """Other limits, another certificate and another level of the log each time, none of which is in the callers' way."""
    changes = {
        "limits": {"body": ["1MiB", "2MiB", "3MiB"][number % 3], "connections": [16384, 1000][number % 2],
                   "requests_per_connection": [10000, 7][number % 2], "upstream_idle": ["50s", "1s"][number % 2],
                   "upstream_connections": [256, 200][number % 2], "unauthenticated": ["6000/min", "60/min"][number % 2],
                   "head_timeout": ["30s", "20s"][number % 2], "memory": ["auto", "64GiB"][number % 2]},
        "drain_timeout": ["30s", "10s"][number % 2],
    }
    if identities:
        changes["gateway"] = {"tls": files(identities[number % 2])}
    return changes


@pytest.mark.parametrize("which", ["plain", "tls"])
def test_no_call_fails_while_it_is_reloaded_every_100_ms(request, which, key, identities):
    gateway = request.getfixturevalue("tls_gateway" if which == "tls" else "gateway")
    callers = Callers(gateway, key)
    callers.add(callers.keep_alive, 3).add(callers.afresh, 2).add(callers.upload)
    start = len(gateway.log.lines)
    with callers:
        for number in range(ROUNDS):
            if number % 10 == 9:
                gateway.write_config(text="limits: { body: 1MiB }\nlimit: {}\n")
            else:
                gateway.write_config(settings_of_round(number, identities if which == "tls" else None))
            gateway.signal(signal.SIGHUP)
            time.sleep(0.1)
            if number % 25 == 0:  # and many at once
                for _ in range(20):
                    gateway.signal(signal.SIGHUP)
        gateway.write_config({"limits": {"body": "4MiB"}})
        until(lambda: gateway.reload()["changed"] == "" or None, "the last configuration to be in force")

    assert callers.failures == []
    assert callers.calls > ROUNDS
    events = [line["event"] for line in map(parse_json, gateway.log.lines[start:]) if line]
    assert events.count("reloaded") > ROUNDS // 4  # some come together where the machine is slow
    assert "reload_failed" in events
    assert set(events) <= {"reloaded", "reload_failed", "file_limit_low"}
    assert gateway.call("POST", "/raw/any", key, [("Content-Length", str((4 << 20) + 1))]).status == 413


# --- What is taken over

def certificate_of(gateway, listener):
    host, port = gateway.addresses[listener]
    return ssl.get_server_certificate((host, port), ca_certs=str(gateway.trusted), timeout=PATIENCE)


@pytest.mark.parametrize("listener", ["gateway", "admin"])
def test_another_certificate(tls_gateway, identities, listener):
    before = certificate_of(tls_gateway, listener)
    assert ssl.PEM_cert_to_DER_cert(before) == ssl.PEM_cert_to_DER_cert(identities[0].cert.read_text())
    reload_with(tls_gateway, {"gateway": {"tls": files(identities[1])}}, "gateway.tls, admin.tls")
    after = certificate_of(tls_gateway, listener)
    assert ssl.PEM_cert_to_DER_cert(after) == ssl.PEM_cert_to_DER_cert(identities[1].cert.read_text())


def test_a_certificate_of_their_own_for_admins(tls_gateway, identities):
    reload_with(tls_gateway, {"admin": {"tls": files(identities[1])}}, "admin.tls")
    assert certificate_of(tls_gateway, "gateway") != certificate_of(tls_gateway, "admin")


def test_the_same_name_with_another_certificate_in_it(tls_gateway, identities):
    """As tools do that renew certificates: nothing in the configuration changes."""
    before = certificate_of(tls_gateway, "gateway")
    here = tls_gateway.directory / "server"
    for end in ("cert", "key"):
        here.with_suffix(f".{end}").write_bytes(getattr(identities[0], end).read_bytes())
    named = {"cert": str(here.with_suffix(".cert")), "key": str(here.with_suffix(".key"))}
    reload_with(tls_gateway, {"gateway": {"tls": named}}, "gateway.tls, admin.tls")
    assert certificate_of(tls_gateway, "gateway") == before
    for end in ("cert", "key"):
        here.with_suffix(f".{end}").write_bytes(getattr(identities[1], end).read_bytes())
    assert tls_gateway.reload()["changed"] == ""
    assert certificate_of(tls_gateway, "gateway") != before


def is_let_in(gateway, key):
    """Whether a caller without a certificate gets an answer."""
    try:
        return gateway.get("/raw/any", key).status == 200
    except (wire.BrokenAnswer, OSError):
        return False


def test_callers_that_have_to_show_a_certificate(tls_gateway, key, authority, identities):
    asks = {**files(identities[0]), "client_ca": str(authority.cert)}
    assert is_let_in(tls_gateway, key)
    reload_with(tls_gateway, {"gateway": {"tls": asks}}, "gateway.tls.client_ca")
    assert not is_let_in(tls_gateway, key)
    reload_with(tls_gateway, {"gateway": {"tls": {**asks, "client_certificate": "optional"}}},
                "gateway.tls.client_certificate")
    assert is_let_in(tls_gateway, key)
    reload_with(tls_gateway, {}, "gateway.tls.client_ca, gateway.tls.client_certificate")
    assert is_let_in(tls_gateway, key)


def test_limits_of_heads_and_bodies_hold_for_open_connections(gateway, key):
    large = [("X-Large", "x" * 4000)]
    many = [(f"X-Many-{number}", "x") for number in range(20)]
    with gateway.connect() as first, gateway.connect() as second, gateway.connect() as third:
        for client in (first, second, third):
            assert ask(client, key, large + many).status == 200
        reload_with(gateway, {"limits": {"head": "2KiB", "headers": 10, "body": "1KiB"}},
                    "limits.head, limits.headers, limits.body")
        assert ask(first, key, large).status == 431
        assert ask(second, key, many).status == 431
        assert third.call("POST", "/raw/any", [wire.bearer(key)], b"x" * 1025).status == 413
    reload_with(gateway, {}, "limits.head, limits.headers, limits.body")
    assert gateway.call("GET", "/raw/any", key, large + many).status == 200


def ends_soon(client):
    """Whether the gateway closes, whatever it has to say before."""
    while client.receive():
        pass
    return True


@pytest.mark.parametrize("setting, says", [
    ("idle_timeout", b""),
    ("head_timeout", b"GET /raw/any HTTP/1.1\r\nHo"),
    ("body_idle_timeout", b"POST /raw/any HTTP/1.1\r\nHost: g\r\nContent-Length: 10\r\nX-API-Key: $KEY\r\n\r\n12345"),
])
def test_time_outs_of_callers(gateway, key, setting, says):
    reload_with(gateway, {"limits": {setting: "200ms"}}, f"limits.{setting}")
    with gateway.connect() as client:
        client.send(says.replace(b"$KEY", key.text.encode()))
        assert ends_soon(client)


def test_the_rate_at_which_a_body_has_to_come(gateway, key):
    # What everybody has beyond the rate is a minute otherwise.
    gateway.write_config({"limits": {"body_rate": "off", "body_idle_timeout": "2s"}})
    gateway.reload()
    reload_with(gateway, {"limits": {"body_rate": "1MiB", "body_idle_timeout": "2s"}}, "limits.body_rate")
    head = wire.head("POST", "/raw/any", [wire.bearer(key), ("Content-Length", "100000")])
    with gateway.connect() as client:
        client.send(head)
        client.sock.settimeout(0.02)
        deadline = time.monotonic() + 4 * PATIENCE
        with pytest.raises((ConnectionError, ssl.SSLError, StopIteration)):
            for _ in itertools.count():
                assert time.monotonic() < deadline, "a caller of 50 bytes a second is let be"
                client.send(b"x")
                try:
                    if not client.sock.recv(65536):
                        raise StopIteration
                except TimeoutError:
                    pass


def test_how_many_connections(alone, key):
    with alone.connect() as first:
        assert ask(first, key).status == 200
        reload_with(alone, {"limits": {"connections": 1}}, "limits.connections")
        assert ask(first, key).status == 200
        with alone.connect() as second:
            assert ask(second, key).status == 200
            assert first.at_end()  # idle, it made room
        reload_with(alone, {}, "limits.connections")
        assert alone.get("/raw/any", key).status == 200


def test_how_many_connections_of_one_address(alone, key):
    with alone.connect() as first:
        assert ask(first, key).status == 200
        reload_with(alone, {"limits": {"connections_per_address": 1}}, "limits.connections_per_address")
        with alone.connect() as second:
            assert ask(second, key).status == 200
            assert first.at_end()  # idle, it made room
        reload_with(alone, {}, "limits.connections_per_address")
        assert alone.get("/raw/any", key).status == 200


def test_how_many_requests_a_connection_has(gateway, key):
    with gateway.connect() as client:
        assert ask(client, key).get("Connection") is None
        reload_with(gateway, {"limits": {"requests_per_connection": 2}}, "limits.requests_per_connection")
        assert ask(client, key).get("Connection") == "close"
        assert client.at_end()


def test_how_many_admins(gateway):
    with gateway.connect("admin") as first:
        assert first.call("GET", "/healthz").status == 200
        reload_with(gateway, {"limits": {"admin_connections": 1}}, "limits.admin_connections")
        # Probes are strangers', of whom there may be sixteen at the least.
        with contextlib.ExitStack() as others:
            for _ in range(16):
                assert others.enter_context(gateway.connect("admin")).call("GET", "/healthz").status == 200
            assert first.at_end()  # the oldest makes room


def test_the_memory_above_which_calls_are_shed(gateway):
    assert gateway.metric("claviger_memory_bytes", state="resident") > 0
    reload_with(gateway, {"limits": {"memory": "77GiB"}}, "limits.memory")
    assert gateway.metric("claviger_memory_bytes", state="limit") == 77 << 30


def test_limits_of_upstreams(alone, upstream, key):
    def stalls(connection, request):
        upstream.release.wait(PATIENCE)
        connection.answer(b"at last")
        return STAY

    upstream.on("/stalls", stalls)
    assert alone.get("/raw/any", key).status == 200
    reload_with(alone, {"limits": {"upstream_connections": 1, "upstream_idle": "100ms"}},
                "limits.upstream_idle, limits.upstream_connections")
    with alone.connect() as client:
        client.request("GET", "/raw/stalls", [wire.bearer(key)])
        until(lambda: upstream.to("/stalls"), "the call to reach the upstream")
        answer = alone.get("/raw/any", key)
        assert (answer.status, answer.problem_code) == (503, "unavailable")
        upstream.release.set()
        assert client.read_answer().body == b"at last"
    until(lambda: all(connection.ended for connection in upstream.connections), "the idle connection to be closed")


def test_how_many_bad_keys_an_address_has(gateway, key):
    stranger = make_api_key()
    for _ in range(3):
        assert gateway.get("/raw/any", stranger).status == 401
    reload_with(gateway, {"limits": {"unauthenticated": "2/h"}}, "limits.unauthenticated")
    until(lambda: gateway.get("/raw/any", stranger).status == 429, "strangers to be refused unheard")
    assert gateway.get("/raw/any", key).status == 200


def test_admin_rate_and_security_contact(gateway):
    def status(path):
        with gateway.connect("admin") as client:
            return client.call("GET", path).status

    assert status("/.well-known/security.txt") == 404
    reload_with(gateway, {"admin": {"rate": "3/h", "security_contact": "mailto:security@example.com"}},
                "admin.rate, admin.security_contact")
    with gateway.connect("admin") as client:
        assert "mailto:security@example.com" in client.call("GET", "/.well-known/security.txt").text
    until(lambda: status("/nothing") == 429, "the rate to bite")
    assert status("/healthz") == 200


def test_the_level_of_the_log(gateway):
    start = len(gateway.log.lines)
    gateway.write_config({"log": {"level": "error"}})
    gateway.signal(signal.SIGHUP)
    until(lambda: gateway.metric("claviger_snapshot_revision", worker="1") == 2, "it to be reloaded")
    gateway.write_config(text="limits: nonsense\n")
    gateway.reload(expected="reload_failed")
    assert "reloaded" not in [line["event"] for line in map(parse_json, gateway.log.lines[start:])]
    gateway.write_config()
    assert gateway.reload()["changed"] == "log.level"


def test_times_of_shutting_down(gateway):
    reload_with(gateway, {"drain_delay": "1ms", "drain_timeout": "300ms"}, "drain_delay, drain_timeout")
    assert gateway.stop() == 0
    event = gateway.event("draining")
    assert (event["drain_delay_ms"], event["drain_timeout_ms"]) == (1, 300)


# --- What is not

NEEDS_A_RESTART = {
    "store.url": {"store": {"url": "sqlite:other.db"}},
    "master_key.from": {"master_key": {"from": "env:E2E_OTHER"}},
    "audit": {"audit": "off"},
    "audit.window": {"audit": {"window": "50ms"}},
    "audit.lane_timeout": {"audit": {"lane_timeout": "1s"}},
    "audit.lane": {"audit": {"lane": "1MiB"}},
    "gateway.listen": {"gateway": {"listen": "127.0.0.1:1"}},
    "gateway.workers": {"gateway": {"workers": 5}},
    "admin.listen": {"admin": {"listen": "off"}},
    "log.access": {"log": {"access": "off"}},
}


@pytest.mark.parametrize("name", NEEDS_A_RESTART)
def test_what_needs_a_restart_is_refused_by_name_and_nothing_is_changed(gateway, key, name):
    gateway.write_config({**NEEDS_A_RESTART[name], "limits": {"body": "1KiB"}})
    event = gateway.reload(expected="reload_failed")
    assert event["reason"] == f"needs a restart: {name}"
    assert gateway.call("POST", "/raw/any", key, body=b"x" * 2000).status == 200


def test_another_data_directory_needs_a_restart(gateway, make_gateway, upstream, key):
    other = make_gateway(yaml.simple("raw", upstream.url(), key), env=ENV, start=False)
    other.write_config({"data_dir": str(other.data)})
    other.spawn_command([gateway.process.args[0], "serve", "--resources", str(other.resources), "--config",
                         str(other.config_file)])
    assert other.event("ready")
    other.write_config({"data_dir": str(other.data) + "2"})
    assert other.reload(expected="reload_failed")["reason"] == "needs a restart: data_dir"


def test_tls_is_not_turned_off_under_a_running_listener(tls_gateway, key):
    tls_gateway.write_config({"gateway": {"tls": "off"}})
    event = tls_gateway.reload(expected="reload_failed")
    assert event["reason"] == "needs a restart: gateway.tls (on or off), admin.tls (on or off)"
    assert tls_gateway.get("/raw/any", key).status == 200


@pytest.mark.parametrize("text, says", [
    ("limits:\n  body: much\n", "claviger.yaml:2: body"),
    ("limits:\n  body: 1KiB\nlimit: 1KiB\n", "claviger.yaml:3: "),
    ("limits: [unclosed\n", "claviger.yaml:"),
    ("gateway:\n  tls: { cert: /nowhere.pem, key: /nowhere.key }\n", "claviger.yaml:2: gateway.tls.cert"),
    (None, "claviger.yaml"),
], ids=["bad-value", "unknown-key", "bad-yaml", "missing-certificate", "missing-file"])
def test_a_bad_file_changes_nothing_and_is_named_with_its_line(gateway, key, text, says):
    if text is None:
        gateway.config_file.unlink()
    else:
        gateway.write_config(text=text)
    event = gateway.reload(expected="reload_failed")
    assert says in event["reason"] and event["level"] == "error"
    assert gateway.call("POST", "/raw/any", key, body=b"x" * 2000).status == 200
    gateway.write_config()
    assert gateway.reload()["changed"] == ""


def test_a_bad_resource_keeps_the_configuration_from_being_taken_over(gateway, key):
    gateway.write_config({"limits": {"body": "1KiB"}})
    gateway.write_resources("kind: nonsense\n", name="bad.yaml")
    gateway.reload(expected="reload_failed")
    assert gateway.call("POST", "/raw/any", key, body=b"x" * 2000).status == 200


def test_a_bad_certificate_keeps_everything_as_it_was(tls_gateway, key, identities):
    mixed = {"cert": str(identities[0].cert), "key": str(identities[1].key)}
    tls_gateway.write_config({"gateway": {"tls": mixed}, "limits": {"body": "1KiB"}})
    assert "gateway-" in tls_gateway.reload(expected="reload_failed")["reason"]
    assert tls_gateway.call("POST", "/raw/any", key, body=b"x" * 2000).status == 200


def test_what_changed_is_in_the_audit_log(gateway):
    reload_with(gateway, {"limits": {"body": "1KiB"}, "drain_timeout": "1s"}, "limits.body, drain_timeout")
    log = gateway.data / "audit"

    def reloaded():
        lines = [line for path in sorted(log.iterdir()) if path.is_file() and path.suffix != ".pub"
                 for line in path.read_text(errors="replace").splitlines()]
        return [event for event in map(parse_json, lines) if event and event.get("type") == "gateway.reloaded"]

    assert until(reloaded, "the event to be written")[0]["changed"] == "limits.body, drain_timeout"


def test_every_setting_that_is_documented_is_one_or_the_other():
    settings, _ = (REPOSITORY / "docs/configuration.md").read_text().split("\n## Sinks of the audit log\n")
    documented = set(re.findall(r"^\| `([a-z_.]+)` \|", settings, re.M))
    # These change nothing by themselves.
    documented -= {"gateway.allow_plaintext", "admin.allow_plaintext"}
    source = (REPOSITORY / "src/server/config_changes.cc").read_text()
    told_apart = set(re.findall(r'^    \{"([a-z_.]+)', source, re.M))
    assert documented == told_apart
