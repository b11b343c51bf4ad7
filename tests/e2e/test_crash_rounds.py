# SPDX-License-Identifier: Apache-2.0
"""kill -9 at random moments, under load and management writes: whatever was acknowledged is there afterwards, the log
verifies, and the gateway starts by itself. CLAVIGER_CRASH_ROUNDS says how often (`./dev soak`: 200), CLAVIGER_CRASH_SEED
repeats a run, as far as threads let it."""

import collections
import contextlib
import json
import os
import random
import threading
import time

import pytest

from support import powerloss
from support import resources as yaml
from support import wire
from support.gateway import IS_SANITIZED
from support.managed import Refused
from support.waiting import until
from support.world import fake_secret

ROUNDS = int(os.environ.get("CLAVIGER_CRASH_ROUNDS", "20"))
CALLERS = 3
WRITERS = 3
# Seconds after a start at which the first checkpoint is due, and what may be lost of calls (twice what the log promises: a
# machine under test is busy).
CHECKPOINT_AT = 2.0
LOST_AT_MOST = 1.0


class Interrupted(Exception):
    """The gateway is gone."""


def first_secret(number):
    return f"fake-first-secret-of-writer-{number}"


class Writer:
    """Makes changes one after the other, and remembers which of them were acknowledged. Names are its own, so that what
    must be there is known for certain: the last acknowledged, or the one after it, which may have been made as well."""

    def __init__(self, gateway, number, chance):
        self.gateway, self.number, self.chance = gateway, number, chance
        self.turn = 0
        self.principals = {}   # name to whether it is disabled; (a, b): either
        self.revoked = {}      # key to True (for certain), or None (perhaps)
        self.deleted = set()
        self.recorded = collections.Counter()  # (type, name) of the events that must be in the log
        self.secret = self.pending_secret = first_secret(number)  # last acknowledged and last tried, of its own credential
        self.acknowledged = 0

    def run(self):
        with contextlib.suppress(Interrupted):
            with self.gateway.connect("admin") as self.client:
                while True:
                    self.chance.choice([self.create, self.create, self.toggle, self.revoke, self.delete, self.rotate])()

    def ask(self, event, method, path, body=None):
        try:
            answer = self.gateway.api(method, "/api/v1" + path, body, client=self.client)
        except (OSError, wire.BrokenAnswer, AssertionError) as error:
            raise Interrupted from error
        if answer.status >= 300:
            raise Refused(f"{method} {path}", answer)
        self.acknowledged += 1
        self.recorded[event, answer.json["resource"]["name"] if event == "api_key.created" else path.split("/")[2]] += 1
        return answer

    def known(self):
        return [name for name, disabled in self.principals.items() if isinstance(disabled, bool)]

    def create(self):
        self.turn += 1
        name = f"w{self.number}-{self.turn}"
        self.principals[name] = (False, None)  # may or may not be there
        self.ask("principal.created", "PUT", f"/principals/{name}", yaml.principal(name))
        self.principals[name] = False

    def toggle(self):
        if not self.known():
            return
        name = self.chance.choice(self.known())
        before = self.principals[name]
        self.principals[name] = (before, not before)
        verb = "enable" if before else "disable"
        self.ask(f"principal.{verb}d", "POST", f"/principals/{name}/{verb}")
        self.principals[name] = not before

    def revoke(self):
        enabled = [name for name in self.known() if not self.principals[name]]
        if not enabled:
            return
        key = self.ask("api_key.created", "POST", "/api_keys", {"principal": self.chance.choice(enabled)}).json["resource"]["name"]
        self.revoked[key] = None
        self.ask("api_key.revoked", "POST", f"/api_keys/{key}/revoke")
        self.revoked[key] = True

    def delete(self):
        self.turn += 1
        name = f"w{self.number}-{self.turn}"
        self.principals[name] = (False, None)
        self.ask("principal.created", "PUT", f"/principals/{name}", yaml.principal(name))
        self.ask("principal.deleted", "DELETE", f"/principals/{name}")
        del self.principals[name]
        self.deleted.add(name)

    def rotate(self):
        self.pending_secret = fake_secret(f"writer{self.number}")
        self.ask("credential.secret_set", "PUT", f"/credentials/crash{self.number}-main/secret", self.pending_secret.encode())
        self.secret = self.pending_secret

    # -- afterwards

    def settle(self, principals, keys):
        """Compares with what there is, and takes over what was open."""
        for name, expected in list(self.principals.items()):
            found = principals[name]["status"]["disabled"] if name in principals else None
            allowed = expected if isinstance(expected, tuple) else (expected,)
            assert found in allowed, f"{name}: {found} and not {expected}"
            if found is None:
                del self.principals[name]
            else:
                self.principals[name] = found
        assert not self.deleted & set(principals), "what was deleted is back"
        for key, is_certain in list(self.revoked.items()):
            assert key in keys
            assert keys[key]["status"]["revoked"] or not is_certain, f"the revocation of {key} is undone"
            self.revoked[key] = keys[key]["status"]["revoked"]

    def check_secret(self, upstream, key):
        path = f"/secret-{self.number}-{self.chance.random()}"
        assert self.gateway.get(f"/crash{self.number}{path}", key).status == 200
        sent = upstream.last(path).get("Authorization")
        assert sent in (f"Bearer {self.secret}", f"Bearer {self.pending_secret}")
        self.secret = sent.removeprefix("Bearer ")


class Caller:
    """Calls, and remembers how many were answered before the end."""

    def __init__(self, gateway, key):
        self.gateway, self.key = gateway, key
        self.answered = []

    def run(self):
        with contextlib.suppress(OSError, wire.BrokenAnswer, AssertionError):
            with self.gateway.connect() as client:
                while True:
                    answer = client.call("GET", "/load/any", [wire.bearer(self.key)])
                    self.answered.append((time.monotonic(), answer.status, answer.get("X-Request-Id")))


def all_of(gateway, kind):
    found, cursor = {}, ""
    while cursor is not None:
        page = gateway.managed("GET", f"/{kind}?limit=1000" + (f"&cursor={cursor}" if cursor else ""))
        found |= {each["name"]: each for each in page["items"]}
        cursor = page.get("next")
    return found


def crash_round(gateway, writers, chance, key, kill_at):
    """Load and changes, and the end of it in the middle of something, not before `kill_at`. The ids of the calls that the log
    must have."""
    callers = [Caller(gateway, key) for _ in range(CALLERS)]
    failures = []

    def guarded(worker):
        try:
            worker.run()
        except BaseException as error:  # pylint: disable=broad-except
            failures.append(error)
            raise

    threads = [threading.Thread(target=guarded, args=(each,)) for each in (*writers, *callers)]
    wanted = sum(each.acknowledged for each in writers) + chance.randint(3, 60)
    for thread in threads:
        thread.start()
    until(lambda: failures or sum(each.acknowledged for each in writers) >= wanted, "changes to be acknowledged")
    threading.Event().wait(max(chance.random() * 0.03, kill_at - time.monotonic()))
    killed = time.monotonic()
    gateway.kill()
    for thread in threads:
        thread.join()
    assert failures == []
    answered = [each for caller in callers for each in caller.answered]
    assert {status for _, status, _ in answered} <= {200}
    return {request for at, _, request in answered if killed - at > LOST_AT_MOST}


def events_in(gateway):
    """Every event of the log on disk. The gateway may run or not."""
    return [json.loads(line) for path in sorted(gateway.audit_log.glob("*.jsonl"))
            for line in path.read_bytes().split(b"\n")[:-1]]


def prepare(gateway, upstream):
    for number in range(WRITERS):
        gateway.apply([yaml.upstream(f"crash{number}", upstream.url()),
                       {"kind": "credential", "name": f"crash{number}-main", "upstream": f"crash{number}"},
                       yaml.principal("caller"), yaml.grant("caller", f"crash{number}", name=f"caller-crash{number}")])
        gateway.set_secret(f"crash{number}-main", first_secret(number))
    key = gateway.serve_simple("load", upstream.url(), fake_secret("load"))
    gateway.checkpointed()  # without any, there is nothing to verify against
    return key


def check(gateway, writers, upstream, key):
    assert gateway.notices() == {}
    principals, keys = all_of(gateway, "principals"), all_of(gateway, "api_keys")
    for writer in writers:
        writer.settle(principals, keys)
        writer.check_secret(upstream, key)


def start_in_pieces(gateway, chance):
    """A start that is killed before it is through, or right after."""
    for _ in range(chance.randint(1, 3)):
        gateway.spawn()
        threading.Event().wait(chance.random() * 0.06)
        gateway.kill()


def check_log(gateway, writers, calls):
    """Every acknowledged change is in it, every change once and in order, and the calls that must be."""
    events = events_in(gateway)
    numbers = [each["outbox"] for each in events if "outbox" in each]
    assert numbers == sorted(set(numbers))
    revisions = sorted({number >> 16 for number in numbers})  # docs/formats/store.md
    assert revisions == list(range(1, len(revisions) + 1))
    assert not {each["type"] for each in events} & {"outbox.refused", "outbox.gap", "audit.begun_anew", "record.refused"}
    found = collections.Counter((each["type"], each.get("name")) for each in events)
    for writer in writers:
        assert writer.recorded <= found, writer.recorded - found
    assert calls <= {each.get("request_id") for each in events}


def rounds_of(gateway, upstream, seed, rounds):
    """Kills it again and again: in the first moments of load, while it starts, and while it writes a checkpoint."""
    chance = random.Random(seed)
    key = prepare(gateway, upstream)
    writers = [Writer(gateway, number, random.Random(chance.random())) for number in range(WRITERS)]
    started, calls = time.monotonic(), set()
    for number in range(rounds):
        kill_at = started + CHECKPOINT_AT + chance.uniform(-0.1, 0.1) if number % 5 == 4 else 0
        calls |= crash_round(gateway, writers, chance, key, kill_at)
        gateway.verify_log()
        if number % 5 == 2:
            start_in_pieces(gateway, chance)
        gateway.start()
        started = time.monotonic()
        check(gateway, writers, upstream, key)
    assert gateway.stop() == 0
    gateway.verify_log()
    check_log(gateway, writers, calls)
    assert calls or rounds < 5


@pytest.fixture
def seed():
    made = int(os.environ.get("CLAVIGER_CRASH_SEED", random.randrange(1 << 32)))
    print(f"CLAVIGER_CRASH_SEED={made}")
    return made


def test_what_was_acknowledged_outlives_every_kill(make_managed, upstream, seed):
    gateway = make_managed(config={"gateway": {"workers": 2}})

    rounds_of(gateway, upstream, seed, ROUNDS)


class PowerCuts:
    """A gateway whose data directory only keeps what was synced when it is killed."""

    def __init__(self, gateway, directory):
        self.gateway, self.directory = gateway, directory
        self.number = 0
        self.next_mirror()

    def next_mirror(self):
        self.number += 1
        self.mirror = self.directory / f"mirror{self.number}"
        self.gateway.env.update(powerloss.environment(self.gateway.data, self.mirror))

    def crash(self):
        powerloss.crash(self.gateway.data, self.mirror)
        self.next_mirror()


@pytest.mark.skipif(IS_SANITIZED, reason="a sanitizer's runtime has to be the first library that is loaded")
def test_what_was_acknowledged_outlives_every_power_cut(make_managed, upstream, seed, tmp_path):
    gateway = make_managed(start=False, config={"gateway": {"workers": 2}})
    cuts = PowerCuts(gateway, tmp_path)
    gateway.start()
    plain_kill = gateway.kill

    def kill_and_cut():
        status = plain_kill()
        cuts.crash()
        return status

    gateway.kill = kill_and_cut
    rounds_of(gateway, upstream, seed, ROUNDS)


@pytest.mark.skipif(IS_SANITIZED, reason="a sanitizer's runtime has to be the first library that is loaded")
def test_init_is_whole_after_a_power_cut_or_can_be_repeated(make_managed, tmp_path):
    gateway = make_managed(start=False, init=False)
    gateway.data.mkdir(mode=0o700)
    mirror = tmp_path / "mirror"
    gateway.env.update(powerloss.environment(gateway.data, mirror))
    gateway.init()

    powerloss.crash(gateway.data, mirror)

    for name in ("LD_PRELOAD", "POWERLOSS_LIVE", "POWERLOSS_MIRROR", "POWERLOSS_KIND_DIRS"):
        del gateway.env[name]
    gateway.start()  # init has returned: what it made is there
    assert gateway.status()["ready"] is True
