# SPDX-License-Identifier: Apache-2.0
"""A full disk under the store or the log: refused with a reason, nothing half-done, and well again by itself."""

import os
import secrets

import pytest

from support import resources as yaml
from support.small_disk import SmallDisk
from support.waiting import PATIENCE, until
from support.world import fake_secret

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a file system of one's own takes root")

LANE_TIMEOUT = 0.5


@pytest.fixture
def small_disk(tmp_path):
    disks = []

    def make(directory):
        disks.append(SmallDisk(directory))
        return disks[-1]

    yield make
    for disk in disks:
        disk.unmount()


@pytest.fixture
def make_small(small_disk, make_managed, upstream, tmp_path):
    """A gateway of which one directory is on a small disk. Torn down before the disk is."""
    made = []

    def make(where):
        gateway = make_managed(start=False, init=False, config={"audit": {"lane_timeout": f"{int(LANE_TIMEOUT * 1000)}ms", "lane": "64KiB", "reserve": "off"}})
        gateway.disk = small_disk(gateway.data if where == "data" else gateway.audit_log)
        gateway.data.chmod(0o700)
        gateway.init()
        gateway.start()
        gateway.key = gateway.serve_simple("raw", upstream.url(), fake_secret("full"))
        made.append(gateway)
        return gateway

    yield make
    for gateway in made:
        if gateway.process.poll() is None:
            gateway.kill()


def test_a_change_that_cannot_be_written_is_refused_whole(make_small):
    gateway = make_small("data")
    before = gateway.managed("GET", "/principals")
    gateway.disk.fill()

    refusals = [gateway.api("POST", "/api/v1/apply", {"resources": [yaml.principal(f"p{n}-{i}") for i in range(2000)]})
                for n in range(3)]

    assert {(answer.status, answer.problem_code) for answer in refusals} == {(503, "unavailable")}
    assert all("store" in answer.text or "space" in answer.text or "full" in answer.text for answer in refusals)
    assert gateway.managed("GET", "/principals") == before
    gateway.disk.empty()
    until(lambda: gateway.api("POST", "/api/v1/principals", yaml.principal("later")).status in (201, 409), "changes to work again")
    names = [each["name"] for each in gateway.managed("GET", "/principals?limit=1000")["items"]]
    assert "later" in names and not [name for name in names if name.startswith("p0-")]
    gateway.restart()
    assert [each["name"] for each in gateway.managed("GET", "/principals?limit=1000")["items"]] == names
    assert gateway.get("/raw/any", gateway.key).status == 200
    assert gateway.stop() == 0
    gateway.verify_log()


def test_a_secret_that_cannot_be_stored_leaves_the_one_before(make_small, upstream):
    gateway = make_small("data")
    gateway.disk.fill()
    stored = "fake-full"

    def refused():
        """Room that the store has already takes some."""
        nonlocal stored
        fresh = f"fake-{secrets.token_hex(6000)}"
        answer = gateway.api("PUT", "/api/v1/credentials/raw-main/secret", fresh.encode())
        stored = fresh if answer.status == 200 else stored
        return answer if answer.status != 200 else None

    assert until(refused, "the disk to be full").status == 503
    gateway.disk.empty()
    assert until(lambda: gateway.get("/raw/any", gateway.key).status == 200, "calls to work again")
    assert upstream.last("/any").get("Authorization").startswith(f"Bearer {stored}")


def fill_the_lane(gateway):
    """Calls until one is refused for want of a log."""
    def refused():
        answer = gateway.get("/raw/any", gateway.key)
        return answer if answer.status == 503 else None
    return until(refused, "a call to be refused", patience=PATIENCE * 4)


def test_a_log_that_cannot_be_written_stops_calls_with_a_reason_and_they_go_on_by_themselves(make_small, upstream):
    gateway = make_small("log")
    gateway.disk.fill()

    answer = fill_the_lane(gateway)

    assert (answer.problem_code, answer.get("Retry-After") is not None) == ("unavailable", True)
    assert "audit" not in answer.text and str(gateway.directory) not in answer.text  # that is the operator's business
    seen = len(upstream.requests)
    assert gateway.get("/raw/any", gateway.key).status == 503
    assert len(upstream.requests) == seen, "nothing goes upstream that cannot be recorded"
    audit = gateway.status()["audit"]
    assert audit["failing"] is True and "space" in audit["failure"].lower()
    assert "FAILING" in gateway.cli("status")
    with gateway.connect("admin") as client:
        readiness = client.call("GET", "/readyz")
    assert readiness.status == 503 and "the audit log cannot be written" in readiness.text
    said = [line for line in gateway.log.lines if "audit" in line and "space" in line.lower()]
    assert said, gateway.log.text()

    gateway.disk.empty()

    until(lambda: gateway.get("/raw/any", gateway.key).status == 200, "calls to work again")
    until(lambda: gateway.status()["audit"]["failing"] is False, "the log to be well again")
    assert gateway.stop() == 0
    gateway.verify_log()


def test_changes_made_while_the_log_is_full_are_in_it_afterwards(make_small):
    gateway = make_small("log")
    gateway.disk.fill()
    gateway.apply([yaml.principal("meanwhile")])
    gateway.disk.empty()

    until(lambda: [each for each in gateway.events() if each["type"] == "principal.created" and each.get("name") == "meanwhile"],
          "the event to be in the log")
    assert gateway.stop() == 0
    gateway.verify_log()


def test_a_gateway_that_is_killed_with_a_full_disk_starts_once_there_is_room(make_small):
    gateway = make_small("data")
    gateway.disk.fill()
    gateway.kill()
    gateway.disk.empty()

    gateway.start()

    assert gateway.get("/raw/any", gateway.key).status == 200
    assert gateway.stop() == 0
    gateway.verify_log()
