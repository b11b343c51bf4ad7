// SPDX-License-Identifier: Apache-2.0
#include "audit/proof.h"

#include <gtest/gtest.h>

#include <fmt/format.h>

#include "audit/testing/test_signer.h"
#include "base/parse.h"

namespace claviger::audit {
namespace {

using crypto::Sha256Digest;

// The tree as RFC 6962 section 2.1 defines it, word for word.
Sha256Digest tree_hash(const std::vector<Sha256Digest>& leaves, Span span) {
  const std::uint64_t count = span.end - span.begin;
  if (count == 1) return leaves[span.begin];
  std::uint64_t half = 1;
  while (half * 2 < count) half *= 2;
  return crypto::merkle_node(tree_hash(leaves, {span.begin, span.begin + half}),
                             tree_hash(leaves, {span.begin + half, span.end}));
}

std::string line_of(std::uint64_t event) { return fmt::format(R"({{"n":{}}})", event); }

std::vector<Sha256Digest> leaves_of(std::uint64_t size) {
  std::vector<Sha256Digest> leaves;
  for (std::uint64_t i = 0; i < size; ++i) leaves.push_back(crypto::merkle_leaf(line_of(i)));
  return leaves;
}

constexpr std::uint64_t kMost = 40;
const std::vector<Sha256Digest> kAll = leaves_of(kMost);

Checkpoint checkpoint_of(std::uint64_t size) { return {size, tree_hash(kAll, {0, size})}; }

std::vector<Sha256Digest> hashes_of(const std::vector<Span>& spans) {
  std::vector<Sha256Digest> hashes;
  for (const Span& span : spans) hashes.push_back(tree_hash(kAll, span));
  return hashes;
}

std::string hex(const Sha256Digest& hash) { return base::format_hex(hash); }

// The trees and proofs that implementations of Certificate Transparency are tested with.
const std::vector<std::string> kVectors = {
    std::string(),
    std::string(1, '\0'),
    "\x10",
    "\x20\x21",
    "\x30\x31",
    "\x40\x41\x42\x43",
    "\x50\x51\x52\x53\x54\x55\x56\x57",
    "\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f"};

std::vector<std::string> vector_hashes(const std::vector<Span>& spans) {
  std::vector<Sha256Digest> leaves;
  for (const std::string& line : kVectors) leaves.push_back(crypto::merkle_leaf(line));
  std::vector<std::string> hashes;
  for (const Span& span : spans) hashes.push_back(hex(tree_hash(leaves, span)));
  return hashes;
}

TEST(Proof, HasTheHashesOfTheCertificateTransparencyVectors) {
  EXPECT_EQ(vector_hashes(inclusion_spans(0, 8)),
            (std::vector<std::string>{"96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                                      "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                                      "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"}));
  EXPECT_EQ(vector_hashes(inclusion_spans(5, 8)),
            (std::vector<std::string>{"bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                                      "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                                      "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"}));
  EXPECT_EQ(vector_hashes(consistency_spans(6, 8)),
            (std::vector<std::string>{"0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                                      "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                                      "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"}));
  EXPECT_EQ(vector_hashes(consistency_spans(2, 5)),
            (std::vector<std::string>{"5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                                      "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"}));
  EXPECT_TRUE(inclusion_spans(0, 1).empty());
  EXPECT_TRUE(consistency_spans(8, 8).empty());
}

TEST(InclusionProof, OfEveryEventInEveryTreeHoldsAndNoOtherEventDoes) {
  for (std::uint64_t size = 1; size <= kMost; ++size)
    for (std::uint64_t event = 0; event < size; ++event) {
      InclusionProof proof{event, hashes_of(inclusion_spans(event, size)), "x"};
      ASSERT_TRUE(check_inclusion(proof, line_of(event), checkpoint_of(size)).has_value())
          << size << ' ' << event;
      EXPECT_FALSE(check_inclusion(proof, line_of(event + 1), checkpoint_of(size)).has_value());
      proof.event = (event + 1) % size;
      if (size > 1) EXPECT_FALSE(check_inclusion(proof, line_of(event), checkpoint_of(size)).has_value());
      proof.event = event;
      for (Sha256Digest& hash : proof.hashes) {
        hash[7] ^= std::byte{1};
        EXPECT_FALSE(check_inclusion(proof, line_of(event), checkpoint_of(size)).has_value());
        hash[7] ^= std::byte{1};
      }
      proof.hashes.emplace_back();
      EXPECT_FALSE(check_inclusion(proof, line_of(event), checkpoint_of(size)).has_value());
    }
}

TEST(InclusionProof, IsOfASizeThatNoNumberCanBreak) {
  for (const std::uint64_t size : {UINT64_MAX, UINT64_MAX - 1, std::uint64_t{1} << 63})
    for (const std::uint64_t event : {std::uint64_t{0}, size / 2, size - 1}) {
      const auto spans = inclusion_spans(event, size);
      EXPECT_LE(spans.size(), 64U);
      EXPECT_FALSE(check_inclusion({event, std::vector<Sha256Digest>(spans.size()), "x"}, "{}", {size, {}}));
      EXPECT_FALSE(check_inclusion({event, {}, "x"}, "{}", {size, {}}));
    }
  EXPECT_FALSE(check_inclusion({5, {}, "x"}, "{}", {5, {}}));
}

TEST(ConsistencyProof, BetweenAnyTwoSizesHoldsAndNoChangedOneDoes) {
  for (std::uint64_t size = 1; size <= kMost; ++size)
    for (std::uint64_t since = 1; since <= size; ++since) {
      ConsistencyProof proof{since, hashes_of(consistency_spans(since, size)), "x"};
      const Checkpoint old = checkpoint_of(since);
      const Checkpoint now = checkpoint_of(size);
      ASSERT_TRUE(check_consistency(proof, old, now).has_value()) << since << ' ' << size;
      Checkpoint other = old;
      other.root[0] ^= std::byte{1};
      EXPECT_FALSE(check_consistency(proof, other, now).has_value());
      other = now;
      other.root[0] ^= std::byte{1};
      EXPECT_FALSE(check_consistency(proof, old, other).has_value());
      for (Sha256Digest& hash : proof.hashes) {
        hash[7] ^= std::byte{1};
        EXPECT_FALSE(check_consistency(proof, old, now).has_value());
        hash[7] ^= std::byte{1};
      }
      proof.hashes.emplace_back();
      EXPECT_FALSE(check_consistency(proof, old, now).has_value());
    }
  EXPECT_TRUE(check_consistency({0, {}, "x"}, {}, checkpoint_of(3)).has_value());
  EXPECT_FALSE(check_consistency({5, {}, "x"}, checkpoint_of(5), checkpoint_of(4)).has_value());
  EXPECT_FALSE(check_consistency({4, {}, "x"}, checkpoint_of(5), checkpoint_of(5)).has_value());
}

Result<Sha256Digest> root_of_range(const RangeProof& proof, std::uint64_t size, std::uint64_t shift = 0) {
  RangeCheck check = CLV_TRY(RangeCheck::begin(proof, size));
  for (std::uint64_t i = proof.events.begin; i < proof.events.end; ++i)
    check.append(kAll[(i + shift) % kMost]);
  return check.root();
}

TEST(RangeProof, OfEveryRangeOfEveryTreeHoldsAndNoOtherDoes) {
  for (std::uint64_t size = 1; size <= 20; ++size)
    for (std::uint64_t begin = 0; begin < size; ++begin)
      for (std::uint64_t end = begin + 1; end <= size; ++end) {
        RangeProof proof{{begin, end}, hashes_of(range_spans({begin, end}, size)), "x"};
        const Sha256Digest root = checkpoint_of(size).root;
        const auto found = root_of_range(proof, size);
        ASSERT_TRUE(found.has_value()) << begin << ' ' << end << ' ' << size;
        EXPECT_EQ(*found, root) << begin << ' ' << end << ' ' << size;
        EXPECT_NE(*root_of_range(proof, size, 1), root);
        for (Sha256Digest& hash : proof.hashes) {
          hash[3] ^= std::byte{1};
          EXPECT_NE(*root_of_range(proof, size), root);
          hash[3] ^= std::byte{1};
        }
        proof.hashes.emplace_back();
        EXPECT_FALSE(root_of_range(proof, size).has_value());
      }
}

TEST(RangeProof, RefusesRangesThatAreNone) {
  EXPECT_FALSE(RangeCheck::begin({{3, 3}, {}, "x"}, 4).has_value());
  EXPECT_FALSE(RangeCheck::begin({{4, 3}, {}, "x"}, 4).has_value());
  EXPECT_FALSE(RangeCheck::begin({{3, 5}, {}, "x"}, 4).has_value());
  EXPECT_FALSE(RangeCheck::begin({{0, UINT64_MAX}, {Sha256Digest{}}, "x"}, UINT64_MAX).has_value());
}

const std::string kNote = "claviger/test\n8\nAAAA\n\n\xe2\x80\x94 claviger/test AAAA\n";

TEST(ProofText, IsReadBack) {
  const std::string inclusion = format_proof(InclusionProof{5, {Sha256Digest{}}, kNote});
  EXPECT_EQ(inclusion,
            "c2sp.org/tlog-proof@v1\nindex 5\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n" + kNote);
  EXPECT_EQ(format_proof(*parse_inclusion_proof(inclusion)), inclusion);
  const std::string consistency = format_proof(ConsistencyProof{7, {}, kNote});
  EXPECT_EQ(consistency, "claviger audit consistency v1\nsince 7\n\n" + kNote);
  EXPECT_EQ(format_proof(*parse_consistency_proof(consistency)), consistency);
  const std::string range = format_proof(RangeProof{{3, 9}, {Sha256Digest{}, Sha256Digest{}}, kNote});
  EXPECT_TRUE(range.starts_with("claviger audit range v1\nfirst 3\nend 9\nAAAA"));
  EXPECT_EQ(format_proof(*parse_range_proof(range)), range);
  EXPECT_EQ(kind_of_proof(inclusion), ProofKind::kInclusion);
  EXPECT_EQ(kind_of_proof(consistency), ProofKind::kConsistency);
  EXPECT_EQ(kind_of_proof(range), ProofKind::kRange);
  EXPECT_EQ(kind_of_proof(kNote), ProofKind::kNone);
}

TEST(ProofText, OfOthersMayHaveExtraData) {
  const auto proof = parse_inclusion_proof("c2sp.org/tlog-proof@v1\nextra YQ==\nindex 0\n\n" + kNote);
  ASSERT_TRUE(proof.has_value()) << proof.error().what();
  EXPECT_EQ(proof->checkpoint, kNote);
}

TEST(ProofText, RefusesEveryOtherText) {
  const std::string hash = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
  const std::string title = "c2sp.org/tlog-proof@v1\n";
  std::string many;
  for (int i = 0; i < 129; ++i) many += hash;
  for (const std::string& bad :
       {std::string(), title, title + "index 5\n", title + "index 5\n\n", title + "index 05\n\n" + kNote,
        title + "index  5\n\n" + kNote, title + "index -5\n\n" + kNote, title + "index 5 \n\n" + kNote,
        title + "index 18446744073709551616\n\n" + kNote, title + "index5\n\n" + kNote,
        title + "5\n\n" + kNote, title + "index 5\n" + hash.substr(1) + "\n" + kNote,
        title + "index 5\n" + many + "\n" + kNote, title + "index 5\nAAAA\n\n" + kNote,
        title + "index 5\r\n\n" + kNote, title + "extra !\nindex 5\n\n" + kNote,
        "c2sp.org/tlog-proof@v2\nindex 5\n\n" + kNote, title + "index 5\n\n" + std::string(20'000, 'x'),
        "claviger audit consistency v1\nindex 5\n\n" + kNote})
    EXPECT_FALSE(parse_inclusion_proof(bad).has_value()) << bad;
  EXPECT_FALSE(parse_consistency_proof(title + "index 5\n\n" + kNote).has_value());
  EXPECT_FALSE(parse_range_proof("claviger audit range v1\nfirst 3\n\n" + kNote).has_value());
}

}  // namespace
}  // namespace claviger::audit
