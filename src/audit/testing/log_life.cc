// SPDX-License-Identifier: Apache-2.0
#include "audit/testing/log_life.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "audit/log_files.h"
#include "audit/pruned.h"

namespace claviger::audit::testing {
namespace {

using namespace std::chrono_literals;
using Files = std::map<std::string, std::string>;

std::vector<std::string> lines_without_ends(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0, end; (end = text.find('\n', at)) != std::string::npos; at = end + 1)
    lines.push_back(text.substr(at, end - at));
  return lines;
}

// What was pruned, as the directory says it.
crypto::MerkleTree pruned_of(const Files& files) {
  const auto note = files.find(kPruned);
  if (note == files.end()) return {};
  auto tree = open_pruned(note->second, life_key());
  return tree.has_value() ? *tree : crypto::MerkleTree();
}

std::vector<std::uint64_t> kept_segments(const Files& files) {
  const std::uint64_t pruned = pruned_of(files).size();
  std::vector<std::uint64_t> kept;
  for (const auto& [name, text] : files) {
    const auto first = segment_of(name);
    if (first && *first >= pruned && name == segment_name(*first)) kept.push_back(*first);
  }
  return kept;
}

// The checkpoints of one segment.
Result<std::vector<Checkpoint>> checkpoints_in(std::string_view file) {
  std::vector<Checkpoint> all;
  for (std::string_view note; !(note = first_note(file)).empty(); file.remove_prefix(note.size() + 1))
    all.push_back(CLV_TRY(open_checkpoint(note, life_key())));
  return all;
}

// Goes over a segment, line by line.
std::string find_fault_in(const Files& files, std::uint64_t segment, crypto::MerkleTree& tree) {
  if (segment != tree.size()) return fmt::format("{} comes behind {} events", segment, tree.size());
  const auto checkpoints = checkpoints_in(files.at(checkpoints_name(segment)));
  if (!checkpoints.has_value()) return std::string(checkpoints.error().what());
  auto next = checkpoints->begin();
  const std::string& leaves = files.at(leaves_name(segment));
  for (const std::string& line : lines_without_ends(files.at(segment_name(segment)))) {
    const auto leaf = crypto::merkle_leaf(line);
    const std::size_t at = (tree.size() - segment) * sizeof leaf;
    if (leaves.size() >= at + sizeof leaf && std::memcmp(leaves.data() + at, leaf.data(), sizeof leaf) != 0)
      return fmt::format("the leaf of event {} is wrong", tree.size());
    tree.append(leaf);
    if (next == checkpoints->end() || next->size > tree.size()) continue;
    if (*next != Checkpoint{tree.size(), tree.root()})
      return fmt::format("checkpoint {} at event {} is wrong", next->size, tree.size());
    ++next;
  }
  if (next != checkpoints->end()) return fmt::format("{} ends before checkpoint {}", segment, next->size);
  return {};
}

}  // namespace

TestSigner& life_signer() {
  static TestSigner signer;
  return signer;
}

const VerifierKey& life_key() {
  static const VerifierKey key{"claviger/test", life_signer().public_key()};
  return key;
}

LogOptions life_options() {
  return {.window = 40ms, .checkpoint_events = 20, .checkpoint_interval = 200ms, .reserve_bytes = 0};
}

std::unique_ptr<LogLife> LogLife::begin(MemoryDisk& disk, const LogOptions& options) {
  auto life = std::unique_ptr<LogLife>(new LogLife(options));
  life->disk_ = disk.attach();
  auto files = open_log_files(*life->disk_, life_key());
  if (!files.has_value()) {
    life->error_ = files.error().what();
    return life;
  }
  life->found_ = files->tree.size();
  life->outbox_ = files->outbox;
  life->writer_.emplace(*life->disk_, std::move(*files), life_key(), life->options_, life_signer(),
                        life->pressure_, life->clock_);
  return life;
}

Result<bool> LogLife::turn(std::chrono::milliseconds after) {
  now_ += after;
  clock_.advance(after);
  LaneQueue* const lanes[] = {&lane_};
  return writer_->turn(lanes, now_);
}

Result<void> LogLife::finish() {
  LaneQueue* const lanes[] = {&lane_};
  return writer_->finish(lanes, now_);
}

std::vector<std::string> kept_lines(const MemoryDisk& disk) {
  const Files files = disk.contents();
  std::vector<std::string> all;
  for (const std::uint64_t segment : kept_segments(files))
    std::ranges::copy(lines_without_ends(files.at(segment_name(segment))), std::back_inserter(all));
  return all;
}

std::string find_fault(const MemoryDisk& disk) {
  const Files files = disk.contents();
  crypto::MerkleTree tree = pruned_of(files);
  const std::uint64_t pruned = tree.size();
  const auto segments = kept_segments(files);
  bool is_told = pruned == 0;
  for (const std::uint64_t segment : segments) {
    const std::uint64_t first = tree.size();
    if (std::string fault = find_fault_in(files, segment, tree); !fault.empty())
      return segment_name(segment) + ": " + fault;
    // All but the last end at a checkpoint.
    const auto checkpoints = checkpoints_in(files.at(checkpoints_name(segment)));
    const std::uint64_t last = checkpoints->empty() ? 0 : checkpoints->back().size;
    if (segment != segments.back() && last != tree.size())
      return fmt::format("{} ends at event {}, its last checkpoint at {}", first, tree.size(), last);
  }
  for (const std::string& line : kept_lines(disk)) {
    const auto event = find_pruned_event(line);
    is_told |= event && event->tree.size() == pruned && event->tree.root() == pruned_of(files).root();
  }
  return is_told ? "" : fmt::format("nothing tells that {} events were pruned", pruned);
}

}  // namespace claviger::audit::testing
