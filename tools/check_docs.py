#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds what the documentation points at to exist. Exits 1 when something does not.

Checked in every Markdown file: relative links and their #anchors; links to a file whose text names a test
(`Suite.Case`, `test_name`) have that test in the file; paths in backticks (`src/...`) exist.
"""

import re
import sys
from pathlib import Path

import tree

LINK = re.compile(r"\[([^\]]*)\]\(([^)\s]+)\)")
CODE_PATH = re.compile(r"`((?:src|apps|cmake|docs|tests|tools|fuzz|bench|packaging|\.ci|\.github)/[A-Za-z0-9_./-]+)`")
FENCE = re.compile(r"^\s*(```|~~~)")
GTEST_NAME = re.compile(r"^`?([A-Z]\w+)\.([A-Z]\w+)`?$")
PYTEST_NAME = re.compile(r"^`?(test_\w+)`?$")


def prose(text):
    """(line number, line) outside fenced code."""
    fenced = False
    for number, line in enumerate(text.splitlines(), 1):
        if FENCE.match(line):
            fenced = not fenced
        elif not fenced:
            yield number, line


def anchors(text):
    """The anchors that a forge makes of headings; one stands twice where two headings are alike."""
    found = []
    for _, line in prose(text):
        heading = re.match(r"#+\s+(.*)", line)
        if heading:
            words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading.group(1)).lower()
            found.append(re.sub(r"[^\w\- ]", "", words).strip().replace(" ", "-"))
    return found


def test_complaint(label, target):
    """What is wrong with a link whose text names a test in `target`, or None."""
    gtest, pytest = GTEST_NAME.match(label), PYTEST_NAME.match(label)
    if gtest and target.suffix == ".cc":
        suite, case = gtest.groups()
        if not re.search(rf"TEST(_F|_P)?\(\s*{suite}\s*,\s*{case}\s*\)", target.read_text(encoding="utf-8")):
            return f"{target.name} has no test {suite}.{case}"
    if pytest and target.suffix == ".py":
        if not re.search(rf"def {pytest.group(1)}\b", target.read_text(encoding="utf-8")):
            return f"{target.name} has no test {pytest.group(1)}"
    return None


def link_complaint(path, label, destination, root):
    if re.match(r"[a-z][a-z0-9+.-]*:", destination):
        return None
    name, _, anchor = destination.partition("#")
    target = (path.parent / name).resolve() if name else path
    if root not in [target, *target.parents]:
        return f"link leads out of the tree: {destination}"
    if not target.exists():
        return f"link to what does not exist: {destination}"
    if anchor and target.suffix == ".md":
        there = anchors(target.read_text(encoding="utf-8")).count(anchor)
        if there != 1:
            return f"{'two headings' if there else 'no heading'} for #{anchor} in {target.name}"
    return test_complaint(label, target)


def complaints(path, root):
    for number, line in prose(path.read_text(encoding="utf-8")):
        for label, destination in LINK.findall(line):
            found = link_complaint(path, label, destination, root)
            if found:
                yield number, found
        for name in CODE_PATH.findall(line):
            if not (root / name).exists():
                yield number, f"names what does not exist: {name}"


def main():
    root = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else tree.ROOT
    bad = 0
    for path in tree.files(root):
        if path.suffix == ".md":
            for number, what in complaints(path, root):
                print(f"{path.relative_to(root)}:{number}: {what}")
                bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
