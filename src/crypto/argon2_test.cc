// SPDX-License-Identifier: Apache-2.0
#include "crypto/argon2.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "base/parse.h"

namespace claviger::crypto {
namespace {

std::string derive(std::string_view password, std::string_view salt, const Argon2Cost& cost) {
  std::array<std::byte, 32> out{};
  const auto done = argon2id(password, std::as_bytes(std::span(salt)), cost, out);
  return done.has_value() ? base::format_hex(out) : std::string(done.error().what());
}

// Of the library's own test suite (phc-winner-argon2, test.c), which version 0x13 gives; RFC 9106's has a secret and
// associated data, which nobody here uses.
TEST(Argon2Test, GivesThePublishedKeys) {
  EXPECT_EQ(derive("password", "somesalt", {.memory_kib = 65536, .passes = 2, .lanes = 1}),
            "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7");
  EXPECT_EQ(derive("password", "somesalt", {.memory_kib = 256, .passes = 2, .lanes = 1}),
            "9dfeb910e80bad0311fee20f9c0e2b12c17987b4cac90c2ef54d5b3021c68bfe");
  EXPECT_EQ(derive("password", "somesalt", {.memory_kib = 256, .passes = 2, .lanes = 2}),
            "6d093c501fd5999645e0ea3bf620d7b8be7fd2db59c20d9fff9539da2bf57037");
  EXPECT_EQ(derive("differentpassword", "somesalt", {.memory_kib = 65536, .passes = 2, .lanes = 1}),
            "0b84d652cf6b0c4beaef0dfe278ba6a80df6696281d7e0d2891b817d8c458fde");
  EXPECT_EQ(derive("password", "diffsalt", {.memory_kib = 65536, .passes = 2, .lanes = 1}),
            "bdf32b05ccc42eb15d58fd19b1f856b113da1e9a5874fdcc544308565aa8141c");
}

TEST(Argon2Test, IsAnotherKeyForAnotherCost) {
  const Argon2Cost cheap{.memory_kib = 64, .passes = 1, .lanes = 4};
  const std::string key = derive("fake-passphrase", "fake-salt-fake", cheap);
  EXPECT_EQ(derive("fake-passphrase", "fake-salt-fake", cheap), key);
  EXPECT_NE(derive("fake-passphrase", "fake-salt-fake", {.memory_kib = 128, .passes = 1, .lanes = 4}), key);
  EXPECT_NE(derive("fake-passphrase", "fake-salt-fake", {.memory_kib = 64, .passes = 2, .lanes = 4}), key);
  EXPECT_NE(derive("fake-passphrase", "fake-salt-fake", {.memory_kib = 64, .passes = 1, .lanes = 2}), key);
}

}  // namespace
}  // namespace claviger::crypto
