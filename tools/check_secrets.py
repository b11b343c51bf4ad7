#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Looks for what has the shape of a credential in the tree. Exits 1 when something does.

A fake says so: the match or its line holds one of MARKS, in any case. Values of few different characters
("xxxxxxxx", "0000...") pass as placeholders. Findings are named by place and shape, never quoted.
"""

import re
import sys
from pathlib import Path

import tree

MARKS = ("fake", "not-a-real", "not_a_real", "notareal")
FEWEST_CHARACTERS = 8  # different ones, for a match to be taken for a secret

SHAPES = {
    "Claviger API key": r"\bclv_[0-9a-z]{8}_[0-9A-Za-z]{40,}",
    "OpenAI or Anthropic key": r"\bsk-[A-Za-z0-9_-]{20,}",
    "GitHub token": r"\b(gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,})",
    "GitLab token": r"\bglpat-[A-Za-z0-9_-]{20,}",
    "AWS access key id": r"\b(AKIA|ASIA)[A-Z0-9]{16}\b",
    "Google API key": r"\bAIza[A-Za-z0-9_-]{35}",
    "Slack token": r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}",
    "Stripe key": r"\b[rs]k_(live|test)_[A-Za-z0-9]{16,}",
    "npm token": r"\bnpm_[A-Za-z0-9]{36}",
    "JSON Web Token": r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",
    # A header line alone (in a parser, in a message) is none; a body behind it is.
    "PEM private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?:\\n|[\r\n])\s*[A-Za-z0-9+/]{40,}",
    "password in a URL": r"\b[a-z][a-z0-9+.-]*://[^\s/:@\"'<>{}$]+:[^\s/@\"'<>{}$]{6,}@",
    "value assigned to a secret's name":
        r"(?i)\b(password|passwd|secret|token|api_?key|access_?key|private_?key)\b[\"']?\s*[:=]\s*[\"'][A-Za-z0-9+/=_-]{20,}[\"']",
}
COMPILED = {name: re.compile(pattern) for name, pattern in SHAPES.items()}


def is_marked(text):
    folded = text.lower()
    return any(mark in folded for mark in MARKS)


def line_around(text, start, end):
    first = text.rfind("\n", 0, start) + 1
    last = text.find("\n", end)
    return text[first : last if last >= 0 else len(text)]


def findings(text):
    """(line number, shape) of everything in `text` that looks like a credential and is not marked as a fake."""
    for name, pattern in COMPILED.items():
        for match in pattern.finditer(text):
            if len(set(match.group())) < FEWEST_CHARACTERS + len(set(match.group()[:4])):
                continue
            if not is_marked(line_around(text, match.start(), match.end())):
                yield text.count("\n", 0, match.start()) + 1, name


def main():
    root = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else tree.ROOT
    found = 0
    for path in tree.files(root):
        # Corpora are bytes; latin-1 reads any.
        for line, name in sorted(findings(path.read_bytes().decode("latin-1"))):
            print(f"{path.relative_to(root)}:{line}: has the shape of: {name}; a fake must say so on its line ({', '.join(MARKS)})")
            found += 1
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
