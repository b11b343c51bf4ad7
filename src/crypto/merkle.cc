// SPDX-License-Identifier: Apache-2.0
// OpenSSL 3.0's EVP allocates for each digest and takes 0.1 us longer for it (0.54 against 0.44 us for a leaf of
// 400 bytes, 0.27 against 0.16 for a node). Here that is paid twice for every call that is relayed, and what is hashed is
// no secret: so the functions of before 3.0, which are still there and work on the stack.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "crypto/merkle.h"

#include <openssl/sha.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/check.h"

namespace claviger::crypto {
namespace {

constexpr unsigned char kLeaf = 0;
constexpr unsigned char kNode = 1;

Sha256Digest finish(SHA256_CTX& context) noexcept {
  Sha256Digest digest;
  ::SHA256_Final(reinterpret_cast<unsigned char*>(digest.data()), &context);
  return digest;
}

}  // namespace

Sha256Digest merkle_leaf(std::string_view data) noexcept {
  SHA256_CTX context;
  ::SHA256_Init(&context);
  ::SHA256_Update(&context, &kLeaf, 1);
  ::SHA256_Update(&context, data.data(), data.size());
  return finish(context);
}

Sha256Digest merkle_node(const Sha256Digest& left, const Sha256Digest& right) noexcept {
  std::array<unsigned char, 1 + 2 * sizeof(Sha256Digest)> data;
  data[0] = kNode;
  std::memcpy(&data[1], left.data(), left.size());
  std::memcpy(&data[1 + left.size()], right.data(), right.size());
  SHA256_CTX context;
  ::SHA256_Init(&context);
  ::SHA256_Update(&context, data.data(), data.size());
  return finish(context);
}

Result<MerkleTree> MerkleTree::from_frontier(std::uint64_t size, std::span<const Sha256Digest> frontier) {
  if (frontier.size() != static_cast<std::size_t>(std::popcount(size)))
    return Error(Code::kInvalid, Blame::kOperator,
                 "a Merkle tree has one subtree for each bit set in its size");
  MerkleTree tree;
  tree.size_ = size;
  std::size_t next = 0;
  for (std::size_t level = 64; level-- > 0;)
    if (size >> level & 1) tree.subtrees_[level] = frontier[next++];
  return tree;
}

void MerkleTree::append(const Sha256Digest& leaf) noexcept {
  Sha256Digest hash = leaf;
  std::size_t level = 0;
  for (; size_ >> level & 1; ++level) hash = merkle_node(subtrees_[level], hash);
  subtrees_[level] = hash;
  ++size_;
}

Sha256Digest MerkleTree::root() const noexcept {
  if (size_ == 0) {
    SHA256_CTX context;
    ::SHA256_Init(&context);
    return finish(context);
  }
  auto level = static_cast<std::size_t>(std::countr_zero(size_));
  Sha256Digest hash = subtrees_[level];
  while (++level < 64)
    if (size_ >> level & 1) hash = merkle_node(subtrees_[level], hash);
  return hash;
}

std::size_t MerkleTree::frontier(std::span<Sha256Digest, 64> out) const noexcept {
  std::size_t count = 0;
  for (std::size_t level = 64; level-- > 0;)
    if (size_ >> level & 1) out[count++] = subtrees_[level];
  return count;
}

}  // namespace claviger::crypto
