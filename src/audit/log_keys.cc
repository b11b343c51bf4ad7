// SPDX-License-Identifier: Apache-2.0
#include "audit/log_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "audit/log_files.h"

namespace claviger::audit {
namespace {

Error other_key(const Disk& disk) {
  return Error::formatted(
      Code::kInvalid, Blame::kOperator,
      fmt::format(
          "the audit log {} is signed with another key ({}/{}) than the one that is kept here. After a "
          "rotation of the key an older store, or an older audit.key, does not have it: put the newer one "
          "back, or move the directory away to begin a new log",
          disk.path(), disk.path(), kKey));
}

Error no_key_file(const Disk& disk) {
  return Error::formatted(
      Code::kInvalid, Blame::kOperator,
      fmt::format(
          "the audit log {} has lost its {}/{}, and its first checkpoint is not of the key that is kept "
          "here: put {} back, or move the directory away to begin a new log",
          disk.path(), disk.path(), kKey, kKey));
}

// Whether a file that is not empty is the log's own.
bool is_of_log(const std::string& name) {
  return name == kCheckpoints || name == kState || name == kPruned || segment_of(name).has_value();
}

// The first checkpoint that is kept: empty where there is none.
Result<std::string> first_checkpoint(Disk& disk, const std::vector<Disk::Entry>& entries) {
  // By name, so that the oldest segment's come first.
  const auto oldest = std::ranges::find_if(entries, [](const Disk::Entry& entry) {
    const auto segment = segment_of(entry.name);
    return entry.name == kCheckpoints || (segment && entry.name == checkpoints_name(*segment));
  });
  if (oldest == entries.end()) return std::string();
  const auto file = CLV_TRY(disk.open_file(oldest->name));
  std::string text(2 * kMaxNote, '\0');
  text.resize(CLV_TRY(file->read(0, text)));
  return std::string(first_note(text));
}

// Of a log without key.pub. One that holds something must not go on as another: its events' names are its origin's. If the key
// signed the first checkpoint that is kept, and the last (which whoever opens it asks for), no other did in between.
Result<std::string> origin_without_keys(Disk& disk, const std::string& of_new,
                                        const crypto::Ed25519PublicKey& current) {
  const auto entries = CLV_TRY(disk.list());
  const bool is_new = std::ranges::none_of(
      entries, [](const Disk::Entry& entry) { return entry.size > 0 && is_of_log(entry.name); });
  if (is_new) return of_new;
  const std::string note = CLV_TRY(first_checkpoint(disk, entries));
  const VerifierKey key{note.substr(0, note.find('\n')), current};
  if (!is_key_name(key.name) || !open_checkpoint(note, key).has_value()) return no_key_file(disk);
  return key.name;
}

}  // namespace

Result<void> LogKeys::hand_over_to(VerifierKey next) {
  CLV_TRY_VOID(chain_.add(std::move(next)));
  is_taking_over_ = true;
  return ok();
}

Result<LogKeys> find_log_keys(Disk& disk, const std::string& origin, const crypto::Ed25519PublicKey& current,
                              const std::optional<crypto::Ed25519PublicKey>& next) {
  const std::optional<std::string> text = CLV_TRY(disk.read(kKey, KeyChain::kMaxText));
  if (!text) return LogKeys(VerifierKey{CLV_TRY(origin_without_keys(disk, origin, current)), current}, next);
  auto chain = KeyChain::parse(*text);
  if (!chain.has_value())
    return chain.error().within(fmt::format("{}/{} is no list of verifier keys", disk.path(), kKey));
  const auto keys = chain->keys();
  if (keys.back().key == current) return LogKeys(*std::move(chain), false, next);
  const bool is_handed_over =
      next && keys.size() > 1 && keys.back().key == *next && keys[keys.size() - 2].key == current;
  if (!is_handed_over) return other_key(disk);
  return LogKeys(*std::move(chain), true, next);
}

Result<void> check_log_keys(Disk& disk, const LogKeys& keys) {
  const std::optional<std::string> text = CLV_TRY(disk.read(kKey, KeyChain::kMaxText));
  if (text && *text != keys.chain().text()) return other_key(disk);
  return ok();
}

Result<void> keep_log_keys(Disk& disk, const LogKeys& keys) {
  const std::string text = keys.chain().text();
  const std::optional<std::string> there = CLV_TRY(disk.read(kKey, KeyChain::kMaxText));
  return there == text ? ok() : disk.replace(kKey, text);
}

}  // namespace claviger::audit
