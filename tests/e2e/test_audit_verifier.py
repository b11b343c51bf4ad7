# SPDX-License-Identifier: Apache-2.0
"""The independent verifier itself, over a log that this file makes: before it judges logs of the gateway's it must be
seen to refuse bad ones."""

import base64
import hashlib
import subprocess

import pytest

from support.audit_verifier import DASH, NotVerified, Tree, leaf_hash, verify

# RFC 8410 section 7: an Ed25519 private key in PKCS #8, up to the seed.
PKCS8 = bytes.fromhex("302e020100300506032b657004220420")
ORIGIN = b"claviger/test"


class Signer:
    def __init__(self, directory, seed):
        self.directory = directory
        (directory / "secret").write_bytes(PKCS8 + seed)
        shown = subprocess.run(["openssl", "pkey", "-inform", "DER", "-in", "secret", "-pubout", "-outform", "DER"],
                               cwd=directory, capture_output=True, check=True).stdout
        typed = b"\1" + shown[-32:]
        self.id = hashlib.sha256(ORIGIN + b"\n" + typed).digest()[:4]
        self.key = (ORIGIN + b"+" + self.id.hex().encode() + b"+" + base64.b64encode(typed)).decode()

    def checkpoint(self, size, root):
        text = ORIGIN + b"\n%d\n" % size + base64.b64encode(root) + b"\n"
        (self.directory / "text").write_bytes(text)
        signature = subprocess.run(
            ["openssl", "pkeyutl", "-sign", "-keyform", "DER", "-inkey", "secret", "-rawin", "-in", "text"],
            cwd=self.directory, capture_output=True, check=True).stdout
        return text + b"\n" + DASH + ORIGIN + b" " + base64.b64encode(self.id + signature) + b"\n"


@pytest.fixture
def log(tmp_path):
    """Ten events under checkpoints of 4, 7 and 10, and one behind them."""
    signer = Signer(tmp_path, b"\7" * 32)
    directory = tmp_path / "audit"
    directory.mkdir()
    lines = [b'{"v":1,"n":%d}\n' % number for number in range(11)]
    tree, notes = Tree(), b""
    for line in lines:
        tree.append(leaf_hash(line[:-1]))
        if tree.size in (4, 7, 10):
            notes += signer.checkpoint(tree.size, tree.root()) + b"\n"
    (directory / "00000000000000000000.jsonl").write_bytes(b"".join(lines))
    (directory / "checkpoints").write_bytes(notes)
    (directory / "key.pub").write_text(signer.key + "\n", encoding="ascii")
    return directory


def test_the_tree_has_the_roots_of_the_certificate_transparency_vectors():
    leaves = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
    tree = Tree()
    for leaf in leaves:
        tree.append(leaf_hash(bytes.fromhex(leaf)))
    assert tree.root().hex() == "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


def test_a_whole_log_is_verified(log):
    assert verify(log) == (10, 1)


def test_an_unfinished_last_line_and_note_are_passed_over(log):
    for name, rest in (("00000000000000000000.jsonl", b'{"v":1,'), ("checkpoints", ORIGIN + b"\n11\nAA")):
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
    segment = log / "00000000000000000000.jsonl"
    lines = segment.read_bytes().splitlines(keepends=True)
    for altered in altered_lines(lines):
        segment.write_bytes(b"".join(altered))
        with pytest.raises(NotVerified):
            verify(log)


def test_altered_checkpoints_are_refused(log):
    checkpoints = log / "checkpoints"
    notes = checkpoints.read_bytes()
    for at in range(0, len(notes), 17):
        checkpoints.write_bytes(notes[:at] + bytes([notes[at] ^ 1]) + notes[at + 1:])
        with pytest.raises(NotVerified):
            verify(log)
    checkpoints.write_bytes(b"")
    with pytest.raises(NotVerified):
        verify(log)


def test_a_log_that_was_cut_with_its_checkpoints_is_refused_against_a_saved_one(log, tmp_path):
    notes = (log / "checkpoints").read_bytes().split(b"\n\n" + ORIGIN)
    saved = tmp_path / "saved"
    saved.write_bytes(ORIGIN + notes[2])
    segment = log / "00000000000000000000.jsonl"
    segment.write_bytes(b"".join(segment.read_bytes().splitlines(keepends=True)[:7]))
    (log / "checkpoints").write_bytes(notes[0] + b"\n\n" + ORIGIN + notes[1] + b"\n\n")
    assert verify(log) == (7, 0)
    with pytest.raises(NotVerified, match="cut short"):
        verify(log, against=saved)
