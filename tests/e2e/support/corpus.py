# SPDX-License-Identifier: Apache-2.0
"""The cases under tests/corpus: bytes that somebody sends, and what is to become of them. docs/testing.md has the format,
src/http/testing/corpus_case.cc reads the same files."""

import re
from dataclasses import dataclass
from pathlib import Path

CORPUS = Path(__file__).resolve().parents[2] / "corpus"
ESCAPES = {"r": b"\r", "n": b"\n", "t": b"\t", "0": b"\0", "\\": b"\\"}
TOKEN = re.compile(r"\\(?:([rnt0\\])|x([0-9A-F]{2})|\{([a-z]+)\}|\{(\d+)\*([^}]*)\})|([^\\])")


def unescape(text, stands_for):
    out, at = [], 0
    while at < len(text):
        match = TOKEN.match(text, at)
        assert match, f"no such escape: {text[at:at + 10]!r}"
        escape, octet, name, count, repeated, plain = match.groups()
        if plain:
            out.append(plain.encode("ascii"))
        elif escape:
            out.append(ESCAPES[escape])
        elif octet:
            out.append(bytes.fromhex(octet))
        elif name:
            out.append(stands_for[name].encode())
        else:
            out.append(unescape(repeated, stands_for) * int(count))
        at = match.end()
    return b"".join(out)


@dataclass
class Case:
    name: str
    lines: list  # (key, value)
    sections: list  # (title, its text as it stands in the file)

    def all(self, key):
        return [value for known, value in self.lines if known == key]

    def one(self, key):
        values = self.all(key)
        return values[0] if values else None

    def bytes_of(self, title, **stands_for):
        """What the sections of that title hold, one after the other. Names in braces stand for what is given."""
        return [unescape(text, stands_for) for known, text in self.sections if known == title]

    def __str__(self):
        return f"{self.name}: {self.one('why')} ({self.one('source')})"


def read_case(path, name):
    case = Case(name, [], [])
    for line in path.read_text("ascii").split("\n")[:-1]:
        if line.startswith("=== "):
            case.sections.append((line[4:], ""))
        elif case.sections:
            title, text = case.sections[-1]
            case.sections[-1] = (title, text + line)
        else:
            case.lines.append(tuple(line.split(": ", 1)))
    return case


def read_cases(directory):
    root = CORPUS / directory
    return {name: read_case(path, name) for path in sorted(root.rglob("*.case"))
            for name in [str(path.relative_to(root).with_suffix(""))]}
