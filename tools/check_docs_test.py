#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests of check_docs.py."""

import tempfile
import unittest
from pathlib import Path

import check_docs


class CheckDocs(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name).resolve()
        (self.root / "src").mkdir()
        (self.root / "src/a_test.cc").write_text("TEST(Vault, Opens) {}\nTEST_F(Vault,\n       Closes) {}\n")
        (self.root / "test_a.py").write_text("def test_relays(gateway):\n    pass\n")
        (self.root / "other.md").write_text("# What it is: `x`\n")

    def complaints(self, text):
        page = self.root / "page.md"
        page.write_text(text)
        return [what for _, what in check_docs.complaints(page, self.root)]

    def test_lets_links_pass_that_lead_somewhere(self):
        self.assertEqual([], self.complaints("[a](other.md) [b](src/a_test.cc) [c](https://example.com/x) [d](#h)\n# h"))

    def test_names_a_link_that_leads_nowhere(self):
        self.assertEqual(["link to what does not exist: gone.md"], self.complaints("[a](gone.md)"))

    def test_names_a_link_out_of_the_tree(self):
        self.assertIn("out of the tree", self.complaints("[a](../../etc/passwd)")[0])

    def test_checks_anchors(self):
        self.assertEqual([], self.complaints("[a](other.md#what-it-is-x)"))
        self.assertIn("no heading", self.complaints("[a](other.md#elsewhere)")[0])

    def test_names_a_link_that_leads_to_the_first_of_two_headings(self):
        self.assertEqual(["two headings for #h in page.md"], self.complaints("[a](#h)\n# h\n## h"))
        self.assertEqual([], self.complaints("# h\n## h"))

    def test_checks_that_a_named_test_is_there(self):
        self.assertEqual([], self.complaints("[Vault.Opens](src/a_test.cc) [`Vault.Closes`](src/a_test.cc)"))
        self.assertIn("no test Vault.Melts", self.complaints("[Vault.Melts](src/a_test.cc)")[0])
        self.assertEqual([], self.complaints("[test_relays](test_a.py)"))
        self.assertIn("no test test_melts", self.complaints("[test_melts](test_a.py)")[0])

    def test_checks_paths_in_backticks(self):
        self.assertEqual([], self.complaints("`src/a_test.cc` and `other/thing`"))
        self.assertIn("src/gone.cc", self.complaints("`src/gone.cc`")[0])

    def test_leaves_code_alone(self):
        self.assertEqual([], self.complaints("```\n[a](gone.md)\n```\n"))


if __name__ == "__main__":
    unittest.main()
