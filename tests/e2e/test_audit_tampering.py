# SPDX-License-Identifier: Apache-2.0
"""A gateway's own log, altered in every way: `claviger audit verify` finds it, and so does a verifier that shares no code
with it. And neither finds anything where nothing was done."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support import audit_verifier, wire
from support.audit_log_maker import LogMaker, Signer
from support.audit_verifier import NotVerified
from support.gateway import run
from support.managed import ManagedGateway, copy_of
from support.raw_upstream import RawUpstream
from support.waiting import until
from support.world import fake_secret


CALLS = 15


def verdicts(directory, against=None, key=None):
    """Whether each of the two verifiers finds the log whole; and what the gateway's said."""
    options = [*(["--against", against] if against else []), *(["--key", key] if key else [])]
    done = run("audit", "verify", "--log", directory, *options)
    assert done.returncode in (0, 1), done.stderr
    try:
        audit_verifier.verify(directory, key=key, against=against)
        independent = True
    except NotVerified:
        independent = False
    return done.returncode == 0, independent, done.stdout + done.stderr


def assert_found(directory, says="", **how):
    own, independent, said = verdicts(directory, **how)
    assert (own, independent) == (False, False), said
    assert "NOT VERIFIED" in said and says in said, said


def assert_whole(directory, **how):
    own, independent, said = verdicts(directory, **how)
    assert (own, independent) == (True, True), said
    return said


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
        self.checkpoints = self.directory / f"{0:020}.checkpoints"
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
        return verdicts(self.directory, against)

    def assert_found(self, against=None, says=""):
        assert_found(self.directory, says, against=against)


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


# Logs with segments, rotated keys and pruned events, as the page describes them: what is true of a log of one segment is of these,
# and they can be altered in more ways.

class Signers:
    def __init__(self, directory):
        self.first, self.second, self.third, self.other = (Signer(directory, seed) for seed in (1, 2, 3, 9))


@pytest.fixture(scope="module")
def signers(tmp_path_factory):
    return Signers(tmp_path_factory.mktemp("signers"))


def first_part(signers):
    """Events 0 to 24 in three segments, the second of which ends under another key."""
    maker = LogMaker(signers.first)
    maker.events(7)
    maker.checkpoint()
    maker.events(3)
    maker.segment()
    maker.events(2)
    maker.rotate(signers.second)  # event 12
    maker.events(5)
    maker.segment()
    maker.events(4)
    maker.checkpoint()
    maker.events(3)
    return maker


@pytest.fixture
def made(signers, tmp_path):
    """first_part(), pruned up to event 18, with a fourth segment and a third key; and its directory."""
    maker = first_part(signers)
    maker.segment()
    maker.events(2)
    maker.prune(18)  # event 27
    maker.events(2)
    maker.rotate(signers.third)
    maker.events(4)
    maker.checkpoint()
    maker.event()
    return maker, tmp_path / "audit"


def test_logs_of_many_segments_and_keys_are_whole_under_any_of_the_keys(signers, made, tmp_path):
    whole = first_part(signers)
    whole.checkpoint()
    whole.write(tmp_path / "whole")
    for key in (None, signers.first.key, signers.second.key):
        assert_whole(tmp_path / "whole", key=key)
    assert_found(tmp_path / "whole", key=signers.other.key)
    maker, directory = made
    maker.write(directory)
    for key in (None, signers.second.key, signers.third.key):
        assert "first 18 events were pruned" in assert_whole(directory, key=key)
    assert_found(directory, key=signers.first.key, says="signed nothing")  # all that it signed was pruned


def test_a_key_that_was_just_announced_has_proven_nothing_yet(signers, tmp_path):
    """Whoever forges a log can name any key in it."""
    maker = LogMaker(signers.other)
    maker.events(5)
    maker.rotate(signers.first)
    maker.write(tmp_path / "audit")
    assert_whole(tmp_path / "audit")
    assert_found(tmp_path / "audit", key=signers.first.key, says="signed nothing")


@pytest.mark.parametrize("event", [18, 21, 24, 25, 27, 30, 34])
@pytest.mark.parametrize("alteration", [edited, inserted, deleted, reordered])
def test_every_event_of_a_pruned_log_counts(made, event, alteration):
    maker, directory = made
    first = max(first for first in maker.firsts if first <= event)
    maker.write(directory)
    path = directory / f"{first:020}.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(alteration(lines, min(event - first, len(lines) - 2))))
    assert_found(directory)


def swap(one, other):
    content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(content)


def test_segments_that_were_removed_exchanged_or_renamed_are_found(signers, tmp_path):
    def fresh(name):
        maker = first_part(signers)
        maker.checkpoint()
        return maker.write(tmp_path / name)

    for number, (first, following) in enumerate(((0, 10), (10, 18))):
        for suffixes in (("jsonl", "leaves", "checkpoints"), ("jsonl",), ("checkpoints",)):
            gone = fresh(f"gone-{number}-{suffixes[0]}-{len(suffixes)}")
            for suffix in suffixes:
                (gone / f"{first:020}.{suffix}").unlink()
            assert_found(gone)
            swapped = fresh(f"swapped-{number}-{suffixes[0]}-{len(suffixes)}")
            for suffix in suffixes:
                swap(swapped / f"{first:020}.{suffix}", swapped / f"{following:020}.{suffix}")
            assert_found(swapped)
    renamed = fresh("renamed")
    for suffix in ("jsonl", "leaves", "checkpoints"):
        (renamed / f"{18:020}.{suffix}").rename(renamed / f"{19:020}.{suffix}")
    assert_found(renamed)
    last = fresh("last")
    for suffix in ("jsonl", "leaves", "checkpoints"):
        (last / f"{18:020}.{suffix}").unlink()
    saved = tmp_path / "saved"
    saved.write_bytes(audit_verifier.split_notes((fresh("other") / f"{18:020}.checkpoints").read_bytes())[0][0])
    assert_found(last, against=saved, says="cut short")


def test_a_segment_of_another_log_under_the_same_key_is_found(signers, tmp_path):
    other = LogMaker(signers.first)
    other.events(4)
    other.event("other")
    other.events(5)
    other.segment()
    other.write(tmp_path / "other")
    maker = first_part(signers)
    maker.checkpoint()
    directory = maker.write(tmp_path / "audit")
    for suffix in ("jsonl", "leaves", "checkpoints"):
        shutil.copy(tmp_path / "other" / f"{0:020}.{suffix}", directory)
    assert_found(directory)


def test_keys_that_were_exchanged_are_found(signers, made):
    maker, directory = made
    maker.write(directory)
    file = directory / "key.pub"
    first, second, third, other = (signer.key + "\n" for signer in (signers.first, signers.second, signers.third, signers.other))
    assert file.read_text() == first + second + third
    for altered in (other, first + second, first + third, second + first + third, first + second + third + other,
                    first + second + other, third, first + other + second + third + third, "", "nonsense\n"):
        file.write_text(altered)
        assert_found(directory)
    file.write_text(second + third)  # what signed nothing of what is kept may be missing
    assert_whole(directory)
    file.write_text(other + third)
    assert_found(directory, key=signers.third.key)


def test_a_rotation_that_was_forged_is_found(signers, tmp_path):
    """By an event that the old key did not sign; and by one that it did, while another key goes on."""
    maker = LogMaker(signers.first)
    maker.events(4)
    maker.checkpoint()
    maker.event("audit.key_rotated", **{"from": signers.first.key, "to": signers.other.key})
    maker.signer = signers.other  # who got at the log, not at the key
    maker.keys.append(signers.other.key)
    maker.checkpoint()
    assert_found(maker.write(tmp_path / "unsigned"))

    maker = LogMaker(signers.first)
    maker.events(4)
    maker.rotate(signers.second)
    maker.events(2)
    maker.signer = signers.other
    maker.checkpoint()
    assert_found(maker.write(tmp_path / "another"))
    maker.notes.pop()
    maker.signer = signers.second
    maker.checkpoint()
    maker.signer = signers.first  # which is the log's no more
    maker.events(2)
    maker.checkpoint()
    assert_found(maker.write(tmp_path / "old"))

    maker = LogMaker(signers.first)
    maker.events(4)
    maker.event("audit.key_rotated", **{"from": signers.third.key, "to": signers.other.key})
    maker.checkpoint()
    maker.signer = signers.other
    maker.event()
    maker.checkpoint()
    assert_found(maker.write(tmp_path / "from-another"))


def test_a_log_of_somebody_else_is_found_by_any_key_of_the_chain(signers, tmp_path):
    forged = LogMaker(signers.other)
    forged.events(4)
    forged.event("audit.key_rotated", **{"from": signers.other.key, "to": signers.first.key})
    forged.checkpoint()
    forged.keys = [signers.other.key, signers.first.key]
    directory = forged.write(tmp_path / "audit")
    assert_whole(directory)  # by itself it is one
    for key in (signers.first.key, signers.second.key):
        assert_found(directory, key=key)


def test_pruning_that_was_forged_is_found(signers, made, tmp_path):
    maker, directory = made
    maker.write(directory)
    file = directory / "pruned"
    good = file.read_bytes()
    for at in range(0, len(good), 23):
        file.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1:])
        assert_found(directory)
    roots = maker.roots(18)
    for forged in (maker.pruned_note(18, roots[::-1]), maker.pruned_note(18, roots, signers.other), maker.pruned_note(17, maker.roots(17)),
                   maker.pruned_note(10, maker.roots(10)), maker.pruned_note(25, maker.roots(25)),
                   maker.pruned_note(18, roots, signers.first)):
        file.write_bytes(forged)
        assert_found(directory)
    file.unlink()
    assert_found(directory)


def test_pruning_that_no_event_tells_of_is_found(signers, tmp_path):
    """By whoever has the key, even: what is missing has to be told of under a checkpoint."""
    def silent(name, tell):
        maker = first_part(signers)
        tell(maker)
        maker.pruned, maker.kept = maker.pruned_note(18, maker.roots(18)), 18
        return maker.write(tmp_path / name)

    def other_roots(maker):
        maker.event("audit.pruned", first=0, end=18, segments=[f"{0:020}.jsonl"], roots=maker.roots(18)[::-1], reason="age")
        maker.checkpoint()

    def other_end(maker):
        maker.event("audit.pruned", first=0, end=10, segments=[f"{0:020}.jsonl"], roots=maker.roots(10), reason="age")
        maker.checkpoint()

    def not_covered(maker):
        maker.checkpoint()
        maker.event("audit.pruned", first=0, end=18, segments=[f"{0:020}.jsonl"], roots=maker.roots(18), reason="age")

    for number, tell in enumerate((LogMaker.checkpoint, other_roots, other_end, not_covered)):
        assert_found(silent(f"silent-{number}", tell))


def test_prunings_that_nothing_came_of_are_passed_over(signers, tmp_path):
    """A crash came before they were carried out, and they were decided again."""
    maker = first_part(signers)

    def tell(end, *gone):
        maker.event("audit.pruned", first=maker.kept, end=end, segments=[f"{first:020}.jsonl" for first in gone], roots=maker.roots(end), reason="age", outbox=3)
        maker.checkpoint()

    tell(10, 0)
    assert_whole(maker.write(tmp_path / "told"))
    tell(18, 0, 10)
    maker.prune(18)
    tell(25, 18)
    assert_whole(maker.write(tmp_path / "pruned"))


def test_files_of_pruned_segments_that_are_still_there_are_passed_over(signers, made, tmp_path):
    maker, directory = made
    maker.write(directory)
    whole = first_part(signers).write(tmp_path / "whole")
    for first in (0, 10):
        shutil.copy(whole / f"{first:020}.jsonl", directory)
    assert_whole(directory)


def test_a_pruned_log_that_was_cut_and_signed_again_is_found_against_a_saved_checkpoint(signers, made, tmp_path):
    maker, directory = made
    maker.write(directory)
    saved = tmp_path / "saved"
    saved.write_bytes(maker.notes[-1][1])
    assert_whole(directory, against=saved)
    early = tmp_path / "early"
    early.write_bytes(next(note for size, note in maker.notes if size == 10))
    own, independent, said = verdicts(directory, against=early)
    assert (own, independent) == (False, False) and "was pruned" in said, said

    again = first_part(signers)
    again.segment()
    again.events(3)  # one more than there was
    again.prune(18)
    again.events(2)
    again.rotate(signers.third)
    again.events(6)
    again.checkpoint()
    again.write(tmp_path / "again")
    assert_whole(tmp_path / "again")
    assert_found(tmp_path / "again", against=saved, says="rewritten")
