# SPDX-License-Identifier: Apache-2.0
"""SIGHUP: what is taken away is gone at once, everywhere; what is wrong changes nothing; calls under way go on."""

import threading

import pytest

from support import resources as yaml
from support import wire
from support.keys import make_api_key
from support.raw_upstream import STAY, chunk
from support.waiting import PATIENCE, until

WORKERS = 3
ENV = {"E2E_SECRET": "fake-reload-secret-0123456789"}


@pytest.fixture
def resources(upstream, key):
    return yaml.simple("raw", upstream.url(), key, answers={"mask": False})


@pytest.fixture
def gateway(make_gateway, resources):
    return make_gateway(resources, env=ENV, config={"gateway": {"workers": WORKERS}})


def without(resources, kind):
    return [each for each in resources if each["kind"] != kind]


def worker_of(gateway, client, key):
    """Which worker serves a connection: the one whose count rises when it is used."""
    def counts():
        return [gateway.metric("claviger_requests_total", worker=str(number)) for number in range(WORKERS)]
    before = counts()
    assert client.call("GET", "/raw/any", [wire.bearer(key)]).status == 200
    risen = [number for number in range(WORKERS) if counts()[number] > before[number]]
    assert len(risen) == 1
    return risen[0]


@pytest.fixture
def connection_on_each_worker(gateway, key):
    """Worker number to connections that it serves, at least one each."""
    found, opened = {number: [] for number in range(WORKERS)}, []
    while not all(found.values()):
        assert len(opened) < 200, f"some worker gets no connections: {found}"
        client = gateway.connect()
        opened.append(client)
        found[worker_of(gateway, client, key)].append(client)
    yield found
    for client in opened:
        client.close()


@pytest.mark.parametrize("taken", ["api_key", "grant", "principal disabled", "key expired"])
def test_what_is_taken_away_is_refused_on_open_connections_of_every_worker(
        gateway, resources, key, connection_on_each_worker, taken):
    if taken == "principal disabled":
        changed = [{**each, "disabled": True} if each["kind"] == "principal" else each for each in resources]
    elif taken == "key expired":
        changed = [{**each, "expires": "2020-01-01T00:00:00Z"} if each["kind"] == "api_key" else each for each in resources]
    else:
        changed = without(resources, taken)
    status, code = (403, "denied") if taken == "grant" else (401, "unauthenticated")
    gateway.write_resources(changed)
    gateway.reload()

    for worker, clients in connection_on_each_worker.items():
        before = gateway.metric("claviger_refusals_total", worker=str(worker), code=code)
        for client in clients:
            answer = client.call("GET", "/raw/any", [wire.bearer(key)])
            assert (answer.status, answer.problem_code) == (status, code), f"worker {worker}"
        after = gateway.metric("claviger_refusals_total", worker=str(worker), code=code)
        assert after - before == len(clients)


def test_what_is_added_works_on_open_connections(gateway, resources, connection_on_each_worker):
    second = make_api_key()
    gateway.write_resources(resources + [yaml.api_key(second, "caller")])
    gateway.reload()

    for clients in connection_on_each_worker.values():
        assert clients[0].call("GET", "/raw/any", [wire.bearer(second)]).status == 200


def test_a_new_credential_is_sent_after_a_reload_and_the_old_one_no_more(make_gateway, upstream, key):
    resources = yaml.simple("raw", upstream.url(), key, answers={"mask": False})
    gateway = make_gateway(start=False, config={"gateway": {"workers": WORKERS}})
    resources[1]["from"] = gateway.write_secret("secret", "fake-old-secret-0123456789\n")
    gateway.write_resources(resources)
    gateway.start()
    with gateway.connect() as client:
        assert ["authorization", "Bearer fake-old-secret-0123456789"] in \
            client.call("GET", "/raw/any", [wire.bearer(key)]).json["fields"]
        gateway.write_secret("secret", "fake-new-secret-0123456789\n")
        gateway.reload()
        for _ in range(10):
            assert ["authorization", "Bearer fake-new-secret-0123456789"] in \
                client.call("GET", "/raw/any", [wire.bearer(key)]).json["fields"]


def test_a_secret_from_the_environment_survives_reloads(gateway, key):
    for _ in range(3):
        gateway.reload()
        assert ["authorization", f"Bearer {ENV['E2E_SECRET']}"] in gateway.get("/raw/any", key).json["fields"]


@pytest.mark.parametrize("bad", [
    "kind: upstream\nname: [unclosed\n",
    "kind: nonsense\nname: x\n",
    "kind: grant\nprincipal: nobody\nupstream: raw\n",
    "kind: credential\nname: more\nupstream: raw\nfrom: env:E2E_MISSING\n",
], ids=["bad-yaml", "unknown-kind", "unknown-reference", "missing-secret"])
def test_a_bad_file_on_reload_changes_nothing_and_is_named(gateway, resources, key, bad):
    with gateway.connect() as client:
        assert client.call("GET", "/raw/any", [wire.bearer(key)]).status == 200
        gateway.write_resources(without(resources, "api_key"))  # good in itself, but it comes with a bad one
        gateway.write_resources(bad, name="bad.yaml")
        event = gateway.reload(expected="reload_failed")
        assert "bad.yaml" in event["reason"] and event["level"] == "error"
        for _ in range(5):
            assert client.call("GET", "/raw/any", [wire.bearer(key)]).status == 200

        (gateway.resources / "bad.yaml").unlink()
        gateway.reload()
        assert client.call("GET", "/raw/any", [wire.bearer(key)]).status == 401


def test_the_revision_rises_on_every_worker_with_each_reload(gateway):
    first = gateway.event("ready")["revision"]
    second = gateway.reload()["revision"]
    assert second > first
    for worker in range(WORKERS):
        until(lambda: gateway.metric("claviger_snapshot_revision", worker=str(worker)) == second, f"worker {worker} to follow")


@pytest.fixture
def under_way(gateway, upstream, key):
    """A client in the middle of a call, and what lets the upstream finish its answer."""
    go_on = threading.Event()

    def halves(connection, request):
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"first half\n"))
        assert go_on.wait(PATIENCE)
        connection.send(chunk(b"second half\n") + b"0\r\n\r\n")
        return STAY

    upstream.on("/halves", halves)
    with gateway.connect() as client:
        client.request("GET", "/raw/halves", [wire.bearer(key)])
        client.read_until(b"first half\n")
        yield client, go_on
        go_on.set()


def test_a_call_under_way_survives_a_reload_that_changes_what_is_around_it(gateway, resources, upstream, key, under_way):
    client, go_on = under_way
    other = make_api_key()
    gateway.write_resources([*resources, yaml.upstream("other", upstream.url()), yaml.principal("other"),
                             yaml.api_key(other, "other"), yaml.grant("other", "raw")])
    gateway.reload()
    assert gateway.get("/raw/any", other).status == 200
    gateway.write_resources(resources)
    gateway.reload()
    assert gateway.get("/raw/any", other).status == 401

    go_on.set()

    assert b"second half" in client.read_until(b"0\r\n\r\n")
    assert client.call("GET", "/raw/any", [wire.bearer(key)]).status == 200


@pytest.mark.parametrize("kinds", [{"upstream", "credential", "grant"}, {"grant"}, {"api_key"}, {"api_key", "principal", "grant"}],
                         ids=" ".join)
def test_a_call_under_way_is_broken_off_when_what_it_rests_on_is_taken_away(gateway, resources, under_way, kinds):
    client, _ = under_way
    gateway.write_resources([each for each in resources if each["kind"] not in kinds])
    gateway.reload()

    with pytest.raises((wire.BrokenAnswer, OSError)):  # and the answer does not look whole
        client.read_until(b"0\r\n\r\n")
    assert gateway.metric("claviger_calls_revoked_total") == 1


def test_calls_go_on_while_reloads_storm(gateway, key):
    failures, stop = [], threading.Event()

    def calls():
        with gateway.connect() as client:
            while not stop.is_set():
                answer = client.call("GET", "/raw/any", [wire.bearer(key)])
                if answer.status != 200:
                    failures.append(answer)

    callers = [threading.Thread(target=calls) for _ in range(6)]
    for caller in callers:
        caller.start()
    for _ in range(30):
        gateway.reload()
        gateway.get("/raw/any", key)  # a new connection, too
    stop.set()
    for caller in callers:
        caller.join(PATIENCE)
    assert failures == []
