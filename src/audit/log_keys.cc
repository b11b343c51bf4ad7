// SPDX-License-Identifier: Apache-2.0
#include "audit/log_keys.h"

#include <fmt/format.h>

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

}  // namespace

Result<void> LogKeys::hand_over_to(VerifierKey next) {
  CLV_TRY_VOID(chain_.add(std::move(next)));
  is_taking_over_ = true;
  return ok();
}

Result<LogKeys> find_log_keys(Disk& disk, const std::string& origin, const crypto::Ed25519PublicKey& current,
                              const std::optional<crypto::Ed25519PublicKey>& next) {
  const std::optional<std::string> text = CLV_TRY(disk.read(kKey, KeyChain::kMaxText));
  if (!text) return LogKeys(VerifierKey{origin, current});
  auto chain = KeyChain::parse(*text);
  if (!chain.has_value())
    return chain.error().within(fmt::format("{}/{} is no list of verifier keys", disk.path(), kKey));
  const auto keys = chain->keys();
  if (keys.back().key == current) return LogKeys(*std::move(chain), false);
  const bool is_handed_over =
      next && keys.size() > 1 && keys.back().key == *next && keys[keys.size() - 2].key == current;
  if (!is_handed_over) return other_key(disk);
  return LogKeys(*std::move(chain), true);
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
