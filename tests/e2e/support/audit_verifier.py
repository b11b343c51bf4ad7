# SPDX-License-Identifier: Apache-2.0
"""A second verifier of the audit log, written from docs/formats/audit.md and nothing else.

It shares no code with `claviger audit verify`: what the two disagree on is a bug in one of them, or in the page.
Hashes are hashlib's, signatures are checked by the `openssl` command. It says whether a log is whole, not which line is
wrong.
"""

import base64
import hashlib
import re
import subprocess
import sys
import tempfile
from pathlib import Path

DASH = "\u2014 ".encode()
# SubjectPublicKeyInfo of an Ed25519 key (RFC 8410), up to the key itself.
SPKI = bytes.fromhex("302a300506032b6570032100")
SEGMENT = re.compile(r"[0-9]{20}\.jsonl")
LINE_SIZES = range(7, 8225)


class NotVerified(Exception):
    """What is wrong with the log."""


def expect(holds, what):
    if not holds:
        raise NotVerified(what)


def leaf_hash(line):
    return hashlib.sha256(b"\0" + line).digest()


class Tree:
    """RFC 6962 section 2.1, one subtree for each bit of the size."""

    def __init__(self):
        self.size = 0
        self.subtrees = []  # (leaves, hash), largest first

    def append(self, leaf):
        self.size += 1
        self.subtrees.append((1, leaf))
        while len(self.subtrees) > 1 and self.subtrees[-1][0] == self.subtrees[-2][0]:
            (count, right), (_, left) = self.subtrees.pop(), self.subtrees.pop()
            self.subtrees.append((2 * count, hashlib.sha256(b"\1" + left + right).digest()))

    def root(self):
        if not self.subtrees:
            return hashlib.sha256().digest()
        root = self.subtrees[-1][1]
        for _, left in reversed(self.subtrees[:-1]):
            root = hashlib.sha256(b"\1" + left + root).digest()
        return root


def decode(text):
    try:
        decoded = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise NotVerified(f"malformed base64: {error}") from error
    expect(base64.b64encode(decoded) == text, "base64 that has another spelling")
    return decoded


class Key:
    def __init__(self, text):
        parts = text.encode().split(b"+", 2)
        expect(len(parts) == 3, "a verifier key has three parts")
        self.name, self.id, typed = parts[0], bytes.fromhex(parts[1].decode()), decode(parts[2])
        expect(len(typed) == 33 and typed[0] == 1, "not an Ed25519 key")
        self.public = typed[1:]
        expect(hashlib.sha256(self.name + b"\n" + typed).digest()[:4] == self.id, "the key's id is not its own")

    def has_signed(self, text, signature):
        with tempfile.TemporaryDirectory() as directory:
            files = {"key": SPKI + self.public, "text": text, "signature": signature}
            for name, content in files.items():
                (Path(directory) / name).write_bytes(content)
            done = subprocess.run(
                ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", "key", "-rawin", "-in", "text",
                 "-sigfile", "signature"], cwd=directory, capture_output=True, check=False)
        return done.returncode == 0


def open_checkpoint(note, key):
    """The size and the root of a checkpoint that the key signed."""
    text, gap, signatures = note.rpartition(b"\n\n")
    text += b"\n"
    expect(gap and signatures.endswith(b"\n"), "a note has a text, an empty line and signatures")
    own = 0
    for line in signatures[:-1].split(b"\n"):
        name, space, encoded = line.removeprefix(DASH).partition(b" ")
        expect(line.startswith(DASH) and space, "a malformed signature line")
        signature = decode(encoded)
        if name == key.name and signature[:4] == key.id:
            expect(key.has_signed(text, signature[4:]), "a signature is wrong")
            own += 1
    expect(own == 1, "a checkpoint is signed once by the key")
    lines = text.split(b"\n")
    expect(len(lines) == 4 and lines[0] == key.name, "a checkpoint has three lines, the first names the log")
    expect(re.fullmatch(rb"0|[1-9][0-9]*", lines[1]) is not None, "a checkpoint's size is a number")
    root = decode(lines[2])
    expect(len(root) == 32, "a checkpoint's root is a SHA-256")
    return int(lines[1]), root


def split_notes(content):
    """The whole notes of the file `checkpoints`. What it ends in may be the beginning of one."""
    notes, lines = [], []
    for line in content.splitlines(keepends=True):
        if line == b"\n" and lines and lines[-1].startswith(DASH):
            notes.append(b"".join(lines))
            lines = []
        else:
            lines.append(line)
    return notes, b"".join(lines)


def read_checkpoints(directory, key):
    path = directory / "checkpoints"
    notes, rest = split_notes(path.read_bytes() if path.exists() else b"")
    origin = key.name + b"\n"
    expect(rest[:len(origin)] == origin[:len(rest)], "the file checkpoints ends in something else")
    checkpoints = [open_checkpoint(note, key) for note in notes]
    sizes = [size for size, _ in checkpoints]
    expect(sizes == sorted(set(sizes)), "sizes of checkpoints do not ascend")
    return checkpoints


def read_events(directory):
    """The lines of all segments, the last one without its end if it is being written."""
    segments = sorted(path for path in directory.iterdir() if SEGMENT.fullmatch(path.name))
    expect(segments, "there is no log")
    number = 0
    for segment in segments:
        expect(int(segment.name[:20]) == number, f"{segment.name} does not begin with event {number}")
        with segment.open("rb") as lines:
            for line in lines:
                yield line
                number += 1


def is_event(line):
    return (len(line) in LINE_SIZES and line.startswith(b'{"') and line.endswith(b"}")
            and not any(byte < 0x20 for byte in line))


def verify(directory, key=None, against=None):
    """The number of events that checkpoints vouch for, and of those behind the last one. Raises NotVerified."""
    directory = Path(directory)
    key = Key(key or (directory / "key.pub").read_text(encoding="ascii").removesuffix("\n"))
    wanted = read_checkpoints(directory, key)
    if against is not None:
        note = Path(against).read_bytes()
        wanted.append(open_checkpoint(note[:-1] if note.endswith(b"\n\n") else note, key))
    roots = {}
    for size, root in wanted:
        expect(roots.setdefault(size, root) == root, f"two checkpoints of size {size} differ")

    tree = Tree()
    last = max(roots, default=0)
    for line in read_events(directory):
        if not line.endswith(b"\n"):
            expect(tree.size >= last, "the last line that a checkpoint vouches for is cut off")
            break
        expect(is_event(line[:-1]), f"event {tree.size} is none")
        tree.append(leaf_hash(line[:-1]))
        if tree.size in roots:
            expect(tree.root() == roots[tree.size], f"the checkpoint of size {tree.size} does not match")
    expect(tree.size >= last, f"cut short: {tree.size} events, a checkpoint vouches for {last}")
    expect(last > 0 or tree.size == 0, "no checkpoint vouches for anything")
    return last, tree.size - last


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: audit_verifier.py DIRECTORY [CHECKPOINT]")
    try:
        covered, beyond = verify(sys.argv[1], against=sys.argv[2] if len(sys.argv) == 3 else None)
    except NotVerified as error:
        sys.exit(f"not verified: {error}")
    print(f"verified: {covered} events, and {beyond} that no checkpoint covers")


if __name__ == "__main__":
    main()
