# SPDX-License-Identifier: Apache-2.0
"""Searching the memory of another process for secrets, in every form that a copy of one might take."""

import base64
import collections
import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).with_name("memscan.c")


def base64_cores(secret, encode):
    """What base64 makes of `secret` wherever it stands in a longer text: one string for each alignment,
    without the characters at its ends that depend on its neighbours."""
    for shift in range(3):
        encoded = encode(b"\0" * shift + secret).rstrip(b"=")
        usable = (shift + len(secret)) * 8 // 6  # characters that `secret` and what is before it fill
        skip = (shift * 8 + 5) // 6
        yield encoded[skip:usable]


def minimal_percent(secret):
    unreserved = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
    return b"".join(bytes([c]) if c in unreserved else b"%%%02X" % c for c in secret)


def forms(secret):
    yield "raw", secret
    for number, core in enumerate(base64_cores(secret, base64.b64encode)):
        yield f"base64.{number}", core
    for number, core in enumerate(base64_cores(secret, base64.urlsafe_b64encode)):
        yield f"base64url.{number}", core
    yield "percent", b"".join(b"%%%02X" % c for c in secret)
    yield "percent.lower", b"".join(b"%%%02x" % c for c in secret)
    yield "percent.minimal", minimal_percent(secret)
    yield "hex", secret.hex().encode()
    yield "hex.upper", secret.hex().upper().encode()
    yield "utf16", secret.decode("latin-1").encode("utf-16-le")


def patterns_of(secrets):
    """`secrets`: name to bytes. Also each one's first and second half, since a torn copy is a copy."""
    made = {}
    for name, secret in secrets.items():
        half = len(secret) // 2
        assert half >= 12, f"{name} is too short to be searched for"
        for part, piece in (("", secret), ("/first", secret[:half]), ("/second", secret[half:])):
            for form, data in forms(piece):
                made.setdefault(data, f"{name}{part}:{form}")
    return {name: data for data, name in made.items()}


@dataclass
class Mapping:
    start: int
    end: int
    access: str
    name: str
    flags: frozenset = frozenset()

    @property
    def is_arena(self):
        """Locked and left out of core dumps, as nothing else in the process is, or named where the kernel can."""
        return ("claviger-secrets" in self.name or "secretmem" in self.name
                or {"lo", "dd"} <= self.flags)


def mappings(pid):
    made, pattern = [], re.compile(r"^([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ \S+\s*(.*)$")
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        match = pattern.match(line)
        if match:
            made.append(Mapping(int(match[1], 16), int(match[2], 16), match[3], match[4]))
        elif line.startswith("VmFlags:"):
            made[-1].flags = frozenset(line.split()[1:])
    return made


@dataclass
class Findings:
    patterns: list   # (name of the pattern, mapping)
    schedules: list  # (name of the cipher, mapping)
    scanned: int
    unreadable: int

    def names(self):
        return sorted({name for name, _ in self.patterns})

    def describe(self):
        def line(name, mapping):
            where = "the arena" if mapping.is_arena else mapping.name or "anonymous memory"
            return f"  {name} in {mapping.start:x}-{mapping.end:x} {mapping.access} {where}"
        counted = collections.Counter(line(*found) for found in self.patterns + self.schedules)
        return "\n".join(f"{text}, {times} times" for text, times in counted.items())


class Scanner:
    def __init__(self, directory):
        self.directory = Path(directory)
        self.binary = self.directory / "memscan"
        subprocess.run(["cc", "-O2", "-std=gnu11", "-Wall", "-Wextra", "-o", self.binary, SOURCE], check=True)

    def scan(self, pid, secrets):
        listed = self.directory / "patterns"
        patterns = patterns_of(secrets)
        listed.write_text("".join(f"{name} {data.hex()}\n" for name, data in patterns.items()))
        done = subprocess.run([self.binary, str(pid), listed], capture_output=True, text=True)
        assert done.returncode == 0, f"memscan failed: {done.returncode} {done.stderr}"
        found = json.loads(done.stdout)
        assert found["patterns"] == len(patterns)
        assert found["count"] == len(found["hits"]), "more hits than memscan reports"
        where = {mapping.start: mapping for mapping in mappings(pid)}
        gone = Mapping(0, 0, "----", "a mapping that went away")
        hits = [(hit["kind"], hit["name"], where.get(hit["mapping"], gone)) for hit in found["hits"]]
        return Findings([(name, mapping) for kind, name, mapping in hits if kind == "pattern"],
                        [(name, mapping) for kind, name, mapping in hits if kind == "aes"],
                        found["scanned"], found["unreadable"])
