#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sums up a test run from the reports it left: prints what failed, then "N passed, N failed".

In the folder given: unit/*.xml (GoogleTest, one for each binary), ctest.xml (JUnit of ctest), other *.xml
(JUnit of pytest), *.failed (a pytest run that ended badly) and checks.txt ("passed NAME", "failed NAME").
Skipped cases are named, and count as neither. Exits 1 when anything failed, or nothing passed.
"""

import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path


class Count:
    def __init__(self):
        self.passed = 0
        self.failed = []
        self.skipped = []

    def add_case(self, case, name):
        if case.find("failure") is not None or case.find("error") is not None:
            self.failed.append(name)
        elif case.find("skipped") is not None or case.get("status") in ("notrun", "disabled"):
            self.skipped.append(name)
        else:
            self.passed += 1


def cases_of(path):
    """The test cases in a report; nothing when it cannot be read, as of a process that died writing it."""
    try:
        return list(ElementTree.parse(path).iter("testcase"))
    except (OSError, ElementTree.ParseError):
        return []


def count_unit_tests(folder, count):
    """ctest knows binaries, GoogleTest knows cases. A binary that failed and reported no failed case counts as one."""
    for entry in cases_of(folder / "ctest.xml"):
        binary = entry.get("name")
        cases = cases_of(folder / "unit" / f"{binary}_test.xml")
        failed_before = len(count.failed)
        for case in cases:
            count.add_case(case, f"{case.get('classname')}.{case.get('name')}")
        if entry.get("status") == "fail" and len(count.failed) == failed_before:
            count.failed.append(f"{binary} (ended badly)")
        elif not cases:
            count.add_case(entry, binary)


def count_pytest(folder, count):
    for path in sorted(folder.glob("*.xml")):
        if path.name == "ctest.xml":
            continue
        for case in cases_of(path):
            count.add_case(case, f"{case.get('classname')}::{case.get('name')}")
    for path in sorted(folder.glob("*.failed")):
        named = [case for case in cases_of(path.with_suffix(".xml")) if case.find("failure") is not None or case.find("error") is not None]
        if not named:
            count.failed.append(f"{path.stem} (ended badly)")


def count_checks(folder, count):
    path = folder / "checks.txt"
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        verdict, _, name = line.partition(" ")
        if verdict == "passed":
            count.passed += 1
        else:
            count.failed.append(name)


def count_all(folder):
    count = Count()
    count_unit_tests(folder, count)
    count_pytest(folder, count)
    count_checks(folder, count)
    return count


def main():
    count = count_all(Path(sys.argv[1]))
    for name in count.skipped:
        print(f"skipped: {name}")
    for name in count.failed:
        print(f"FAILED: {name}")
    print(f"{count.passed} passed, {len(count.failed)} failed")
    return 1 if count.failed or not count.passed else 0


if __name__ == "__main__":
    sys.exit(main())
