// SPDX-License-Identifier: Apache-2.0
#include "audit/testing/made_log.h"

#include <filesystem>

#include "audit/key_chain.h"
#include "audit/log_files.h"
#include "audit/pruned.h"
#include "audit/testing/sample_log.h"

namespace claviger::audit::testing {

MadeLog::MadeLog(Signer& first) : signer(&first) { keys.push_back(key()); }

VerifierKey MadeLog::key() const { return {kSampleOrigin, signer->public_key()}; }

void MadeLog::add(std::string line) { lines.push_back(std::move(line)); }

void MadeLog::events(std::uint64_t count) {
  for (; count > 0; --count) add(sample_event(lines.size()));
}

crypto::MerkleTree MadeLog::tree_of(std::uint64_t size) const {
  crypto::MerkleTree tree;
  for (std::uint64_t i = 0; i < size; ++i) tree.append(crypto::merkle_leaf(lines[i]));
  return tree;
}

void MadeLog::checkpoint() {
  if (!notes.empty() && notes.back().first == lines.size()) return;
  const crypto::MerkleTree tree = tree_of(lines.size());
  notes.emplace_back(tree.size(), sign_checkpoint({tree.size(), tree.root()}, key(), *signer));
}

void MadeLog::segment() {
  checkpoint();
  firsts.push_back(lines.size());
}

std::uint64_t MadeLog::rotate(Signer& next) {
  const VerifierKey from = key();
  const VerifierKey to{kSampleOrigin, next.public_key()};
  add(key_rotated_event(WallTime{}, {from, to}));
  checkpoint();  // the old key vouches for it
  signer = &next;
  keys.push_back(to);
  return lines.size() - 1;
}

std::uint64_t MadeLog::prune(std::uint64_t end) {
  std::vector<std::uint64_t> gone;
  for (const std::uint64_t first : firsts)
    if (first >= kept && first < end) gone.push_back(first);
  add(pruned_event(WallTime{}, kept, gone, tree_of(end), PruneReason::kAge));
  checkpoint();
  pruned = sign_pruned(tree_of(end), key(), *signer);
  kept = end;
  return lines.size() - 1;
}

void MadeLog::write(const std::string& directory, bool with_leaves) const {
  std::filesystem::create_directories(directory);
  for (std::size_t i = 0; i < firsts.size(); ++i) {
    if (firsts[i] < kept) continue;
    const bool is_last = i + 1 == firsts.size();
    const std::uint64_t end = is_last ? lines.size() : firsts[i + 1];
    std::string text, leaves, checkpoints;
    for (std::uint64_t event = firsts[i]; event < end; ++event) {
      text += lines[event] + "\n";
      const crypto::Sha256Digest leaf = crypto::merkle_leaf(lines[event]);
      leaves.append(reinterpret_cast<const char*>(leaf.data()), leaf.size());
    }
    for (const auto& [size, note] : notes)
      if (size > firsts[i] && (is_last || size <= end)) checkpoints += note + "\n";
    write_file(directory + "/" + segment_name(firsts[i]), text);
    write_file(directory + "/" + checkpoints_name(firsts[i]), checkpoints);
    if (with_leaves) write_file(directory + "/" + leaves_name(firsts[i]), leaves);
  }
  std::string listed;
  for (const VerifierKey& each : keys) listed += each.text() + "\n";
  write_file(directory + "/" + kKey, listed);
  if (!pruned.empty()) write_file(directory + "/" + kPruned, pruned);
}

}  // namespace claviger::audit::testing
