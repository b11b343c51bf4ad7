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
        pause.wait(2.5)
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"first "))
        pause.wait(2.5)
        connection.send(chunk(b"second") + b"0\r\n\r\n")
        return STAY

    upstream.on("/thinks", thinks)
    gateway = limited(**{limit: "2s"})
    answer = gateway.call("POST", "/raw/thinks", key, body=b"question")
    assert (answer.status, answer.body) == (200, b"first second")


def drip_until_cut_off(client, drop):
    """Whatever is said, the connection ends, although bytes keep coming."""
    stop = threading.Event()

    def drip():
        try:
            while not stop.wait(0.05):
                client.send(drop)
        except OSError:
            pass

    dripping = threading.Thread(target=drip)
    dripping.start()
    try:
        while client.receive():
            pass
    finally:
        stop.set()
        dripping.join()


def test_a_slow_head_is_cut_off(limited):
    gateway = limited(head_timeout="300ms")
    with gateway.connect() as slow:
        slow.send(b"GET /raw/any HTTP/1.1\r\n")
        drip_until_cut_off(slow, b"X-Drip: drop\r\n")
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


def held_connections(gateway, key, count):
    held = []
    for _ in range(count):
        held.append(gateway.connect())
        assert held[-1].call("GET", "/raw/any", [wire.bearer(key)]).status == 200
    return held


@pytest.fixture
def busy_connections(upstream, key):
    """Connections with a call under way on each; ends(): the calls are answered."""
    ends, held = threading.Event(), []

    def thinks(connection, request):
        ends.wait(PATIENCE)
        connection.answer(b"thought")
        return STAY

    def make(gateway, count):
        for _ in range(count):
            held.append(gateway.connect())
            held[-1].send(wire.head("GET", "/raw/thinks", [wire.bearer(key)]))
        until(lambda: gateway.metric("claviger_requests_active") == count, "the calls to be under way")
        return held, ends.set

    upstream.on("/thinks", thinks)
    yield make
    ends.set()
    for client in held:
        client.close()


def served(gateway, key):
    try:
        return gateway.get("/raw/any", key).status == 200
    except (wire.BrokenAnswer, OSError):
        return False


def test_connections_over_the_limit_are_not_served_while_all_are_busy_and_are_when_one_is_idle(limited, key, busy_connections):
    gateway = limited(connections=10)
    held, end = busy_connections(gateway, 10)
    with gateway.connect() as over:
        assert is_shut_out(over)
    shows(gateway, "connections_per_address")  # all come from one
    end()
    assert [client.read_answer().status for client in held] == [200] * 10  # those who are in stay in
    assert gateway.get("/raw/any", key).status == 200


def test_who_holds_all_connections_idle_with_a_good_key_locks_nobody_out(limited, key):
    gateway = limited(connections=10)
    held = held_connections(gateway, key, 10)
    for _ in range(5):
        assert held[9].call("GET", "/raw/any", [wire.bearer(key)]).status == 200
        assert gateway.get("/raw/any", key).status == 200
    assert held[0].at_end()
    for client in held:
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
    gateway = limited(upstream_connections=3)  # too few for a share of each principal's
    answers = []

    def call():
        answers.append(gateway.get("/raw/counts", key))

    callers = [threading.Thread(target=call) for _ in range(12)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(PATIENCE)
    assert most <= 3
    assert {answer.status for answer in answers} <= {200, 503}
    assert [answer.status for answer in answers].count(200) >= 3


def test_a_pooled_connection_is_closed_after_its_idle_time(limited, upstream, key):
    gateway = limited(upstream_idle="300ms")
    assert gateway.get("/raw/any", key).status == 200
    until(lambda: upstream.connections[0].ended, "the gateway to close the idle connection")
    assert gateway.get("/raw/any", key).json["connection"] == 2


# --- Each limit shows by name

def reached(gateway, limit):
    return gateway.metric("claviger_limit_reached_total", limit=limit)


def shows(gateway, limit, at_least=1):
    until(lambda: reached(gateway, limit) >= at_least, f"claviger_limit_reached_total{{limit={limit!r}}} to be {at_least}")


def test_the_last_request_of_a_connection_is_answered_with_close(limited, key):
    gateway = limited(requests_per_connection=3)
    with gateway.connect() as client:
        answers = [client.call("GET", "/raw/any", [wire.bearer(key)]) for _ in range(3)]
        assert [answer.status for answer in answers] == [200] * 3
        assert [answer.get("Connection") for answer in answers] == [None, None, "close"]
        assert client.at_end()
    assert gateway.get("/raw/any", key).status == 200
    assert reached(gateway, "requests_per_connection") == 1


def is_shut_out(client):
    try:
        client.send(wire.head("GET", "/raw/any"))
        return not client.receive()
    except OSError:
        return True


def test_an_address_has_so_many_connections_and_others_have_theirs(limited, key, busy_connections):
    gateway = limited(connections_per_address=5, workers=2)
    held, end = busy_connections(gateway, 5)
    with gateway.connect() as over:
        assert is_shut_out(over)
    shows(gateway, "connections_per_address")
    with socket.create_connection(gateway.addresses["gateway"], PATIENCE, ("127.0.0.2", 0)) as other:
        other.sendall(wire.head("GET", "/raw/any", [wire.bearer(key)]))
        assert other.recv(65536).startswith(b"HTTP/1.1 200 ")
    end()
    assert [client.read_answer().status for client in held] == [200] * 5
    held.pop().close()
    until(lambda: served(gateway, key), "room again")


def test_a_body_that_drips_is_ended_although_it_never_stops(limited, upstream, key):
    gateway = limited(body_rate=1000, body_idle_timeout="500ms")
    with gateway.connect() as client:
        client.send(wire.head("POST", "/raw/any", [wire.bearer(key), ("Content-Length", "100000")]))
        drip_until_cut_off(client, b"x")
    assert b" 200 " not in client.buffer
    shows(gateway, "body_rate")
    assert reached(gateway, "body_idle_timeout") == 0


@pytest.mark.parametrize("piece", [100, 65536])
def test_a_caller_that_takes_a_byte_now_and_then_is_cut_off(limited, upstream, key, piece):
    left = threading.Event()

    def pours(connection, request):
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            while True:
                connection.send(chunk(b"e" * piece))
        except OSError:
            left.set()
        return False

    upstream.on("/pours", pours)
    gateway = limited(body_idle_timeout="500ms")
    with gateway.connect(receive_buffer=2048) as client:
        client.send(wire.head("GET", "/raw/pours", [wire.bearer(key)]))
        stop = threading.Event()

        def sip():
            try:
                while not stop.wait(0.02):
                    client.sock.recv(1)
            except OSError:
                pass

        sipping = threading.Thread(target=sip)
        sipping.start()
        try:
            assert left.wait(PATIENCE), "the upstream's connection goes with the caller's"
        finally:
            stop.set()
            sipping.join()
    shows(gateway, "slow_reader")


def test_every_other_limit_that_bites_says_so(limited, upstream, key):
    gateway = limited(head="4KiB", headers=20, body="1KiB", head_timeout="2s", idle_timeout="2s",
                      body_idle_timeout="2s", unauthenticated="1/min")
    gateway.get("/raw/any", key, [("X-Pad", "x" * 5000)])
    gateway.get("/raw/any", key, [(f"X-{n}", "v") for n in range(30)])
    gateway.call("POST", "/raw/any", key, [("Content-Length", "1025")])
    for _ in range(3):
        gateway.get("/raw/any", make_api_key())
    with gateway.connect() as idle, gateway.connect() as slow, gateway.connect() as stopped:
        idle.call("GET", "/raw/any", [wire.bearer(key)])
        slow.send(b"GET /raw")
        stopped.send(wire.head("POST", "/raw/any", [wire.bearer(key), ("Content-Length", "10")]) + b"x")
        for limit in ("head", "headers", "body", "unauthenticated", "idle_timeout", "head_timeout", "body_idle_timeout"):
            shows(gateway, limit)


def test_a_tls_handshake_that_takes_too_long_shows(make_gateway):
    gateway = make_gateway(tls=True, config={"limits": {"head_timeout": "300ms"}})
    with socket.create_connection(gateway.addresses["gateway"]) as client:
        client.sendall(b"\x16\x03\x01\x02\x00\x01")
        shows(gateway, "tls_handshake")


# --- Floods

class Flood:
    """Connections that are opened, told so much, and held, on and on."""

    def __init__(self, gateway, said, count=400):
        self.gateway, self.said, self.count = gateway, said, count
        self.stop = threading.Event()
        self.opened = 0
        self.thread = threading.Thread(target=self._run)

    def __enter__(self):
        self.thread.start()
        until(lambda: self.opened >= self.count, "the flood to rise")
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()

    def _run(self):
        held = []
        while not self.stop.is_set():
            try:
                one = socket.create_connection(self.gateway.addresses["gateway"], 1)
                one.sendall(self.said)
                held.append(one)
                self.opened += 1
            except OSError:
                self.stop.wait(0.01)
            if len(held) > 2 * self.count:
                held.pop(0).close()
            self.stop.wait(0.002)
        for one in held:
            one.close()


@pytest.mark.parametrize("tls, said", [(False, b""), (False, b"GET /raw/any HTTP/1.1\r\nX: "), (True, b""),
                                       (True, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")])
def test_a_flood_of_half_open_connections_locks_nobody_out(make_gateway, upstream, key, tls, said):
    gateway = make_gateway(yaml.simple("raw", upstream.url(), key), env=ENV, tls=tls,
                           config={"gateway": {"workers": 2}, "limits": {"connections": 100}})
    with gateway.connect() as established:
        assert established.call("GET", "/raw/any", [wire.bearer(key)]).status == 200
        with Flood(gateway, said):
            for _ in range(20):
                assert gateway.get("/raw/any", key).status == 200
                assert established.call("GET", "/raw/any", [wire.bearer(key)]).status == 200
            assert gateway.metric("claviger_connections_open") <= 100 + 2 * 64
            shows(gateway, "connections_per_address")  # all come from one
            assert gateway.metric("claviger_connections_turned_out_total") > 0


def test_a_flood_from_an_address_at_its_limit_locks_nobody_out_who_shares_it(limited, key):
    gateway = limited(connections=1000, connections_per_address=50, workers=2)
    with gateway.connect() as established:
        assert established.call("GET", "/raw/any", [wire.bearer(key)]).status == 200
        with Flood(gateway, b"GET /raw"):
            for _ in range(20):
                assert gateway.get("/raw/any", key).status == 200
                assert established.call("GET", "/raw/any", [wire.bearer(key)]).status == 200
            shows(gateway, "connections_per_address")


def test_a_flood_at_the_admin_listener_does_not_lock_admins_out(limited):
    gateway = limited(admin_connections=20)
    idle = [socket.create_connection(gateway.addresses["admin"]) for _ in range(100)]
    try:
        for _ in range(5):
            assert gateway.metric("claviger_limit_reached_total", limit="strangers") > 0
    finally:
        for each in idle:
            each.close()


def test_a_flood_of_connections_that_say_nothing_hinders_nobody(limited, key):
    gateway = limited()
    idle = [socket.create_connection(gateway.addresses["gateway"]) for _ in range(500)]
    try:
        for _ in range(10):
            assert gateway.get("/raw/any", key).status == 200
    finally:
        for each in idle:
            each.close()
