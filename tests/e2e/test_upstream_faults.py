# SPDX-License-Identifier: Apache-2.0
"""Upstreams that are down, slow, or lie: the caller learns which, gets nothing that only looks whole, and nobody else notices."""

import socket
import ssl
import threading
import time

import pytest

from support import resources as yaml
from support import wire
from support.certs import Authority
from support.keys import make_api_key
from support.raw_upstream import LEAVE, chunk, says
from support.waiting import until

SECRET = "fake-fault-secret-+/=-0123456789abcdef"


def refused(answer):
    return answer.status, answer.problem_code


def resets(connection, request):
    connection.abort()
    return LEAVE


BEFORE_THE_HEAD = {
    "hangs-up": lambda connection, request: LEAVE,
    "resets": resets,
    "half-a-head": says(b"HTTP/1.1 200 OK\r\nContent-Le", LEAVE),
    "garbage": says(b"\x16\x03\x01\x02\0\x01 this is not HTTP\r\n\r\n", LEAVE),
    "another-protocol": says(b"220 smtp.example ESMTP\r\n\r\n", LEAVE),
    "a-bad-status": says(b"HTTP/1.1 20 OK\r\n\r\n"),
    "status-600": says(b"HTTP/1.1 600 Odd\r\nContent-Length: 0\r\n\r\n"),
    "http-2.0": says(b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"),
    "two-lengths": says(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
    "length-and-chunked": says(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "an-unknown-coding": says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"),
    "a-signed-length": says(b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nab"),
    "a-folded-field": says(b"HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\nContent-Length: 0\r\n\r\n"),
    "a-bare-lf": says(b"HTTP/1.1 200 OK\nContent-Length: 0\n\n"),
    "a-nul": says(b"HTTP/1.1 200 OK\r\nX-A: b\0c\r\nContent-Length: 0\r\n\r\n"),
    "a-space-before-the-colon": says(b"HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n"),
    "an-endless-head": says(b"HTTP/1.1 200 OK\r\n" + b"X-A: " + b"b" * 2_000_000, LEAVE),
    "endless-interim-answers": says(b"HTTP/1.1 100 Continue\r\n\r\n" * 20_000, LEAVE),
}


@pytest.mark.parametrize("fault", BEFORE_THE_HEAD)
def test_a_fault_before_the_answers_head_is_a_502_and_the_connection_is_not_used_again(world, fault):
    world.raw.on(f"/{fault}", BEFORE_THE_HEAD[fault])
    answer = world.gateway.call("POST", f"/raw/{fault}", world.caller, body=b"x")

    assert refused(answer) == (502, "upstream_failed"), answer
    assert answer.json["detail"]
    faulty = world.raw.last(f"/{fault}").connection
    assert len(world.raw.to(f"/{fault}")) == 1  # a POST is not sent twice
    for _ in range(4):
        assert world.gateway.get("/raw/any", world.caller).json["connection"] != faulty


IN_THE_BODY = {
    "shorter-than-said": says(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", LEAVE),
    "reset-within": lambda connection, request: connection.send(
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort") or resets(connection, request),
    "no-last-chunk": says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"part"), LEAVE),
    "half-a-chunk": says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\npart", LEAVE),
    "a-bad-chunk-size": says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"part") + b"zz\r\n"),
    "a-chunk-longer-than-said": says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npartial\r\n0\r\n\r\n"),
    "an-overflowing-chunk": says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"part") + b"1" * 17 + b"\r\n"),
    "no-end-of-the-last-chunk": says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"part") + b"0\r\n", LEAVE),
}


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
@pytest.mark.parametrize("fault", IN_THE_BODY)
def test_a_fault_within_the_answers_body_never_looks_like_a_whole_answer(world, fault, version):
    path = f"/body-{fault}"
    world.raw.on(path, IN_THE_BODY[fault])
    with world.gateway.connect() as client:
        client.request("GET", f"/raw{path}", [wire.bearer(world.caller)], version=version)
        with pytest.raises(wire.BrokenAnswer):
            answer = client.read_answer()
            assert answer.status == 502  # known before the head was sent on: as good
            raise wire.BrokenAnswer("refused in time")
    faulty = world.raw.last(path).connection
    assert world.gateway.get("/raw/any", world.caller).json["connection"] != faulty


@pytest.mark.parametrize("extra", [b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\npoisoned", b"\r\n", b"x"],
                         ids=["a-second-answer", "an-empty-line", "one-byte"])
def test_bytes_after_an_answer_poison_nobody_elses(world, extra):
    world.raw.on("/extra", says(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood" + extra))
    with world.gateway.connect() as client:
        for _ in range(5):
            answer = client.call("GET", "/raw/extra", [wire.bearer(world.caller)])
            assert (answer.status, answer.body) == (200, b"good")
            assert client.call("GET", "/raw/any", [wire.bearer(world.caller)]).json["target"] == "/any"
    assert len({request.connection for request in world.raw.to("/extra")}) == len(world.raw.to("/extra"))


def test_a_body_after_a_head_request_is_not_taken_for_the_next_answer(world):
    world.raw.on("/head-with-body", says(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"))
    with world.gateway.connect() as client:
        client.request("HEAD", "/raw/head-with-body", [wire.bearer(world.caller)])
        assert client.read_answer("HEAD").status == 200
        assert client.call("GET", "/raw/any", [wire.bearer(world.caller)]).json["target"] == "/any"


def stalls(*first):
    def behaviour(connection, request):
        connection.read_body(request)
        for piece in first:
            connection.send(piece)
        connection.upstream.release.wait(20)
        return LEAVE
    return behaviour


def test_an_upstream_that_never_begins_its_answer_is_a_504(world):
    world.raw.on("/stalls-before", stalls())
    assert refused(world.gateway.get("/impatient/stalls-before", world.caller)) == (504, "upstream_timeout")


def test_an_upstream_that_stalls_within_the_head_is_a_504(world):
    world.raw.on("/stalls-in-head", stalls(b"HTTP/1.1 200 OK\r\nContent"))
    assert refused(world.gateway.get("/impatient/stalls-in-head", world.caller)) == (504, "upstream_timeout")


def test_an_upstream_that_stalls_within_the_body_ends_in_a_broken_answer(world):
    world.raw.on("/stalls-in-body", stalls(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"part")))
    with world.gateway.connect() as client:
        client.request("GET", "/impatient/stalls-in-body", [wire.bearer(world.caller)])
        with pytest.raises(wire.BrokenAnswer) as broken:
            client.read_answer()
    assert broken.value.body == b"part"


def test_an_upload_that_takes_longer_than_the_upstreams_patience_is_not_the_upstreams_fault(world):
    """Its time to answer counts from the end of the request."""
    with world.gateway.connect() as client:
        client.send(wire.head("POST", "/impatient/any", [wire.bearer(world.caller), ("Content-Length", "15")]))
        for _ in range(15):
            time.sleep(0.1)  # well within every idle time-out, 1.5 s in all
            client.send(b"x")
        answer = client.read_answer()
    assert answer.status == 200, answer


def test_a_caller_that_pauses_within_a_download_is_not_the_upstreams_fault(world):
    body = b"0123456789abcdef" * 65536 * 40
    world.raw.on("/large", lambda connection, request: connection.answer(body) or True)
    with world.gateway.connect(receive_buffer=65536) as client:
        client.request("GET", "/impatient/large", [wire.bearer(world.caller)])
        time.sleep(1.2)  # over twice the upstream's idle time-out
        assert client.read_answer().body == body


def test_an_upstream_that_accepts_and_never_speaks_tls_is_a_504(world, make_gateway, authority):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        key = make_api_key()
        gateway = make_gateway(
            yaml.simple("silent", f"https://127.0.0.1:{silent.getsockname()[1]}", key, tls={"ca": str(authority.cert)},
                        timeouts={"connect": "300ms"}), env={"E2E_SECRET": SECRET})
        assert refused(gateway.get("/silent/any", key)) == (504, "upstream_timeout")


def test_an_upstream_that_refuses_connections_is_a_502_at_once(make_gateway):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    key = make_api_key()
    gateway = make_gateway(yaml.simple("down", f"http://127.0.0.1:{port}", key), env={"E2E_SECRET": SECRET})
    answer = gateway.get("/down/any", key)
    assert refused(answer) == (502, "upstream_failed")
    assert answer.json["detail"] == "connecting to the upstream failed"  # and nothing of where
    until(lambda: "refused" in gateway.log.text(), "the reason to be said")


def test_a_name_that_does_not_resolve_is_a_502(make_gateway):
    key = make_api_key()
    gateway = make_gateway(yaml.simple("nowhere", "https://nowhere.invalid", key, timeouts={"connect": "2s"}), env={"E2E_SECRET": SECRET})
    answer = gateway.get("/nowhere/any", key)
    assert answer.status in (502, 504) and answer.problem_code in ("upstream_failed", "upstream_timeout")


@pytest.fixture(scope="module")
def strangers(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("strangers"), "An authority that nobody trusts")


@pytest.mark.parametrize("fault", ["another-name", "another-authority", "expired", "plain-http"])
def test_a_wrong_certificate_is_a_502_and_the_credential_is_never_sent(make_gateway, make_upstream, authority, strangers, fault):
    if fault == "another-name":
        upstream = make_upstream(authority.issue("another-name", ["DNS:elsewhere.example", "IP:192.0.2.1"]))
    elif fault == "another-authority":
        upstream = make_upstream(strangers.issue("unknown"))
    elif fault == "expired":
        upstream = make_upstream(authority.issue("expired", days=-1))
    else:
        upstream = make_upstream(first_words=b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    key = make_api_key()
    url = upstream.url("127.0.0.1").replace("http://", "https://")
    gateway = make_gateway(yaml.simple("wrong", url, key, tls={"ca": str(authority.cert)}), env={"E2E_SECRET": SECRET})

    answer = gateway.call("POST", "/wrong/any", key, body=b"payload")

    assert refused(answer) == (502, "upstream_failed")
    assert upstream.requests == []
    if fault != "plain-http":
        detail = answer.json["detail"].lower()
        assert "certificate" in detail or "tls" in detail, detail


def test_the_name_to_verify_can_be_set_and_is_what_sni_says(make_gateway, make_upstream, authority):
    upstream = make_upstream(authority.issue("by-name", ["DNS:api.example"]))
    named = []
    upstream.context.sni_callback = lambda connection, name, context: named.append(name)
    key = make_api_key()
    gateway = make_gateway(yaml.simple("named", upstream.url(), key, tls={"ca": str(authority.cert), "server_name": "api.example"}),
                           env={"E2E_SECRET": SECRET})
    assert gateway.get("/named/any", key).status == 200
    assert named == ["api.example"]


def test_a_certificate_of_the_systems_store_is_not_trusted_where_a_ca_is_given_nor_the_other_way_round(
        make_gateway, make_upstream, identity):
    upstream = make_upstream(identity)
    key = make_api_key()
    gateway = make_gateway(yaml.simple("system", upstream.url(), key), env={"E2E_SECRET": SECRET})
    assert refused(gateway.get("/system/any", key)) == (502, "upstream_failed")
    assert upstream.requests == []


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1])
def test_an_upstream_that_only_speaks_old_tls_is_a_502(make_gateway, make_upstream, identity, authority, version):
    upstream = make_upstream(identity)
    upstream.context.set_ciphers("ALL:@SECLEVEL=0")
    upstream.context.minimum_version = ssl.TLSVersion.TLSv1
    upstream.context.maximum_version = version
    key = make_api_key()
    gateway = make_gateway(yaml.simple("old", upstream.url(), key, tls={"ca": str(authority.cert)}), env={"E2E_SECRET": SECRET})
    assert refused(gateway.get("/old/any", key)) == (502, "upstream_failed")
    assert upstream.requests == []


def test_a_connection_that_died_idle_is_never_used_for_a_post(make_gateway, make_upstream):
    upstream, key = make_upstream(), make_api_key()

    def leaves(connection, request):
        connection.read_body(request)
        connection.answer(b"bye")
        return LEAVE

    upstream.on("/leaves", leaves)
    gateway = make_gateway(yaml.simple("raw", upstream.url(), key), env={"E2E_SECRET": SECRET}, config={"gateway": {"workers": 1}})
    with gateway.connect() as client:
        for turn in range(20):
            assert client.call("POST", "/raw/leaves", [wire.bearer(key)], b"x").body == b"bye"
            until(lambda: upstream.connections[turn].ended, "the upstream to have closed")
    assert len(upstream.to("/leaves")) == 20


def test_others_are_not_affected_by_a_faulty_upstream(world):
    world.raw.on("/stalls-beside", stalls())
    failures, done = [], []

    def suffers():
        for path in ("/impatient/stalls-beside", "/raw/hangs-up", "/raw/garbage"):
            done.append(world.gateway.get(path, world.caller).status)

    def works():
        with world.gateway.connect() as client:
            for _ in range(100):
                answer = client.call("GET", "/bearer/files/small.txt", [wire.bearer(world.caller)])
                if (answer.status, len(answer.body)) != (200, 600):
                    failures.append(answer)

    for fault in ("hangs-up", "garbage"):
        world.raw.on(f"/{fault}", BEFORE_THE_HEAD[fault])
    threads = [threading.Thread(target=run) for run in [suffers] * 8 + [works] * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failures == []
    assert sorted(done) == [502] * 16 + [504] * 8


def test_no_answer_shows_a_credential_neither_the_gateways_own_nor_an_upstreams_that_shows_the_request(world):
    answers = [world.gateway.get(path, world.caller) for path in
               ("/raw/hangs-up", "/raw/garbage", "/impatient/stalls-before", "/no-credential/x", "/nowhere", "/narrow/x")]
    assert all(answer.status >= 400 for answer in answers)
    echoes = [world.gateway.get(path, world.caller) for path in ("/raw/any", "/bearer/echo", "/query/echo", "/basic/echo")]
    assert all(answer.status == 200 and "***" in answer.text for answer in echoes)
    for answer in answers + echoes:
        everything = str(answer.fields) + answer.text
        assert not [name for name, secret in world.secrets.items() if secret in everything]
