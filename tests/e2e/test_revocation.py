# SPDX-License-Identifier: Apache-2.0
"""What is revoked is revoked when the command returns: on connections that are open, on every worker, in open streams."""

import contextlib
import threading
import time

import pytest

from support import resources as yaml
from support import wire
from support.managed import managed_resources, status_on
from support.raw_upstream import LEAVE, chunk
from support.waiting import until
from support.world import fake_secret

WORKERS = 4


def streams(connection, request):
    """Server-sent events, until the other side has enough."""
    connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not connection.upstream.release.wait(0.02):
        connection.send(chunk(b"data: tick\n\n"))
    return LEAVE


@pytest.fixture
def upstream(make_upstream):
    return make_upstream().on("/events", streams)


@pytest.fixture
def gateway(make_managed, upstream):
    made = make_managed(config={"gateway": {"workers": WORKERS}})
    made.apply([*managed_resources("raw", upstream.url(), principal="alice"), yaml.principal("bob"),
                yaml.grant("bob", "raw", name="bob-raw")])
    made.set_secret("raw-main", fake_secret("revocation"))
    return made


@pytest.fixture
def alice(gateway):
    return gateway.create_key("alice")


@pytest.fixture
def bob(gateway):
    return gateway.create_key("bob")


def worker_of(gateway, client, key):
    """Which worker serves a connection: the one whose count rises when it is used."""
    def counts():
        return [gateway.metric("claviger_requests_total", worker=str(number)) for number in range(WORKERS)]
    before = counts()
    assert status_on(client, "/raw/any", key) == 200
    risen = [number for number in range(WORKERS) if counts()[number] > before[number]]
    assert len(risen) == 1
    return risen[0]


@pytest.fixture
def clients(gateway, alice):
    """A connection to each worker, in use by alice."""
    found, opened = {}, []
    while len(found) < WORKERS:
        assert len(opened) < 200, f"some worker gets no connections: {found}"
        client = gateway.connect()
        opened.append(client)
        found.setdefault(worker_of(gateway, client, alice), client)
    yield [found[number] for number in range(WORKERS)]
    for client in opened:
        client.close()


def revoke_by_command(gateway, key):
    gateway.cli("key", "revoke", key.id)


def disable_by_command(gateway, key):
    gateway.cli("principal", "disable", "alice")


def revoke_by_api(gateway, key):
    gateway.managed("POST", f"/api_keys/{key.id}/revoke")


def delete_key(gateway, key):
    gateway.cli("delete", "api_key", key.id)


TAKINGS = [revoke_by_command, disable_by_command, revoke_by_api, delete_key]


@pytest.mark.parametrize("take", TAKINGS)
def test_the_next_call_on_every_open_connection_is_refused(gateway, clients, alice, bob, take):
    take(gateway, alice)

    assert [status_on(client, "/raw/any", alice) for client in clients] == [401] * WORKERS
    assert [status_on(client, "/raw/any", bob) for client in clients] == [200] * WORKERS


def test_a_grant_that_is_deleted_is_gone_from_every_open_connection(gateway, clients, alice, bob):
    gateway.cli("delete", "grant", "alice-raw")

    assert [status_on(client, "/raw/any", alice) for client in clients] == [403] * WORKERS
    assert [status_on(client, "/raw/any", bob) for client in clients] == [200] * WORKERS


def test_one_of_two_keys_is_revoked_alone(gateway, clients, alice):
    other = gateway.create_key("alice")

    gateway.cli("key", "revoke", alice.id)

    assert [status_on(client, "/raw/any", alice) for client in clients] == [401] * WORKERS
    assert [status_on(client, "/raw/any", other) for client in clients] == [200] * WORKERS


def test_a_principal_that_is_enabled_again_goes_on(gateway, clients, alice):
    gateway.cli("principal", "disable", "alice")
    gateway.cli("principal", "enable", "alice")

    assert [status_on(client, "/raw/any", alice) for client in clients] == [200] * WORKERS


class Stream:
    """An open event stream, read in the background."""

    def __init__(self, gateway, key):
        self.client = gateway.connect()
        self.client.request("GET", "/raw/events", [wire.bearer(key)])
        self.ticks, self.ended_at, self.was_cut = 0, None, False
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()
        until(lambda: self.ticks > 2, "the stream to flow")

    def _read(self):
        def count(_):
            self.ticks += 1
        try:
            self.client.read_answer(into=count)
        except (wire.BrokenAnswer, OSError):
            self.was_cut = True
        self.ended_at = time.monotonic()

    def close(self):
        with contextlib.suppress(OSError):
            self.client.abort()
        self.thread.join()


@pytest.fixture
def open_stream(gateway):
    made = []

    def make(key):
        made.append(Stream(gateway, key))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.mark.parametrize("take", TAKINGS)
def test_open_streams_are_closed_within_a_second_and_those_of_others_go_on(gateway, alice, bob, open_stream, take):
    cut = [open_stream(alice) for _ in range(6)]
    kept = [open_stream(bob) for _ in range(6)]

    before = time.monotonic()
    take(gateway, alice)
    until(lambda: all(each.ended_at for each in cut), "the streams to end")

    assert max(each.ended_at for each in cut) - before < 1.0  # with the command itself
    assert all(each.was_cut for each in cut), "an answer that was cut must not look whole"
    ticks = [each.ticks for each in kept]
    until(lambda: all(each.ticks > then + 5 for each, then in zip(kept, ticks)), "the others to go on")
    assert gateway.metric("claviger_calls_revoked_total") == len(cut)


def test_the_upstream_is_told_that_a_revoked_stream_is_over(gateway, upstream, alice, open_stream):
    open_stream(alice)
    connection = upstream.connections[-1]

    gateway.cli("key", "revoke", alice.id)

    until(lambda: connection.ended, "the upstream's connection to be closed")


def test_a_stream_that_was_cut_is_in_the_audit_log_as_such(gateway, alice, open_stream):
    stream = open_stream(alice)
    gateway.cli("key", "revoke", alice.id)
    until(lambda: stream.ended_at, "the stream to end")

    def recorded():
        return [each for each in gateway.events() if each["type"] == "call.finished" and each.get("path") == "/raw/events"]
    event = until(recorded, "the call to be recorded")[-1]
    assert event["key_id"] == alice.id and event["code"] != "ok"


def test_revocation_outlives_a_kill(gateway, alice, bob):
    gateway.cli("key", "revoke", alice.id)
    gateway.kill()
    gateway.start()

    assert gateway.get("/raw/any", alice).status == 401
    assert gateway.get("/raw/any", bob).status == 200


def test_a_disabled_principal_is_not_enabled_by_an_apply(gateway, upstream, alice):
    gateway.cli("principal", "disable", "alice")

    gateway.apply(managed_resources("raw", upstream.url(), principal="alice"))

    assert gateway.get("/raw/any", alice).status == 401


def test_an_admin_key_that_is_revoked_ends_with_its_last_answer(gateway):
    gateway.apply([yaml.principal("second", management="admin")])
    second = gateway.create_key("second")
    with gateway.connect("admin") as client:
        assert gateway.api("GET", "/api/v1/status", key=second, client=client).status == 200
        gateway.cli("key", "revoke", second.id)
        assert gateway.api("GET", "/api/v1/status", key=second, client=client).status == 401
