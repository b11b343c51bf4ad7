// SPDX-License-Identifier: Apache-2.0
#include "crypto/merkle.h"

#include <gtest/gtest.h>

#include <bit>
#include <string>
#include <vector>

#include "base/parse.h"

namespace claviger::crypto {
namespace {

std::string hex(const Sha256Digest& digest) { return base::format_hex(digest); }

// RFC 6962 section 2.1, word for word.
Sha256Digest naive_root(std::span<const std::string> leaves) {
  if (leaves.empty()) return Sha256().digest(std::string_view());
  if (leaves.size() == 1) return Sha256().digest(std::string(1, '\0') + leaves[0]);
  const std::size_t split = std::bit_floor(leaves.size() - 1);
  const Sha256Digest left = naive_root(leaves.first(split));
  const Sha256Digest right = naive_root(leaves.subspan(split));
  std::string text(1, '\1');
  for (const auto& half : {left, right}) text.append(reinterpret_cast<const char*>(half.data()), half.size());
  return Sha256().digest(text);
}

TEST(MerkleTree, HasTheRootsOfTheCertificateTransparencyVectors) {
  const std::string leaves[] = {"",
                                std::string(1, '\0'),
                                "\x10",
                                "\x20\x21",
                                "\x30\x31",
                                "\x40\x41\x42\x43",
                                "\x50\x51\x52\x53\x54\x55\x56\x57",
                                "\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f"};
  const char* const roots[] = {"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                               "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                               "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
                               "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
                               "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
                               "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
                               "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
                               "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
                               "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};
  MerkleTree tree;
  EXPECT_EQ(hex(tree.root()), roots[0]);
  for (std::size_t i = 0; i < std::size(leaves); ++i) {
    tree.append(merkle_leaf(leaves[i]));
    EXPECT_EQ(hex(tree.root()), roots[i + 1]) << i + 1;
    EXPECT_EQ(tree.size(), i + 1);
  }
}

TEST(MerkleTree, AgreesWithThePlainReadingAndGoesOnFromItsFrontierAtEverySize) {
  std::vector<std::string> leaves;
  MerkleTree tree;
  for (std::size_t i = 0; i < 260; ++i) {
    leaves.push_back(std::to_string(i));
    std::array<Sha256Digest, 64> frontier;
    const std::size_t count = tree.frontier(frontier);
    auto resumed = MerkleTree::from_frontier(tree.size(), std::span(frontier).first(count));
    ASSERT_TRUE(resumed.has_value());
    resumed->append(merkle_leaf(leaves.back()));
    tree.append(merkle_leaf(leaves.back()));
    const auto expected = naive_root(leaves);
    ASSERT_EQ(tree.root(), expected) << i;
    ASSERT_EQ(resumed->root(), expected) << i;
  }
}

TEST(MerkleTree, RefusesAFrontierThatDoesNotFitItsSize) {
  const std::vector<Sha256Digest> two(2);
  EXPECT_FALSE(MerkleTree::from_frontier(1, two).has_value());
  EXPECT_FALSE(MerkleTree::from_frontier(7, two).has_value());
  EXPECT_FALSE(MerkleTree::from_frontier(0, two).has_value());
  EXPECT_TRUE(MerkleTree::from_frontier(std::uint64_t{1} << 63 | 1, two).has_value());
}

TEST(MerkleTree, TellsALeafFromANodeOfTheSameBytes) {
  const auto left = merkle_leaf("a"), right = merkle_leaf("b");
  std::string bytes(reinterpret_cast<const char*>(left.data()), left.size());
  bytes.append(reinterpret_cast<const char*>(right.data()), right.size());
  EXPECT_NE(merkle_leaf(bytes), merkle_node(left, right));
  EXPECT_NE(merkle_node(left, right), merkle_node(right, left));
}

}  // namespace
}  // namespace claviger::crypto
