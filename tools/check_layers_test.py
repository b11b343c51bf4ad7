#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests of check_layers.py: python3 tools/check_layers_test.py"""

import tempfile
import unittest
from pathlib import Path

import check_layers

LISTING = """
# claviger_module(ghost USES nothing): a comment is no declaration
claviger_module(base PUBLIC_LIBS fmt::fmt)
claviger_module(crypto USES base PRIVATE_LIBS OpenSSL::Crypto)
claviger_module(net USES base PRIVATE_LIBS OpenSSL::SSL)
claviger_module(http
                USES net)
claviger_module(server USES http crypto PRIVATE_LIBS yaml-cpp)
"""


class CheckLayers(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.source = Path(folder.name)
        self.write("CMakeLists.txt", LISTING)

    def write(self, name, text):
        path = self.source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def complaints(self, name, *includes):
        self.write(name, "".join(f"#include {include}\n" for include in includes))
        return check_layers.check_tree(self.source)

    def test_lets_a_module_include_itself_and_what_it_uses(self):
        self.assertEqual([], self.complaints("http/a.cc", '"http/a.h"', '"net/b.h"', "<vector>"))

    def test_lets_a_module_include_what_its_modules_use(self):
        self.assertEqual([], self.complaints("http/a.cc", '"base/result.h"'))

    def test_names_file_line_and_what_is_allowed(self):
        found = self.complaints("base/a.h", '"base/b.h"', '"net/c.h"')
        self.assertEqual([f'{self.source}/base/a.h:2: "net/c.h" in module base; allowed: base'], found)

    def test_refuses_a_module_beside(self):
        self.assertEqual(1, len(self.complaints("http/a.cc", '"crypto/hash.h"')))

    def test_refuses_includes_that_name_no_module(self):
        self.assertIn("is not written as", self.complaints("base/a.cc", '"b.h"')[0])
        self.assertIn("is not written as", self.complaints("base/a.cc", '"../net/b.h"')[0])

    def test_sees_includes_in_any_spelling(self):
        self.write("base/a.cc", ' # include "net/b.h"\n')
        self.assertEqual(1, len(check_layers.check_tree(self.source)))

    def test_lets_tests_include_testing_of_modules_they_may_use(self):
        self.assertEqual([], self.complaints("http/a_test.cc", '"http/testing/x.h"', '"net/testing/y.h"'))
        self.assertEqual([], self.complaints("http/testing/z.cc", '"net/testing/y.h"'))

    def test_refuses_testing_of_other_modules_to_tests(self):
        self.assertEqual(1, len(self.complaints("http/a_test.cc", '"crypto/testing/x.h"')))

    def test_refuses_testing_to_production_code(self):
        self.assertIn("in production code", self.complaints("http/a.cc", '"net/testing/y.h"')[0])

    def test_keeps_libcrypto_in_crypto_and_libssl_in_net(self):
        self.assertEqual([], self.complaints("crypto/a.cc", "<openssl/hmac.h>", "<openssl/evp.h>", "<openssl/err.h>"))
        self.assertEqual([], self.complaints("net/a.cc", "<openssl/ssl.h>", "<openssl/evp.h>", "<openssl/x509v3.h>"))
        self.assertIn("only in crypto", self.complaints("net/b.cc", "<openssl/hmac.h>")[0])
        self.write("net/b.cc", "")
        self.assertIn("only in net", self.complaints("crypto/b.cc", "<openssl/ssl.h>")[0])
        self.write("crypto/b.cc", "")
        self.assertIn("only in crypto", self.complaints("server/b.cc", "<openssl/rand.h>")[0])

    def test_keeps_every_other_library_where_it_belongs(self):
        for header in ("<sys/epoll.h>", "<ares.h>", "<CLI/CLI.hpp>", "<spdlog/spdlog.h>", '"yaml-cpp/yaml.h"'):
            with self.subTest(header):
                self.assertEqual(1, len(self.complaints("base/a.cc", header)))
        self.assertEqual([], self.complaints("base/a.cc") + self.complaints("server/a.cc", "<yaml-cpp/yaml.h>"))

    def test_names_a_circle(self):
        self.write("CMakeLists.txt", "claviger_module(a USES b)\nclaviger_module(b USES c)\nclaviger_module(c USES a)")
        self.assertIn("a -> b -> c -> a", check_layers.check_tree(self.source)[0])

    def test_refuses_modules_that_nobody_declared(self):
        self.assertIn("not declared", self.declared("claviger_module(a USES b)"))
        self.assertIn("twice", self.declared("claviger_module(a)\nclaviger_module(a)"))

    def declared(self, text):
        self.write("CMakeLists.txt", text)
        return check_layers.check_tree(self.source)[0]

    def test_refuses_sources_outside_any_module(self):
        self.assertIn("belongs to no module", self.complaints("stray/a.cc")[0])


if __name__ == "__main__":
    unittest.main()
