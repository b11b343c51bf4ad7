# SPDX-License-Identifier: Apache-2.0
"""Proofs and evidence packs, for somebody who has the key and none of the log: what the command line makes holds for it, for the
independent verifier and for the program that lies in a pack; and nothing that was altered does."""

import base64
import json
import os
import shutil
import subprocess
import sys
import tarfile

import pytest

from support import audit_verifier, wire
from support.audit_log_maker import LogMaker, Signer
from support.audit_verifier import Key, NotVerified
from support.gateway import run
from support.managed import ManagedGateway, copy_of
from support.raw_upstream import RawUpstream
from support.waiting import until
from support.world import fake_secret

CALLS = 12


class Log:
    """A gateway's own, and a checkpoint that was saved while it was written."""

    def __init__(self, directory):
        self.checkpoint = directory / "checkpoint"
        self.ids = []
        with RawUpstream() as upstream, ManagedGateway(directory / "gateway") as gateway:
            key = gateway.serve_simple("raw", upstream.url(), fake_secret("evidence"))
            for turn in range(2):
                with gateway.connect() as client:
                    for _ in range(CALLS):
                        self.ids.append(client.call("GET", "/raw/any", [wire.bearer(key)]).get("X-Request-Id"))
                gateway.restart()  # which signs a checkpoint
                if turn == 0:
                    gateway.cli("audit", "checkpoint", "-o", self.checkpoint)
            until(lambda: gateway.status()["audit"]["size"] == gateway.status()["audit"]["checkpointed"], "a checkpoint")
        self.directory = gateway.audit_log
        self.key = (self.directory / "key.pub").read_text().strip()
        self.lines = (self.directory / f"{0:020}.jsonl").read_bytes().splitlines()


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    return Log(tmp_path_factory.mktemp("log"))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A log of several segments and two keys, pruned up to event 8; its signers and its maker."""
    directory = tmp_path_factory.mktemp("made")
    first, second = Signer(directory, 1), Signer(directory, 2)
    maker = LogMaker(first)
    maker.events(8)
    maker.segment()
    maker.events(5)
    maker.prune(8)
    maker.segment()
    maker.events(3)
    maker.rotate(second)
    maker.events(9)
    maker.segment()
    maker.events(6)
    maker.checkpoint()
    maker.event()
    return maker, maker.write(directory / "audit"), first, second


def claviger(*arguments):
    done = run("audit", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def refused(*arguments):
    done = run("audit", *arguments)
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stderr


def prove(directory, tmp_path, *what):
    proof, event = tmp_path / "proof", tmp_path / "event"
    claviger("prove", "--log", directory, *what, "-o", proof, "--save-event", event)
    assert proof.stat().st_mode & 0o777 == event.stat().st_mode & 0o777 == 0o600
    return proof, event


def test_every_event_is_proven_by_its_request(log, tmp_path):
    for request_id in log.ids[::7]:
        proof, event = prove(log.directory, tmp_path, "--request-id", request_id)
        assert json.loads(event.read_text())["request_id"] == request_id
        said = claviger("check-proof", proof, "--event", event, "--key", log.key)
        index, size = audit_verifier.check_inclusion(proof.read_bytes(), event.read_bytes()[:-1], [Key(log.key)])
        assert f"event {index} of the log" in said and f"{size} events" in said and log.lines[index] == event.read_bytes()[:-1]


def test_every_kept_event_of_a_pruned_log_with_two_keys_is_proven_with_and_without_leaves(made, tmp_path):
    maker, directory, _, second = made
    bare = copy_of(directory, tmp_path / "bare")
    for path in bare.glob("*.leaves"):
        path.unlink()
    for number in range(8, len(maker.lines) - 1, 4):
        for place in (directory, bare):
            proof, event = prove(place, tmp_path, "--event", number)
            assert event.read_bytes() == maker.lines[number]
            claviger("check-proof", proof, "--event", event, "--key", second.key)
            assert audit_verifier.check_inclusion(proof.read_bytes(), event.read_bytes()[:-1], [Key(second.key)])[0] == number
    assert "was pruned" in refused("prove", "--log", directory, "--event", 7)
    assert "no checkpoint covers" in refused("prove", "--log", directory, "--event", len(maker.lines) - 1)


def test_no_altered_proof_or_event_holds(log, tmp_path):
    proof, event = prove(log.directory, tmp_path, "--event", 5)
    good, line = proof.read_bytes(), event.read_bytes()
    altered = tmp_path / "altered"
    for at in range(0, len(good), 11):
        altered.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1:])
        assert "NOT VERIFIED" in refused("check-proof", altered, "--event", event, "--key", log.key)
        with pytest.raises((NotVerified, ValueError)):
            audit_verifier.check_inclusion(altered.read_bytes(), line[:-1], [Key(log.key)])
    altered.write_bytes(line.replace(b'"v":1', b'"v":2'))
    assert "NOT VERIFIED: event 5 of the log is not this one" in refused("check-proof", proof, "--event", altered, "--key", log.key)
    other = Signer(tmp_path, 4, log.key.split("+")[0].encode()).key
    assert "NOT VERIFIED" in refused("check-proof", proof, "--event", event, "--key", other)


def test_the_log_goes_on_from_a_saved_checkpoint_and_not_from_another(log, tmp_path):
    proof = tmp_path / "proof"
    claviger("prove", "--log", log.directory, "--since", log.checkpoint, "-o", proof)
    assert "goes on" in claviger("check-proof", proof, "--since", log.checkpoint, "--key", log.key)
    since, size = audit_verifier.check_consistency(proof.read_bytes(), log.checkpoint.read_bytes(), [Key(log.key)])
    assert since < size == len(log.lines)
    good, altered = proof.read_bytes(), tmp_path / "altered"
    for at in range(0, len(good), 13):
        altered.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1:])
        assert "NOT VERIFIED" in refused("check-proof", altered, "--since", log.checkpoint, "--key", log.key)
        with pytest.raises((NotVerified, ValueError)):
            audit_verifier.check_consistency(altered.read_bytes(), log.checkpoint.read_bytes(), [Key(log.key)])


def test_consistency_is_proven_across_rotated_keys_and_where_pruned_events_allow_it(made, tmp_path):
    maker, directory, first, second = made
    proof, saved = tmp_path / "proof", tmp_path / "saved"
    for size, note in maker.notes:
        saved.write_bytes(note)
        claviger("prove", "--log", directory, "--since", saved, "-o", proof)  # the tree divides at 8, where it was pruned
        claviger("check-proof", proof, "--since", saved, "--key", first.key, "--key", second.key)
        assert audit_verifier.check_consistency(proof.read_bytes(), note, [Key(first.key), Key(second.key)])[0] == size
    early = LogMaker(first)
    early.events(5)
    early.checkpoint()
    saved.write_bytes(early.notes[0][1])
    assert "pruned" in refused("prove", "--log", directory, "--since", saved)


# Evidence packs.

FROM, TO = "2027-01-01T00:00:10Z", "2027-01-01T00:00:25Z"


def export(directory, out, start=FROM, end=TO):
    return claviger("export", "--log", directory, "--from", start, "--to", end, "-o", out)


def run_script(pack, *arguments):
    return subprocess.run([sys.executable, "-I", pack / "verify.py", *arguments], capture_output=True, text=True, check=False)


def assert_good(pack, key, events):
    assert f"events {events[0]} to {events[1] - 1}" in claviger("verify", "--pack", pack, "--key", key)
    assert audit_verifier.verify_pack(pack, key) == events
    done = run_script(pack, "--key", key)
    assert done.returncode == 0 and f"events {events[0]} to {events[1] - 1}" in done.stdout, done.stdout + done.stderr


def assert_bad(pack, key=None):
    options = ["--key", key] if key else []
    assert "NOT VERIFIED" in refused("verify", "--pack", pack, *options)
    with pytest.raises((NotVerified, ValueError)):
        audit_verifier.verify_pack(pack, key)
    done = run_script(pack, *options)
    assert done.returncode == 1 and "NOT VERIFIED" in done.stdout, done.stdout + done.stderr


def test_a_pack_is_checked_by_anybody_who_has_one_of_the_keys(made, tmp_path):
    maker, directory, first, second = made
    pack = tmp_path / "pack"
    said = export(directory, pack)
    assert "events 10 to 24" in said and first.key in said and second.key in said
    assert (pack / "events.jsonl").read_bytes() == b"".join(maker.lines[10:25])
    for key in (first.key, second.key):
        assert_good(pack, key, (10, 25))
    assert_bad(pack, Signer(tmp_path, 9).key)
    assert sorted(path.name for path in pack.iterdir()) == ["README.txt", "events.jsonl", "events.proof", "keys", "rotation-1.event",
                                                            "rotation-1.proof", "verify.py"]
    assert pack.stat().st_mode & 0o777 == 0o700 and all(path.stat().st_mode & 0o777 == 0o600 for path in pack.iterdir())
    assert first.key in (pack / "README.txt").read_text()


def test_every_altered_byte_of_a_pack_is_found(made, tmp_path):
    _, directory, first, _ = made
    pack = tmp_path / "pack"
    export(directory, pack)
    for name in ("events.jsonl", "events.proof", "keys", "rotation-1.event", "rotation-1.proof"):
        good = (pack / name).read_bytes()
        for at in [*range(3, len(good), len(good) // 4), len(good) - 1]:
            (pack / name).write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1:])
            assert_bad(pack, first.key)
        for altered in (b"", good[:len(good) // 2], good + good):
            (pack / name).write_bytes(altered)
            assert_bad(pack)
        (pack / name).unlink()
        done = run("audit", "verify", "--pack", pack)
        assert done.returncode == 1 and run_script(pack).returncode == 1, name
        (pack / name).write_bytes(good)
    lines = (pack / "events.jsonl").read_bytes().splitlines(keepends=True)
    for altered in (lines[1:], lines[:-1], lines[:4] + lines[5:], lines[:3] + [lines[4], lines[3]] + lines[5:], lines + lines[-1:]):
        (pack / "events.jsonl").write_bytes(b"".join(altered))
        assert_bad(pack)
    (pack / "events.jsonl").write_bytes(b"".join(lines))
    assert_good(pack, first.key, (10, 25))


def test_a_pack_of_a_forged_log_under_a_named_key_is_refused(made, tmp_path):
    """Its owner can name the real key, and cannot make it sign."""
    _, _, first, _ = made
    owner = Signer(tmp_path, 9)
    forged = LogMaker(owner)
    forged.events(12)
    named = forged.event("audit.key_rotated", **{"from": owner.key, "to": first.key})
    forged.events(2)
    forged.checkpoint()
    directory, pack = forged.write(tmp_path / "audit"), tmp_path / "pack"
    export(directory, pack, "2027-01-01", "2027-01-02")
    assert (pack / "keys").read_text() == owner.key + "\n"
    assert_good(pack, owner.key, (0, 15))
    assert_bad(pack, first.key)
    (pack / "keys").write_text(first.key + "\n")
    assert_bad(pack, first.key)
    (pack / "keys").write_text(owner.key + "\n" + first.key + "\n")
    claviger("prove", "--log", directory, "--event", named, "-o", pack / "rotation-1.proof", "--save-event", pack / "rotation-1.event")
    for key in (owner.key, first.key, None):
        assert_bad(pack, key)


def test_an_archive_has_the_same_and_nothing_is_overwritten(made, tmp_path):
    _, directory, first, _ = made
    archive = tmp_path / "evidence.tar"
    export(directory, archive)
    with tarfile.open(archive) as tar:
        assert {member.mode for member in tar.getmembers() if member.isfile()} == {0o600}
        tar.extractall(tmp_path)
    assert archive.stat().st_mode & 0o777 == 0o600
    assert_good(tmp_path / "evidence", first.key, (10, 25))
    for out in (archive, tmp_path / "evidence"):
        before = out.stat().st_mtime_ns
        assert "is there already" in refused("export", "--log", directory, "--from", FROM, "--to", TO, "-o", out)
        assert out.stat().st_mtime_ns == before
    assert "no event from" in refused("export", "--log", directory, "--from", "2028-01-01", "--to", "2028-01-02", "-o", tmp_path / "none")
    assert sorted(os.listdir(tmp_path)) == ["evidence", "evidence.tar"]  # nothing half made is left


def test_a_log_that_was_altered_makes_no_pack(made, tmp_path):
    maker, directory, _, _ = made
    altered = copy_of(directory, tmp_path / "audit")
    text = altered / f"{8:020}.jsonl"
    text.write_bytes(text.read_bytes().replace(b'"n":11', b'"n":99'))
    assert "audit verify" in refused("export", "--log", altered, "--from", FROM, "--to", TO, "-o", tmp_path / "pack")
    assert not (tmp_path / "pack").exists()
    assert "audit verify" in refused("prove", "--log", altered, "--event", 11)
    prove(altered, tmp_path, "--event", 12)  # the others are still proven, by the hashes beside the log


def test_a_pack_of_a_gateways_own_log_and_a_range_that_no_checkpoint_covers_yet(log, made, tmp_path):
    day = json.loads(log.lines[0])["time"][:10]
    pack = tmp_path / "pack"
    export(log.directory, pack, day, "2999-01-01")
    assert_good(pack, log.key, (0, len(log.lines)))
    export(log.directory, tmp_path / "lately", "2d", "0s")
    assert_good(tmp_path / "lately", log.key, (0, len(log.lines)))
    _, directory, _, second = made
    said = export(directory, tmp_path / "end", "2027-01-01T00:00:30Z", "2027-01-02")
    assert "Left out: 1 events" in said
    assert_good(tmp_path / "end", second.key, (30, len(made[0].lines) - 1))


# Other people's libraries.

GO = {
    "go.mod": "module evidence\n\ngo 1.21\n\nrequire golang.org/x/mod v0.17.0\n",
    "main.go": r"""package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func must(err error) {
	if err != nil {
		fmt.Println("refused:", err)
		os.Exit(1)
	}
}

func read(name string) []byte {
	content, err := os.ReadFile(name)
	must(err)
	return content
}

func checkpoint(content []byte, key string) tlog.Tree {
	verifier, err := note.NewVerifier(key)
	must(err)
	opened, err := note.Open(content, note.VerifierList(verifier))
	must(err)
	lines := strings.Split(opened.Text, "\n")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	must(err)
	root, err := tlog.ParseHash(lines[2])
	must(err)
	return tlog.Tree{N: size, Hash: root}
}

// The number in the second line, the hashes, the tree of the checkpoint.
func proof(content []byte, key string) (int64, []tlog.Hash, tlog.Tree) {
	head, signed, _ := bytes.Cut(content, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	number, err := strconv.ParseInt(strings.Fields(lines[1])[1], 10, 64)
	must(err)
	var hashes []tlog.Hash
	for _, line := range lines[2:] {
		decoded, err := base64.StdEncoding.DecodeString(line)
		must(err)
		hashes = append(hashes, tlog.Hash(decoded))
	}
	return number, hashes, checkpoint(signed, key)
}

func main() {
	key := os.Args[2]
	number, hashes, tree := proof(read(os.Args[3]), key)
	if os.Args[1] == "event" {
		leaf := tlog.RecordHash(bytes.TrimSuffix(read(os.Args[4]), []byte("\n")))
		must(tlog.CheckRecord(tlog.RecordProof(hashes), tree.N, tree.Hash, number, leaf))
	} else {
		since := checkpoint(read(os.Args[4]), key)
		must(tlog.CheckTree(tlog.TreeProof(hashes), tree.N, tree.Hash, since.N, since.Hash))
	}
	fmt.Println("holds")
}
""",
}


@pytest.fixture(scope="module")
def go_checker(tmp_path_factory):
    """A program on golang.org/x/mod/sumdb, as the Go toolchain comes to its modules in this environment."""
    if shutil.which("go") is None:
        pytest.skip("no `go` here: proofs are not tried with Go's own libraries (Debian: golang)")
    directory = tmp_path_factory.mktemp("go")
    for name, content in GO.items():
        (directory / name).write_text(content)
    env = dict(os.environ, GOFLAGS=(os.environ.get("GOFLAGS", "") + " -mod=mod").strip(), GOTOOLCHAIN="local")
    for command in (["go", "mod", "download", "golang.org/x/mod"], ["go", "build", "-o", "checker", "."]):
        try:
            done = subprocess.run(command, cwd=directory, env=env, capture_output=True, text=True, timeout=60, check=False)
        except subprocess.TimeoutExpired:
            pytest.skip("the Go module proxy does not answer: proofs are not tried with Go's own libraries")
        if command[1] == "mod" and done.returncode != 0:
            pytest.skip("golang.org/x/mod cannot be had (module proxy out of reach?): proofs are not tried with Go's own libraries")
        assert done.returncode == 0, done.stderr
    return directory / "checker"


def go(checker, *arguments):
    return subprocess.run([checker, *map(str, arguments)], capture_output=True, text=True, check=False).stdout.strip()


def test_the_libraries_of_gos_checksum_database_accept_proofs_and_checkpoints(go_checker, log, tmp_path):
    proof, event = prove(log.directory, tmp_path, "--request-id", log.ids[3])
    assert go(go_checker, "event", log.key, proof, event) == "holds"
    event.write_bytes(event.read_bytes().replace(b'"v":1', b'"v":2'))
    assert go(go_checker, "event", log.key, proof, event).startswith("refused")
    claviger("prove", "--log", log.directory, "--since", log.checkpoint, "-o", proof)
    assert go(go_checker, "since", log.key, proof, log.checkpoint) == "holds"
    altered = tmp_path / "altered"
    title, since, first, *rest = proof.read_bytes().split(b"\n")
    altered.write_bytes(b"\n".join([title, since, base64.b64encode(bytes(32)), *rest]))
    assert len(first) == 44
    assert go(go_checker, "since", log.key, altered, log.checkpoint).startswith("refused")
