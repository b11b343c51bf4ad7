# SPDX-License-Identifier: Apache-2.0
"""The ExternalDNS door as a part of the gateway: probes, reload, stop, what does not fit, and what is recorded of it."""

import json
import signal
import threading
import time

import pytest

from support import audit_events
from support.dns_door import DOOR, PRINCIPAL, door, resources, stands
from support.external_dns import endpoint
from support.gateway import run
from support.waiting import until

ZONE = "example.com"


@pytest.fixture
def start(tmp_path):
    with stands(tmp_path, ZONE) as make:
        yield make


def change(*names, target="192.0.2.1", zone=ZONE):
    return json.dumps({"create": [endpoint(f"{name}.{zone}", "A", target) for name in names]}).encode()


# --- probes

def test_probes_say_what_they_know(start):
    stand = start()
    until(lambda: stand.health("/readyz").status == 200, "the door to have reached DNS")
    assert stand.health("/healthz").body == b"ok\n"
    page = stand.health("/metrics").body.decode()
    assert f'claviger_dns_ready{{door="{DOOR}"}} 1' in page and "claviger_requests_total" in page
    assert stand.health("/records").status == 404
    for path in ("/healthz", "/readyz", "/metrics"):
        assert stand.call("GET", path).status == 404, "probes are on the other listener"
    assert stand.gateway.event("dns_door_ready")["door"] == DOOR


def test_being_alive_does_not_depend_on_technitium(start):
    stand = start()
    until(lambda: stand.health("/readyz").status == 200, "the door to have reached DNS")
    stand.node.go_down()
    assert stand.call("GET", "/records").status == 503
    not_ready = stand.health("/readyz")
    assert not_ready.status == 503 and not_ready.body.startswith(b"not ready: ")
    assert stand.health("/healthz").status == 200
    stand.node.come_up()
    until(lambda: stand.health("/readyz").status == 200, "the door to find out by itself")


# --- who it is, and what it is told

def test_its_principal_is_looked_up_for_each_call(start):
    stand = start()
    assert stand.call("POST", "/records", change("one")).status == 204
    made = resources(stand.dns)
    stand.gateway.write_resources([{**each, "disabled": True} if each["kind"] == "principal" else each for each in made])
    stand.gateway.reload()
    refused = stand.call("POST", "/records", change("two"))
    assert refused.status == 503 and b"unauthenticated" in refused.body, refused
    stand.gateway.write_resources(made)
    stand.gateway.reload()
    assert stand.call("POST", "/records", change("two")).status == 204


def test_a_reload_takes_over_what_it_goes_by(start):
    stand = start(ZONE, "example.net", zones=[ZONE])
    assert stand.call("GET", "/").json == {"include": [ZONE]}
    stand.gateway.write_config({"doors": [door(stand.dns, zones=["example.net"], dry_run=True)]})
    stand.gateway.reload()
    assert stand.call("GET", "/").json == {"include": ["example.net"]}
    assert stand.call("POST", "/records", change("www", zone="example.net")).status == 204
    assert stand.dns.writes == []


def test_a_reload_moves_no_listener(start):
    stand = start()
    stand.gateway.write_config({"doors": [door(stand.dns, listen="127.0.0.1:1")]})
    stand.gateway.signal(signal.SIGHUP)
    assert "needs a restart: doors (names, listeners, principals)" in stand.gateway.event("reload_failed")["reason"]
    assert stand.call("GET", "/").status == 200


def test_where_an_upstream_is_mounted_is_found_out_anew(start):
    stand = start()
    assert stand.call("POST", "/records", change("one")).status == 204
    made = resources(stand.dns)
    stand.gateway.write_resources([{**each, "mount": "/elsewhere"} if each["kind"] == "upstream" else each for each in made])
    stand.gateway.reload()
    until(lambda: stand.call("POST", "/records", change("two")).status == 204, "the door to know the new place")


def test_a_rate_of_the_grant_bounds_it(start):
    stand = start()
    made = resources(stand.dns)
    stand.gateway.write_resources([{**each, "rate": "3/h"} if each["kind"] == "grant" else each for each in made])
    stand.gateway.reload()
    refused = until(lambda: (answer := stand.call("GET", "/records")).status == 503 and answer, "the rate to be used up")
    assert b"limited" in refused.body or b"rate" in refused.body, refused.body


def test_a_refusal_is_the_documented_problem_whatever_its_status(start):
    stand = start()
    made = resources(stand.dns)
    stand.gateway.write_resources([each for each in made if each["kind"] != "grant"])
    stand.gateway.reload()
    refused = stand.call("POST", "/records", change("one"))
    problem = refused.json
    assert refused.status == problem["status"] == 503 and refused.get("Content-Type") == "application/problem+json"
    assert problem["type"] == f"urn:claviger:error:{problem['code']}"
    assert problem["code"] == refused.get("X-Claviger-Error") and problem["request_id"] == refused.get("X-Request-Id")


# --- what does not fit

def misfits(stand):
    return [json.loads(line)["detail"] for line in stand.gateway.log.lines if '"door_does_not_fit"' in line]


def test_a_door_that_does_not_fit_the_resources_says_so_at_each_change(start):
    stand = start()
    made = resources(stand.dns)
    assert misfits(stand) == []
    for left_out, said in (("grant", f"principal '{PRINCIPAL}' has no grant on upstream 'technitium-a'"),
                           ("principal", f"there is no principal '{PRINCIPAL}'")):
        stand.gateway.write_resources([each for each in made if each["kind"] not in (left_out, "grant")])
        stand.gateway.reload()
        stand.gateway.reload()
        assert [said in each for each in misfits(stand)][-1], "of each, once"
    assert len(misfits(stand)) == 2
    stand.gateway.write_resources(made)
    stand.gateway.write_config({"doors": [door(stand.dns, upstreams=["technitium-a", "technitium-z"])]})
    stand.gateway.reload()
    assert misfits(stand)[2:] == ["there is no upstream 'technitium-z': it is not asked"]


def test_check_config_holds_doors_to_the_resources(start):
    stand = start()
    made = resources(stand.dns)
    checked = ["check-config", stand.gateway.config_file, "--resources", stand.gateway.resources]
    assert run(*checked).returncode == 0
    stand.gateway.write_resources([each for each in made if each["kind"] != "grant"])
    refused = run(*checked)
    assert refused.returncode == 1 and f"door {DOOR}: principal '{PRINCIPAL}' has no grant on upstream" in refused.stderr
    assert run(*checked[:2]).returncode == 0 and run("check-config", *checked[2:]).returncode == 0, "each by itself is fine"
    stand.gateway.write_resources([{**each, "disabled": True} if each["kind"] == "principal" else each for each in made])
    warned = run(*checked)
    assert warned.returncode == 0 and f"principal '{PRINCIPAL}' is disabled" in warned.stderr, "that may be meant"


# --- stopping

def test_a_change_that_is_under_way_is_finished_before_the_gateway_goes(start):
    stand = start()
    stand.records()
    stand.node.delay = 1
    answers = []
    writer = threading.Thread(target=lambda: answers.append(stand.call("POST", "/records", change("www"))))
    writer.start()
    until(lambda: sum(stand.node.calls.values()) > 2, "the change to be under way")
    assert stand.gateway.stop() == 0
    writer.join()
    assert [answer.status for answer in answers] == [204]
    assert stand.dns.at(f"www.{ZONE}", "A") == ["192.0.2.1"]


def test_what_hangs_does_not_keep_the_gateway(start):
    stand = start(config={"drain_timeout": "1s"})
    stand.records()
    stand.node.delay = 30
    writer = threading.Thread(target=stand.call, args=("POST", "/records", change("www")), daemon=True)
    writer.start()
    until(lambda: stand.node.under_way > 0, "the change to be under way")
    began = time.monotonic()
    assert stand.gateway.stop() == 0
    assert time.monotonic() - began < 5


# --- the records of it

def test_the_events_of_a_change_lead_to_those_of_its_calls(start):
    stand = start(config={"audit": {}})
    answer = stand.call("POST", "/records", change("www"))
    assert answer.status == 204
    assert stand.gateway.stop() == 0
    events = audit_events.check_log(stand.gateway.data / "audit")
    changed = [event for event in events if event["type"] == "dns_record.changed"]
    assert [event["request_id"] for event in changed] == [answer.get("X-Request-Id")]
    calls = {event["request_id"]: event for event in events if event["type"] == "call.finished"}
    for each in changed[0]["calls"]:
        call = calls[each]
        assert (call["principal"], call["auth"], call["door"], call["method"]) == (PRINCIPAL, "door", DOOR, "POST")
        assert "address" not in call and "key_id" not in call
