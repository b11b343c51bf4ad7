# SPDX-License-Identifier: Apache-2.0
"""A disk under the log that is slow, read-only, failing, full or gone: in strict mode calls are refused at once, in group mode
when what cannot be written has piled up; changes are made whole or not at all, readiness says why, and all goes on by itself
when the cause goes, with nothing lost that was acknowledged. And nobody outside can fill the disk."""

import json
import os
import shutil
import threading
import time

import pytest

from support import resources as yaml
from support import wire
from support.busy_upstream import Load
from support.faultdisk import FaultDisk
from support.gateway import IS_SANITIZED
from support.keys import make_api_key
from support.small_disk import SmallDisk
from support.waiting import PATIENCE, until, until_stable
from support.world import fake_secret

preloaded = pytest.mark.skipif(IS_SANITIZED, reason="a sanitizer's runtime has to be the first library that is loaded")
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="a file system of one's own takes root")

LANE_TIMEOUT = {"group": 0.3, "strict": 60.0}  # in strict mode nobody waits for it
AT_ONCE = 5.0  # on a machine under test


class Stand:
    """A gateway whose log's disk is at the test's mercy, its one caller, and what that was told."""

    def __init__(self, gateway, durability):
        self.gateway, self.is_strict = gateway, durability == "strict"
        self.acknowledged = []  # request ids of calls that were answered with 200
        self.made = []          # principals

    def open(self, upstream):
        self.gateway.start()
        self.upstream = upstream
        self.key = self.gateway.serve_simple("raw", upstream.url(), fake_secret("disk"))
        assert self.call().status == 200
        return self

    def call(self, path="/raw/any", client=None):
        answer = client.call("GET", path, [wire.bearer(self.key)]) if client else self.gateway.get(path, self.key)
        if answer.status == 200:
            self.acknowledged.append(answer.get("X-Request-Id"))
        return answer

    def change(self):
        """A change of management while the log cannot be written: made whole, or not at all."""
        name = f"meanwhile{len(self.made)}"
        self.gateway.apply([yaml.principal(name), yaml.grant(name, "raw", name=f"{name}-raw")])
        self.made.append(name)

    def readiness(self):
        with self.gateway.connect("admin") as client:
            return client.call("GET", "/readyz")

    def refused(self):
        """A call until one is refused, which only goes on for long in group mode."""
        def look():
            answer = self.call()
            return answer if answer.status != 200 else None
        return until(look, "a call to be refused", patience=PATIENCE * 2)

    def check_refused(self):
        """Calls are refused with a reason that is the operator's business, and nothing of them goes upstream."""
        answer = self.refused()
        assert (answer.status, answer.problem_code) == (503, "unavailable")
        assert answer.get("Retry-After") and "audit" not in answer.text and str(self.gateway.directory) not in answer.text
        seen, began = len(self.upstream.requests), time.monotonic()
        assert self.call().status == 503
        assert time.monotonic() - began < AT_ONCE
        assert len(self.upstream.requests) == seen, "nothing goes upstream that cannot be recorded"
        readiness = self.readiness()
        assert (readiness.status, "audit" in readiness.text) == (503, True), readiness.text

    def check_failing(self, *words):
        audit = self.gateway.status()["audit"]
        assert audit["failing"] is True and all(word in audit["failure"].lower() for word in words), audit

    def check_well(self):
        """By itself, and nothing was lost."""
        until(lambda: self.call().status == 200, "calls to go on by themselves")
        until(lambda: self.readiness().status == 200, "it to be ready again")
        assert self.gateway.status()["audit"]["failing"] is False
        assert self.gateway.stop() == 0
        self.gateway.verify_log()
        self.check_events()

    def check_events(self):
        events = self.events()
        ended = [each["request_id"] for each in events if each["type"] == "call.finished"]
        assert len(ended) == len(set(ended)) and set(self.acknowledged) <= set(ended)
        began = {each["request_id"] for each in events if each["type"] == "call.started"}
        assert began <= set(ended) and (not self.is_strict or set(self.acknowledged) <= began)
        for name in self.made:
            assert sum((each["type"], each.get("name")) == ("principal.created", name) for each in events) == 1
            assert sum((each["type"], each.get("name")) == ("grant.created", f"{name}-raw") for each in events) == 1
        numbers = [each["outbox"] for each in events if "outbox" in each]
        assert numbers == sorted(set(numbers))

    def events(self):
        return [json.loads(line) for path in sorted(self.gateway.audit_log.glob("*.jsonl")) for line in path.read_text().splitlines()]

    def log_bytes(self):
        return sum(path.stat().st_size for path in self.gateway.audit_log.rglob("*") if path.is_file())


@pytest.fixture(params=["group", "strict"])
def durability(request):
    return request.param


@pytest.fixture
def make_stand(make_managed, upstream):
    def make(durability, disk=None, **audit):
        gateway = make_managed(start=False, init=disk is None, tls=False, config={"gateway": {"workers": 2}, "audit": {
            "durability": durability, "lane_timeout": f"{int(LANE_TIMEOUT[durability] * 1000)}ms", "lane": "64KiB", **audit}})
        return Stand(gateway, durability)
    return make


@pytest.fixture
def stand(make_stand, durability, upstream, tmp_path):
    """With `disk` to be made slow, failing or read-only."""
    made = make_stand(durability)
    made.disk = FaultDisk(made.gateway.audit_log, tmp_path / "faultdisk")
    made.gateway.env.update(made.disk.environment)
    yield made.open(upstream)
    made.disk.well()


@preloaded
@pytest.mark.parametrize(["fault", "words"], [("read_only", ["read-only"]), ("failing", ["cannot sync", "error"])])
def test_a_disk_that_takes_nothing(stand, fault, words):
    getattr(stand.disk, fault)()

    stand.check_refused()
    stand.check_failing(*words)
    stand.change()
    stand.disk.well()

    stand.check_well()


@preloaded
def test_in_strict_mode_the_first_call_already_is_refused_and_never_sent(make_stand, upstream, tmp_path):
    stand = make_stand("strict")
    stand.disk = FaultDisk(stand.gateway.audit_log, tmp_path / "faultdisk")
    stand.gateway.env.update(stand.disk.environment)
    stand.open(upstream)
    until(lambda: stand.gateway.status()["audit"]["queued"] == 0, "the log to be at rest")
    stand.disk.read_only()
    seen, began = len(upstream.requests), time.monotonic()

    assert stand.call().status == 503

    assert time.monotonic() - began < AT_ONCE
    assert len(upstream.requests) == seen
    stand.disk.well()
    stand.check_well()


def together(count, work):
    """How long it takes that many of them at the same time."""
    threads = [threading.Thread(target=work) for _ in range(count)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.monotonic() - began


@preloaded
def test_a_slow_disk(stand):
    """In group mode nobody notices; in strict mode calls wait for it, together."""
    commit, callers = 0.25, 16
    stand.disk.slow(int(commit * 1000))
    statuses = []

    took = together(callers, lambda: statuses.append(stand.call().status))

    assert statuses == [200] * callers
    assert stand.readiness().status == 200
    if stand.is_strict:
        assert commit <= took < commit * callers / 2, "they share commits"
    else:
        assert took < commit * callers / 2
    stand.disk.well()
    stand.check_well()


@preloaded
def test_a_disk_that_hangs_for_seconds(stand):
    """What was to be recorded is on its way, but stays there: as if the disk took nothing, and then all of it is there."""
    until(lambda: stand.gateway.status()["audit"]["queued"] == 0, "the log to be at rest")
    stand.disk.slow(60_000)
    if stand.is_strict:
        seen = len(stand.upstream.requests)
        waiting = threading.Thread(target=stand.call)  # for the disk, which has not failed
        waiting.start()
        until(lambda: stand.gateway.status()["audit"]["queued"] > 0, "the call's start to be on its way to the disk")
        assert until_stable(lambda: len(stand.upstream.requests)) == seen and waiting.is_alive()
    else:
        assert stand.refused().status == 503
        assert stand.readiness().status == 503
    stand.disk.well()
    if stand.is_strict:
        waiting.join(PATIENCE)
        assert not waiting.is_alive() and len(stand.acknowledged) == 2

    stand.check_well()


def test_a_directory_that_is_moved_away_and_back(make_stand, durability, upstream):
    stand = make_stand(durability).open(upstream)
    away = stand.gateway.audit_log.with_name("elsewhere")
    stand.gateway.audit_log.rename(away)

    stand.check_refused()
    stand.check_failing("removed or replaced")
    stand.change()
    away.rename(stand.gateway.audit_log)

    stand.check_well()


def test_a_directory_that_is_deleted_stops_calls_until_a_restart_begins_anew(make_stand, durability, upstream):
    """What was in it is gone for good, so somebody has to look; the new log says that there was another."""
    stand = make_stand(durability).open(upstream)
    stand.gateway.restart()  # all changes so far have been handed to that log
    shutil.rmtree(stand.gateway.audit_log)

    stand.check_refused()
    stand.check_failing("removed or replaced")
    stand.change()
    stand.gateway.kill()
    stand.gateway.start()

    stand.acknowledged.clear()
    until(lambda: stand.call().status == 200, "calls to go on")
    until(lambda: "audit.begun_anew" in {each["type"] for each in stand.gateway.events()}, "the new log to say so")
    stand.check_well()


# --- a disk that fills

@pytest.fixture
def make_small(make_stand, upstream):
    """The log on a disk of a few MiB."""
    made = []

    def make(durability, **audit):
        stand = make_stand(durability, disk="small", **audit)
        stand.disk = SmallDisk(stand.gateway.audit_log)
        stand.gateway.data.chmod(0o700)
        stand.gateway.init()
        made.append(stand)
        return stand.open(upstream)

    yield make
    for stand in made:
        if stand.gateway.process and stand.gateway.process.poll() is None:
            stand.gateway.kill()
        stand.disk.unmount()


@as_root
def test_a_full_disk(make_small, durability):
    stand = make_small(durability, reserve="off")
    stand.disk.fill()

    stand.check_refused()
    stand.check_failing("space")
    stand.change()
    stand.disk.empty()

    stand.check_well()


@as_root
def test_the_reserve_is_kept_for_what_is_not_calls(make_small, durability):
    """Calls stop before the disk is full; that somebody changes something, and what, still gets into the log."""
    stand = make_small(durability, reserve="8MiB")
    stand.disk.leave(6 << 20)

    stand.check_refused()
    audit = stand.gateway.status()["audit"]
    assert audit["failing"] is False and audit["low_on_space"] is True
    stand.change()
    until(lambda: any(each.get("name") == stand.made[-1] for each in stand.gateway.events()), "the change to be in the log")
    stand.disk.empty()

    stand.check_well()


# --- strangers

FLOOD = 100_000
A_FLOOD_MAY_ADD = 1 << 18  # bytes, where one event each would take a hundred times as much


def test_strangers_cannot_fill_the_log(make_stand, durability, upstream):
    stand = make_stand(durability).open(upstream)
    gateway = stand.gateway
    before, refused = stand.log_bytes(), gateway.metric("claviger_refusals_total")

    with Load(gateway, "/raw/any", make_api_key()):
        until(lambda: gateway.metric("claviger_refusals_total") >= refused + FLOOD, "the flood", patience=PATIENCE * 4)
        assert stand.call().status == 200  # who is known is served meanwhile
    until(lambda: gateway.status()["audit"]["queued"] == 0, "the log to be at rest")

    assert stand.log_bytes() - before < A_FLOOD_MAY_ADD
    stand.check_well()
    events = stand.events()
    told = sum(each["count"] for each in events if "count" in each and "codes" in each)
    assert told + sum(each.get("status") == 401 for each in events) >= FLOOD, "they are counted all the same"
