#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests of check_secrets.py. The samples are put together at run time, so that this file holds none."""

import string
import unittest

import check_secrets

ALNUM = string.ascii_letters + string.digits
SAMPLES = {
    "Claviger API key": "clv_7f3k9x2m_" + ALNUM[:49],
    "OpenAI or Anthropic key": "sk-" + ALNUM[:40],
    "GitHub token": "ghp_" + ALNUM[:36],
    "GitLab token": "glpat-" + ALNUM[:20],
    "AWS access key id": "AKIA" + string.ascii_uppercase[5:21],
    "Google API key": "AIza" + ALNUM[:35],
    "Slack token": "xoxb-" + ALNUM[:24],
    "Stripe key": "sk_live_" + ALNUM[:24],
    "npm token": "npm_" + ALNUM[:36],
    "JSON Web Token": "eyJ" + ALNUM[:20] + ".eyJ" + ALNUM[:20] + "." + ALNUM[:43],
    "PEM private key": "-----BEGIN " + "PRIVATE KEY-----\n" + ALNUM,
    "password in a URL": "postgres" + "://user:" + "hunter2hunter3" + "@db/claviger",
    "value assigned to a secret's name": "password" + ' = "' + ALNUM[:24] + '"',
}


class CheckSecrets(unittest.TestCase):
    def names(self, text):
        return [name for _, name in check_secrets.findings(text)]

    def test_every_shape_has_a_sample_and_is_found(self):
        self.assertEqual(set(check_secrets.SHAPES), set(SAMPLES))
        for name, sample in SAMPLES.items():
            with self.subTest(name):
                self.assertIn(name, self.names(f"first line\nkey: {sample}\n"))

    def test_says_the_line(self):
        self.assertEqual([3], [line for line, _ in check_secrets.findings("\n\n" + SAMPLES["GitHub token"])])

    def test_lets_marked_fakes_pass(self):
        for sample in SAMPLES.values():
            self.assertEqual([], self.names(f"{sample}  # a fake\n"))
            self.assertEqual([], self.names(f"// Not-a-real key: {sample}\n"))

    def test_a_mark_on_another_line_does_not_count(self):
        self.assertEqual(1, len(self.names("a fake\n" + SAMPLES["GitHub token"])))

    def test_lets_placeholders_pass(self):
        self.assertEqual([], self.names("sk-" + "x" * 40))
        self.assertEqual([], self.names("clv_<id>_<secret><checksum>"))


if __name__ == "__main__":
    unittest.main()
