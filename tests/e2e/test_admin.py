# SPDX-License-Identifier: Apache-2.0
"""The admin listener of the side-car: metrics and health, and nothing to break in by."""

import re
import stat
import subprocess

import pytest

from support import wire


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_health_and_metrics_are_served(world, path):
    with world.gateway.connect("admin") as client:
        answer = client.call("GET", path)
        assert answer.status == 200
        assert answer.get("X-Content-Type-Options") == "nosniff" and answer.get("Cache-Control") == "no-store"
        assert client.call("HEAD", path).status == 200


@pytest.mark.parametrize("method, path, status", [
    ("GET", "/", 404), ("GET", "/nothing", 404), ("GET", "/metrics/../metrics", 400), ("POST", "/metrics", 405), ("DELETE", "/healthz", 405),
])
def test_everything_else_is_refused_in_order(world, method, path, status):
    with world.gateway.connect("admin") as client:
        answer = client.call(method, path)
    assert answer.status in (status, 404) and answer.status >= 400
    assert answer.get("Content-Type") == "application/problem+json"


def test_metrics_are_wellformed_and_count_by_worker(world):
    world.gateway.get("/raw/any", world.caller)
    with world.gateway.connect("admin") as client:
        answer = client.call("GET", "/metrics")
    assert answer.get("Content-Type").startswith("text/plain")
    lines = answer.text.splitlines()
    assert answer.text.endswith("\n")
    typed = {line.split()[2] for line in lines if line.startswith("# TYPE ")}
    for line in lines:
        if not line.startswith("#"):
            assert re.fullmatch(r'[a-z_]+(\{[a-z_]+="[^"\\]*"(,[a-z_]+="[^"\\]*")*\})? -?[0-9.e+-]+', line), line
            name = re.match(r"[a-z_]+", line)[0]
            assert name in typed or re.sub(r"_(bucket|sum|count)$", "", name) in typed  # the latter: of a histogram
    assert {"claviger_requests_total", "claviger_refusals_total", "claviger_answers_total", "claviger_snapshot_revision"} <= typed
    assert all(name.startswith("claviger_") or name.startswith("process_") for name in typed)


def test_the_admin_listener_relays_nothing(world):
    with world.gateway.connect("admin") as client:
        assert client.call("GET", "/raw/any", [wire.bearer(world.caller)]).status == 404


def test_the_gateway_listener_serves_no_metrics(world):
    assert world.gateway.get("/metrics").status == 401
    assert world.gateway.get("/metrics", world.caller).status == 404


def test_the_admin_listener_can_be_off(make_gateway):
    gateway = make_gateway(config={"admin": {"listen": "off"}})
    assert set(gateway.addresses) == {"gateway"}


def test_the_local_authority_is_limited_to_local_names_and_its_key_is_gone(world):
    data = world.gateway.data
    text = subprocess.run(["openssl", "x509", "-in", data / "ca.pem", "-noout", "-text"], capture_output=True, text=True).stdout
    assert "Name Constraints: critical" in text
    assert "CA:TRUE" in text
    keys = sorted(data.glob("*.key"))
    assert [each.name for each in keys] == ["audit.key", "server.key"]  # that of the authority is not among them
    assert {stat.S_IMODE(each.stat().st_mode) for each in keys} == {0o600}


def test_a_restart_keeps_the_certificate(make_gateway):
    gateway = make_gateway(tls=True)
    before = (gateway.data / "ca.pem").read_bytes()
    assert gateway.stop() == 0
    gateway.start()
    assert (gateway.data / "ca.pem").read_bytes() == before
    assert gateway.get("/any").status == 401


@pytest.mark.parametrize("version, works", [("-tls1", False), ("-tls1_1", False), ("-tls1_2", True), ("-tls1_3", True)])
def test_callers_need_tls_1_2_or_better(world, version, works):
    host, port = world.gateway.addresses["gateway"]
    done = subprocess.run(["openssl", "s_client", "-connect", f"{host}:{port}", version, "-cipher", "ALL:@SECLEVEL=0",
                           "-CAfile", world.gateway.ca, "-verify_return_error"], input="", capture_output=True, text=True, timeout=20)
    assert (done.returncode == 0) == works, done.stdout


def test_plain_http_on_the_tls_listener_gets_nowhere(world):
    with wire.Client(world.gateway.addresses["gateway"]) as client:
        client.send(wire.head("GET", "/raw/any", [wire.bearer(world.caller)]))
        while client.receive():
            pass
    assert b" 200 " not in client.buffer
