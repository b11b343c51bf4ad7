# SPDX-License-Identifier: Apache-2.0
"""SIGTERM and SIGINT: finish what is under way, take nothing new, leave with 0."""

import re
import signal
import threading

import pytest

from support import resources as yaml
from support import wire
from support.raw_upstream import LEAVE, STAY, chunk
from support.waiting import PATIENCE, until


@pytest.fixture
def upstream(make_upstream):
    made = make_upstream()
    made.go_on = threading.Event()

    def halves(connection, request):
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"first half\n"))
        if not made.go_on.wait(PATIENCE):
            return LEAVE
        connection.send(chunk(b"second half\n") + b"0\r\n\r\n")
        return STAY

    made.on("/halves", halves)
    yield made
    made.go_on.set()


def start(make_gateway, upstream, key, **config):
    return make_gateway(yaml.simple("raw", upstream.url(), key), env={"E2E_SECRET": "fake-shutdown-secret-012345"},
                        config={"gateway": {"workers": 2}, **config})


def refuses_connections(gateway):
    try:
        with gateway.connect() as client:
            client.request("GET", "/raw/any")
            return client.at_end()
    except (ConnectionRefusedError, ConnectionResetError, BrokenPipeError):
        return True


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_call_under_way_is_finished_and_nothing_new_is_taken(make_gateway, upstream, key, number):
    gateway = start(make_gateway, upstream, key)
    with gateway.connect() as client:
        client.request("GET", "/raw/halves", [wire.bearer(key)])
        client.read_until(b"first half\n")
        gateway.signal(number)
        assert gateway.event("draining")
        until(lambda: refuses_connections(gateway), "new connections to be refused")
        assert gateway.process.poll() is None
        upstream.go_on.set()
        assert b"second half" in client.read_until(b"0\r\n\r\n")
        assert client.at_end()
    assert gateway.wait() == 0, gateway.log.text()
    assert gateway.event("stopped")


def test_it_leaves_at_once_when_connections_are_merely_idle(make_gateway, upstream, key):
    gateway = start(make_gateway, upstream, key, drain_timeout="60s")
    clients = [gateway.connect() for _ in range(5)]
    for client in clients:
        assert client.call("GET", "/raw/any", [wire.bearer(key)]).status == 200
    gateway.signal(signal.SIGTERM)
    assert gateway.wait() == 0, gateway.log.text()
    for client in clients:
        assert client.at_end()


def test_a_call_that_outlasts_the_drain_timeout_is_cut_and_does_not_look_whole(make_gateway, upstream, key):
    gateway = start(make_gateway, upstream, key, drain_timeout="500ms")
    with gateway.connect() as client:
        client.request("GET", "/raw/halves", [wire.bearer(key)])
        head = client.read_until(b"first half\n")
        gateway.signal(signal.SIGTERM)
        assert gateway.wait() == 0, gateway.log.text()
        with pytest.raises(wire.BrokenAnswer):
            client.read_until(b"0\r\n\r\n")
    request_id = re.search(rb"X-Request-Id: (\w+)", head)[1].decode()
    assert gateway.access_line(request_id)["code"] != "ok"  # and is recorded
    log = [path.read_bytes() for path in (gateway.data / "audit").iterdir() if path.is_file()]
    assert request_id.encode() in b"".join(log)


def test_the_last_call_is_in_the_access_log(make_gateway, upstream, key):
    gateway = start(make_gateway, upstream, key)
    answer = gateway.get("/raw/any", key)
    assert gateway.stop() == 0
    assert gateway.access_line(answer.get("X-Request-Id"))["status"] == 200


# --- Readiness first

def readiness(gateway):
    with gateway.connect("admin") as client:
        answer = client.call("GET", "/readyz")
        return answer.status, answer.text


def test_it_says_that_it_is_not_ready_and_serves_on_for_the_drain_delay(make_gateway, upstream, key):
    gateway = start(make_gateway, upstream, key, drain_delay="60s")
    with gateway.connect() as client:
        assert client.call("GET", "/raw/any", [wire.bearer(key)]).status == 200
        gateway.signal(signal.SIGTERM)
        assert gateway.event("draining")["drain_delay_ms"] == 60000
        assert readiness(gateway) == (503, "not ready: the gateway is shutting down\n")
        assert client.call("GET", "/raw/any", [wire.bearer(key)]).status == 200
        assert gateway.get("/raw/any", key).status == 200
        gateway.signal(signal.SIGTERM)  # enough of it
        assert gateway.wait() == 0, gateway.log.text()


def test_after_the_delay_nobody_new_gets_in_and_readiness_was_gone_before(make_gateway, upstream, key):
    gateway = start(make_gateway, upstream, key, drain_delay="400ms")
    with gateway.connect() as client:
        client.request("GET", "/raw/halves", [wire.bearer(key)])
        client.read_until(b"first half\n")
        gateway.signal(signal.SIGTERM)
        until(lambda: readiness(gateway)[0] == 503, "it to say so")
        until(lambda: refuses_connections(gateway), "new connections to be refused")
        assert readiness(gateway)[0] == 503  # whoever asks is still told
        upstream.go_on.set()
        assert b"second half" in client.read_until(b"0\r\n\r\n")
    assert gateway.wait() == 0, gateway.log.text()


# --- What is under way

def test_an_upload_and_a_stream_of_events_are_finished_and_the_connection_is_said_to_close(make_gateway, upstream, key):
    def events(connection, request):
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for number in range(5):
            connection.send(chunk(b"data: %d\n\n" % number))
            upstream.step.acquire(timeout=PATIENCE)
        connection.send(b"0\r\n\r\n")
        return STAY

    upstream.step = threading.Semaphore(0)
    upstream.on("/events", events)
    gateway = start(make_gateway, upstream, key)
    body = b"0123456789" * 1000
    with gateway.connect() as stream, gateway.connect() as upload:
        stream.request("GET", "/raw/events", [wire.bearer(key)])
        stream.read_until(b"data: 0\n\n")
        upload.send(wire.head("POST", "/raw/any", [wire.bearer(key), ("Content-Length", str(len(body)))]) + body[:100])
        upstream.last("/any")
        gateway.signal(signal.SIGTERM)
        assert gateway.event("draining")
        until(lambda: refuses_connections(gateway), "new connections to be refused")
        upload.send(body[100:])
        answer = upload.read_answer()
        assert answer.json["body"] == body.decode()
        assert answer.get("Connection") == "close"
        assert upload.at_end()
        for number in range(1, 5):
            upstream.step.release()
            stream.read_until(b"data: %d\n\n" % number)
        upstream.step.release()
        stream.read_until(b"0\r\n\r\n")
        assert stream.at_end()
    assert gateway.wait() == 0, gateway.log.text()


def test_a_second_signal_ends_what_is_under_way_at_once(make_gateway, upstream, key):
    gateway = start(make_gateway, upstream, key, drain_timeout="10m")
    with gateway.connect() as client:
        client.request("GET", "/raw/halves", [wire.bearer(key)])
        client.read_until(b"first half\n")
        gateway.signal(signal.SIGTERM)
        assert gateway.event("draining")
        gateway.signal(signal.SIGINT)
        assert gateway.wait() == 0, gateway.log.text()
        with pytest.raises(wire.BrokenAnswer):
            client.read_until(b"0\r\n\r\n")


# --- Connections that cross with the end

def while_it_sleeps(gateway, act):
    """What `act` does comes to the gateway together with SIGTERM, and before it has done anything about either."""
    gateway.signal(signal.SIGSTOP)
    try:
        return act()
    finally:
        gateway.signal(signal.SIGTERM)
        gateway.signal(signal.SIGCONT)


def test_connections_that_wait_to_be_accepted_are_answered(make_gateway, upstream, key):
    gateway = start(make_gateway, upstream, key)

    def ask():
        clients = [gateway.connect() for _ in range(100)]
        for client in clients:
            client.request("GET", "/raw/any", [wire.bearer(key)])
        return clients

    clients = while_it_sleeps(gateway, ask)
    for client in clients:
        assert client.read_answer().status == 200
        assert client.at_end()
    assert gateway.wait() == 0, gateway.log.text()


def test_connections_that_wait_to_be_accepted_and_have_not_asked_yet_are_answered_when_they_do(make_gateway, upstream, key):
    gateway = start(make_gateway, upstream, key)
    clients = while_it_sleeps(gateway, lambda: [gateway.connect() for _ in range(10)])
    assert gateway.event("draining")
    for client in clients:
        client.request("GET", "/raw/any", [wire.bearer(key)])
    for client in clients:
        assert client.read_answer().status == 200
    assert gateway.wait() == 0, gateway.log.text()


def test_a_request_that_crosses_with_the_end_of_its_idle_connection_is_answered(make_gateway, upstream, key):
    gateway = start(make_gateway, upstream, key)
    clients = [gateway.connect() for _ in range(10)]
    for client in clients:
        assert client.call("GET", "/raw/any", [wire.bearer(key)]).status == 200
    while_it_sleeps(gateway, lambda: [client.request("GET", "/raw/any", [wire.bearer(key)]) for client in clients])
    for client in clients:
        assert client.read_answer().status == 200
        assert client.at_end()
    assert gateway.wait() == 0, gateway.log.text()


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_in_a_storm_of_connections_each_is_refused_or_answered_whole(make_gateway, upstream, key, tls):
    gateway = make_gateway(yaml.simple("raw", upstream.url(), key), env={"E2E_SECRET": "fake-shutdown-secret-012345"},
                           config={"gateway": {"workers": 2}}, tls=tls)
    outcomes, over = [], threading.Event()

    def storm():
        while not over.is_set():
            try:
                client = gateway.connect(timeout=PATIENCE)
            except ConnectionRefusedError:
                outcomes.append("refused")
                return
            with client:
                outcomes.append(client.call("GET", "/raw/any", [wire.bearer(key)]).status)

    failures = []

    def run():
        try:
            storm()
        except Exception as error:  # noqa: BLE001 (whatever it is, it is a call that failed)
            failures.append(repr(error))

    callers = [threading.Thread(target=run) for _ in range(16)]
    for caller in callers:
        caller.start()
    until(lambda: len(outcomes) > 100, "the storm to rise")
    gateway.signal(signal.SIGTERM)
    assert gateway.wait() == 0, gateway.log.text()
    for caller in callers:
        caller.join(PATIENCE)
    over.set()
    assert failures == []
    assert set(outcomes) == {200, "refused"}
