# SPDX-License-Identifier: Apache-2.0
"""The interface's status table, row by row: status, code, problem+json, and the fields that go with each."""

import re

import pytest

from support import resources as yaml
from support import wire
from support.keys import make_api_key, with_wrong_checksum, with_wrong_secret
from support.raw_upstream import LEAVE

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}


def assert_refused(answer, status, code):
    assert (answer.status, answer.problem_code) == (status, code), answer
    assert answer.get("Content-Type") == "application/problem+json"
    assert re.fullmatch("[0-9a-f]{32}", answer.get("X-Request-Id"))
    for name, value in SECURITY_HEADERS.items():
        assert answer.get(name) == value
    assert "default-src 'none'" in answer.get("Content-Security-Policy")
    assert answer.get("X-XSS-Protection") is not None
    assert answer.get("Cache-Control") == "no-store"
    assert answer.get("Date") is not None
    problem = answer.json
    assert {"type", "title", "status", "detail", "code", "request_id"} <= set(problem)
    assert problem["status"] == status and problem["code"] == code
    assert problem["request_id"] == answer.get("X-Request-Id")
    assert problem["title"] and problem["detail"]
    if status != 401:
        assert answer.get("WWW-Authenticate") is None
    if status not in (429, 503):
        assert answer.get("Retry-After") is None


@pytest.mark.parametrize("fields", [
    lambda world: [],
    lambda world: [wire.bearer(make_api_key())],
    lambda world: [("Authorization", "Bearer " + with_wrong_secret(world.caller))],
    lambda world: [("Authorization", "Bearer " + with_wrong_checksum(world.caller))],
    lambda world: [("Authorization", "Bearer " + world.caller.text[:-1])],
    lambda world: [("Authorization", "Bearer " + world.caller.text + "x")],
    lambda world: [("Authorization", "Bearer " + world.caller.text.upper())],
    lambda world: [("Authorization", "Bearer sk-not-a-real-key-of-another-kind")],
    lambda world: [("X-API-Key", "placeholder")],
    lambda world: [wire.bearer(world.expired)],
    lambda world: [wire.bearer(world.elsewhere)],
    lambda world: [wire.bearer(world.disabled)],
    lambda world: [wire.bearer(world.stranger)],
    lambda world: [("Proxy-Authorization", "Bearer " + world.caller.text)],
    lambda world: [("Cookie", "key=" + world.caller.text)],
], ids=["none", "unknown", "wrong-secret", "wrong-checksum", "too-short", "too-long", "upper-case", "another-kind",
        "placeholder", "expired", "from-elsewhere", "disabled-principal", "never-registered", "in-proxy-authorization",
        "in-a-cookie"])
def test_a_caller_without_a_valid_key_gets_401(world, fields):
    answer = world.gateway.get("/raw/any", fields=fields(world))

    assert_refused(answer, 401, "unauthenticated")
    assert "Basic" in answer.get("WWW-Authenticate") or "Bearer" in answer.get("WWW-Authenticate")
    assert not world.raw.saw(answer)


def test_every_reason_for_401_looks_the_same_to_the_caller(world):
    keys = [make_api_key(), world.expired, world.elsewhere, world.disabled]
    answers = [world.gateway.get("/raw/any", key) for key in keys]

    def without_id(answer):
        return {**answer.json, "request_id": "", "instance": ""}
    assert all(without_id(answer) == without_id(answers[0]) for answer in answers)


def test_curl_answers_the_challenge_with_basic(world):
    answer = world.gateway.get("/raw/any")

    assert answer.status == 401
    assert any(value.lower().startswith("basic ") for value in answer.all("WWW-Authenticate"))


@pytest.mark.parametrize("key, method, path", [
    ("limited", "GET", "/raw/any"),
    ("limited", "POST", "/narrow/allowed/a"),
    ("limited", "GET", "/narrow/other"),
    ("limited", "GET", "/narrow/allowed/a/b"),
    ("limited", "GET", "/narrow/allowed"),
    ("limited", "GET", "/narrow"),
    ("limited", "GET", "/narrow/Allowed/a"),
    ("limited", "POST", "/narrow/late"),
    ("limited", "HEAD", "/narrow/allowed/a"),
    ("caller", "GET", "/narrow/allowed/a"),
    ("caller", "TRACE", "/raw/any"),
], ids=["upstream", "method", "path", "path-beyond-a-segment", "path-without-its-segment", "mount-alone",
        "path-in-another-case", "expired-grant", "head-is-not-get", "anothers-grant", "trace"])
def test_a_call_without_a_grant_gets_403(world, key, method, path):
    with world.gateway.connect() as client:
        answer = client.call(method, path, [wire.bearer(getattr(world, key))])

    if method != "HEAD":
        assert_refused(answer, 403, "denied")
    assert answer.status == 403
    assert not world.raw.saw(answer)


@pytest.mark.parametrize("path", ["/narrow/allowed/a", "/narrow/deep/a/b/c", "/narrow/deep/"])
def test_a_call_within_its_grant_goes_through(world, path):
    assert world.gateway.get(path, world.limited).status == 200


@pytest.mark.parametrize("path", ["/", "/nowhere", "/rawish/any", "/RAW/any"])
def test_a_path_outside_every_mount_gets_404(world, path):
    assert_refused(world.gateway.get(path, world.caller), 404, "no_upstream")


@pytest.mark.parametrize("path", ["/nowhere", "/raw/any", "/narrow/allowed/a"])
def test_strangers_cannot_tell_which_mounts_exist(world, path):
    assert_refused(world.gateway.get(path), 401, "unauthenticated")


def test_an_ambiguous_request_gets_400_and_is_cut_off(world):
    with world.gateway.connect() as client:
        client.send(wire.head("POST", "/raw/any", [wire.bearer(world.caller), ("Content-Length", "1"),
                                                   ("Transfer-Encoding", "chunked")]))
        answer = client.read_answer()
        assert_refused(answer, 400, "bad_request")
        assert answer.get("Connection") == "close"
        assert client.at_end()


def test_a_head_over_its_limit_gets_431(world):
    with world.gateway.connect() as client:
        client.send(wire.head("GET", "/raw/any", [wire.bearer(world.caller), ("X-Long", "x" * 20_000)]))
        assert_refused(client.read_answer(), 431, "too_large")
        assert client.at_end()


def test_a_body_announced_over_its_limit_gets_413_before_it_is_sent(world):
    with world.gateway.connect() as client:
        client.send(wire.head("POST", "/raw/any", [wire.bearer(world.caller), ("Content-Length", str(129 << 20))]))
        answer = client.read_answer()
        assert_refused(answer, 413, "too_large")
        assert client.at_end()
    assert not world.raw.saw(answer)


def test_an_upstream_without_credential_gets_503_with_retry_after(world):
    answer = world.gateway.get("/no-credential/any", world.caller)

    assert_refused(answer, 503, "no_credential")
    assert int(answer.get("Retry-After")) > 0


def test_an_upstream_that_fails_gets_502(world):
    world.raw.on("/fails", lambda connection, request: LEAVE)

    assert_refused(world.gateway.get("/raw/fails", world.caller), 502, "upstream_failed")


def test_an_upstream_that_is_too_slow_gets_504(world):
    def sleeps(connection, request):
        connection.upstream.release.wait(10)
        return LEAVE

    world.raw.on("/sleeps", sleeps)
    assert_refused(world.gateway.get("/impatient/sleeps", world.caller), 504, "upstream_timeout")


def test_a_caller_over_its_rate_gets_429_that_says_when_to_come_back(world, make_gateway):
    key = make_api_key()
    resources = yaml.simple("raw", world.raw.url(), key)
    resources[-1]["rate"] = "5/min"
    gateway = make_gateway(resources, env={"E2E_SECRET": "fake-rate-secret-0123456789"}, config={"gateway": {"workers": 2}})

    answers = [gateway.get("/raw/any", key) for _ in range(6)]

    assert [answer.status for answer in answers[:5]] == [200] * 5
    refused = answers[5]
    assert_refused(refused, 429, "limited")
    assert 1 <= int(refused.get("Retry-After")) <= 60
    assert re.search(r'"[^"]+";q=5;w=60', refused.get("RateLimit-Policy").replace(" ", "")), refused
    assert re.search(r'"[^"]+";r=0;t=\d+', refused.get("RateLimit").replace(" ", "")), refused
    assert gateway.metric("claviger_refusals_total", code="limited") == 1


def test_a_head_request_is_refused_without_a_body(world):
    with world.gateway.connect() as client:
        client.request("HEAD", "/raw/any")
        answer = client.read_answer("HEAD")
        assert (answer.status, answer.problem_code) == (401, "unauthenticated")
        # In step afterwards, or closed.
        if answer.get("Connection") != "close":
            assert client.call("GET", "/raw/any", [wire.bearer(world.caller)]).status == 200


def test_a_refusal_leaves_the_connection_usable(world):
    with world.gateway.connect() as client:
        assert client.call("GET", "/raw/any").status == 401
        assert client.call("GET", "/nowhere", [wire.bearer(world.caller)]).status == 404
        assert client.call("GET", "/raw/any", [wire.bearer(world.caller)]).status == 200


def test_a_refused_body_never_becomes_the_next_request(world):
    smuggled = wire.head("GET", "/raw/smuggled", [wire.bearer(world.caller)])
    with world.gateway.connect() as client:
        client.send(wire.head("POST", "/raw/any", [("Content-Length", str(len(smuggled)))]) + smuggled)
        assert client.read_answer().status == 401
        assert client.call("GET", "/raw/any", [wire.bearer(world.caller)]).json["target"] == "/any"
    assert world.raw.to("/smuggled") == []


def test_hsts_is_said_over_tls_alone(world, make_gateway):
    assert "max-age=" in world.gateway.get("/raw/any").get("Strict-Transport-Security")
    plain = make_gateway()
    assert plain.get("/raw/any").get("Strict-Transport-Security") is None


def test_a_relayed_answer_keeps_the_upstreams_own_security_headers(world):
    world.raw.on("/framed", lambda connection, request: connection.answer(
        b"page", fields=[("X-Frame-Options", "SAMEORIGIN"), ("Strict-Transport-Security", "max-age=1")]) or True)
    answer = world.gateway.get("/raw/framed", world.caller)

    assert answer.get("X-Frame-Options") == "SAMEORIGIN"
    assert answer.get("Strict-Transport-Security") == "max-age=1"
    assert answer.get("Content-Security-Policy") is None


def test_no_answer_of_the_gateway_tells_its_version_or_innards(world):
    for answer in (world.gateway.get("/raw/any"), world.gateway.get("/raw/fails", world.caller)):
        everything = str(answer.fields) + answer.text
        assert answer.get("Server") in (None, "claviger")
        assert not re.search(r"\.cc\b|\.h:|std::|/src/|/tmp/|errno|OpenSSL", everything)
