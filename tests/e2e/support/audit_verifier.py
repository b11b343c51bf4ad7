# SPDX-License-Identifier: Apache-2.0
"""A second verifier of the audit log, of proofs and of evidence packs, written from docs/formats/audit.md and nothing else.

It shares no code with `claviger audit verify`: what the two disagree on is a bug in one of them, or in the page.
Hashes are hashlib's, signatures are checked by the `openssl` command. It says whether a log is whole, not which line is
wrong: it hashes all of it first, and then asks of each note whether it fits.
"""

import base64
import functools
import hashlib
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

DASH = "\u2014 ".encode()
# SubjectPublicKeyInfo of an Ed25519 key (RFC 8410), up to the key itself.
SPKI = bytes.fromhex("302a300506032b6570032100")
SEGMENT = re.compile(r"[0-9]{20}\.jsonl")
NUMBER = re.compile(rb"0|[1-9][0-9]{0,19}")
ROTATED = re.compile(rb'\{"v":1,"time":"[^"]{24}","type":"audit\.key_rotated",')
PRUNED = re.compile(rb'\{"v":1,"time":"[^"]{24}","type":"audit\.pruned",')
LINE_SIZES = range(7, 8225)
MAX_NOTE = 16 << 10


class NotVerified(Exception):
    """What is wrong with the log, the proof or the pack."""


def expect(holds, what):
    if not holds:
        raise NotVerified(what)


# Hashes.

def leaf_hash(line):
    return hashlib.sha256(b"\0" + line).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


class Tree:
    """RFC 6962 section 2.1, one subtree for each bit of the size."""

    def __init__(self, size=0, roots=()):
        self.size = size
        sizes = [1 << bit for bit in reversed(range(size.bit_length())) if size >> bit & 1]
        expect(len(sizes) == len(roots), "as many roots as the size has bits")
        self.subtrees = list(zip(sizes, roots))  # (leaves, hash), largest first

    def append(self, leaf, count=1):
        """A leaf; or the root of a perfect subtree that comes next."""
        self.size += count
        self.subtrees.append((count, leaf))
        while len(self.subtrees) > 1 and self.subtrees[-1][0] == self.subtrees[-2][0]:
            (count, right), (_, left) = self.subtrees.pop(), self.subtrees.pop()
            self.subtrees.append((2 * count, node_hash(left, right)))

    def root(self):
        if not self.subtrees:
            return hashlib.sha256().digest()
        root = self.subtrees[-1][1]
        for _, left in reversed(self.subtrees[:-1]):
            root = node_hash(left, root)
        return root


# Keys and notes.

def decode(text, size=None):
    try:
        decoded = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise NotVerified(f"malformed base64: {error}") from error
    expect(base64.b64encode(decoded) == text, "base64 that has another spelling")
    expect(size is None or len(decoded) == size, "base64 of another size")
    return decoded


def decode_number(text):
    expect(NUMBER.fullmatch(text) is not None and int(text) < 1 << 64, "a malformed number")
    return int(text)


@functools.lru_cache(maxsize=4096)
def is_signed(public, text, signature):
    with tempfile.TemporaryDirectory() as directory:
        files = {"key": SPKI + public, "text": text, "signature": signature}
        for name, content in files.items():
            (Path(directory) / name).write_bytes(content)
        done = subprocess.run(
            ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", "key", "-rawin", "-in", "text",
             "-sigfile", "signature"], cwd=directory, capture_output=True, check=False)
    return done.returncode == 0


class Key:
    def __init__(self, text):
        try:
            parts = text.encode("ascii").split(b"+", 2)
        except UnicodeEncodeError as error:
            raise NotVerified("a verifier key is ASCII") from error
        expect(len(parts) == 3, "a verifier key has three parts")
        expect(re.fullmatch(rb"[!-*,-~]{1,128}", parts[0]) and re.fullmatch(rb"[0-9a-f]{8}", parts[1]), "a malformed verifier key")
        self.text = text
        self.name, self.id, typed = parts[0], bytes.fromhex(parts[1].decode()), decode(parts[2], 33)
        expect(typed[0] == 1, "not an Ed25519 key")
        self.public = typed[1:]
        expect(hashlib.sha256(self.name + b"\n" + typed).digest()[:4] == self.id, "the key's id is not its own")

    def __eq__(self, other):
        return isinstance(other, Key) and self.text == other.text

    def __hash__(self):
        return hash(self.text)


def parse_keys(content):
    """The keys of a file, a line each."""
    lines = content.decode("ascii", "replace").removesuffix("\n").split("\n")
    keys = [Key(line) for line in lines]
    expect(len(set(keys)) == len(keys) and len({key.name for key in keys}) == 1, "keys of one log, each once")
    return keys


def open_note(note, key):
    """The text of a note that the key signed."""
    expect(len(note) <= MAX_NOTE and not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", note), "a note is text, and not that long")
    text, gap, signatures = note.rpartition(b"\n\n")
    text += b"\n"
    expect(gap and signatures.endswith(b"\n"), "a note has a text, an empty line and signatures")
    own = 0
    for line in signatures[:-1].split(b"\n"):
        name, space, encoded = line.removeprefix(DASH).partition(b" ")
        expect(line.startswith(DASH) and space and name, "a malformed signature line")
        signature = decode(encoded)
        if name == key.name and signature[:4] == key.id:
            expect(is_signed(key.public, text, signature[4:]), "a signature is wrong")
            own += 1
    expect(own == 1, "a note is signed once by the key")
    return text


def parse_checkpoint(text, key):
    lines = text.split(b"\n")
    expect(len(lines) == 4 and lines[0] == key.name, "a checkpoint has three lines, the first names the log")
    return decode_number(lines[1]), decode(lines[2], 32)


def open_checkpoint(note, key):
    """The size and the root of a checkpoint that the key signed."""
    return parse_checkpoint(open_note(note, key), key)


def first_that_opens(note, keys, what):
    """The key of those that signed the note."""
    for key in keys:
        try:
            open_note(note, key)
            return key
        except NotVerified:
            continue
    raise NotVerified(f"{what} is signed by none of the keys")


def split_notes(content):
    """The whole notes of a file of checkpoints. What it ends in may be the beginning of one."""
    notes, lines = [], []
    for line in content.splitlines(keepends=True):
        if line == b"\n" and lines and lines[-1].startswith(DASH):
            notes.append(b"".join(lines))
            lines = []
        else:
            lines.append(line)
    return notes, b"".join(lines)


# The log.

class Directory:
    """The files of a log, as far as they are kept."""

    def __init__(self, path, trusted):
        self.path = Path(path)
        listed = self.read("key.pub")
        expect(listed or trusted, "no key")
        self.listed = parse_keys(listed) if listed else []
        self.keys = self.listed or [trusted]
        expect(trusted is None or trusted in self.keys, "the key that was given is none of the log's")
        self.pruned, self.pruned_by = Tree(), None
        if (self.path / "pruned").exists():
            self.read_pruned(self.read("pruned"))
        self.segments = self.list_segments()

    def read(self, name):
        path = self.path / name
        return path.read_bytes() if path.exists() else b""

    def read_pruned(self, note):
        self.pruned_by = first_that_opens(note, self.keys, "pruned")
        lines = open_note(note, self.pruned_by).split(b"\n")
        expect(lines[:2] == [b"claviger audit pruned v1", self.pruned_by.name] and lines[-1] == b"", "pruned is not that of this log")
        self.pruned = Tree(decode_number(lines[2]), [decode(line, 32) for line in lines[3:-1]])

    def list_segments(self):
        """(first event, first event of the next) of those that are kept."""
        firsts = sorted(int(path.name[:20]) for path in self.path.iterdir() if SEGMENT.fullmatch(path.name))
        ends = firsts[1:] + [None]
        kept = [(first, end) for first, end in zip(firsts, ends) if end is None or end > self.pruned.size]
        expect(kept, "there is no log")
        expect(kept[0][0] == self.pruned.size, f"the first segment is not that of event {self.pruned.size}")
        return kept

    def notes(self, first, is_last):
        content = self.read(f"{first:020}.checkpoints")
        if first == 0 and not content:
            content = self.read("checkpoints")
        notes, rest = split_notes(content)
        origin = self.keys[0].name + b"\n"
        expect(not rest or (is_last and rest[:len(origin)] == origin[:len(rest)]), "checkpoints end in something else")
        return notes

    def lines(self):
        """The lines of the segments, the last one without its end if it is being written, and whether another segment follows."""
        number = self.pruned.size
        for first, end in self.segments:
            expect(first == number, f"the segment of event {first} does not begin with event {number}")
            with (self.path / f"{first:020}.jsonl").open("rb") as lines:
                for line in lines:
                    expect(end is None or (line.endswith(b"\n") and number < end), f"the segment of event {first} does not end where the next begins")
                    yield line
                    number += 1
            expect(end is None or number == end, f"the segment of event {first} is cut short")


def claimed_size(note):
    lines = note.split(b"\n")
    expect(len(lines) > 3, "a note of too few lines")
    return decode_number(lines[1])


def is_event(line):
    return (len(line) in LINE_SIZES and line.startswith(b'{"') and line.endswith(b"}")
            and not any(byte < 0x20 for byte in line))


class Contents:
    """What the lines of a log amount to: roots at the sizes that notes speak of, and the events that speak of the log itself."""

    def __init__(self, directory, wanted):
        self.tree = Tree(directory.pruned.size, [root for _, root in directory.pruned.subtrees])
        self.roots = {self.tree.size: self.tree.root()}
        self.rotations, self.prunings = [], []  # (number, JSON)
        last = max(wanted, default=0)
        for line in directory.lines():
            if not line.endswith(b"\n"):
                expect(self.tree.size >= last, "the last line that a checkpoint vouches for is cut off")
                break
            self.add(line[:-1])
            if self.tree.size in wanted:
                self.roots[self.tree.size] = self.tree.root()
        expect(self.tree.size >= last, f"cut short: {self.tree.size} events, a checkpoint vouches for {last}")

    def add(self, line):
        expect(is_event(line), f"event {self.tree.size} is none")
        for pattern, events in ((ROTATED, self.rotations), (PRUNED, self.prunings)):
            if pattern.match(line):
                events.append((self.tree.size, json.loads(line)))
        self.tree.append(leaf_hash(line))


def as_key(text):
    try:
        return Key(text)
    except (NotVerified, AttributeError):
        return None


class Keys:
    """Who has to sign, from the front."""

    def __init__(self, directory, contents):
        self.rotations = [(number, as_key(event.get("from")), as_key(event.get("to"))) for number, event in contents.rotations]
        self.current = None if directory.pruned.size else directory.keys[0]
        self.candidates = directory.keys
        self.signed = []  # (key, first size, last size)

    def successor(self):
        """Whom the current key handed over to, as far as it vouches for it itself."""
        if not self.signed or self.signed[-1][0] != self.current:
            return None
        covered = [to for number, old, to in self.rotations if old == self.current and to and number < self.signed[-1][2]]
        return covered[-1] if covered else None

    def open(self, note):
        if self.current is None:
            self.current = first_that_opens(note, self.candidates, "the first checkpoint")
        successor = self.successor()
        if successor and first_that_opens(note, [self.current, successor], "a checkpoint") == successor:
            self.current = successor
        size, root = open_checkpoint(note, self.current)
        if self.signed and self.signed[-1][0] == self.current:
            self.signed[-1][2] = size
        else:
            self.signed.append([self.current, size, size])
        return size, root

    def open_elsewhere(self, note):
        key = first_that_opens(note, [key for key, _, _ in self.signed], "the checkpoint from elsewhere")
        at = [signer for signer, _, _ in self.signed].index(key)
        size, root = open_checkpoint(note, key)
        expect(at == 0 or size > self.signed[at - 1][2], "a checkpoint from elsewhere, by a key that was not current yet")
        expect(at + 1 == len(self.signed) or size < self.signed[at + 1][1], "a checkpoint from elsewhere, by a key that was current no more")
        return size, root

    def check_list(self, listed):
        """key.pub against the log itself."""
        signers = [key for key, _, _ in self.signed]
        expect(signers[0] in listed, "key.pub does not list the key that signs")
        rest = listed[listed.index(signers[0]):]
        expect(rest[:len(signers)] == signers, "key.pub lists other keys than those that sign")
        announced = [to for _, old, to in self.rotations if old == self.current]
        expect(rest[len(signers):] in ([], announced[-1:]), "key.pub lists a key that the log does not name")


def check_pruned(directory, contents, keys, last):
    if directory.pruned.size == 0:
        return
    roots = [base64.b64encode(root).decode() for _, root in directory.pruned.subtrees]
    told = [number for number, event in contents.prunings
            if event.get("end") == directory.pruned.size and event.get("roots") == roots and number < last]
    expect(told, "no event that a checkpoint covers says what was pruned")
    expect(directory.pruned_by in [key for key, _, _ in keys.signed], "pruned is signed by a key that signed nothing else")


def state_size(directory):
    """The number of events that `state` speaks of; 0 for none that one of the keys signed."""
    try:
        note = directory.read("state")
        text = open_note(note, first_that_opens(note, directory.keys, "state"))
        lines = text.split(b"\n")
        return decode_number(lines[2]) if lines[0].startswith(b"claviger audit state v") else 0
    except (NotVerified, IndexError):
        return 0


def read_note(path):
    note = Path(path).read_bytes()
    return note[:-1] if note.endswith(b"\n\n") else note


def verify(directory, key=None, against=None):
    """The number of events that checkpoints vouch for, and of those behind the last one. Raises NotVerified."""
    trusted = Key(key) if key else None
    log = Directory(directory, trusted)
    beside = [log.notes(first, end is None) for first, end in log.segments]
    notes = [note for some in beside for note in some]
    elsewhere = read_note(against) if against else None
    wanted = {claimed_size(note) for note in notes}
    if elsewhere:
        first_that_opens(elsewhere, log.keys, "the checkpoint from elsewhere")
        expect(claimed_size(elsewhere) >= log.pruned.size, "what the checkpoint from elsewhere vouches for was pruned")
        wanted.add(claimed_size(elsewhere))
    contents = Contents(log, wanted)
    keys = Keys(log, contents)

    last = log.pruned.size
    for (first, end), some in zip(log.segments, beside):
        for note in some:
            size, root = keys.open(note)
            expect(size > last, "sizes of checkpoints do not ascend")
            expect(first < size and (end is None or size <= end), "a checkpoint lies beside another segment than its own")
            expect(root == contents.roots[size], f"the checkpoint of size {size} does not match")
            last = size
        expect(end is None or last == end, f"the segment of event {first} does not end with a checkpoint")
    total = contents.tree.size
    expect(keys.signed or total == 0, "no checkpoint vouches for anything")
    expect(state_size(log) <= last, "the checkpoint that the state speaks of is missing")
    if keys.signed:
        expect(trusted is None or trusted in [signer for signer, _, _ in keys.signed], "the key that was given signed nothing of this")
        if log.listed:
            keys.check_list(log.listed)
    check_pruned(log, contents, keys, last)
    if elsewhere and keys.signed:
        size, root = keys.open_elsewhere(elsewhere)
        expect(contents.roots[size] == root, "the log does not go on from the checkpoint from elsewhere")
    return last, total - last


# Proofs, checked by the algorithms of RFC 9162 section 2.1, which go from the leaf up.

def split_proof(content, title, names):
    head, gap, note = content.partition(b"\n\n")
    expect(gap and len(content) <= 32 << 10, "a proof has an empty line, and is not that long")
    lines = head.split(b"\n")
    expect(lines.pop(0) == title, "a proof of another kind")
    if names == [b"index"] and lines and lines[0].startswith(b"extra "):
        decode(lines.pop(0).removeprefix(b"extra "))
    numbers = []
    for name in names:
        expect(lines and lines[0].startswith(name + b" "), f"a proof without {name.decode()}")
        numbers.append(decode_number(lines.pop(0).removeprefix(name + b" ")))
    expect(len(lines) <= 128, "too many hashes")
    return numbers, [decode(line, 32) for line in lines], note


def climb(place, end):
    """One level up from a node that has no sibling there."""
    while not place & 1 and place:
        place, end = place >> 1, end >> 1
    return place, end


def check_inclusion(content, line, keys):
    """The event's number and the checkpoint's size."""
    (index,), path, note = split_proof(content, b"c2sp.org/tlog-proof@v1", [b"index"])
    size, root = open_checkpoint(note, first_that_opens(note, keys, "the checkpoint"))
    expect(index < size, "the checkpoint does not reach to the event")
    place, end, found = index, size - 1, leaf_hash(line)
    for other in path:
        expect(end, "too many hashes")
        if place & 1 or place == end:
            found = node_hash(other, found)
            place, end = climb(place, end)
        else:
            found = node_hash(found, other)
        place, end = place >> 1, end >> 1
    expect(end == 0 and found == root, "the event is not in the log")
    return index, size


def check_consistency(content, since, keys):
    """The sizes of the checkpoints."""
    (first,), path, note = split_proof(content, b"claviger audit consistency v1", [b"since"])
    first_size, first_root = open_checkpoint(since, first_that_opens(since, keys, "the earlier checkpoint"))
    size, root = open_checkpoint(note, first_that_opens(note, keys, "the later checkpoint"))
    expect(first == first_size <= size, "a proof for other sizes")
    if first in (0, size):
        expect(not path and (first == 0 or first_root == root), "two checkpoints of one size differ")
        return first, size
    if first & first - 1 == 0:
        path = [first_root, *path]
    expect(path, "too few hashes")
    place, end = first - 1, size - 1
    while place & 1:
        place, end = place >> 1, end >> 1
    old = new = path[0]
    for other in path[1:]:
        expect(end, "too many hashes")
        if place & 1 or place == end:
            old, new = node_hash(other, old), node_hash(other, new)
            place, end = climb(place, end)
        else:
            new = node_hash(new, other)
        place, end = place >> 1, end >> 1
    expect(end == 0 and old == first_root and new == root, "the log does not go on from the earlier checkpoint")
    return first, size


def check_range(content, lines, key):
    """The numbers of the first event and of the one behind the last."""
    (first, end), hashes, note = split_proof(content, b"claviger audit range v1", [b"first", b"end"])
    size, root = open_checkpoint(note, key)
    expect(first < end <= size, "the checkpoint does not reach to the events")
    on_the_left = first.bit_count()
    expect(len(hashes) >= on_the_left, "too few hashes")
    tree, right = Tree(first, hashes[:on_the_left]), hashes[on_the_left:]
    for line in lines:
        expect(is_event(line), f"event {tree.size} is none")
        tree.append(leaf_hash(line))
    expect(tree.size == end, "more or fewer events than the proof is of")
    while tree.size < size:
        expect(right, "too few hashes")
        whole = tree.size & -tree.size  # the largest perfect subtree that begins there
        if tree.size + whole > size:
            tree.subtrees.append((size - tree.size, right.pop(0)))
            tree.size = size
        else:
            tree.append(right.pop(0), whole)
    expect(not right and tree.root() == root, "these are not the events of the log")
    return first, end


def verify_pack(directory, key=None):
    """The numbers of the first event and of the one behind the last."""
    directory = Path(directory)

    def read(name):
        expect((directory / name).is_file(), f"{name} is missing")
        return (directory / name).read_bytes()

    content = read("keys")
    expect(content.endswith(b"\n"), "keys end in no line end")
    keys = parse_keys(content)
    expect(key is None or Key(key) in keys, "the key that was given is none of the pack's")
    for number, (old, new) in enumerate(zip(keys, keys[1:]), 1):
        line = read(f"rotation-{number}.event")
        expect(line.endswith(b"\n") and ROTATED.match(line) and is_event(line[:-1]), "a rotation is no event of its kind")
        event = json.loads(line)
        expect((event.get("from"), event.get("to")) == (old.text, new.text), "a rotation is one of other keys")
        check_inclusion(read(f"rotation-{number}.proof"), line[:-1], [old])
    text = read("events.jsonl")
    expect(text.endswith(b"\n"), "the last line is cut off")
    return check_range(read("events.proof"), text[:-1].split(b"\n"), keys[-1])


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: audit_verifier.py DIRECTORY [CHECKPOINT]")
    try:
        if (Path(sys.argv[1]) / "events.proof").exists():
            first, end = verify_pack(sys.argv[1])
            print(f"verified: events {first} to {end - 1}")
            return
        covered, beyond = verify(sys.argv[1], against=sys.argv[2] if len(sys.argv) == 3 else None)
    except NotVerified as error:
        sys.exit(f"not verified: {error}")
    print(f"verified: {covered} events, and {beyond} that no checkpoint covers")


if __name__ == "__main__":
    main()
