# SPDX-License-Identifier: Apache-2.0
"""Limits bite where they are set, on those who reach them, and nowhere else."""

import socket
import threading

import pytest

from support import resources as yaml
from support import wire
from support.keys import make_api_key
from support.raw_upstream import STAY, chunk
from support.waiting import PATIENCE, until

ENV = {"E2E_SECRET": "fake-limit-secret-0123456789"}


@pytest.fixture
def key():
    return make_api_key()


@pytest.fixture
def upstream(make_upstream):
    return make_upstream()


@pytest.fixture
def limited(make_gateway, upstream, key):
    def make(workers=1, **limits):
        return make_gateway(yaml.simple("raw", upstream.url(), key), env=ENV,
                            config={"gateway": {"workers": workers}, "limits": limits})
    return make


def test_a_head_up_to_its_limit_passes_and_one_over_it_does_not(limited, key):
    gateway = limited(head="4KiB")

    def answer(size):
        empty = len(wire.head("GET", "/raw/any", [wire.bearer(key), ("X-Pad", "")]))
        return gateway.get("/raw/any", key=None, fields=[wire.bearer(key), ("X-Pad", "x" * (size - empty))])

    assert answer(4096).status == 200
    over = answer(4097)
    assert (over.status, over.problem_code) == (431, "too_large")


def test_a_head_without_end_is_cut_off_at_the_limit(limited, key):
    gateway = limited(head="4KiB")
    with gateway.connect() as client:
        client.send(b"GET /raw/any HTTP/1.1\r\nHost: x\r\nX-Pad: " + b"x" * 5000)
        answer = client.read_answer()
        assert (answer.status, answer.problem_code) == (431, "too_large")
        assert client.at_end()


def test_too_many_fields_get_431(limited, key):
    gateway = limited(headers=20)
    assert gateway.get("/raw/any", key, [(f"X-{n}", "v") for n in range(10)]).status == 200
    answer = gateway.get("/raw/any", key, [(f"X-{n}", "v") for n in range(30)])
    assert (answer.status, answer.problem_code) == (431, "too_large")


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_body_up_to_its_limit_passes_and_one_over_it_does_not(limited, upstream, key, framing):
    whole = []

    def swallows(connection, request):
        whole.append(len(connection.read_body(request)))
        connection.answer(b"swallowed")
        return STAY

    upstream.on("/swallows", swallows)
    gateway = limited(body="64KiB")

    def answer(size):
        body = b"x" * size
        fields = [("Content-Length", str(size))] if framing == "length" else [("Transfer-Encoding", "chunked")]
        return gateway.call("POST", "/raw/swallows", key, fields, body if framing == "length" else wire.chunked(body, (1000,)))

    assert answer(65536).body == b"swallowed"
    over = answer(65537)
    assert (over.status, over.problem_code) == (413, "too_large")
    assert whole == [65536]  # what was cut off never looked whole to the upstream
    assert answer(10).body == b"swallowed"


def test_a_connection_that_says_nothing_at_all_is_cut_off(limited):
    gateway = limited(head_timeout="300ms", idle_timeout="300ms")
    with gateway.connect() as silent:
        assert silent.at_end()


def test_a_tls_handshake_that_does_not_begin_or_end_is_cut_off(make_gateway):
    gateway = make_gateway(tls=True, config={"limits": {"head_timeout": "300ms"}})
    for said in (b"", b"\x16\x03\x01\x02\x00\x01"):
        with wire.Client(gateway.addresses["gateway"]) as client:
            client.send(said)
            while client.receive():
                pass


@pytest.mark.parametrize("limit", ["head_timeout", "idle_timeout", "body_idle_timeout"])
def test_time_outs_of_the_callers_side_do_not_end_a_call_whose_upstream_takes_its_time(limited, upstream, key, limit):
    pause = threading.Event()

    def thinks(connection, request):
        request.body = connection.read_body(request)
        pause.wait(1)
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"first "))
        pause.wait(1)
        connection.send(chunk(b"second") + b"0\r\n\r\n")
        return STAY

    upstream.on("/thinks", thinks)
    gateway = limited(**{limit: "300ms"})
    answer = gateway.call("POST", "/raw/thinks", key, body=b"question")
    assert (answer.status, answer.body) == (200, b"first second")


def test_a_slow_head_is_cut_off(limited):
    gateway = limited(head_timeout="300ms")
    with gateway.connect() as slow:
        slow.send(b"GET /raw/any HTTP/1.1\r\n")
        stop = threading.Event()

        def drip():
            try:
                while not stop.wait(0.05):
                    slow.send(b"X-Drip: drop\r\n")
            except OSError:
                pass

        dripping = threading.Thread(target=drip)
        dripping.start()
        try:
            while slow.receive():  # whatever is said, it ends, although bytes keep coming
                pass
        finally:
            stop.set()
            dripping.join()
    assert b" 200 " not in slow.buffer


def test_an_idle_connection_is_closed(limited, key):
    gateway = limited(idle_timeout="300ms")
    with gateway.connect() as client:
        assert client.call("GET", "/raw/any", [wire.bearer(key)]).status == 200
        assert client.at_end()


def test_a_body_that_stops_arriving_is_given_up(limited, upstream, key):
    gateway = limited(body_idle_timeout="300ms")
    with gateway.connect() as client:
        client.send(wire.head("POST", "/raw/any", [wire.bearer(key), ("Content-Length", "10")]) + b"12345")
        while client.receive():
            pass
    assert b" 200 " not in client.buffer
    until(lambda: gateway.metric("claviger_requests_active") == 0, "the call to be over")


def test_connections_over_the_limit_are_not_served_and_come_back_when_others_go(limited, key):
    gateway = limited(connections=10)
    held = [gateway.connect() for _ in range(10)]
    for client in held:
        assert client.call("GET", "/raw/any", [wire.bearer(key)]).status == 200

    with gateway.connect() as client:
        try:
            client.request("GET", "/raw/any", [wire.bearer(key)])
            answer = client.read_answer()
            assert answer.status == 503, answer
        except (wire.BrokenAnswer, OSError):
            pass
    assert held[0].call("GET", "/raw/any", [wire.bearer(key)]).status == 200  # those who are in stay in
    for client in held[:5]:
        client.close()

    def served():
        try:
            return gateway.get("/raw/any", key).status == 200
        except (wire.BrokenAnswer, OSError):
            return False
    until(served, "room again")
    for client in held[5:]:
        client.close()


def test_metrics_are_served_when_the_gateways_connections_are_used_up(limited, key):
    gateway = limited(connections=5)
    held = [gateway.connect() for _ in range(5)]
    assert gateway.metric("claviger_requests_total") >= 0
    for client in held:
        client.close()


def test_bad_credentials_without_end_are_slowed_by_address_and_good_ones_are_not(limited, key):
    gateway = limited(unauthenticated="10/min")
    statuses = [gateway.get("/raw/any", make_api_key()).status for _ in range(15)]
    assert statuses[:10] == [401] * 10 and statuses[10:] == [429] * 5
    answer = gateway.get("/raw/any", make_api_key())
    assert answer.problem_code == "limited" and int(answer.get("Retry-After")) > 0


def test_a_rate_is_one_for_all_workers_and_connections(make_gateway, upstream, key):
    resources = yaml.simple("raw", upstream.url(), key)
    resources[-1]["rate"] = "20/min"
    gateway = make_gateway(resources, env=ENV, config={"gateway": {"workers": 3}})
    statuses = []

    def calls():
        for _ in range(5):
            statuses.append(gateway.get("/raw/any", key).status)

    callers = [threading.Thread(target=calls) for _ in range(10)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(PATIENCE)
    assert statuses.count(200) == 20 and statuses.count(429) == 30


def test_a_rate_belongs_to_its_grant_and_principal_alone(make_gateway, upstream, key):
    other = make_api_key()
    resources = yaml.simple("raw", upstream.url(), key)
    resources[-1]["rate"] = "2/min"
    resources += [yaml.principal("other"), yaml.api_key(other, "other"), yaml.grant("other", "raw", rate="2/min")]
    gateway = make_gateway(resources, env=ENV)
    assert [gateway.get("/raw/any", key).status for _ in range(3)] == [200, 200, 429]
    assert [gateway.get("/raw/any", other).status for _ in range(3)] == [200, 200, 429]


def test_a_rate_survives_a_reload(make_gateway, upstream, key):
    resources = yaml.simple("raw", upstream.url(), key)
    resources[-1]["rate"] = "2/min"
    gateway = make_gateway(resources, env=ENV)
    assert [gateway.get("/raw/any", key).status for _ in range(2)] == [200, 200]
    gateway.reload()
    assert gateway.get("/raw/any", key).status == 429


def test_upstream_connections_stay_within_their_limit(limited, upstream, key):
    at_once, most, lock = 0, 0, threading.Lock()
    enough = threading.Event()

    def counts(connection, request):
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        enough.wait(0.2)
        with lock:
            at_once -= 1
        connection.answer(b"counted")
        return STAY

    upstream.on("/counts", counts)
    gateway = limited(upstream_connections=4)
    answers = []

    def call():
        answers.append(gateway.get("/raw/counts", key))

    callers = [threading.Thread(target=call) for _ in range(12)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(PATIENCE)
    assert most <= 4
    assert {answer.status for answer in answers} <= {200, 503}
    assert [answer.status for answer in answers].count(200) >= 4


def test_a_pooled_connection_is_closed_after_its_idle_time(limited, upstream, key):
    gateway = limited(upstream_idle="300ms")
    assert gateway.get("/raw/any", key).status == 200
    until(lambda: upstream.connections[0].ended, "the gateway to close the idle connection")
    assert gateway.get("/raw/any", key).json["connection"] == 2


def test_a_flood_of_connections_that_say_nothing_hinders_nobody(limited, key):
    gateway = limited()
    idle = [socket.create_connection(gateway.addresses["gateway"]) for _ in range(500)]
    try:
        for _ in range(10):
            assert gateway.get("/raw/any", key).status == 200
    finally:
        for each in idle:
            each.close()
