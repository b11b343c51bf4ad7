# SPDX-License-Identifier: Apache-2.0
"""Upstreams with several base URLs: one that is down costs no call; what was sent once is not sent twice; time is kept."""

import hashlib
import itertools
import socket
import ssl
import subprocess
import threading
import time
from base64 import b64encode

import pytest

from support import resources as yaml
from support import wire
from support.managed import managed_resources
from support.nginx import free_ports
from support.raw_upstream import LEAVE, STAY, RawUpstream, chunk
from support.waiting import until

SECRET = "fake-failover-secret-0123456789abcdef"
ONE_WORKER = {"gateway": {"workers": 1}}


def several(urls, **more):
    """A gateway's resources: upstream "api" at these URLs, and a caller."""
    made = yaml.simple("api", urls[0], more.pop("key"), **more)
    made[0]["base_urls"] = urls
    del made[0]["base_url"]
    return made


def refused(answer):
    return answer.status, answer.problem_code


@pytest.fixture
def start(make_gateway, key):
    def make(urls, config=None, **more):
        return make_gateway(several(urls, key=key, **more), env={"E2E_SECRET": SECRET}, config=config or ONE_WORKER)
    return make


def dead_url():
    return f"http://127.0.0.1:{free_ports(1)[0]}"


def up(gateway, url):
    return gateway.metric("claviger_upstream_endpoint_up", upstream="api", endpoint=url.partition("//")[2])


def most_trials(since):
    """How many trials an address that has been out since then may have had at the most: after one second, two more, four more."""
    out = time.monotonic() - since
    return sum(1 for n in range(1, 12) if out >= 2 ** n - 1)


# -- which address

def test_calls_are_spread_over_all_addresses_and_each_sees_its_own_name(start, make_upstream, key):
    upstreams = [make_upstream() for _ in range(3)]
    gateway = start([upstream.url() for upstream in upstreams])
    for _ in range(30):
        assert gateway.get("/api/any", key).status == 200
    for upstream in upstreams:
        assert len(upstream.requests) == 10
        assert {request.get("Host") for request in upstream.requests} == {f"127.0.0.1:{upstream.port}"}
        assert {request.get("Authorization") for request in upstream.requests} == {f"Bearer {SECRET}"}
        assert upstream.accepted == 1  # one connection, used again
    assert gateway.metric("claviger_upstream_calls_total", upstream="api") == 30
    assert gateway.metric("claviger_upstream_answers_total", upstream="api", **{"class": "2xx"}) == 30


def test_a_slow_address_gets_fewer_calls(start, make_upstream, key):
    slow, quick = make_upstream(), make_upstream()

    def takes_its_time(connection, request):
        connection.read_body(request)
        time.sleep(0.3)
        connection.answer(b"at last")
        return STAY

    slow.on("/any", takes_its_time)
    gateway = start([slow.url(), quick.url()])

    def works():
        for _ in range(10):
            assert gateway.get("/api/any", key).status == 200

    threads = [threading.Thread(target=works) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(slow.requests) + len(quick.requests) == 40
    assert len(slow.requests) < len(quick.requests)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_one_address_of_two_that_is_dead_fails_no_call(start, make_upstream, key, method):
    upstream, dead = make_upstream(), dead_url()
    gateway = start([dead, upstream.url()])
    began = time.monotonic()
    for turn in range(30):
        answer = gateway.call(method, f"/api/{turn}", key, body=b"x" if method == "POST" else b"")
        assert answer.status == 200, answer
    assert len(upstream.requests) == 30
    assert up(gateway, dead) == 0 and up(gateway, upstream.url()) == 1
    # Three failures, and one for each trial since: not one for every call.
    failures = gateway.metric("claviger_upstream_failures_total", upstream="api", kind="connect")
    assert 3 <= failures <= 3 + most_trials(since=began)
    assert gateway.metric("claviger_upstream_retries_total", upstream="api") >= 3


def test_the_access_log_says_how_often_a_call_was_tried_again(start, make_upstream, key):
    upstream = make_upstream()
    gateway = start([dead_url(), upstream.url()])
    lines = [gateway.access_line(gateway.get("/api/any", key).get("X-Request-Id")) for _ in range(8)]
    retries = [line.get("retries", 0) for line in lines]
    assert retries[:3] == [1, 1, 1] and set(retries) == {0, 1}  # later ones are trials


def test_all_addresses_dead_is_a_502_and_each_was_tried(start, key):
    gateway = start([dead_url(), dead_url(), dead_url()])
    for _ in range(8):
        assert refused(gateway.get("/api/any", key)) == (502, "upstream_failed")
    # Health alone refuses nobody.
    assert gateway.metric("claviger_upstream_retries_total", upstream="api") == 16


def test_an_address_that_is_back_gets_calls_again_after_its_back_off(start, make_upstream, key):
    steady = make_upstream()
    port = free_ports(1)[0]
    gateway = start([steady.url(), f"http://127.0.0.1:{port}"])
    until(lambda: gateway.get("/api/any", key).status == 200 and not up(gateway, f"http://127.0.0.1:{port}"), "it to be out")
    with RawUpstream(port=port) as back:
        until(lambda: gateway.get("/api/any", key).status == 200 and back.requests, "a trial")
        until(lambda: up(gateway, back.url()), "it to be up")
        before = len(back.requests)
        for _ in range(10):
            assert gateway.get("/api/any", key).status == 200
        assert len(back.requests) - before == 5


def test_answers_that_say_503_do_not_make_an_address_unhealthy(start, make_upstream, key):
    busy, idle = make_upstream(), make_upstream()
    busy.on("/any", lambda connection, request: connection.answer(b"", "503 Busy") or STAY)
    gateway = start([busy.url(), idle.url()])
    statuses = [gateway.get("/api/any", key).status for _ in range(20)]
    assert statuses.count(503) == 10 and statuses.count(200) == 10
    assert up(gateway, busy.url()) == 1


# -- what is sent again, and what is not

def test_an_address_that_dies_under_load_fails_no_get_and_no_post_is_sent_twice(start, make_upstream, key):
    steady, dying = make_upstream(), make_upstream()
    gateway = start([steady.url(), dying.url()], config={"gateway": {"workers": 2}})
    stop, numbers = threading.Event(), itertools.count()
    gets, posts = [], {}

    def reads():
        with gateway.connect() as client:
            while not stop.is_set():
                gets.append(client.call("GET", f"/api/get-{next(numbers)}", [wire.bearer(key)]).status)

    def writes():
        with gateway.connect() as client:
            while not stop.is_set():
                name = f"/post-{next(numbers)}"
                posts[name] = client.call("POST", "/api" + name, [wire.bearer(key)], b"once").status

    threads = [threading.Thread(target=run) for run in [reads] * 4 + [writes] * 4]
    for thread in threads:
        thread.start()
    until(lambda: len(dying.requests) > 50, "some load")
    dying.stop()
    beyond = len(gets) + 200
    until(lambda: len(gets) > beyond, "more of it")
    stop.set()
    for thread in threads:
        thread.join(30)

    assert set(gets) == {200}
    assert set(posts.values()) <= {200, 502}
    for name, status in posts.items():
        times = len(steady.to(name)) + len(dying.to(name))
        assert times == 1 or (times == 0 and status == 502), (name, status, times)


def leaves(connection, request):
    connection.read_body(request)
    return LEAVE


def test_a_get_that_an_address_hangs_up_on_is_sent_to_the_other_and_a_post_is_not(start, make_upstream, key):
    bad, good = make_upstream(), make_upstream()
    bad.on("/get", leaves).on("/post", leaves)
    gateway = start([bad.url(), good.url()])
    assert gateway.get("/api/get", key).status == 200
    assert len(bad.to("/get")) == 1 and len(good.to("/get")) == 1
    statuses = [gateway.call("POST", "/api/post", key, body=b"x").status for _ in range(2)]
    assert sorted(statuses) == [200, 502]
    assert len(bad.to("/post")) == 1 and len(good.to("/post")) == 1


def test_nothing_is_sent_again_once_a_byte_of_an_answer_came(start, make_upstream, key):
    bad, good = make_upstream(), make_upstream()
    bad.on("/any", lambda connection, request: connection.send(b"H") or LEAVE)
    gateway = start([bad.url(), good.url()])
    statuses = [gateway.get("/api/any", key).status for _ in range(2)]
    assert sorted(statuses) == [200, 502]
    assert len(good.requests) == 1


def test_a_large_body_goes_to_the_address_that_is_there(start, make_upstream, key):
    upstream = make_upstream()
    gateway = start([dead_url(), upstream.url()])
    body = bytes(range(256)) * 4096
    for _ in range(2):
        answer = gateway.call("POST", "/api/large", key, body=body)
        assert answer.status == 200
    for request in upstream.to("/large"):
        assert request.body == body


# -- time

def stalls(*first):
    def behaviour(connection, request):
        connection.read_body(request)
        for piece in first:
            connection.send(piece)
        connection.upstream.release.wait(20)
        return LEAVE
    return behaviour


def timed(call):
    began = time.monotonic()
    return call(), time.monotonic() - began


def test_an_address_that_takes_no_connection_is_a_504_after_the_time_to_connect(start, make_upstream, key):
    full = socket.create_server(("127.0.0.1", 0), backlog=0)
    waiting = []
    for _ in range(4):  # the queue is full then, and the kernel drops what comes
        waiting.append(socket.socket())
        waiting[-1].setblocking(False)
        waiting[-1].connect_ex(full.getsockname())
    time.sleep(0.2)
    url = f"http://127.0.0.1:{full.getsockname()[1]}"
    gateway = start([url], timeouts={"connect": "400ms"})
    answer, took = timed(lambda: gateway.get("/api/any", key))
    assert refused(answer) == (504, "upstream_timeout") and 0.3 < took < 3, (answer, took)

    upstream = make_upstream()
    gateway.write_resources(several([url, upstream.url()], key=key, timeouts={"connect": "400ms"}))
    gateway.reload()
    for _ in range(8):
        assert gateway.get("/api/any", key).status == 200
    assert up(gateway, url) == 0
    for each in [full, *waiting]:
        each.close()


def test_an_address_that_does_not_answer_the_tls_handshake_is_a_504_after_the_time_for_it(start, key):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        gateway = start([f"https://127.0.0.1:{silent.getsockname()[1]}"], timeouts={"connect": "20s", "tls": "400ms"})
        answer, took = timed(lambda: gateway.get("/api/any", key))
        assert refused(answer) == (504, "upstream_timeout") and 0.3 < took < 5, (answer, took)
        assert "TLS" in answer.json["detail"]
        assert gateway.metric("claviger_upstream_failures_total", upstream="api", kind="tls") == 1


def test_an_address_that_never_answers_is_a_504_and_another_does_not_get_the_request(start, make_upstream, key):
    hung, good = make_upstream(), make_upstream()
    hung.on("/any", stalls())
    gateway = start([hung.url(), good.url()], timeouts={"first_byte": "2s"})
    answers = [timed(lambda: gateway.get("/api/any", key)) for _ in range(2)]
    assert sorted(answer.status for answer, _ in answers) == [200, 504]
    assert max(took for _, took in answers) < 15
    assert len(good.requests) == 1
    assert gateway.metric("claviger_upstream_failures_total", upstream="api", kind="timeout") == 1


def test_a_hung_address_is_out_after_three_calls(start, make_upstream, key):
    hung, good = make_upstream(), make_upstream()
    hung.on("/any", stalls())
    gateway = start([hung.url(), good.url()], timeouts={"first_byte": "2s"})
    statuses = []
    while statuses.count(504) < 3 and len(statuses) < 6:
        began = time.monotonic()
        statuses.append(gateway.get("/api/any", key).status)
    assert statuses.count(504) == 3 and set(statuses) <= {200, 504}, statuses
    later = [gateway.get("/api/any", key).status for _ in range(6)]
    # It went out two seconds after the last of them began, at the earliest.
    assert later.count(200) >= 6 - most_trials(since=began + 2), later


def test_a_call_that_takes_longer_than_all_its_time_is_a_504_before_its_answer(start, make_upstream, key):
    upstream = make_upstream()
    upstream.on("/any", stalls())
    gateway = start([upstream.url()], timeouts={"total": "2s"})
    with gateway.connect() as client:
        client.request("GET", "/api/any", [wire.bearer(key)])
        answer, took = timed(client.read_answer)
        assert refused(answer) == (504, "upstream_timeout") and 0.4 < took < 15, (answer, took)
        assert "timeouts.total" in answer.json["detail"]
        assert client.call("GET", "/api/other", [wire.bearer(key)]).status == 200  # the connection is good still
    assert gateway.metric("claviger_calls_out_of_time_total") == 1


def test_an_answer_that_drips_for_longer_than_all_its_time_is_broken_off(start, make_upstream, key):
    def drips(connection, request):
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(400):
            connection.send(chunk(b"drop"))
            time.sleep(0.05)
        return LEAVE

    upstream = make_upstream()
    upstream.on("/any", drips)
    gateway = start([upstream.url()], timeouts={"total": "2s", "idle": "1900ms"})
    with gateway.connect() as client:
        client.request("GET", "/api/any", [wire.bearer(key)])
        began = time.monotonic()
        with pytest.raises(wire.BrokenAnswer) as broken:
            client.read_answer()
        assert 0.4 < time.monotonic() - began < 15  # it would go on for twenty
    assert broken.value.body.startswith(b"drop")
    assert gateway.metric("claviger_calls_out_of_time_total") == 1


def test_a_caller_that_does_not_read_its_answer_runs_out_of_time_as_well(start, make_upstream, key):
    upstream = make_upstream()
    upstream.on("/any", lambda connection, request: connection.answer(b"x" * 50_000_000) or STAY)
    gateway = start([upstream.url()], timeouts={"total": "700ms"})
    with gateway.connect(receive_buffer=4096) as client:
        client.request("GET", "/api/any", [wire.bearer(key)])
        until(lambda: gateway.metric("claviger_calls_out_of_time_total") == 1, "the call to be ended")
        until(lambda: gateway.metric("claviger_requests_active") == 0, "it to be gone")


def test_a_caller_that_pauses_its_upload_is_not_the_upstreams_failure(start, make_upstream, key):
    upstream = make_upstream()
    gateway = start([upstream.url()], timeouts={"first_byte": "2s", "idle": "2s"})
    with gateway.connect() as client:
        client.send(wire.head("POST", "/api/any", [wire.bearer(key), ("Content-Length", "4")]) + b"bo")
        time.sleep(3)
        client.send(b"dy")
        answer = client.read_answer("POST")
    assert (answer.status, answer.json["body"]) == (200, "body")
    assert gateway.metric("claviger_upstream_failures_total", upstream="api") == 0


# -- TLS

def pin_of(certificate):
    public = subprocess.run(["openssl", "x509", "-in", certificate, "-noout", "-pubkey"], capture_output=True, check=True).stdout
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=public, capture_output=True, check=True).stdout
    return hashlib.sha256(der)


@pytest.mark.parametrize("whose", ["its-own", "its-authoritys", "in-hex", "one-of-two"])
def test_an_upstream_with_a_pinned_key_is_called(start, make_upstream, key, identity, authority, whose):
    upstream = make_upstream(identity)
    own = pin_of(identity.cert)
    pins = {"its-own": ["sha256/" + b64encode(own.digest()).decode()],
            "its-authoritys": ["sha256/" + b64encode(pin_of(authority.cert).digest()).decode()],
            "in-hex": ["sha256:" + own.hexdigest()],
            "one-of-two": ["sha256:" + "0" * 64, "sha256:" + own.hexdigest()]}[whose]
    gateway = start([upstream.url("localhost")], tls={"ca": str(authority.cert), "pins": pins})
    assert gateway.get("/api/any", key).status == 200


def test_an_upstream_without_a_pinned_key_never_sees_the_request(start, make_upstream, key, identity, authority):
    upstream, pinned = make_upstream(identity), make_upstream(authority.issue("pinned"))
    pins = ["sha256:" + pin_of(authority.directory / "pinned.pem").hexdigest()]
    gateway = start([upstream.url("localhost"), pinned.url("localhost")], tls={"ca": str(authority.cert), "pins": pins})
    for _ in range(10):
        assert gateway.get("/api/any", key).status == 200
    assert upstream.requests == [] and len(pinned.requests) == 10
    assert gateway.metric("claviger_upstream_failures_total", upstream="api", kind="tls") >= 3

    gateway.write_resources(several([upstream.url("localhost")], key=key, tls={"ca": str(authority.cert), "pins": pins}))
    gateway.reload()
    assert refused(gateway.get("/api/any", key)) == (502, "upstream_failed")
    assert upstream.requests == []


def test_an_upstream_of_tls_1_2_is_refused_where_1_3_is_the_least(start, make_upstream, key, identity, authority):
    upstream = make_upstream(identity)
    upstream.context.maximum_version = ssl.TLSVersion.TLSv1_2
    tls = {"ca": str(authority.cert)}
    gateway = start([upstream.url("localhost")], tls={**tls, "min_version": "1.3"})
    answer = gateway.get("/api/any", key)
    assert refused(answer) == (502, "upstream_failed")
    assert upstream.requests == []
    logged = gateway.event("call_failed")
    assert "TLS" in str(logged) and "version" in str(logged).lower(), logged

    gateway.write_resources(several([upstream.url("localhost")], key=key, tls={**tls, "min_version": "1.2"}))
    gateway.reload()
    assert gateway.get("/api/any", key).status == 200


def test_each_address_is_verified_by_its_own_name(start, make_upstream, key, authority):
    by_name = make_upstream(authority.issue("named", ["DNS:localhost"]))
    by_address = make_upstream(authority.issue("numbered", ["IP:127.0.0.1"]))
    gateway = start([by_name.url("localhost"), by_address.url("127.0.0.1")], tls={"ca": str(authority.cert)})
    for _ in range(4):
        assert gateway.get("/api/any", key).status == 200
    assert len(by_name.requests) == 2 and len(by_address.requests) == 2


# -- kept in a store

def everything(urls, ca):
    made = managed_resources("api", urls[0])
    made[0].update({
        "base_urls": urls,
        "tls": {"ca": str(ca), "server_name": "localhost", "pins": ["sha256:" + "0" * 64, "sha256/" + "A" * 43 + "="],
                "min_version": "1.3"},
        "timeouts": {"connect": "5s", "tls": "4s", "first_byte": "30s", "idle": "20s", "total": "10m"},
        "encoded_slash": "opaque",
    })
    del made[0]["base_url"]
    return made


def test_what_get_shows_can_be_applied_again_and_changes_nothing(make_managed, authority, tmp_path):
    gateway = make_managed()
    gateway.apply(everything(["https://127.0.0.1:1", "https://localhost:2"], authority.cert))
    shown = gateway.cli("get", "upstream", "api", "-o", "yaml")
    for word in ("base_urls", "pins", "min_version", "first_byte", "total"):
        assert word in shown
    path = tmp_path / "shown.yaml"
    path.write_text(shown)
    said = gateway.cli("apply", "-f", path)
    assert "unchanged" in said and "updated" not in said and "created" not in said, said
    assert "https://127.0.0.1:1" in gateway.cli("get", "upstreams")


def test_a_secret_is_bound_to_all_base_urls_in_whatever_order(make_managed, make_upstream):
    upstreams = [make_upstream(), make_upstream()]
    gateway = make_managed()
    urls = [upstream.url() for upstream in upstreams]

    def apply(base_urls):
        made = managed_resources("api", base_urls[0])
        made[0]["base_urls"] = base_urls
        del made[0]["base_url"]
        gateway.apply(made)
        return gateway.managed("GET", "/credentials/api-main")["status"]["state"]

    apply(urls)
    gateway.set_secret("api-main", SECRET)
    assert apply(urls[::-1]) == "active"
    caller = gateway.create_key("caller")
    assert gateway.get("/api/any", caller).status == 200
    assert apply([*urls, dead_url()]) == "unbound"
    assert gateway.get("/api/any", caller).status == 503
