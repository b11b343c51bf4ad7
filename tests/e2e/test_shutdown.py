# SPDX-License-Identifier: Apache-2.0
"""SIGTERM and SIGINT: finish what is under way, take nothing new, leave with 0."""

import signal
import threading

import pytest

from support import resources as yaml
from support import wire
from support.keys import make_api_key
from support.raw_upstream import LEAVE, STAY, chunk
from support.waiting import PATIENCE, until


@pytest.fixture
def key():
    return make_api_key()


@pytest.fixture
def upstream(make_upstream):
    made = make_upstream()
    made.go_on = threading.Event()

    def halves(connection, request):
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"first half "))
        if not made.go_on.wait(PATIENCE):
            return LEAVE
        connection.send(chunk(b"second half") + b"0\r\n\r\n")
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
        client.read_until(b"first half ")
        gateway.signal(number)
        assert gateway.event("draining")
        until(lambda: refuses_connections(gateway), "new connections to be refused")
        assert gateway.process.poll() is None
        upstream.go_on.set()
        assert b"second half" in client.read_until(b"0\r\n\r\n")
        assert client.at_end()
    assert gateway.wait() == 0
    assert gateway.event("stopped")


def test_it_leaves_at_once_when_connections_are_merely_idle(make_gateway, upstream, key):
    gateway = start(make_gateway, upstream, key, drain_timeout="60s")
    clients = [gateway.connect() for _ in range(5)]
    for client in clients:
        assert client.call("GET", "/raw/any", [wire.bearer(key)]).status == 200
    gateway.signal(signal.SIGTERM)
    assert gateway.wait() == 0
    for client in clients:
        assert client.at_end()


def test_a_call_that_outlasts_the_drain_timeout_is_cut_and_does_not_look_whole(make_gateway, upstream, key):
    gateway = start(make_gateway, upstream, key, drain_timeout="500ms")
    with gateway.connect() as client:
        client.request("GET", "/raw/halves", [wire.bearer(key)])
        client.read_until(b"first half ")
        gateway.signal(signal.SIGTERM)
        assert gateway.wait() == 0
        with pytest.raises(wire.BrokenAnswer):
            client.read_until(b"0\r\n\r\n")


def test_the_last_call_is_in_the_access_log(make_gateway, upstream, key):
    gateway = start(make_gateway, upstream, key)
    answer = gateway.get("/raw/any", key)
    assert gateway.stop() == 0
    assert gateway.access_line(answer.get("X-Request-Id"))["status"] == 200
