# SPDX-License-Identifier: Apache-2.0
"""A caller with its own key calls through the gateway; the upstream sees the real credential and nothing of the key."""

import base64
import subprocess
import urllib.parse

import pytest

from support import wire
from support.world import KINDS, expected_on_the_wire

PRESENTATIONS = {
    "bearer": lambda key: wire.bearer(key),
    "bearer-in-lower-case": lambda key: ("authorization", f"bearer {key.text}"),
    "x-api-key": lambda key: ("X-API-Key", key.text),
    "x-api-key-in-lower-case": lambda key: ("x-api-key", key.text),
    "x-goog-api-key": lambda key: ("x-goog-api-key", key.text),
    "basic": lambda key: wire.basic(key),
    "basic-without-user": lambda key: wire.basic(key, user=""),
}


def assert_nothing_of(key, seen):
    """No trace of the caller's key in what the upstream was sent, in plain or base64."""
    haystack = seen["head"] + seen["body"]
    assert key.id not in haystack
    assert "clv_" not in haystack
    for at in range(len(key.secret) - 7):
        assert key.secret[at:at + 8] not in haystack
    for user in ("x", ""):
        assert base64.b64encode(f"{user}:{key.text}".encode()).decode()[:24] not in haystack


def assert_carries(kind, secret, seen, fields):
    if kind == "query":
        query = urllib.parse.urlsplit(seen["uri"]).query
        assert urllib.parse.parse_qsl(query, strict_parsing=True) == [("q", "1"), ("api_key", secret)]
        assert not [name for name, _ in fields if name in ("authorization", "x-api-key", "x-goog-api-key")]
        return
    name, value = expected_on_the_wire(kind, secret)
    assert [has for known, has in fields if known == name] == [value]
    others = {"authorization", "x-api-key", "x-goog-api-key", "proxy-authorization"} - {name}
    assert not [known for known, _ in fields if known in others]
    assert seen["uri"] == "/echo/it?q=1"


@pytest.mark.parametrize("presentation", PRESENTATIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_upstream_sees_the_real_credential_and_nothing_of_the_callers_key(world, kind, presentation):
    answer = world.gateway.call("GET", f"/{kind}/echo/it?q=1", fields=[PRESENTATIONS[presentation](world.caller)])

    assert answer.status == 200
    seen = world.nginx.seen_with(answer.get("X-Request-Id"))
    assert seen["tls"] == "on"
    assert_carries(kind, world.secrets[kind], seen, world.nginx.fields_of(seen))
    assert_nothing_of(world.caller, seen)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_key_in_two_places_is_one_key_and_both_are_taken_off(world, kind):
    answer = world.gateway.call("GET", f"/{kind}/echo/it?q=1",
                                fields=[wire.bearer(world.caller), ("X-API-Key", world.caller.text)])

    assert answer.status == 200
    seen = world.nginx.seen_with(answer.get("X-Request-Id"))
    assert_carries(kind, world.secrets[kind], seen, world.nginx.fields_of(seen))
    assert_nothing_of(world.caller, seen)


@pytest.mark.parametrize("arguments", [
    lambda key: ["-H", f"Authorization: Bearer {key}"],
    lambda key: ["-H", f"X-API-Key: {key}"],
    lambda key: ["-u", f"x:{key}"],
    lambda key: ["--oauth2-bearer", key],
    lambda key: ["-u", f"x:{key}", "--http1.0"],
], ids=["bearer", "x-api-key", "user", "oauth2-bearer", "http1.0"])
def test_an_unmodified_curl_works(world, arguments):
    done = subprocess.run(["curl", "-sS", "--fail-with-body", "--cacert", world.gateway.ca,
                           *arguments(world.caller.text), "--json", '{"model": "m"}',
                           world.gateway.url("/plain/echo/v1/chat?stream=no")],
                          capture_output=True, timeout=30)

    assert done.returncode == 0, done.stderr
    said = done.stdout.decode()
    assert said.startswith("POST /echo/v1/chat?stream=no HTTP/1.1\r\n")
    assert f"Authorization: Bearer {world.secrets['plain']}\r\n" in said
    assert said.endswith('{"model": "m"}')
    assert "clv_" not in said


def test_a_plain_upstream_and_one_behind_a_path_prefix_work(world):
    plain = world.gateway.get("/plain/echo/a", world.caller)
    prefix = world.gateway.get("/prefix/a/b?c=d", world.caller)
    root = world.gateway.get("/prefix", world.caller)

    assert plain.text.startswith("GET /echo/a HTTP/1.1\r\n")
    assert prefix.text.startswith("GET /echo/v1/a/b?c=d HTTP/1.1\r\n")
    assert f"\r\nHost: localhost:{world.nginx.tls_port}\r\n" in prefix.text
    assert root.status == 200 and root.text.startswith(("GET /echo/v1 ", "GET /echo/v1/ "))


@pytest.mark.parametrize("target", ["/a?x=%2F&y=a+b&&z", "/a?", "/a?q=%C3%A9&e=1==", "/%C3%A9/%20/~user/", "/a;v=1,2/@:$!'()*"])
def test_path_and_query_arrive_byte_for_byte_as_they_were_sent(world, target):
    answer = world.gateway.get("/raw" + target, world.caller)

    assert answer.status == 200, answer
    assert answer.json["target"] == target


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"])
def test_methods_and_bodies_arrive_as_they_were_sent(world, method):
    answer = world.gateway.call(method, "/raw/any", world.caller, body=b"\0\xff body")

    assert answer.status == 200, answer
    assert answer.json["method"] == method
    assert answer.json["body"].encode("latin-1") == b"\0\xff body"


def test_fields_that_are_no_business_of_the_gateway_pass_unchanged(world):
    sent = [("Accept", "text/html, */*;q=0.1"), ("User-Agent", "an SDK/1.0"),
            ("OpenAI-Organization", "org"), ("X-Empty", ""), ("If-None-Match", '"tag"'), ("X-Twice", "1"), ("X-Twice", "2")]
    answer = world.gateway.get("/raw/any", world.caller, fields=sent)

    received = [(name, value) for name, value in map(tuple, answer.json["fields"])]
    for name, value in sent:
        assert (name.lower(), value) in received
    assert [value for name, value in received if name == "x-twice"] == ["1", "2"]


def test_a_redirect_is_relayed_and_not_followed(world):
    answer = world.gateway.get("/plain/status/301", world.caller)

    assert (answer.status, answer.get("Location")) == (301, "https://elsewhere.example/")


def test_a_compressed_answer_and_a_range_are_relayed_as_they_are_where_answers_are_not_masked(world):
    zipped = world.gateway.get("/plain/zipped/small.txt", world.caller, fields=[("Accept-Encoding", "gzip")])
    part = world.gateway.get("/plain/files/small.txt", world.caller, fields=[("Range", "bytes=3-8")])

    assert zipped.get("Content-Encoding") == "gzip" and zipped.body.startswith(b"\x1f\x8b")
    assert part.status == 206 and part.body == (b"small\n" * 100)[3:9]


def test_where_answers_are_masked_the_whole_is_asked_for_as_it_is(world):
    zipped = world.gateway.get("/bearer/zipped/small.txt", world.caller, fields=[("Accept-Encoding", "gzip")])
    part = world.gateway.get("/bearer/files/small.txt", world.caller, fields=[("Range", "bytes=3-8")])

    for answer in (zipped, part):
        assert (answer.status, answer.body, answer.get("Content-Encoding")) == (200, b"small\n" * 100, None)


@pytest.mark.parametrize("status", [200, 204, 301, 404, 500])
def test_an_answer_of_the_upstream_is_relayed_without_marks_of_the_gateways_own(world, status):
    answer = world.gateway.get(f"/plain/status/{status}", world.caller)

    assert answer.status == status
    assert answer.get("X-Claviger-Error") is None
    assert answer.get("Content-Type") != "application/problem+json"


def test_the_upstream_can_neither_forge_marks_nor_set_cookies_nor_replace_the_request_id(world):
    answer = world.gateway.get("/plain/marks", world.caller)

    assert (answer.status, answer.body) == (200, b"marked")
    assert answer.get("X-Claviger-Error") is None
    assert answer.get("Set-Cookie") is None
    assert len(answer.get("X-Request-Id")) == 32
    assert answer.get("X-Upstream-Request-Id") == "the-upstreams-own"


def test_every_request_has_an_id_of_the_gateways_own_on_both_sides(world):
    answers = [world.gateway.get("/raw/any", world.caller, fields=[("X-Request-Id", "the-callers-own")]) for _ in range(3)]

    ids = [answer.get("X-Request-Id") for answer in answers]
    assert all(len(each) == 32 and int(each, 16) >= 0 for each in ids) and len(set(ids)) == 3
    for answer in answers:
        assert [value for name, value in answer.json["fields"] if name == "x-request-id"] == [answer.get("X-Request-Id")]


def test_a_call_leaves_one_line_in_the_access_log(world):
    answer = world.gateway.call("POST", "/raw/any?secret=value", world.caller, body=b"12345")

    line = world.gateway.access_line(answer.get("X-Request-Id"))
    assert {name: line[name] for name in ("principal", "key_id", "address", "upstream", "method", "path", "status", "code",
                                          "grant", "credential", "bytes_in")} == {
        "principal": "caller", "key_id": world.caller.id, "address": "127.0.0.1", "upstream": "raw", "method": "POST",
        "path": "/raw/any", "status": 200, "code": "ok", "grant": "caller:raw", "credential": "raw-main", "bytes_in": 5}
    assert line["bytes_out"] == len(answer.body)
    assert line["duration_us"] > 0 and line["reused"] in (True, False)
    assert "value" not in str(line)
