# SPDX-License-Identifier: Apache-2.0
"""The independent verifier itself, over logs that this file makes: before it judges logs of the gateway's it must be
seen to refuse bad ones."""

import base64

import pytest

from support.audit_log_maker import ORIGIN, LogMaker, Signer
from support.audit_verifier import (Key, NotVerified, Tree, check_consistency, check_inclusion, check_range, leaf_hash,
                                    node_hash, verify)


@pytest.fixture
def log(tmp_path):
    """Ten events under checkpoints of 4, 7 and 10, and one behind them."""
    maker = LogMaker(Signer(tmp_path, 7))
    for count in (4, 3, 3):
        maker.events(count)
        maker.checkpoint()
    maker.event()
    return maker.write(tmp_path / "audit")


TEXT = "00000000000000000000.jsonl"
CHECKPOINTS = "00000000000000000000.checkpoints"


def test_the_tree_has_the_roots_of_the_certificate_transparency_vectors():
    leaves = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
    tree = Tree()
    for leaf in leaves:
        tree.append(leaf_hash(bytes.fromhex(leaf)))
    assert tree.root().hex() == "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


def test_a_whole_log_is_verified(log):
    assert verify(log) == (10, 1)


def test_a_log_from_before_there_were_segments_is_verified(log):
    (log / CHECKPOINTS).rename(log / "checkpoints")
    assert verify(log) == (10, 1)


def test_an_unfinished_last_line_and_note_are_passed_over(log):
    for name, rest in ((TEXT, b'{"v":1,'), (CHECKPOINTS, ORIGIN + b"\n11\nAA")):
        with (log / name).open("ab") as file:
            file.write(rest)
    assert verify(log) == (10, 1)


def altered_lines(lines):
    for i in range(9):
        yield lines[:i] + [lines[i].replace(b"v", b"w")] + lines[i + 1:]
        yield lines[:i] + lines[i + 1:10]
        yield lines[:i] + [lines[i]] + lines[i:]
        yield lines[:i] + [lines[i + 1], lines[i]] + lines[i + 2:]
        yield lines[:i]


def test_every_altered_log_is_refused(log):
    segment = log / TEXT
    lines = segment.read_bytes().splitlines(keepends=True)
    for altered in altered_lines(lines):
        segment.write_bytes(b"".join(altered))
        with pytest.raises(NotVerified):
            verify(log)


def test_altered_checkpoints_are_refused(log):
    checkpoints = log / CHECKPOINTS
    notes = checkpoints.read_bytes()
    for at in range(0, len(notes), 17):
        checkpoints.write_bytes(notes[:at] + bytes([notes[at] ^ 1]) + notes[at + 1:])
        with pytest.raises(NotVerified):
            verify(log)
    checkpoints.write_bytes(b"")
    with pytest.raises(NotVerified):
        verify(log)


def test_a_log_that_was_cut_with_its_checkpoints_is_refused_against_a_saved_one(log, tmp_path):
    notes = (log / CHECKPOINTS).read_bytes().split(b"\n\n" + ORIGIN)
    saved = tmp_path / "saved"
    saved.write_bytes(ORIGIN + notes[2])
    segment = log / TEXT
    segment.write_bytes(b"".join(segment.read_bytes().splitlines(keepends=True)[:7]))
    (log / CHECKPOINTS).write_bytes(notes[0] + b"\n\n" + ORIGIN + notes[1] + b"\n\n")
    assert verify(log) == (7, 0)
    with pytest.raises(NotVerified, match="cut short"):
        verify(log, against=saved)


# Proofs, made here as RFC 6962 defines them, word for word.

def tree_hash(leaves):
    if len(leaves) == 1:
        return leaves[0]
    middle = 1 << (len(leaves) - 1).bit_length() - 1
    return node_hash(tree_hash(leaves[:middle]), tree_hash(leaves[middle:]))


def audit_path(index, leaves):
    if len(leaves) == 1:
        return []
    middle = 1 << (len(leaves) - 1).bit_length() - 1
    if index < middle:
        return [*audit_path(index, leaves[:middle]), tree_hash(leaves[middle:])]
    return [*audit_path(index - middle, leaves[middle:]), tree_hash(leaves[:middle])]


def subproof(since, leaves, is_known):
    if since == len(leaves):
        return [] if is_known else [tree_hash(leaves)]
    middle = 1 << (len(leaves) - 1).bit_length() - 1
    if since <= middle:
        return [*subproof(since, leaves[:middle], is_known), tree_hash(leaves[middle:])]
    return [*subproof(since - middle, leaves[middle:], False), tree_hash(leaves[:middle])]


def range_hashes(begin, first, end, leaves):
    if begin >= end or begin + len(leaves) <= first:
        return [tree_hash(leaves)]
    if len(leaves) == 1:
        return []
    middle = 1 << (len(leaves) - 1).bit_length() - 1
    return range_hashes(begin, first, end, leaves[:middle]) + range_hashes(begin + middle, first, end, leaves[middle:])


def proof_text(head, hashes, checkpoint):
    return head + b"".join(base64.b64encode(one) + b"\n" for one in hashes) + b"\n" + checkpoint


LINES = [b'{"n":%d}' % number for number in range(14)]
LEAVES = [leaf_hash(line) for line in LINES]


@pytest.fixture(scope="module")
def signer(tmp_path_factory):
    return Signer(tmp_path_factory.mktemp("keys"), 5)


@pytest.fixture(scope="module")
def checkpoints(signer):
    return {size: signer.checkpoint(size, tree_hash(LEAVES[:size])) for size in range(1, len(LINES) + 1)}


def refused(check, *arguments):
    with pytest.raises(NotVerified):
        check(*arguments)
    return True


def test_proofs_of_every_event_in_every_tree_hold_and_no_altered_one_does(signer, checkpoints):
    key = Key(signer.key)
    for size, checkpoint in checkpoints.items():
        for index in range(size):
            path = audit_path(index, LEAVES[:size])
            head = b"c2sp.org/tlog-proof@v1\nindex %d\n" % index
            assert check_inclusion(proof_text(head, path, checkpoint), LINES[index], [key]) == (index, size)
            assert refused(check_inclusion, proof_text(head, path, checkpoint), b'{"n":99}', [key])
            assert refused(check_inclusion, proof_text(head, [*path, LEAVES[0]], checkpoint), LINES[index], [key])
            for i in range(len(path)):
                assert refused(check_inclusion, proof_text(head, path[:i] + path[i + 1:], checkpoint), LINES[index], [key])


def test_proofs_between_every_two_sizes_hold_and_no_altered_one_does(signer, checkpoints):
    key = Key(signer.key)
    for size, checkpoint in checkpoints.items():
        for since in range(1, size + 1):
            path = subproof(since, LEAVES[:size], True)
            head = b"claviger audit consistency v1\nsince %d\n" % since
            assert check_consistency(proof_text(head, path, checkpoint), checkpoints[since], [key]) == (since, size)
            other = checkpoints[since % len(LINES) + 1]
            assert refused(check_consistency, proof_text(head, path, checkpoint), other, [key])
            for i in range(len(path)):
                altered = path[:i] + [leaf_hash(b"other")] + path[i + 1:]
                assert refused(check_consistency, proof_text(head, altered, checkpoint), checkpoints[since], [key])


def test_proofs_of_every_range_hold_and_no_altered_one_does(signer, checkpoints):
    key = Key(signer.key)
    for size in (1, 2, 5, 8, 13, 14):
        for first in range(size):
            for end in range(first + 1, size + 1):
                hashes = range_hashes(0, first, end, LEAVES[:size])
                content = proof_text(b"claviger audit range v1\nfirst %d\nend %d\n" % (first, end), hashes, checkpoints[size])
                assert check_range(content, LINES[first:end], key) == (first, end)
                assert refused(check_range, content, LINES[first:end - 1], key)
                assert refused(check_range, content, [*LINES[first:end - 1], b'{"n":99}'], key)
