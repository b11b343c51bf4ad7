# SPDX-License-Identifier: Apache-2.0
"""audit.durability: strict. Nothing reaches an upstream that has no start in the log, and every start gets an end, whatever ended the
gateway. What a failing disk does to calls is in test_audit_disk_faults.py, kills under full load are in test_audit_crash_rounds.py."""

import json
import threading

import pytest

from support import wire
from support.raw_upstream import STAY
from support.waiting import until
from support.world import fake_secret

CALLERS, CALLS = 8, 20


class Log:
    """The log as it lies on disk, read by somebody else."""

    def __init__(self, gateway):
        self.directory = gateway.audit_log

    def lines(self):
        text = b"".join(path.read_bytes() for path in sorted(self.directory.glob("*.jsonl")))
        return [line for line in text.split(b"\n") if line]

    def events(self):
        return [json.loads(line) for line in self.lines()]

    def has_start_of(self, request_id):
        return any(b'"call.started"' in line and request_id.encode() in line for line in self.lines())

    def of(self, kind):
        return [event for event in self.events() if event["type"] == kind]

    def ends(self):
        """How many each call has, of those that began."""
        started = {event["request_id"]: 0 for event in self.of("call.started")}
        for event in self.of("call.finished"):
            if event["request_id"] in started:
                started[event["request_id"]] += 1
        return started

    def unknown(self):
        return [event for event in self.of("call.finished") if event["code"] == "outcome_unknown"]


@pytest.fixture
def gateway(make_managed, upstream):
    made = make_managed(config={"audit": {"durability": "strict"}})
    made.key = made.serve_simple("raw", upstream.url(), fake_secret("strict"))
    made.seen = Log(made)
    return made


def test_each_request_finds_its_start_on_disk_when_it_gets_there(gateway, upstream):
    found = {}

    def look(connection, request):
        request.body = connection.read_body(request)
        found[request.get("X-Request-Id")] = gateway.seen.has_start_of(request.get("X-Request-Id"))
        connection.answer(b"seen")
        return STAY

    upstream.on("/look", look)

    def call():
        with gateway.connect() as client:
            for number in range(CALLS):
                body = b"x" * number
                answer = client.call("POST", "/raw/look", [wire.bearer(gateway.key)], body)
                assert (answer.status, answer.body) == (200, b"seen"), answer

    callers = [threading.Thread(target=call) for _ in range(CALLERS)]
    for each in callers:
        each.start()
    for each in callers:
        each.join()

    assert len(found) == CALLERS * CALLS and all(found.values())
    assert gateway.get("/raw/none", None).status == 401
    assert gateway.metric("claviger_audit_disk_wait_seconds_count") == CALLERS * CALLS
    assert gateway.stop() == 0
    ends = gateway.seen.ends()
    assert set(ends) >= set(found) and set(ends.values()) == {1}
    start, end = gateway.seen.of("call.started")[0], gateway.seen.of("call.finished")[0]
    assert start["principal"] == "caller" and start["upstream"] == "raw" and start["method"] == "POST" and start["path"] == "/raw/look"
    assert start["grant"] and start["credential"] == "raw-main" and start["address"] == "127.0.0.1" and "status" not in start
    assert end["request_id"] in ends and end["waited_us"] > 0
    gateway.verify_log()


@pytest.fixture
def hold(gateway, upstream):
    """Calls that get to the upstream and no answer. They end with the gateway."""
    def stay(connection, request):
        upstream.release.wait()
        return False

    upstream.on("/hold", stay)

    def make(count):
        before = len(upstream.to("/hold"))
        for _ in range(count):
            threading.Thread(target=lambda: pytest.raises(Exception, gateway.get, "/raw/hold", gateway.key), daemon=True).start()
        until(lambda: len(upstream.to("/hold")) == before + count, "the calls to get there")

    return make


def test_calls_whose_end_nobody_saw_get_one_at_the_next_start_and_only_one(gateway, upstream, hold):
    hold(3)
    assert gateway.get("/raw/any", gateway.key).status == 200
    gateway.checkpointed()  # which the beginnings outlive
    gateway.kill()
    gateway.start()

    unknown = gateway.seen.unknown()
    assert sorted(each["request_id"] for each in unknown) == sorted(request.get("X-Request-Id") for request in upstream.to("/hold"))
    lines = gateway.seen.events()
    for end in unknown:
        start = lines[end["started"]]
        assert start["type"] == "call.started"
        assert {name: start[name] for name in ("request_id", "principal", "upstream", "method", "path")} == {
            "request_id": end["request_id"], "principal": "caller", "upstream": "raw", "method": "GET", "path": "/raw/hold"}
    for _ in range(2):
        gateway.kill()
        gateway.start()
    assert gateway.stop() == 0
    assert len(gateway.seen.unknown()) == 3 and set(gateway.seen.ends().values()) == {1}
    gateway.verify_log()


def test_the_mode_can_be_changed_between_starts(gateway, hold):
    hold(1)
    gateway.kill()
    gateway.write_config({"audit": {"durability": "group"}})
    gateway.start()
    assert len(gateway.seen.unknown()) == 1
    begun = len(gateway.seen.of("call.started"))
    hold(1)
    assert gateway.get("/raw/any", gateway.key).status == 200
    gateway.checkpointed()
    gateway.kill()
    assert len(gateway.seen.of("call.started")) == begun

    gateway.write_config({"audit": {"durability": "strict"}})
    gateway.start()
    hold(1)
    gateway.kill()
    gateway.start()
    assert len(gateway.seen.unknown()) == 2
    assert gateway.stop() == 0
    assert set(gateway.seen.ends().values()) == {1}
    gateway.verify_log()


def test_a_gateway_that_is_stopped_ends_its_calls_itself(gateway, hold):
    hold(1)
    gateway.write_config({"audit": {"durability": "strict"}, "drain_timeout": "100ms"})
    assert gateway.reload()
    assert gateway.stop() == 0
    assert set(gateway.seen.ends().values()) == {1} and not gateway.seen.unknown()


def test_durability_takes_a_restart(gateway):
    gateway.write_config({"audit": {"durability": "group"}})
    refused = gateway.reload("reload_failed")
    assert "audit.durability" in json.dumps(refused)
