# SPDX-License-Identifier: Apache-2.0
"""The key that signs the audit log is rotated while calls are under way, over restarts and kills: the log stays one, and
either key verifies all of it, with Claviger's verifier and with the independent one."""

import json
import threading
import time

import pytest

from support import audit_verifier, wire
from support import resources as yaml
from support.audit_verifier import NotVerified
from support.gateway import run
from support.managed import copy_of
from support.waiting import until
from support.world import fake_secret


def serve(make_managed, upstream, **config):
    gateway = make_managed(config={"gateway": {"workers": 1}, **config})
    gateway.key = gateway.serve_simple("raw", upstream.url(), fake_secret("rotation"))
    return gateway


def keys_in(directory):
    return (directory / "key.pub").read_text().splitlines()


def events_in(directory):
    return [json.loads(line) for path in sorted(directory.glob("*.jsonl")) for line in path.read_text().splitlines()]


def of(events, kind):
    return [event for event in events if event["type"] == kind]


def check(directory, *keys):
    """With each key: the same number of events, by both verifiers."""
    for key in keys:
        said = run("audit", "verify", "--log", directory, "--key", key)
        assert said.returncode == 0 and "VERIFIED" in said.stdout, said.stdout + said.stderr
        audit_verifier.verify(directory, key)


def signed_by(note, key):
    try:
        audit_verifier.open_checkpoint(note, audit_verifier.Key(key))
    except NotVerified:
        return False
    return True


def rotate(gateway):
    answer = json.loads(gateway.cli("audit", "rotate-key", "-o", "json"))
    assert answer["finished"] is True
    return answer["from"], answer["to"]


class Calls:
    """One after the other, until the end."""

    def __init__(self, gateway):
        self.gateway, self.statuses, self.over = gateway, [], threading.Event()
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        with self.gateway.connect() as client:
            while not self.over.is_set():
                self.statuses.append(client.call("GET", "/raw/any", [wire.bearer(self.gateway.key)]).status)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


def test_rotates_under_calls_and_goes_on_with_the_new_key_after_a_restart(make_managed, upstream, tmp_path):
    gateway = serve(make_managed, upstream)
    (first,) = keys_in(gateway.audit_log)
    with Calls(gateway) as calls:
        until(lambda: len(calls.statuses) > 20, "calls")
        done = gateway.cli("audit", "rotate-key")
        seen = len(calls.statuses)
        until(lambda: len(calls.statuses) > seen + 20, "calls afterwards")
    assert set(calls.statuses) == {200}
    old, second = keys_in(gateway.audit_log)
    assert old == first and first in done and second in done and "backup" in done
    checkpoint = gateway.cli_run("audit", "checkpoint")
    assert second in checkpoint.stderr and checkpoint.stdout.splitlines()[0] == first.split("+")[0]

    gateway.restart()
    assert rotate(gateway)[0] == second
    gateway.stop()
    keys = keys_in(gateway.audit_log)
    check(gateway.audit_log, *keys)
    # Of somebody who has an old key, and none of the newer ones: the log without what they signed.
    forged = copy_of(gateway.audit_log, tmp_path / "forged")
    (forged / "key.pub").write_text(first + "\n")
    for path in forged.glob("*.checkpoints"):
        path.write_bytes(b"".join(note + b"\n" for note in audit_verifier.split_notes(path.read_bytes())[0] if signed_by(note, first)))
    (forged / "state").unlink()
    check(forged, first)
    for verified in (lambda: audit_verifier.verify(forged, second), lambda: check(forged, second)):
        with pytest.raises((NotVerified, AssertionError)):
            verified()
    events = events_in(gateway.audit_log)
    begun = of(events, "audit.key_rotation_begun")
    assert [(event["actor"], event["from"], event["to"]) for event in begun] == [("admin", *keys[0:2]), ("admin", *keys[1:3])]
    assert [(event["from"], event["to"]) for event in of(events, "audit.key_rotated")] == [tuple(keys[0:2]), tuple(keys[1:3])]
    assert [event["key"] for event in of(events, "audit.key_in_use")] == keys[1:]
    assert [event["key"] for event in of(events, "audit.key_retired")] == keys[:-1]


def test_a_rotation_that_is_killed_at_any_moment_is_finished_by_the_next_start(make_managed, upstream):
    gateway = serve(make_managed, upstream)
    since = time.monotonic()
    rotate(gateway)
    whole, changed = time.monotonic() - since, 0
    for part in (0.3, 0.6, 0.9, 1.2):
        before = keys_in(gateway.audit_log)
        asking = threading.Thread(target=lambda: gateway.cli_run("audit", "rotate-key"))
        asking.start()
        time.sleep(whole * part)
        gateway.kill()
        asking.join()
        gateway.start()
        # What the store has begun with is finished; what it has not heard of never was.
        until(lambda: ("audit", "key") not in gateway.notices(), "the rotation to end")
        gateway.checkpointed()
        after = keys_in(gateway.audit_log)
        assert after[:len(before)] == before and len(after) - len(before) in (0, 1)
        changed += len(after) - len(before)
        check(gateway.audit_log, before[0], after[-1])
    assert changed > 0, "not one of the kills came after a rotation was begun"
    rotate(gateway)
    gateway.stop()
    check(gateway.audit_log, *keys_in(gateway.audit_log))


def test_only_an_administrator_rotates(make_managed, upstream):
    gateway = serve(make_managed, upstream)
    gateway.managed("PUT", "/principals/reader", yaml.principal("reader", management="read"))
    reader = gateway.create_key("reader")
    assert gateway.api("POST", "/api/v1/audit/key/rotate", key=reader).status == 403
    assert gateway.cli_run("audit", "rotate-key", key=reader).returncode == 1
    assert len(keys_in(gateway.audit_log)) == 1


def test_a_store_from_before_the_rotation_does_not_go_on_with_the_log(make_managed, upstream, tmp_path):
    gateway = serve(make_managed, upstream)
    gateway.cli("backup", tmp_path / "old.db", "--data-dir", gateway.data)
    rotate(gateway)
    gateway.stop()
    done = run("restore", tmp_path / "old.db", "--replace", "--data-dir", gateway.data)
    assert done.returncode == 0, done.stderr
    assert "signed with another key" in gateway.start_refused()
    gateway.audit_log.rename(gateway.data / "audit-until-now")
    gateway.start()
    gateway.stop()
    check(gateway.audit_log, *keys_in(gateway.audit_log))


def test_a_side_car_takes_the_next_key_over_when_it_starts(make_gateway):
    gateway = make_gateway(config={"audit": {}})
    log, next_key = gateway.data / "audit", gateway.data / "audit.key.next"
    rotating = ("audit", "rotate-key", "--data-dir", gateway.data)
    running = run(*rotating)
    assert running.returncode == 1 and "stop it, run this again, start it" in running.stderr and not next_key.exists()
    assert gateway.stop() == 0
    (first,) = keys_in(log)
    secret = (gateway.data / "audit.key").read_text()
    made = run(*rotating)
    assert made.returncode == 0 and first in made.stdout, made.stderr
    assert next_key.stat().st_mode & 0o777 == 0o600
    drawn = next_key.read_text()
    assert drawn != secret and drawn.strip() not in made.stdout
    again = run(*rotating)
    assert again.returncode == 1 and "there already" in again.stderr
    gateway.start()
    until(lambda: not next_key.exists(), "the next key to be taken over")
    assert (gateway.data / "audit.key").read_text() == drawn
    assert gateway.stop() == 0
    _, second = keys_in(log)
    assert second in made.stdout
    check(log, first, second)
    gateway.start()
    assert gateway.stop() == 0
    check(log, first, second)
    assert [event["key"] for event in of(events_in(log), "audit.key_retired")] == [first]


def test_says_that_a_gateway_with_a_store_rotates_while_it_runs(make_managed, upstream):
    gateway = serve(make_managed, upstream)
    gateway.stop()
    done = run("audit", "rotate-key", "--data-dir", gateway.data)
    assert done.returncode == 1 and "while the gateway runs" in done.stderr, done.stderr
