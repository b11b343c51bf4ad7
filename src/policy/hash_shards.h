// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "policy/pages.h"
#include "policy/siphash.h"

namespace claviger::policy {

// All bits of `word` into all bits of the result (the finalizer of MurmurHash3).
constexpr std::uint64_t mix(std::uint64_t word) noexcept {
  word = (word ^ word >> 33) * 0xff51afd7ed558ccd;
  word = (word ^ word >> 33) * 0xc4ceb9fe1a85ec53;
  return word ^ word >> 33;
}

// Of one chain of snapshots, random: nobody outside can choose names that collide.
struct HashSeed {
  std::uint64_t k0 = 0;
  std::uint64_t k1 = 0;
};
inline std::uint64_t hash_text(const HashSeed& seed, std::string_view text) noexcept {
  return SipHash(seed.k0, seed.k1).finish(text);
}

// A persistent hash table (see Pages): rows in shards of about kRows, which are what is copied when a row changes. A
// look-up reads a byte for each row of one shard and compares the rows whose byte fits, which is one in most cases.
// It grows by splitting one shard at a time (linear hashing; Litwin, 1980), so no insert ever costs a rebuild,
// and does not shrink.
//
// Rows need `std::uint64_t hash_of(const HashSeed&, const Row&)`, well mixed. Rows move when others come or go.
template <class Row, std::size_t kRows = 16>
class HashShards {
 public:
  explicit HashShards(HashSeed seed) : seed_(seed) { shards_.push_back(Shard()); }

  std::size_t size() const noexcept { return size_; }
  const HashSeed& seed() const noexcept { return seed_; }

  // The row for which `is_it(row)` holds, or nullptr.
  template <class IsIt>
  const Row* find(std::uint64_t hash, IsIt is_it) const noexcept {
    const Shard& shard = shards_[shard_of(hash)];
    const std::size_t at = shard.find(tag_of(hash), is_it);
    return at == kNone ? nullptr : &shard.rows[at];
  }

  // The same, for changing it in this table alone. Valid until the table is changed again.
  template <class IsIt>
  Row* edit(std::uint64_t hash, IsIt is_it) {
    if (find(hash, is_it) == nullptr) return nullptr;
    Shard& shard = shards_.edit(shard_of(hash));
    return &shard.rows[shard.find(tag_of(hash), is_it)];
  }

  // Requires: it is not there.
  Row& insert(Row row) {
    if (++size_ > shards_.size() * kRows) split_next();
    const std::uint64_t hash = hash_of(seed_, row);
    return shards_.edit(shard_of(hash)).add(tag_of(hash), std::move(row));
  }

  template <class IsIt>
  bool erase(std::uint64_t hash, IsIt is_it) {
    if (find(hash, is_it) == nullptr) return false;
    Shard& shard = shards_.edit(shard_of(hash));
    shard.remove(shard.find(tag_of(hash), is_it));
    --size_;
    return true;
  }

  // In no order that means anything.
  template <class Visit>
  void for_each(Visit visit) const {
    for (std::size_t i = 0; i < shards_.size(); ++i) {
      for (const Row& row : shards_[i].rows) visit(row);
    }
  }

 private:
  static constexpr std::size_t kNone = SIZE_MAX;

  struct Shard {
    std::vector<std::uint8_t> tags;  // one for each row
    std::vector<Row> rows;

    template <class IsIt>
    std::size_t find(std::uint8_t tag, IsIt is_it) const noexcept {
      for (std::size_t at = 0; at < tags.size(); ++at) {
        const void* hit = std::memchr(tags.data() + at, tag, tags.size() - at);
        if (hit == nullptr) return kNone;
        at = static_cast<std::size_t>(static_cast<const std::uint8_t*>(hit) - tags.data());
        if (is_it(rows[at])) return at;
      }
      return kNone;
    }

    Row& add(std::uint8_t tag, Row row) {
      if (rows.size() ==
          rows.capacity()) {  // little by little: doubling would leave a third of a table empty
        rows.reserve(rows.size() + 2);
        tags.reserve(rows.capacity());
      }
      tags.push_back(tag);
      rows.push_back(std::move(row));
      return rows.back();
    }

    void remove(std::size_t at) {
      if (at + 1 != rows.size()) {
        rows[at] = std::move(rows.back());
        tags[at] = tags.back();
      }
      rows.pop_back();
      tags.pop_back();
    }
  };

  static std::uint8_t tag_of(std::uint64_t hash) noexcept { return static_cast<std::uint8_t>(hash >> 56); }

  // The low bits of the hash, one fewer for shards that have not been split yet.
  std::size_t shard_of(std::uint64_t hash) const noexcept {
    const std::size_t mask = std::bit_ceil(shards_.size()) - 1;
    const std::size_t shard = hash & mask;
    return shard < shards_.size() ? shard : shard & (mask >> 1);
  }

  void split_next() {
    const std::size_t added = shards_.size();
    const std::size_t half = std::bit_floor(added);
    Shard& old = shards_.edit(added - half);
    Shard stays;
    Shard goes;
    for (std::size_t i = 0; i < old.rows.size(); ++i) {
      const std::uint64_t hash = hash_of(seed_, old.rows[i]);
      ((hash & (2 * half - 1)) == added ? goes : stays).add(old.tags[i], std::move(old.rows[i]));
    }
    old = std::move(stays);
    shards_.push_back(std::move(goes));
  }

  HashSeed seed_;
  Pages<Shard> shards_;
  std::size_t size_ = 0;
};

}  // namespace claviger::policy
