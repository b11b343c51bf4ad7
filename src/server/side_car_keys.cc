// SPDX-License-Identifier: Apache-2.0
#include "server/side_car_keys.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <mutex>
#include <optional>
#include <utility>

#include "audit/key_chain.h"
#include "audit/log_copy.h"
#include "audit/log_files.h"
#include "base/file.h"
#include "base/secret_bytes.h"
#include "crypto/ed25519.h"
#include "crypto/hash.h"
#include "server/audit_trail.h"
#include "server/data_dir.h"
#include "vault/master_key.h"
#include "vault/source.h"

namespace claviger::server {
namespace {

class FileSigner final : public audit::Signer {
 public:
  explicit FileSigner(crypto::Ed25519Signer signer) noexcept : signer_(std::move(signer)) {}
  crypto::Ed25519PublicKey public_key() const noexcept override { return signer_.public_key(); }
  crypto::Ed25519Signature sign(std::span<const std::byte> message) override {
    const std::lock_guard lock(mutex_);
    return signer_.sign(message);
  }

 private:
  std::mutex mutex_;
  crypto::Ed25519Signer signer_;
};

std::string key_file(const std::string& data_dir) { return data_dir + "/audit.key"; }
std::string next_key_file(const std::string& data_dir) { return key_file(data_dir) + ".next"; }
bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

// It has the form of a master key, and its errors speak of one.
Result<vault::MasterKey> read_key(const std::string& path, SecretMemory& memory) {
  vault::SecretSources sources(*memory.key);
  auto key = vault::MasterKey::read("file:" + path, sources, memory.arena);
  if (!key.has_value()) return key.error().within("audit signing key " + path);
  return key;
}
Result<vault::MasterKey> make_key(const std::string& path, SecretMemory& memory) {
  auto key = vault::MasterKey::create_file(path, memory.arena);
  if (!key.has_value()) return key.error().within("audit signing key " + path);
  return key;
}

Result<std::unique_ptr<audit::Signer>> signer_of(const vault::MasterKey& key, SecretMemory& memory) {
  auto seed = CLV_TRY(base::SecretBytes::allocate(memory.arena, crypto::Ed25519Signer::kSeedSize));
  crypto::hkdf_sha256(key.reveal(), {}, "claviger side-car audit signing v1", seed.reveal());
  return std::make_unique<FileSigner>(CLV_TRY(crypto::Ed25519Signer::create(seed.reveal())));
}

}  // namespace

SideCarKeys::SideCarKeys(std::string data_dir, std::unique_ptr<audit::Signer> signer,
                         std::unique_ptr<audit::Signer> next)
    : data_dir_(std::move(data_dir)),
      signer_(std::move(signer)),
      next_(std::move(next)),
      is_settled_(next_ == nullptr) {}

Result<std::unique_ptr<SideCarKeys>> SideCarKeys::open(const std::string& data_dir, SecretMemory& memory) {
  CLV_TRY_VOID(make_directory(data_dir));
  const std::string path = key_file(data_dir);
  const vault::MasterKey key = CLV_TRY(exists(path) ? read_key(path, memory) : make_key(path, memory));
  std::unique_ptr<audit::Signer> next;
  if (const std::string next_path = next_key_file(data_dir); exists(next_path)) {
    const vault::MasterKey next_key = CLV_TRY(read_key(next_path, memory));
    next = CLV_TRY(signer_of(next_key, memory));
  }
  return std::unique_ptr<SideCarKeys>(
      new SideCarKeys(data_dir, CLV_TRY(signer_of(key, memory)), std::move(next)));
}

bool SideCarKeys::settle(const audit::Log& log, telemetry::Log& operator_log) {
  if (is_settled_ || log.is_rotating_key()) return false;
  const std::string path = key_file(data_dir_);
  if (std::rename(next_key_file(data_dir_).c_str(), path.c_str()) != 0 || !base::sync_directory_of(path)) {
    if (!std::exchange(is_failing_, true))
      operator_log.warning(
          "audit_key_not_retired",
          {{"reason",
            Error::from_errno(Code::kIo, Blame::kOperator, "renaming " + path + ".next", errno).what()},
           {"detail", "it is tried again by itself"}});
    return false;
  }
  is_settled_ = true;
  operator_log.info("audit_key_rotated", {{"key", log.verifier_key()}});
  return true;
}

Result<SideCarRotation> prepare_side_car_rotation(const std::string& data_dir, SecretMemory& memory) {
  const std::string log = audit_directory(data_dir);
  if (!exists(key_file(data_dir)))
    return Error::formatted(
        exists(data_dir + "/master.key") || exists(log) ? Code::kInvalid : Code::kNotFound, Blame::kOperator,
        "there is no " + key_file(data_dir) +
            ": the key of a gateway with a store is in the store. Rotate it while the gateway runs, with "
            "`claviger audit rotate-key` alone");
  const vault::MasterKey key = CLV_TRY(read_key(key_file(data_dir), memory));
  const auto signer = CLV_TRY(signer_of(key, memory));
  const auto text = audit::read_small_file(log + "/" + audit::kKey, audit::KeyChain::kMaxText);
  if (!text.has_value())
    return text.error().within("the key of the audit log that is there (start the gateway once)");
  const audit::KeyChain chain = CLV_TRY(audit::KeyChain::parse(*text));
  if (exists(next_key_file(data_dir)))
    return Error::formatted(
        Code::kConflict, Blame::kOperator,
        next_key_file(data_dir) + " is there already: the next start of the gateway takes it over");
  if (chain.current().key != signer->public_key())
    return Error::formatted(
        Code::kInvalid, Blame::kOperator,
        "the audit log in " + log + " is signed with another key than " + key_file(data_dir));
  const vault::MasterKey next = CLV_TRY(make_key(next_key_file(data_dir), memory));
  const auto next_signer = CLV_TRY(signer_of(next, memory));
  return SideCarRotation{.from = chain.current().text(),
                         .to = audit::VerifierKey{chain.origin(), next_signer->public_key()}.text(),
                         .file = next_key_file(data_dir)};
}

}  // namespace claviger::server
