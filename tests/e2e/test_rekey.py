# SPDX-License-Identifier: Apache-2.0
"""The master key is replaced while calls are under way, over restarts and kills: no call fails, it goes on by itself, and afterwards
the old key opens nothing. CLAVIGER_REKEY_CREDENTIALS says of how many secrets (10000 takes some minutes, most of them to set them)."""

import contextlib
import json
import os
import random
import sqlite3
import subprocess
import threading
import time

import pytest

from support import powerloss, wire
from support import resources as yaml
from support.gateway import BINARY, IS_SANITIZED, run
from support.keys import make_api_key
from support.small_disk import SmallDisk
from support.vault_format import MasterKey, StoreFile
from support.waiting import until
from support.world import fake_secret

COUNT = int(os.environ.get("CLAVIGER_REKEY_CREDENTIALS", "260"))
KILLS = 20
PATH = "/api/v1/vault/rekey"
WRAPPING = {"of-data-keys": "claviger data key wrapping 1", "of-keyring": "claviger keyring wrapping 1"}


def fill(gateway, url, count):
    """An upstream that is called, and `count` credentials in all with a secret each, ten to an upstream."""
    key = gateway.serve_simple("raw", url, fake_secret("main"))
    names = [f"c{number}" for number in range(count - 1)]
    for start in range(0, len(names), 1000):
        some = names[start:start + 1000]
        upstreams = [yaml.upstream(f"u{start + first}", url) for first in range(0, len(some), 10)]
        gateway.apply([*upstreams, *({"kind": "credential", "name": name, "upstream": f"u{start + place // 10 * 10}"}
                                     for place, name in enumerate(some))])
    with gateway.connect("admin") as client:
        for name in names:
            gateway.set_secret(name, fake_secret(name), client=client)
    return key


@pytest.fixture
def gateway(make_managed, upstream):
    made = make_managed(config={"gateway": {"workers": 2}})
    made.key = fill(made, upstream.url(), 12)
    return made


def rekey(gateway, *arguments, patience=60):
    done = run("rekey", "-o", "json", *arguments, env=gateway.cli_env(), patience=patience)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def old_file(gateway, state):
    return gateway.data / f"master.key.{state['from']}.old"


def is_over(gateway):
    return ("vault", "master key") not in gateway.notices()


def events_of(gateway, kind):
    gateway.checkpointed()
    lines = [line for path in sorted(gateway.audit_log.glob("*.jsonl")) for line in path.read_text().splitlines()]
    return [event for event in map(json.loads, lines) if event["type"] == kind]


class Calls:
    """On some connections, one after the other, until the end: their statuses, and how long the slowest took."""

    def __init__(self, gateway, connections=4):
        self.gateway, self.statuses, self.slowest, self.over = gateway, [], 0, threading.Event()
        self.threads = [threading.Thread(target=self._run) for _ in range(connections)]

    def _run(self):
        with self.gateway.connect() as client:
            while not self.over.is_set():
                since = time.monotonic()
                self.statuses.append(client.call("GET", "/raw/any", [wire.bearer(self.gateway.key)]).status)
                self.slowest = max(self.slowest, time.monotonic() - since)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        until(lambda: len(self.statuses) > 20, "calls")
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()


def test_no_call_fails_and_the_old_key_opens_nothing_afterwards(make_managed, upstream, capsys):
    gateway = make_managed(config={"gateway": {"workers": 2}})
    gateway.key = fill(gateway, upstream.url(), COUNT)
    old = MasterKey.of_file(gateway.master_key)
    before = StoreFile(gateway.database)
    assert before.opened_by(old) == (COUNT, True)

    with Calls(gateway) as calls:
        changed, results, since = 0, [], time.monotonic()
        rekeying = threading.Thread(target=lambda: results.append(rekey(gateway, patience=600)))
        rekeying.start()
        while rekeying.is_alive():
            gateway.set_secret("c0", fake_secret("another"))
            changed += 1
        rekeying.join()
        took = time.monotonic() - since
        seen = len(calls.statuses)
        until(lambda: len(calls.statuses) > seen + 20, "calls afterwards")
    (state,) = results
    assert set(calls.statuses) == {200}
    assert state["phase"] == "finished" and int(state["done"]) == COUNT
    with capsys.disabled():
        print(f"\n  rekey of {COUNT} credentials: {took:.2f} s under {len(calls.statuses)} calls, the slowest "
              f"{calls.slowest * 1000:.0f} ms; {changed} changes of management meanwhile")

    new = MasterKey.of_file(gateway.master_key)
    after = StoreFile(gateway.database)
    assert new.id.hex() == state["to"] and old.id.hex() == state["from"]
    assert after.key_ids() == {state["to"]}
    assert after.opened_by(new) == (COUNT, True)
    assert after.opened_by(old) == (0, False)
    # Nor is anything left of what it opened, in any file of the store.
    files = b"".join(path.read_bytes() for path in gateway.data.glob("claviger.db*"))
    for record in random.sample(before.credentials, min(200, COUNT)):
        assert record["sealed"][13:] not in files, record["name"]
    assert before.keyring[9:] not in files
    # The data keys are others: one that was taken out of an old envelope is good for nothing.
    kept = {record["name"]: record["sealed"] for record in before.credentials}
    assert not any(record["sealed"][13:] == kept[record["name"]][13:] for record in after.credentials)

    assert MasterKey.of_file(old_file(gateway, state)).id == old.id
    assert not (gateway.data / "master.key.next").exists()
    (begun,) = events_of(gateway, "vault.rekey_begun")
    assert (begun["actor"], begun["from"], begun["to"]) == ("admin", state["from"], state["to"])
    assert len(events_of(gateway, "vault.rekeyed")) == 1
    assert gateway.status()["master_key_id"] == state["to"]

    gateway.restart()
    assert gateway.get("/raw/any", gateway.key).status == 200 and gateway.notices() == {}
    gateway.stop()
    # With the old key in its place, the binary says which one it wants.
    right = gateway.master_key.read_text()
    gateway.master_key.write_text(old_file(gateway, state).read_text())
    said = gateway.start_refused()
    assert state["to"] in said and state["from"] in said
    gateway.master_key.write_text(right)


def phase_of(gateway):
    """What the mark in the store says: 0 none, 1 both keys are needed, 2 the new one is."""
    return StoreFile(gateway.database).meta.get("rekey", b"\1\0")[1]


def take_the_key_left_behind(gateway):
    """A key was made, and the store never heard of it. The next rekey names it, and is told to take it."""
    left = gateway.data / "master.key.next"
    assert MasterKey.of_file(left).id.hex() not in StoreFile(gateway.database).key_ids()
    refused = gateway.cli_run("rekey")
    assert refused.returncode == 1 and f"--to file:{left}" in refused.stderr
    state = rekey(gateway, "--to", f"file:{left}", patience=600)
    assert MasterKey.of_file(gateway.master_key).id.hex() == state["to"] and not left.exists()
    assert not (gateway.data / "master.from").exists()


def test_it_is_gone_on_with_after_a_kill_at_any_moment(make_managed, upstream, capsys):
    """Of the gateway, which goes on when it is started again; or of the command, without which it goes on."""
    count = max(330, COUNT)
    gateway = make_managed(config={"gateway": {"workers": 1}})
    gateway.key = fill(gateway, upstream.url(), count)
    since = time.monotonic()
    assert gateway.api("POST", PATH, {}).status == 202
    until(lambda: is_over(gateway), "the first one to end", 600)
    whole, chance, phases, started = time.monotonic() - since, random.Random(6), [], []
    for number in range(2 * KILLS):
        follows = [] if is_over(gateway) else ["--follow"]
        command = subprocess.Popen([BINARY, "rekey", *follows], env={**os.environ, **gateway.cli_env()},
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(chance.uniform(0, whole))
        if number % 2:
            command.kill()
            command.wait()
            continue
        gateway.kill()
        command.wait(60)
        phases.append(phase_of(gateway))
        since = time.monotonic()
        gateway.start()
        started.append(time.monotonic() - since)
        assert gateway.get("/raw/any", gateway.key).status == 200
        if phases[-1] == 0 and (gateway.data / "master.key.next").exists():
            take_the_key_left_behind(gateway)
    until(lambda: is_over(gateway), "the rekey to end", 600)
    assert len([phase for phase in phases if phase]) >= 3, f"nearly all of the kills came before or after: {phases}"
    key, old = MasterKey.of_file(gateway.master_key), list(gateway.data.glob("master.key.*.old"))
    store = StoreFile(gateway.database)
    assert store.opened_by(key) == (count, True)
    assert len(old) >= 3
    for path in old:
        assert store.opened_by(MasterKey.of_file(path)) == (0, False)
    assert gateway.status()["master_key_id"] == key.id.hex()
    assert gateway.notices() == {}
    gateway.stop()
    gateway.verify_log()
    with capsys.disabled():
        print(f"\n  {KILLS} kills of the gateway (in phases {phases}) and {KILLS} of the command over {len(old)} rekeys of {count} "
              f"credentials, {whole:.2f} s each; the slowest start took {max(started):.2f} s")


@contextlib.contextmanager
def held_in_the_middle(gateway):
    """A rekey is begun, and another process holds the store: some secrets are under either key."""
    with contextlib.closing(sqlite3.connect(gateway.database, isolation_level=None)) as other:
        for _ in range(40):
            state = gateway.api("POST", PATH, {}).json
            while phase_of(gateway) == 1:
                other.execute("BEGIN IMMEDIATE")
                if phase_of(gateway) == 1 and len(StoreFile(gateway.database).key_ids()) == 2:
                    yield state
                    other.execute("ROLLBACK")
                    return
                other.execute("ROLLBACK")
                time.sleep(0.001)
            until(lambda: is_over(gateway), "the rekey to end")
    raise AssertionError("it was always over before the store could be held")


def killed_in_the_middle(gateway):
    with held_in_the_middle(gateway) as state:
        gateway.kill()
    return state


@pytest.mark.skipif(IS_SANITIZED, reason="a sanitizer's runtime has to be the first library that is loaded")
def test_it_is_gone_on_with_after_a_power_cut(make_managed, upstream, tmp_path):
    """Of what was written and never synced nothing is left: a start has every key that it needs all the same."""
    gateway = make_managed(config={"gateway": {"workers": 1}})
    gateway.key = fill(gateway, upstream.url(), 230)
    gateway.stop()
    chance, phases = random.Random(7), []
    for number in range(10):
        mirror = tmp_path / f"mirror{number}"
        gateway.env.update(powerloss.environment(gateway.data, mirror))
        gateway.start()
        assert gateway.get("/raw/any", gateway.key).status == 200
        if is_over(gateway):
            left = gateway.data / "master.key.next"
            assert gateway.api("POST", PATH, {"to": f"file:{left}"} if left.exists() else {}).status == 202
        time.sleep(chance.uniform(0, 0.15))
        gateway.kill()
        powerloss.crash(gateway.data, mirror)
        phases.append(phase_of(gateway))
    for name in ("LD_PRELOAD", "POWERLOSS_LIVE", "POWERLOSS_MIRROR", "POWERLOSS_KIND_DIRS"):
        del gateway.env[name]
    gateway.start()
    until(lambda: is_over(gateway), "the rekey to end")
    assert any(phases), phases
    store = StoreFile(gateway.database)
    assert store.opened_by(MasterKey.of_file(gateway.master_key)) == (230, True)
    old = list(gateway.data.glob("master.key.*.old"))
    assert old and all(store.opened_by(MasterKey.of_file(path)) == (0, False) for path in old)


def write_key(path, text):
    path.write_text(text)
    path.chmod(0o600)


def test_a_start_in_the_middle_needs_both_keys_and_says_which(make_managed, upstream, tmp_path):
    gateway = make_managed(config={"gateway": {"workers": 1}})
    gateway.key = fill(gateway, upstream.url(), 230)
    state = killed_in_the_middle(gateway)
    backup = tmp_path / "middle.db"
    assert run("backup", backup, "--data-dir", gateway.data).returncode == 0
    next_file = gateway.data / "master.key.next"
    both = {gateway.master_key: gateway.master_key.read_text(), next_file: next_file.read_text()}
    for path, wanted in ((gateway.master_key, "from"), (next_file, "to")):
        path.unlink()
        assert state[wanted] in gateway.start_refused()
        write_key(path, both[path])
    gateway.start()
    until(lambda: is_over(gateway), "the rekey to end")
    assert StoreFile(gateway.database).key_ids() == {state["to"]}
    # A backup that was made meanwhile needs both for ever.
    gateway.stop()
    gateway.cli("restore", str(backup), "--data-dir", str(gateway.data), "--replace")
    assert state["from"] in gateway.start_refused()
    write_key(gateway.master_key, both[gateway.master_key])
    assert state["to"] in gateway.start_refused()
    write_key(next_file, both[next_file])
    gateway.start()
    until(lambda: is_over(gateway), "the rekey to end")
    assert gateway.get("/raw/any", gateway.key).status == 200
    assert StoreFile(gateway.database).opened_by(MasterKey.of_file(gateway.master_key)) == (230, True)


def test_a_mark_that_is_taken_away_in_the_middle_loses_nothing(make_managed, upstream):
    """By whoever writes the database. What the new key has sealed does not open until that one is named."""
    gateway = make_managed(config={"gateway": {"workers": 1}})
    gateway.key = fill(gateway, upstream.url(), 230)
    killed_in_the_middle(gateway)
    gateway.sql("DELETE FROM meta WHERE name = 'rekey'")
    gateway.start()
    assert any(kind == "credential" for kind, _ in gateway.notices())
    take = ("--to", f"file:{gateway.data}/master.key.next")
    refused = gateway.cli_run("rekey")
    assert refused.returncode == 1 and take[1] in refused.stderr
    state = rekey(gateway, *take)
    assert StoreFile(gateway.database).opened_by(MasterKey.of_file(gateway.master_key)) == (230, True)
    gateway.restart()
    assert gateway.notices() == {} and gateway.status()["master_key_id"] == state["to"]


@contextlib.contextmanager
def reading(gateway):
    """As a backup of somebody else's making does: for as long, the WAL cannot be cut off."""
    with contextlib.closing(sqlite3.connect(gateway.database, isolation_level=None)) as database:
        database.execute("BEGIN")
        database.execute("SELECT count(*) FROM records").fetchall()
        yield
        database.execute("ROLLBACK")


def test_a_reader_of_the_store_is_waited_for_and_marks_of_before_do_nothing(gateway):
    with reading(gateway):
        state = gateway.api("POST", PATH, {}).json
        until(lambda: "WAL cannot be cut off" in gateway.notices().get(("vault", "master key"), ""), "it to wait")
        assert gateway.get("/raw/any", gateway.key).status == 200
        gateway.set_secret("c0", fake_secret("meanwhile"))
        settling = StoreFile(gateway.database).meta["rekey"]
    assert settling[1] == 2
    until(lambda: is_over(gateway), "the rekey to end")

    def with_mark(value):
        gateway.sql(("UPDATE meta SET value = ? WHERE name = 'rekey'", (value,)))
    gateway.stop()
    (right,), = gateway.sql("SELECT value FROM meta WHERE name = 'rekey'")
    for spoiled in (b"", settling[:1], settling[:-1], settling + b"x", settling[:-1] + bytes([settling[-1] ^ 1]),
                    settling[:1] + b"\1" + settling[2:], b"\2" + right[1:], right[:2] + b"\1" + right[3:]):
        with_mark(spoiled)
        said = gateway.start_refused()
        assert "was altered" in said or "do not belong together" in said, said
    # One of this very rekey: its last step is done once more.
    with_mark(settling)
    gateway.start()
    until(lambda: is_over(gateway), "it to end again")
    assert gateway.status()["master_key_id"] == state["to"]
    rekey(gateway)
    gateway.stop()
    with_mark(settling)
    assert "do not belong together" in gateway.start_refused()


def test_a_writer_that_holds_the_store_is_waited_for(make_managed, upstream):
    gateway = make_managed(config={"gateway": {"workers": 1}})
    gateway.key = fill(gateway, upstream.url(), 230)
    with held_in_the_middle(gateway) as state:
        time.sleep(1)
        assert gateway.get("/raw/any", gateway.key).status == 200
        assert "is being replaced" in gateway.notices()["vault", "master key"]
    until(lambda: is_over(gateway), "the rekey to end")
    assert StoreFile(gateway.database).key_ids() == {state["to"]}


def test_rows_of_before_are_not_believed_afterwards(gateway):
    """Put back one by one, and all at once, by whoever had copied the database and writes it now."""
    def rows():
        return {row[0]: row for row in gateway.sql("SELECT name, sealed, mac, revision FROM records WHERE kind = 'credential'")}

    def put(name, row):
        gateway.sql(("UPDATE records SET sealed = ?, mac = ?, revision = ? WHERE kind = 'credential' AND name = ?", (*row[1:], name)))
    gateway.stop()
    before, whole = rows(), gateway.database.read_bytes()
    gateway.start()
    state = rekey(gateway)
    gateway.stop()
    after = rows()
    put("c1", before["c1"])            # an old one
    put("c2", (None, *before["c2"][1:2], *after["c2"][2:]))  # an old envelope in a row of today
    put("c3", (None, *after["c4"][1:2], *after["c3"][2:]))   # and somebody else's
    gateway.start()
    notices = gateway.notices()
    assert all(("credential", name) in notices for name in ("c1", "c2", "c3")), notices
    assert gateway.get("/raw/any", gateway.key).status == 200
    refused = gateway.cli_run("rekey")
    assert refused.returncode == 1 and "was altered" in refused.stderr
    gateway.stop()
    for file in gateway.data.glob("claviger.db-*"):
        file.unlink()
    gateway.database.write_bytes(whole)
    assert state["from"] in gateway.start_refused()
    # Nor with its key: the audit log knows what came after.
    write_key(gateway.master_key, old_file(gateway, state).read_text())
    assert "the store is older than the audit log" in gateway.start_refused()


def test_the_old_key_is_removed_where_that_is_asked_for(gateway):
    state = rekey(gateway, "--remove-old")
    assert "removed" in state["old_key"]
    assert not list(gateway.data.glob("*.old"))
    gateway.restart()
    assert gateway.status()["master_key_id"] == state["to"]


def test_another_source_is_found_by_the_next_start(gateway, tmp_path):
    path = tmp_path / "elsewhere.key"
    state = rekey(gateway, "--to", f"file:{path}")
    assert MasterKey.of_file(path).id.hex() == state["to"] and path.stat().st_mode & 0o777 == 0o600
    assert str(path) in state["old_key"], "it says what to change in the configuration"
    assert not gateway.master_key.exists() and old_file(gateway, state).exists()
    gateway.restart()
    assert gateway.status()["master_key_id"] == state["to"]
    assert gateway.event("master_key_elsewhere")["found"] == f"file:{path}"
    # And back, to where the configuration says.
    again = rekey(gateway)
    assert MasterKey.of_file(gateway.master_key).id.hex() == again["to"]
    assert not (gateway.data / "master.from").exists()
    gateway.restart()
    assert gateway.status()["master_key_id"] == again["to"]


def test_what_cannot_be_changes_nothing(gateway, tmp_path):
    def refused(*arguments, status=1):
        done = gateway.cli_run("rekey", *arguments)
        assert done.returncode == status, done.stdout + done.stderr
        assert gateway.status()["master_key_id"] == before and is_over(gateway)
        return done.stderr
    before = gateway.status()["master_key_id"]
    files = sorted(path.name for path in gateway.data.glob("master*"))
    assert "in use" in refused("--to", f"file:{gateway.master_key}")
    copy = tmp_path / "copy.key"
    copy.write_text(gateway.master_key.read_text())
    copy.chmod(0o600)
    assert "in use" in refused("--to", f"file:{copy}")
    copy.chmod(0o644)
    assert "chmod" in refused("--to", f"file:{copy}")
    copy.write_text("clv-master-key-1:AAAA\n")
    copy.chmod(0o600)
    assert "is no master key" in refused("--to", f"file:{copy}")
    assert "is not set" in refused("--to", "env:FAKE_NOT_THERE")
    assert "must be file:" in refused("--to", "nowhere")
    assert "transit" in refused("--to", "transit:fake")
    refused("--to", f"file:{tmp_path}/missing/new.key")
    refused("--follow", "--remove-old", status=2)
    beside = gateway.data / "master.key.next"
    beside.write_text("something\n")
    assert "there already" in refused()
    beside.unlink()
    assert sorted(path.name for path in gateway.data.glob("master*")) == files
    gateway.managed("PUT", "/principals/reader", yaml.principal("reader", management="read"))
    reader = gateway.create_key("reader")
    assert gateway.api("POST", PATH, {}, key=reader).status == 403
    assert gateway.api("GET", PATH, key=reader).status == 200
    assert rekey(gateway)["phase"] == "finished"


def test_only_one_at_a_time(make_managed, upstream):
    gateway = make_managed(config={"gateway": {"workers": 1}})
    gateway.key = fill(gateway, upstream.url(), 130)
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(gateway.api("POST", PATH, {}).status)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [202, 409, 409]
    gateway.cli("rekey", "--follow")
    until(lambda: is_over(gateway), "the rekey to end")


def test_a_full_disk_is_waited_for(make_managed, upstream, tmp_path):
    disk = SmallDisk(tmp_path / "disk")
    try:
        gateway = make_managed(start=False, config={"gateway": {"workers": 1}, "audit": {"reserve": "off"}}, init=False)
        gateway.data = disk.directory / "data"
        gateway.init()
        gateway.start()
        gateway.key = fill(gateway, upstream.url(), 230)
        before = gateway.status()["master_key_id"]
        disk.fill()
        assert gateway.api("POST", PATH, {}).status == 503
        disk.empty()
        until(lambda: gateway.api("GET", "/readyz").status == 200, "the audit log to go on")
        assert gateway.status()["master_key_id"] == before and not (gateway.data / "master.key.next").exists()
        assert rekey(gateway)["phase"] == "finished"
        # And in the middle of one. A reader keeps the WAL from being written from its beginning again, where there is room.
        with contextlib.ExitStack() as stack:
            with held_in_the_middle(gateway) as state:
                stack.enter_context(reading(gateway))
                disk.fill()
            time.sleep(1)
            assert phase_of(gateway) == 1
            disk.empty()
        until(lambda: gateway.api("GET", "/readyz").status == 200 and is_over(gateway), "the rekey to end")
        assert StoreFile(gateway.database).key_ids() == {state["to"]} and phase_of(gateway) == 0
        gateway.stop()
    finally:
        disk.unmount()


def test_a_directory_that_takes_no_file_changes_nothing(gateway, tmp_path):
    before = gateway.status()["master_key_id"]
    answer = gateway.api("POST", PATH, {"to": "file:/proc/fake.key"})
    assert answer.status in (400, 503), answer
    assert gateway.status()["master_key_id"] == before


def test_a_backup_from_before_needs_the_old_key_and_says_so(gateway, tmp_path):
    backup = tmp_path / "before.db"
    gateway.cli("backup", str(backup), "--data-dir", str(gateway.data))
    state = rekey(gateway)
    gateway.stop()
    said = gateway.cli("restore", str(backup), "--data-dir", str(gateway.data), "--replace")
    assert "THE WRONG MASTER KEY" in said and state["from"] in said
    assert state["from"] in gateway.start_refused()
    gateway.master_key.write_text(old_file(gateway, state).read_text())
    gateway.start()
    assert gateway.get("/raw/any", gateway.key).status == 200


def test_the_log_is_one_with_a_rotation_of_its_key_in_the_middle(gateway):
    rekey(gateway)
    gateway.cli("audit", "rotate-key")
    rekey(gateway)
    gateway.checkpointed()
    gateway.stop()
    gateway.verify_log()
    gateway.start()
    assert gateway.get("/raw/any", gateway.key).status == 200


def test_a_record_that_was_tampered_with_is_not_made_right(gateway):
    gateway.stop()
    gateway.sql("UPDATE records SET body = body || ' ' WHERE kind = 'credential' AND name = 'c3'")
    gateway.start()
    refused = gateway.cli_run("rekey")
    assert refused.returncode == 1 and "'c3' was altered" in refused.stderr
    gateway.managed("DELETE", "/credentials/c3")
    assert rekey(gateway)["phase"] == "finished"


@pytest.mark.skipif(os.geteuid() != 0, reason="reading another process's memory takes root")
@pytest.mark.skipif(IS_SANITIZED, reason="a sanitizer's memory is not the gateway's")
def test_no_key_and_no_secret_is_left_in_memory(make_managed, upstream, scanner, tmp_path):
    """In the locked fallback, for the reason that test_memory_secrecy.py gives. Old and new, drawn and made of a passphrase."""
    gateway = make_managed(env={"CLAVIGER_SECRET_MEMORY": "locked"}, config={"gateway": {"workers": 1}})
    gateway.key = fill(gateway, upstream.url(), 120)
    phrase, words = tmp_path / "phrase", "fake correct horse battery staple"
    phrase.write_text(words)
    phrase.chmod(0o600)
    searched = {"words": words.encode(), "secret": fake_secret("main").encode(), "other": fake_secret("c7").encode()}
    for number, arguments in enumerate(([], ["--to", f"passphrase:file:{phrase}"], ["--to", f"file:{tmp_path}/third.key"])):
        path = tmp_path / "third.key" if number == 2 else gateway.master_key
        if gateway.master_key.exists():
            before = MasterKey.of_file(gateway.master_key)
            searched[f"before-{number}"] = before.raw
            # In the arena as well, where they are as long as the key is in use.
            derived = {f"{name}-{number}": before.derive(label, 32) for name, label in WRAPPING.items()}
            assert len(scanner.scan(gateway.pid, derived).patterns) >= 2, "the scan sees what is there"
            searched |= derived
        rekey(gateway, *arguments)
        if path.exists():
            searched[f"after-{number}"] = MasterKey.of_file(path).raw
    assert gateway.get("/raw/any", gateway.key).status == 200
    findings = scanner.scan(gateway.pid, searched)
    assert findings.patterns == [], findings.describe()
    outside = [(name, mapping) for name, mapping in findings.schedules if not mapping.is_arena]
    assert outside == [], findings.describe()
    assert searched["words"].decode() not in gateway.log.text()


def test_a_side_car_has_no_master_key_to_replace(make_gateway):
    gateway = make_gateway()
    host, port = gateway.addresses["admin"]
    done = run("rekey", env={"CLAVIGER_ADDR": f"http://{host}:{port}", "CLAVIGER_TOKEN": make_api_key().text})
    assert done.returncode == 1 and "side-car mode" in done.stderr, done.stderr
