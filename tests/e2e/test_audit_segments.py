# SPDX-License-Identifier: Apache-2.0
"""The audit log in segments: how it is cut up, read over them, pruned, and kept from filling the disk."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import wire
from support.gateway import Gateway
from support.waiting import until
from support.world import fake_secret

SMALL = {"segment": "64KiB", "checkpoint_events": 50, "lane_timeout": "300ms"}


@pytest.fixture
def make(make_managed, make_upstream):
    def made(**audit):
        gateway = make_managed(config={"audit": {**SMALL, **audit}})
        gateway.key = gateway.serve_simple("raw", make_upstream().url(), fake_secret("segments"))
        return gateway
    return made


def fill(gateway, calls):
    def some(_):
        with gateway.connect() as client:
            for _ in range(calls // 4):
                answer = client.call("GET", "/raw/any", [wire.bearer(gateway.key)])
                assert answer.status == 200, answer
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(some, range(4)))


def segments(gateway):
    return sorted(int(path.stem) for path in gateway.audit_log.glob("*.jsonl"))


def kept(gateway):
    return b"".join(path.read_bytes() for path in sorted(gateway.audit_log.glob("*.jsonl")))


def test_goes_on_in_a_new_segment_is_read_over_all_and_verified(make):
    gateway = make()
    for _ in range(3):  # each more than a segment holds: what waits is written at once, whatever its size
        fill(gateway, 400)
        size = gateway.checkpointed()
    numbers = segments(gateway)
    assert len(numbers) >= 3 and numbers[0] == 0
    for number in numbers:
        for suffix in ("jsonl", "leaves", "checkpoints"):
            path = gateway.audit_log / f"{number:020}.{suffix}"
            assert path.stat().st_mode & 0o777 == 0o600

    place, lines = "0:0:0", []
    while True:
        answer = gateway.api("GET", f"/api/v1/audit/events?from={place}")
        assert answer.status == 200
        if not answer.text:
            break
        place = answer.get("X-Claviger-Next")
        lines += answer.text.splitlines()
    assert len(lines) >= size
    assert "\n".join(lines).encode() + b"\n" == kept(gateway)
    assert [json.loads(line) for line in lines][-1000:] == gateway.events(1000)
    assert gateway.cli("audit", "tail", "-n", "900", "-o", "json").splitlines() == lines[-900:]

    audit = gateway.status()["audit"]
    assert audit["segments"] == len(segments(gateway)) and audit["first_event"] == 0
    gateway.kill()
    gateway.start()
    fill(gateway, 40)
    assert gateway.stop() == 0
    assert "VERIFIED" in gateway.verify_log()


def test_prunes_the_oldest_and_says_so(make):
    gateway = make(retention_size="192KiB")
    fill(gateway, 1200)
    gateway.checkpointed()
    until(lambda: gateway.status()["audit"]["bytes"] <= 192 << 10, "what is too much to go")
    audit = gateway.status()["audit"]
    assert audit["first_event"] > 0
    assert segments(gateway)[0] == audit["first_event"]
    told = [event for event in map(json.loads, kept(gateway).splitlines()) if event["type"] == "audit.pruned"]
    assert told[-1]["end"] == audit["first_event"] and told[-1]["reason"] == "size", told
    assert (gateway.audit_log / "pruned").stat().st_mode & 0o777 == 0o600

    gone = gateway.api("GET", "/api/v1/audit/events?from=0:0:0")
    assert gone.status == 404 and f"from event {audit['first_event']} on" in gone.text, gone.text
    assert gateway.metric("claviger_audit_first_event") == audit["first_event"]
    assert gateway.metric("claviger_audit_segments") == audit["segments"]
    gateway.kill()
    gateway.start()
    assert gateway.status()["audit"]["first_event"] >= audit["first_event"]
    fill(gateway, 40)
    assert gateway.stop() == 0
    assert "VERIFIED" in gateway.verify_log()


def test_what_the_disk_has_left_is_kept_for_management(make):
    """With a reserve that no disk has."""
    gateway = make(reserve="off")
    assert gateway.get("/raw/any", gateway.key).status == 200
    assert gateway.stop() == 0
    gateway.write_config({"audit": {**SMALL, "reserve": "1048576GiB"}})
    Gateway.start(gateway)  # which waits for no /readyz

    refused = gateway.get("/raw/any", gateway.key)
    assert refused.status == 503 and "Retry-After" in dict(refused.fields), refused
    with gateway.connect("admin") as client:
        ready = client.call("GET", "/readyz")
    assert ready.status == 503 and "nearly full" in ready.text
    gateway.cli("principal", "disable", "caller")
    until(lambda: any(event["type"] == "principal.disabled" for event in gateway.events()), "the change to be in the log")
    audit = gateway.status()["audit"]
    assert audit["low_on_space"] is True and audit["failing"] is False, audit
    assert gateway.metric("claviger_audit_low_on_space") == 1
    assert gateway.stop() == 0
    assert "VERIFIED" in gateway.verify_log()
