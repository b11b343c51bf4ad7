# SPDX-License-Identifier: Apache-2.0
"""Somebody sets the clock: it is noticed and recorded, expiries go by what it says, and nothing else minds."""

import datetime

import pytest

from support import wire
from support.clock import WallClock
from support.gateway import IS_SANITIZED
from support.managed import status_on
from support.raw_upstream import LEAVE, chunk
from support.waiting import until
from support.world import fake_secret

pytestmark = pytest.mark.skipif(IS_SANITIZED, reason="a sanitizer's runtime has to be the first library that is loaded")

HOUR = 3600


@pytest.fixture
def clock(tmp_path):
    return WallClock(tmp_path)


@pytest.fixture
def gateway(make_managed, make_upstream, clock):
    made = make_managed(env=clock.environment())
    made.key = made.serve_simple("raw", make_upstream().url(), fake_secret("clock"))
    return made


def steps(gateway):
    """As recorded, in whole seconds."""
    return [int(each["step"].removesuffix("ms")) / 1000 for each in gateway.events() if each["type"] == "clock.stepped"]


@pytest.mark.parametrize("step", [HOUR, -HOUR, 10 * 365 * 24 * HOUR, -365 * 24 * HOUR],
                         ids=["an hour ahead", "an hour back", "ten years ahead", "a year back"])
def test_a_step_is_recorded_and_calls_go_on(gateway, clock, step):
    with gateway.connect() as client:
        assert status_on(client, "/raw/any", gateway.key) == 200

        clock.set(step)

        noticed = gateway.event("clock_stepped")
        assert noticed["level"] == "warning" and abs(noticed["step_ms"] - step * 1000) < 1000
        (recorded,) = until(lambda: steps(gateway), "the step to be in the audit log")
        assert abs(recorded - step) < 1
        assert status_on(client, "/raw/any", gateway.key) == 200  # on the connection that was open
    assert gateway.get("/raw/any", gateway.key).status == 200
    assert gateway.managed("GET", "/status")["ready"] is True
    clock.set(0)
    until(lambda: len(steps(gateway)) == 2, "the step back to be in the audit log")
    assert gateway.get("/raw/any", gateway.key).status == 200
    assert gateway.stop() == 0
    gateway.verify_log()


def test_expiries_go_by_the_clock(gateway, clock):
    expires = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=30)
    key = gateway.create_key("caller", expires=expires.strftime("%Y-%m-%dT%H:%M:%SZ"))
    with gateway.connect() as client:
        assert status_on(client, "/raw/any", key) == 200
        clock.set(HOUR)
        until(lambda: status_on(client, "/raw/any", key) == 401, "the key to have expired")
        assert status_on(client, "/raw/any", gateway.key) == 200
        clock.set(0)
        until(lambda: status_on(client, "/raw/any", key) == 200, "the key to be good again")


def test_an_event_stream_outlives_a_step(gateway, clock, make_upstream):
    def ticks(connection, request):
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not connection.upstream.release.wait(0.02):
            connection.send(chunk(b"tick\n"))
        return LEAVE

    key = gateway.serve_simple("ticking", make_upstream().on("/ticks", ticks).url(), fake_secret("ticks"), principal="listener")
    with gateway.connect() as client:
        client.request("GET", "/ticking/ticks", [wire.bearer(key)])
        client.read_until(b"tick\n")
        for step in (HOUR, -HOUR, 0):
            clock.set(step)
            for _ in range(30):
                client.read_until(b"tick\n")
        client.abort()
