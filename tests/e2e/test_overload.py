# SPDX-License-Identifier: Apache-2.0
"""When memory or file descriptors run short the gateway sheds calls, says so, goes on being managed, and recovers by itself."""

import contextlib
import socket
import threading

import pytest

from support import resources as yaml
from support import wire
from support.known_callers import HEAVY, ask, known_callers
from support.raw_upstream import STAY
from support.waiting import PATIENCE, until

ENV = {"E2E_SECRET": "fake-overload-secret-0123456789"}


@pytest.fixture
def make(make_gateway, upstream, key):
    def made(start=True, **limits):
        return make_gateway(yaml.simple("raw", upstream.url(), key), env=ENV, start=start,
                            config={"gateway": {"workers": 2}, "limits": limits})
    return made


def sheds(gateway):
    return gateway.metric("claviger_shedding") == 1


def probe(gateway, path):
    with gateway.connect("admin") as client:
        return client.call("GET", path)


def set_memory(gateway, memory):
    gateway.write_config({"limits": {"memory": memory}})
    gateway.reload()


def test_calls_are_shed_when_memory_runs_short_and_served_again_when_it_does_not(make, key):
    gateway = make(memory="64GiB")
    assert not sheds(gateway)
    with known_callers(gateway, key, 900, HEAVY), gateway.connect() as caller:
        assert ask(caller, key).status == 200
        set_memory(gateway, "32MiB")
        event = gateway.event("shedding_began")
        assert event["reason"] == "memory" and event["memory"] > event["memory_limit"] == 32 << 20

        answer = ask(caller, key)
        assert (answer.status, answer.problem_code, answer.get("Connection")) == (503, "unavailable", "close")
        assert int(answer.get("Retry-After")) > 0
        assert caller.at_end()
        assert sheds(gateway) and gateway.metric("claviger_calls_shed_total") == 1

        # Management answers; a balancer is told to send others elsewhere.
        assert probe(gateway, "/healthz").status == 200
        assert probe(gateway, "/readyz").status == 503

        with gateway.connect() as waiting:  # in the kernel
            waiting.send(wire.head("GET", "/raw/any", [wire.bearer(key)]))
            waiting.sock.settimeout(0.5)
            with pytest.raises(TimeoutError):
                waiting.sock.recv(1)
            waiting.sock.settimeout(PATIENCE)
            set_memory(gateway, "64GiB")
            gateway.event("shedding_ended")
            assert waiting.read_answer().status == 200
    assert probe(gateway, "/readyz").status == 200
    assert not sheds(gateway)


def test_a_call_under_way_is_not_cut_when_shedding_begins(make, upstream, key):
    go_on = threading.Event()

    def thinks(connection, request):
        go_on.wait(PATIENCE)
        connection.answer(b"thought")
        return STAY

    upstream.on("/thinks", thinks)
    gateway = make(memory="64GiB")
    with known_callers(gateway, key, 900, HEAVY), gateway.connect() as caller:
        caller.send(wire.head("GET", "/raw/thinks", [wire.bearer(key)]))
        until(lambda: gateway.metric("claviger_requests_active") == 1, "the call to be under way")
        set_memory(gateway, "32MiB")
        gateway.event("shedding_began")
        go_on.set()
        answer = caller.read_answer()
        assert (answer.status, answer.body) == (200, b"thought")


def test_calls_are_shed_when_descriptors_run_short_and_management_has_some_left(make, upstream, key):
    go_on = threading.Event()

    def thinks(connection, request):
        go_on.wait(PATIENCE)
        connection.answer(b"thought")
        return STAY

    upstream.on("/thinks", thinks)
    gateway = make(start=False)
    gateway.wrapper = ["prlimit", "--nofile=200:200"]
    gateway.start()
    low = gateway.event("file_limit_low")
    assert low["limit"] == 200 and "no more than 84 connections are taken" in low["detail"]
    with known_callers(gateway, key, 80) as callers:
        for caller in callers[1:]:
            caller.send(wire.head("GET", "/raw/thinks", [wire.bearer(key)]))
        until(lambda: sheds(gateway), "descriptors to run short")
        event = gateway.event("shedding_began")
        assert event["reason"] == "descriptors" and event["descriptors"] > event["descriptors_limit"]

        with contextlib.ExitStack() as admins:  # the reserve is theirs
            for _ in range(10):
                admin = admins.enter_context(gateway.connect("admin"))
                assert admin.call("GET", "/healthz").status == 200

        # Each call that is shed gives its descriptor back, until there are enough.
        answer = ask(callers[0], key)
        assert (answer.status, answer.problem_code) == (503, "unavailable")
        go_on.set()
        for caller in callers[1:]:
            caller.close()
        gateway.event("shedding_ended")
    assert gateway.get("/raw/any", key).status == 200


def test_more_strangers_than_there_are_descriptors_do_not_make_them_run_short(make, key):
    gateway = make(start=False)
    gateway.wrapper = ["prlimit", "--nofile=200:200"]
    gateway.start()
    with gateway.connect() as known:
        assert ask(known, key).status == 200
        strangers = [socket.create_connection(gateway.addresses["gateway"]) for _ in range(400)]
        try:
            assert ask(known, key).status == 200
            assert gateway.get("/raw/any", key).status == 200
            assert gateway.metric("claviger_descriptors", state="open") < 150
        finally:
            for each in strangers:
                each.close()
        assert not any("shedding_began" in line for line in gateway.log.lines)
