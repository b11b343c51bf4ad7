// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "audit/note.h"
#include "audit/signer.h"
#include "crypto/merkle.h"

namespace claviger::audit::testing {

// A log as docs/formats/audit.md describes it, made in memory and without a writer: with segments, rotated keys and pruned events, as a
// test wants them. Everything in it can be altered before it is written to a directory.
struct MadeLog {
  // `signer` outlives it; so do those that rotate() is given.
  explicit MadeLog(Signer& signer);

  void add(std::string line);
  void events(std::uint64_t count);  // sample_event()s, numbered on
  void checkpoint();  // of what is there, unless there is one
  void segment();  // ends one, with a checkpoint; the next event begins another
  std::uint64_t rotate(Signer& next);  // the number of the event
  std::uint64_t prune(std::uint64_t end);  // what lies before `end`, the first event of a segment
  crypto::MerkleTree tree_of(std::uint64_t size) const;
  void write(const std::string& directory, bool with_leaves = true) const;

  VerifierKey key() const;
  std::vector<std::string> lines;  // without their ends
  std::vector<std::pair<std::uint64_t, std::string>> notes;
  std::vector<std::uint64_t> firsts{0};
  std::vector<VerifierKey> keys;
  std::string pruned;
  std::uint64_t kept = 0;
  Signer* signer;
};

}  // namespace claviger::audit::testing
