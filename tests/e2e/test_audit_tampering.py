# SPDX-License-Identifier: Apache-2.0
"""A gateway's own log, altered in every way: `claviger audit verify` finds it, and so does a verifier that shares no code
with it. And neither finds anything where nothing was done."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support import audit_verifier, wire
from support.audit_verifier import NotVerified
from support.gateway import run
from support.managed import ManagedGateway, copy_of
from support.raw_upstream import RawUpstream
from support.waiting import until
from support.world import fake_secret


CALLS = 15


class Original:
    """A log under several checkpoints, of which one was saved elsewhere."""

    def __init__(self, directory):
        with RawUpstream() as upstream, ManagedGateway(directory / "gateway") as gateway:
            key = gateway.serve_simple("raw", upstream.url(), fake_secret("log"))
            self.checkpoint = directory / "checkpoint"
            for turn in range(4):
                self.call(gateway, key)
                gateway.restart()  # which signs a checkpoint
                if turn == 1:
                    gateway.cli("audit", "checkpoint", "-o", self.checkpoint)
            before = gateway.status()["audit"]["checkpointed"]
            self.call(gateway, key)
            until(lambda: gateway.status()["audit"]["size"] >= before + CALLS, "the events to be synced")
            gateway.kill()  # so that some are behind the last checkpoint
        self.saved_size = int(self.checkpoint.read_text().split("\n")[1])
        self.directory = gateway.audit_log

    @staticmethod
    def call(gateway, key):
        with gateway.connect() as client:
            for _ in range(CALLS):
                assert client.call("GET", "/raw/any", [wire.bearer(key)]).status == 200


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    return Original(tmp_path_factory.mktemp("log"))


class Copy:
    def __init__(self, original, directory):
        self.original = original
        self.directory = copy_of(original.directory, directory)
        self.text = self.directory / f"{0:020}.jsonl"
        self.checkpoints = self.directory / "checkpoints"
        self.lines = self.text.read_bytes().splitlines(keepends=True)
        self.sizes = sorted(int(line) for line in self.checkpoints.read_bytes().split(b"\n") if line.isdigit())

    def put(self, lines):
        self.text.write_bytes(b"".join(lines))

    def without_checkpoints_above(self, size):
        """Cuts the log there, and everything that speaks of what came after."""
        notes, _ = audit_verifier.split_notes(self.checkpoints.read_bytes())
        kept = [note for note in notes if int(note.split(b"\n")[1]) <= size]
        self.checkpoints.write_bytes(b"".join(note + b"\n" for note in kept))
        self.put(self.lines[:size])
        (self.directory / "state").unlink()
        leaves = self.directory / f"{0:020}.leaves"
        leaves.write_bytes(leaves.read_bytes()[:32 * size])

    def verdicts(self, against=None):
        """Whether each of the two finds the log whole; and what the gateway's said."""
        done = run("audit", "verify", "--log", self.directory, *(["--against", against] if against else []))
        assert done.returncode in (0, 1), done.stderr
        try:
            audit_verifier.verify(self.directory, against=against)
            independent = True
        except NotVerified:
            independent = False
        return done.returncode == 0, independent, done.stdout + done.stderr

    def assert_found(self, against=None, says=""):
        own, independent, said = self.verdicts(against)
        assert (own, independent) == (False, False), said
        assert "NOT VERIFIED" in said and says in said, said


@pytest.fixture
def copy(original, tmp_path):
    return Copy(original, tmp_path / "audit")


def test_the_log_as_it_is_verifies(copy):
    assert len(copy.sizes) >= 4 and copy.sizes[-1] < len(copy.lines)  # else too little is tried below
    for against in (None, copy.original.checkpoint):
        own, independent, said = copy.verdicts(against)
        assert (own, independent) == (True, True), said


def test_the_independent_verifier_is_a_program_of_its_own(copy):
    """As somebody would run it who has this page, Python, and the log."""
    program = Path(audit_verifier.__file__)
    done = subprocess.run([sys.executable, program, copy.directory, copy.original.checkpoint], capture_output=True, text=True)
    assert done.returncode == 0 and f"{copy.sizes[-1]} events" in done.stdout, done.stderr
    copy.put(copy.lines[1:])
    assert subprocess.run([sys.executable, program, copy.directory], capture_output=True).returncode == 1


def edited(lines, i):
    assert b'"v":1' in lines[i]
    return lines[:i] + [lines[i].replace(b'"v":1', b'"v":2')] + lines[i + 1:]


def inserted(lines, i):
    return lines[:i] + [lines[i].replace(b'"v":1', b'"v":2')] + lines[i:]


def deleted(lines, i):
    return lines[:i] + lines[i + 1:]


def repeated(lines, i):
    return lines[:i] + [lines[i]] + lines[i:]


def reordered(lines, i):
    assert lines[i] != lines[i + 1]
    return lines[:i] + [lines[i + 1], lines[i]] + lines[i + 2:]


@pytest.mark.parametrize("alteration", [edited, inserted, deleted, repeated, reordered])
@pytest.mark.parametrize("where", ["first", "middle", "at a checkpoint", "last that is vouched for"])
def test_an_event_that_was_altered_is_found_and_named(copy, alteration, where):
    last = copy.sizes[-1] - (2 if alteration is reordered else 1)
    number = {"first": 0, "middle": copy.sizes[1] + 3, "at a checkpoint": copy.sizes[1], "last that is vouched for": last}[where]
    if alteration in (inserted, repeated) and where == "last that is vouched for":
        number -= 1  # behind it would be behind the checkpoint, where nothing is vouched for
    copy.put(alteration(copy.lines, number))

    copy.assert_found(says=copy.text.name)


@pytest.mark.parametrize("alteration", [edited, inserted, deleted, repeated, reordered])
def test_it_is_found_in_a_copy_without_leaves_and_state_as_well(copy, alteration):
    """They are a convenience: nothing rests on them."""
    (copy.directory / "state").unlink()
    (copy.directory / f"{0:020}.leaves").unlink()
    assert copy.verdicts()[:2] == (True, True)
    copy.put(alteration(copy.lines, copy.sizes[0] + 1))

    copy.assert_found()


def test_every_single_bit_counts(copy):
    """One of each byte of one event, and of each line of the log."""
    number = copy.sizes[0]
    start = sum(map(len, copy.lines[:number]))
    whole = copy.text.read_bytes()
    ends = [sum(map(len, copy.lines[:i])) - 1 for i in range(1, copy.sizes[-1] + 1, 9)]
    for at in [*range(start, start + len(copy.lines[number]), 12), *ends]:
        copy.text.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1:])
        copy.assert_found()


def test_a_log_that_was_cut_short_is_found(copy):
    copy.put(copy.lines[:copy.sizes[-1] - 1])
    copy.assert_found(says="cut short")
    copy.put(copy.lines[:copy.sizes[-1] - 1] + [copy.lines[copy.sizes[-1] - 1][:-1]])
    copy.assert_found()


def test_one_that_was_cut_with_its_checkpoints_is_found_against_a_saved_one(copy):
    size = copy.sizes[0]
    assert size < copy.original.saved_size
    copy.without_checkpoints_above(size)
    own, independent, said = copy.verdicts()
    assert (own, independent) == (True, True), said  # which is why checkpoints are saved elsewhere
    assert "Not proven: that nothing was cut off" in said

    copy.assert_found(against=copy.original.checkpoint)


def test_another_log_signed_with_another_key_is_found_against_a_saved_checkpoint(copy, original, tmp_path):
    """Whole in itself; not the one that was."""
    other = Original(tmp_path)
    shutil.rmtree(copy.directory)
    copy_of(other.directory, copy.directory)
    assert copy.verdicts()[:2] == (True, True)

    copy.assert_found(against=original.checkpoint)
    key = (original.directory / "key.pub").read_text().strip()
    assert run("audit", "verify", "--log", copy.directory, "--key", key).returncode == 1
    with pytest.raises(NotVerified):
        audit_verifier.verify(copy.directory, key=key)


def test_checkpoints_that_were_altered_are_found(copy):
    whole = copy.checkpoints.read_bytes()
    for at in range(0, len(whole), 37):
        copy.checkpoints.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1:])
        copy.assert_found()
    notes, _ = audit_verifier.split_notes(whole)
    for altered in ([*notes, notes[-1]], [notes[1], notes[0], *notes[2:]], []):
        copy.checkpoints.write_bytes(b"".join(note + b"\n" for note in altered))
        copy.assert_found()


def test_a_key_that_was_exchanged_is_found(copy):
    key = copy.directory / "key.pub"
    text = key.read_text()
    for altered in (text[:-6] + ("A" if text[-6] != "A" else "B") + text[-5:], text.replace("claviger/", "claviger/x"), "", "nonsense\n"):
        key.write_text(altered)
        copy.assert_found()
