#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests of count_tests.py, on reports in the shapes that ctest, GoogleTest and pytest give them."""

import tempfile
import unittest
from pathlib import Path

import count_tests

GTEST = """<testsuites tests="3"><testsuite name="Vault">
<testcase name="Opens" status="run" classname="Vault"/>
<testcase name="Closes" status="run" classname="Vault">{closes}</testcase>
<testcase name="DISABLED_Melts" status="notrun" classname="Vault"/>
</testsuite></testsuites>"""


class CountTests(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def ctest(self, **statuses):
        entries = "".join(
            f'<testcase name="{name}" status="{status}">{"<failure/>" if status == "fail" else ""}</testcase>'
            for name, status in statuses.items()
        )
        self.write("ctest.xml", f"<testsuite>{entries}</testsuite>")

    def assert_count(self, passed, failed):
        count = count_tests.count_all(self.folder)
        self.assertEqual((passed, failed), (count.passed, count.failed))

    def test_counts_cases_of_a_unit_test_binary_not_the_binary(self):
        self.ctest(vault="run")
        self.write("unit/vault_test.xml", GTEST.format(closes=""))
        self.assert_count(2, [])

    def test_names_a_failed_case_once(self):
        self.ctest(vault="fail")
        self.write("unit/vault_test.xml", GTEST.format(closes="<failure/>"))
        self.assert_count(1, ["Vault.Closes"])

    def test_a_binary_that_crashed_counts_as_failed(self):
        self.ctest(vault="fail", http="fail")
        self.write("unit/vault_test.xml", GTEST.format(closes=""))
        self.write("unit/http_test.xml", "<testsuites><cut")
        self.assert_count(2, ["vault (ended badly)", "http (ended badly)"])

    def test_a_test_without_cases_counts_as_one(self):
        self.ctest(fuzz_path="run", fuzz_head="fail")
        self.assert_count(1, ["fuzz_head (ended badly)"])

    def test_counts_pytest(self):
        self.write("e2e.xml", '<testsuite><testcase classname="a" name="x"/><testcase classname="a" name="y"><failure/></testcase>'
                              '<testcase classname="a" name="z"><skipped/></testcase></testsuite>')
        self.write("e2e.failed", "")
        self.assert_count(1, ["a::y"])

    def test_a_pytest_that_ended_badly_counts_as_failed(self):
        self.write("e2e.failed", "")
        self.assert_count(0, ["e2e (ended badly)"])

    def test_counts_checks(self):
        self.write("checks.txt", "passed layers\nfailed build (dev)\n")
        self.assert_count(1, ["build (dev)"])


if __name__ == "__main__":
    unittest.main()
