#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the evidence in this directory: events of an audit log, and the proof that they are in it.

    python3 verify.py --key 'KEY' [DIRECTORY]

KEY is the log's verifier key, which you should have from somewhere else. Needs Python 3.8 and nothing else; reads the events once,
in constant memory. Ends with 0 when everything is as it should be, and with 1 when it is not.

The formats are C2SP signed notes, checkpoints and tlog-proofs (c2sp.org), hashed as in RFC 6962 section 2.1 and signed with
Ed25519 (RFC 8032). All of it fits below, so that you can read what you run.
"""

import argparse
import base64
import hashlib
import json
import os
import re
import sys

EM_DASH = "\u2014 ".encode()
LONGEST_LINE = 8224
NUMBER = re.compile(rb"0|[1-9][0-9]{0,19}")


class Wrong(Exception):
    """What is wrong with the evidence."""


def demand(holds, what):
    if not holds:
        raise Wrong(what)


# Ed25519, by the formulas of RFC 8032 section 5.1.

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_1 = pow(2, (P - 1) // 4, P)


def add(a, b):
    """Of two points (X, Y, Z, T), with x = X/Z, y = Y/Z and x*y = T/Z."""
    e = (a[1] - a[0]) * (b[1] - b[0]) % P
    f = (a[1] + a[0]) * (b[1] + b[0]) % P
    g = 2 * a[3] * b[3] * D % P
    h = 2 * a[2] * b[2] % P
    return (f - e) * (h - g) % P, (h + g) * (f + e) % P, (h - g) * (h + g) % P, (f - e) * (f + e) % P


def times(number, point):
    result = (0, 1, 1, 0)
    while number:
        if number & 1:
            result = add(result, point)
        point = add(point, point)
        number >>= 1
    return result


def is_same_point(a, b):
    return (a[0] * b[2] - b[0] * a[2]) % P == 0 and (a[1] * b[2] - b[1] * a[2]) % P == 0


def to_point(encoded):
    """The point of 32 bytes; None when there is none."""
    y = int.from_bytes(encoded, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_1 % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


BASE = to_point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def is_signature(public, message, signature):
    key, first, second = to_point(public), to_point(signature[:32]), int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or key is None or first is None or second >= ORDER:
        return False
    digest = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % ORDER
    return is_same_point(times(second, BASE), add(first, times(digest, key)))


# Keys, notes, checkpoints.

def decode(text, size=None):
    try:
        decoded = base64.b64decode(text, validate=True)
    except ValueError:
        raise Wrong("malformed base64") from None
    demand(base64.b64encode(decoded) == bytes(text), "base64 that can be written otherwise")
    demand(size is None or len(decoded) == size, "base64 of another length than it should have")
    return decoded


class Key:
    def __init__(self, text):
        self.text = text
        parts = text.encode().split(b"+", 2)
        demand(len(parts) == 3 and re.fullmatch(rb"[!-~]{1,128}", parts[0]), "a verifier key is <name>+<id>+<base64>")
        self.name, typed = parts[0], decode(parts[2], 33)
        self.id = hashlib.sha256(self.name + b"\n" + typed).digest()[:4]
        demand(typed[0] == 1 and self.id.hex().encode() == parts[1], "a verifier key's id does not belong to it")
        self.public = typed[1:]


def open_checkpoint(note, key):
    """Size and root of what the key signed."""
    text, gap, signatures = note.rpartition(b"\n\n")
    demand(gap and signatures.endswith(b"\n"), "a checkpoint without a signature")
    text += b"\n"
    signed = 0
    for line in signatures[:-1].split(b"\n"):
        words = line[len(EM_DASH):].split(b" ")
        demand(line.startswith(EM_DASH) and len(words) == 2, "a malformed signature line")
        signature = decode(words[1])
        if words[0] == key.name and signature[:4] == key.id:
            demand(is_signature(key.public, text, signature[4:]), "a signature is wrong")
            signed += 1
    demand(signed == 1, "a checkpoint is not signed by " + key.text)
    lines = text.split(b"\n")
    demand(len(lines) == 4 and lines[0] == key.name and NUMBER.fullmatch(lines[1]), "a malformed checkpoint")
    return int(lines[1]), decode(lines[2], 32)


# The tree.

def leaf_hash(line):
    return hashlib.sha256(b"\0" + line).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def half(size):
    """Where a tree of so many events divides: the largest power of two below it."""
    return 1 << (size - 1).bit_length() - 1


def root_of_range(begin, end, first, last, leaf, known):
    """The root of the events from `begin` to `end`: of those of the evidence (`first` up to `last`) each leaf is taken by leaf(), of the
    others the largest nodes by known(); both from left to right."""
    if end <= first or begin >= last:
        return known()
    if end - begin == 1:
        return leaf()
    middle = begin + half(end - begin)
    left = root_of_range(begin, middle, first, last, leaf, known)
    return node_hash(left, root_of_range(middle, end, first, last, leaf, known))


def root_of_path(index, size, leaf, hashes):
    """The root that a tlog-proof leads to: from the leaf up."""
    path = []  # whether the proof's hash is the left one, from the root down
    while size > 1:
        middle = half(size)
        path.append(index >= middle)
        index, size = (index - middle, size - middle) if index >= middle else (index, middle)
    demand(len(path) == len(hashes), "a proof has more or fewer hashes than it takes")
    for is_left, other in zip(reversed(path), hashes):
        leaf = node_hash(other, leaf) if is_left else node_hash(leaf, other)
    return leaf


def split_proof(content, title, names):
    """The numbers of the first lines, the hashes, the checkpoint."""
    head, gap, note = content.partition(b"\n\n")
    lines = head.split(b"\n")
    demand(gap and lines[0] == title and len(lines) > len(names), "a proof of another kind, or none")
    numbers = []
    for name, line in zip(names, lines[1:]):
        demand(line.startswith(name + b" ") and NUMBER.fullmatch(line[len(name) + 1:]), "a malformed proof")
        numbers.append(int(line[len(name) + 1:]))
    return numbers, [decode(line, 32) for line in lines[1 + len(names):]], note


# The pack.

class Pack:
    def __init__(self, directory):
        self.directory = directory

    def read(self, name):
        try:
            with open(os.path.join(self.directory, name), "rb") as file:
                return file.read(1 << 20)
        except OSError as error:
            raise Wrong("%s: %s" % (name, error.strerror)) from None

    def keys(self):
        """Oldest first; each hands over to the next."""
        text = self.read("keys").decode("ascii", "replace")
        demand(text.endswith("\n"), "keys: no lines")
        keys = [Key(line) for line in text[:-1].split("\n")]
        demand(len({key.name for key in keys}) == 1 and len({key.id for key in keys}) == len(keys), "keys: not those of one log")
        for number in range(1, len(keys)):
            try:
                self.check_handover(number, keys[number - 1], keys[number])
            except Wrong as wrong:
                raise Wrong("rotation-%d: %s" % (number, wrong)) from None
        return keys

    def check_handover(self, number, old, new):
        line = self.read("rotation-%d.event" % number)
        demand(line.endswith(b"\n") and line.count(b"\n") == 1, "no event")
        try:
            event = json.loads(line)
            told = event["type"], event["from"], event["to"]
        except (ValueError, KeyError, TypeError):
            raise Wrong("no event of a rotated key") from None
        demand(told == ("audit.key_rotated", old.text, new.text), "another event than that one key hands over to the next")
        (index,), hashes, note = split_proof(self.read("rotation-%d.proof" % number), b"c2sp.org/tlog-proof@v1", [b"index"])
        size, root = open_checkpoint(note, old)
        demand(index < size, "the proof's checkpoint does not reach to its event")
        demand(root_of_path(index, size, leaf_hash(line[:-1]), hashes) == root, "the old key did not sign this event")

    def events(self):
        """The lines of the evidence, without their ends."""
        with open(os.path.join(self.directory, "events.jsonl"), "rb") as file:
            while True:
                line = file.readline(LONGEST_LINE + 2)
                if not line:
                    return
                demand(line.endswith(b"\n"), "events.jsonl: a line is cut off, or too long")
                demand(line.startswith(b'{"') and line.endswith(b"}\n") and min(line[:-1]) >= 0x20, "events.jsonl: a line is no event")
                yield line[:-1]

    def check_events(self, key):
        (first, last), hashes, note = split_proof(self.read("events.proof"), b"claviger audit range v1", [b"first", b"end"])
        size, root = open_checkpoint(note, key)
        demand(first < last <= size, "events.proof: its checkpoint does not reach to its events")
        lines, others = self.events(), iter(hashes)

        def take(source, what):
            for item in source:
                return item
            raise Wrong(what)

        found = root_of_range(0, size, first, last, lambda: leaf_hash(take(lines, "events.jsonl: events are missing at the end")),
                              lambda: take(others, "events.proof: a hash is missing"))
        demand(next(lines, None) is None, "events.jsonl: there are more events than the proof is of")
        demand(next(others, None) is None, "events.proof: there are more hashes than it takes")
        demand(found == root, "events.jsonl: these are not the events %d to %d of the log" % (first, last - 1))
        return first, last, size


def main():
    parser = argparse.ArgumentParser(description="Checks that the events in a directory of evidence are those of the log.")
    parser.add_argument("directory", nargs="?", default=os.path.dirname(os.path.abspath(__file__)))
    parser.add_argument("--key", help="the log's verifier key, from somewhere else than this directory")
    arguments = parser.parse_args()
    pack = Pack(arguments.directory)
    try:
        keys = pack.keys()
        demand(arguments.key is None or arguments.key in [key.text for key in keys], "the key that was given is none of the pack's")
        first, last, size = pack.check_events(keys[-1])
    except (Wrong, OSError) as wrong:
        print("NOT VERIFIED: %s" % wrong)
        return 1
    print("VERIFIED: events %d to %d of the log %s, none changed, removed, added or reordered." % (first, last - 1, keys[0].name.decode()))
    print("They are under a checkpoint of its first %d events, signed with %s" % (size, keys[-1].text))
    if arguments.key is None:
        print("Not proven: that the key is the log's. Give the one that you have from elsewhere with --key.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
