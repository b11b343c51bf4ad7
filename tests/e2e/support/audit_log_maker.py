# SPDX-License-Identifier: Apache-2.0
"""Makes audit logs as docs/formats/audit.md describes them, without a gateway: with segments, rotated keys and pruned events, as a
test wants them, and signed by whoever a test wants them to be signed by."""

import base64
import hashlib
import json
import subprocess
from pathlib import Path

from support.audit_verifier import DASH, Tree, leaf_hash

# RFC 8410 section 7: an Ed25519 private key in PKCS #8, up to the seed.
PKCS8 = bytes.fromhex("302e020100300506032b657004220420")
ORIGIN = b"claviger/test"


class Signer:
    """A key that is no secret: 32 times the byte `seed`."""

    def __init__(self, directory, seed, origin=ORIGIN):
        self.origin = origin
        self.directory = Path(directory) / f"key-{seed}"
        self.directory.mkdir(exist_ok=True)
        (self.directory / "secret").write_bytes(PKCS8 + bytes([seed]) * 32)
        shown = subprocess.run(["openssl", "pkey", "-inform", "DER", "-in", "secret", "-pubout", "-outform", "DER"],
                               cwd=self.directory, capture_output=True, check=True).stdout
        typed = b"\1" + shown[-32:]
        self.id = hashlib.sha256(origin + b"\n" + typed).digest()[:4]
        self.key = (origin + b"+" + self.id.hex().encode() + b"+" + base64.b64encode(typed)).decode()

    def note(self, text):
        (self.directory / "text").write_bytes(text)
        signature = subprocess.run(
            ["openssl", "pkeyutl", "-sign", "-keyform", "DER", "-inkey", "secret", "-rawin", "-in", "text"],
            cwd=self.directory, capture_output=True, check=True).stdout
        return text + b"\n" + DASH + self.origin + b" " + base64.b64encode(self.id + signature) + b"\n"

    def checkpoint(self, size, root):
        return self.note(self.origin + b"\n%d\n" % size + base64.b64encode(root) + b"\n")


class LogMaker:
    """A log in memory; write() puts it into a directory. Everything can be altered before that."""

    def __init__(self, signer):
        self.signer = signer
        self.keys = [signer.key]
        self.lines = []  # with their ends
        self.tree = Tree()
        self.notes = []  # (size, note)
        self.firsts = [0]
        self.pruned = b""
        self.kept = 0

    def event(self, kind="test", **members):
        number = len(self.lines)
        time = f"2027-01-01T00:{number // 60 % 60:02}:{number % 60:02}.000Z"
        self.add(json.dumps({"v": 1, "time": time, "type": kind, **(members or {"n": number})}, separators=(",", ":")).encode())
        return number

    def add(self, line):
        self.lines.append(line + b"\n")
        self.tree.append(leaf_hash(line))

    def events(self, count):
        for _ in range(count):
            self.event()

    def checkpoint(self):
        if self.notes and self.notes[-1][0] == self.tree.size:
            return
        self.notes.append((self.tree.size, self.signer.checkpoint(self.tree.size, self.tree.root())))

    def segment(self):
        """Ends the segment; the next event begins another."""
        self.checkpoint()
        self.firsts.append(len(self.lines))

    def rotate(self, signer):
        number = self.event("audit.key_rotated", **{"from": self.signer.key, "to": signer.key})
        self.checkpoint()
        self.signer = signer
        self.keys.append(signer.key)
        return number

    def roots(self, size):
        tree = Tree()
        for line in self.lines[:size]:
            tree.append(leaf_hash(line[:-1]))
        return [base64.b64encode(root).decode() for _, root in tree.subtrees]

    def prune(self, end):
        """What lies before a segment's first event."""
        assert end in self.firsts
        gone = [f"{first:020}.jsonl" for first in self.firsts if self.kept <= first < end]
        number = self.event("audit.pruned", first=self.kept, end=end, segments=gone, roots=self.roots(end), reason="age")
        self.checkpoint()
        self.pruned = self.pruned_note(end, self.roots(end))
        self.kept = end
        return number

    def pruned_note(self, end, roots, signer=None):
        text = b"claviger audit pruned v1\n" + ORIGIN + b"\n%d\n" % end + "".join(root + "\n" for root in roots).encode()
        return (signer or self.signer).note(text)

    def write(self, directory, leaves=True):
        """The files of what is kept."""
        directory = Path(directory)
        directory.mkdir()
        ends = [*self.firsts[1:], len(self.lines)]
        for first, end in zip(self.firsts, ends):
            if first < self.kept:
                continue
            last = end if end != len(self.lines) else 1 << 63
            notes = b"".join(note + b"\n" for size, note in self.notes if first < size <= last)
            (directory / f"{first:020}.jsonl").write_bytes(b"".join(self.lines[first:end]))
            (directory / f"{first:020}.checkpoints").write_bytes(notes)
            if leaves:
                (directory / f"{first:020}.leaves").write_bytes(b"".join(leaf_hash(line[:-1]) for line in self.lines[first:end]))
        (directory / "key.pub").write_text("".join(key + "\n" for key in self.keys), encoding="ascii")
        if self.pruned:
            (directory / "pruned").write_bytes(self.pruned)
        return directory
