# SPDX-License-Identifier: Apache-2.0
"""kill -9 at random moments under full load, and power cuts: strict mode has a started event for every request that the upstream
saw, group mode loses at most its window and nothing that was synced, the log verifies after each restart by itself.
CLAVIGER_AUDIT_ROUNDS says how often (`./dev soak`: 500), CLAVIGER_CRASH_SEED repeats a run, as far as threads let it."""

import os
import random
import re
import signal
import statistics
import threading
import time

import pytest

from support import audit_verifier, powerloss
from support.busy_upstream import BusyUpstream, Load
from support.gateway import IS_SANITIZED
from support.waiting import until
from support.world import fake_secret

ROUNDS = int(os.environ.get("CLAVIGER_AUDIT_ROUNDS", "25"))
# Of calls before a kill, in seconds: what group mode may lose at the most (with something unsynced for longer no call is
# taken on), and what it says of a disk that keeps up, of which a machine under test has only the median.
LOST_AT_MOST, WINDOW, SLACK = 1.0, 0.1, 0.1
# Small, so that kills hit what happens between segments, too; and what a round writes is kept until it was looked at.
SEGMENT, KEPT = "2MiB", "24MiB"

EVENT = re.compile(rb'"type":"call\.(started|finished)"[^\n]*?"request_id":"([^"]+)"')


class LogText:
    """The log's lines as they come, however it is cut into segments. Each is given once."""

    def __init__(self, directory):
        self.directory = directory
        self.events = 0       # given so far
        self.segment = 0      # first event of the segment that comes next,
        self.at = 0           # and where in it

    def more(self):
        """Whole lines that were not given yet."""
        pieces = []
        for path in sorted(self.directory.glob("*.jsonl")):
            first = int(path.stem)
            if first < self.segment:
                continue
            if first > self.segment:
                assert first == self.events, f"{path.name} does not begin where the one before ends, at {self.events}"
                self.segment, self.at = first, 0
            text = self._whole_lines(path)
            self.at += len(text)
            self.events += text.count(b"\n")
            pieces.append(text)
        return b"".join(pieces)

    def _whole_lines(self, path):
        with open(path, "rb") as file:
            file.seek(self.at)
            text = file.read()
        return text[:text.rfind(b"\n") + 1]


def calls_in(text):
    """The ids of calls that began, and of those that ended."""
    found = EVENT.findall(text)
    return {name for kind, name in found if kind == b"started"}, {name for kind, name in found if kind == b"finished"}


class Watch:
    """What the gateway says of its log to somebody outside, as of its last answer."""

    def __init__(self, gateway, directory):
        self.gateway = gateway
        self.checkpoint_file = directory / "saved_checkpoint"
        self.synced = 0

    def look(self, seconds):
        until_time = time.monotonic() + seconds
        with self.gateway.connect("admin") as client:
            while True:
                self.synced = self.gateway.api("GET", "/api/v1/status", client=client).json["audit"]["size"]
                answer = self.gateway.api("GET", "/api/v1/audit/checkpoint", client=client)
                if answer.status == 200:
                    self.checkpoint_file.write_bytes(answer.body)
                if time.monotonic() >= until_time:
                    return
                threading.Event().wait(0.01)


class Rounds:
    def __init__(self, gateway, upstream, directory, chance, is_strict):
        self.gateway, self.upstream, self.chance, self.is_strict = gateway, upstream, chance, is_strict
        self.key = gateway.serve_simple("load", upstream.url(), fake_secret("load"))
        self.log = LogText(gateway.audit_log)
        self.watch = Watch(gateway, directory)
        self.open = set()    # calls that began and have not ended
        self.seen = 0        # by the upstream
        self.lost_for = []   # seconds before each kill since when calls are missing

    def run(self, rounds):
        self.gateway.checkpointed()
        for number in range(rounds):
            self.crash(0.02 + self.chance.random() * 0.15)
            if number % 5 == 2:
                self.start_in_pieces()
            self.gateway.start()
            self.check(number)
        assert self.gateway.stop() == 0
        self.follow(self.log.more())
        assert not self.open, f"{len(self.open)} calls have no end"
        self.gateway.verify_log()
        audit_verifier.verify(self.gateway.audit_log)
        assert self.seen > rounds * 20, "that was no load"

    def crash(self, seconds):
        before = self.upstream.bytes_seen()
        with Load(self.gateway, "/load/any", self.key):
            until(lambda: self.upstream.bytes_seen() > before, "the load to come through")
            self.watch.look(seconds)
            killed_at = time.time()
            self.gateway.kill()
        seen = self.upstream.seen()
        self.seen += len(seen)
        text = self.log.more()
        assert self.log.events >= self.watch.synced, f"{self.watch.synced} events were synced, and {self.log.events} are there"
        began, ended = self.follow(text)
        if self.is_strict:
            missing = {name for _, name in seen} - began
            assert not missing, f"{len(missing)} of {len(seen)} requests that the upstream saw are not in the log: {sorted(missing)[:3]}"
        else:
            self.lost_for.append(max([killed_at - at for at, name in seen if name not in ended], default=0))
            assert self.lost_for[-1] <= LOST_AT_MOST, f"calls of {self.lost_for[-1]:.2f} s before the kill are lost"

    def follow(self, text):
        began, ended = calls_in(text)
        self.open = (self.open | began) - ended
        return began, ended

    def start_in_pieces(self):
        """A start that is killed before it is through, or right after."""
        for _ in range(self.chance.randint(1, 3)):
            self.gateway.spawn()
            threading.Event().wait(self.chance.random() * 0.08)
            self.gateway.kill()

    def check(self, number):
        """It is up again, and nobody has done anything for it."""
        assert self.gateway.notices() == {}
        assert self.gateway.get("/load/any", self.key).status == 200
        against = ["--against", self.watch.checkpoint_file] if self.watch.checkpoint_file.exists() else []
        self.gateway.verify_log(*against)
        if number % 10 == 5:
            self.gateway.signal(signal.SIGSTOP)  # that verifier reads a log that stands still
            try:
                audit_verifier.verify(self.gateway.audit_log, against=against[1] if against else None)
            finally:
                self.gateway.signal(signal.SIGCONT)


@pytest.fixture
def chance():
    seed = int(os.environ.get("CLAVIGER_CRASH_SEED", random.randrange(1 << 32)))
    print(f"CLAVIGER_CRASH_SEED={seed}")
    return random.Random(seed)


@pytest.fixture
def busy_upstream(tmp_path):
    made = BusyUpstream(tmp_path / "upstream")
    yield made
    made.stop()


@pytest.fixture(params=["group", "strict"])
def durability(request):
    return request.param


@pytest.fixture
def gateway(make_managed, durability):
    return make_managed(start=False, tls=False, config={
        "gateway": {"workers": 2},
        "audit": {"durability": durability, "segment": SEGMENT, "retention_size": KEPT}})


def show(rounds):
    text = f"{rounds.seen} requests seen"
    if rounds.lost_for:
        text += f"; lost at most {max(rounds.lost_for) * 1000:.0f} ms of calls, {statistics.median(rounds.lost_for) * 1000:.0f} ms in the middle"
    print(text)


def test_the_log_outlives_every_kill(gateway, busy_upstream, chance, durability, tmp_path):
    gateway.start()
    rounds = Rounds(gateway, busy_upstream, tmp_path, chance, durability == "strict")

    rounds.run(ROUNDS)

    show(rounds)
    assert durability == "strict" or statistics.median(rounds.lost_for) <= WINDOW + SLACK


@pytest.mark.skipif(IS_SANITIZED, reason="a sanitizer's runtime has to be the first library that is loaded")
def test_the_log_outlives_every_power_cut(gateway, busy_upstream, chance, durability, tmp_path):
    """Of what was written, only what was synced is left."""
    numbers = iter(range(1 << 30))

    def next_mirror():
        mirror = tmp_path / f"mirror{next(numbers)}"
        gateway.env.update(powerloss.environment(gateway.data, mirror))
        return mirror

    mirror, plain_kill = next_mirror(), gateway.kill

    def kill_and_cut():
        nonlocal mirror
        status = plain_kill()
        powerloss.crash(gateway.data, mirror)
        mirror = next_mirror()
        return status

    gateway.kill = kill_and_cut
    gateway.start()
    rounds = Rounds(gateway, busy_upstream, tmp_path, chance, durability == "strict")

    rounds.run(ROUNDS)

    show(rounds)
