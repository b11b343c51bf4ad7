// SPDX-License-Identifier: Apache-2.0
#include "server/audit_trail.h"

#include <unistd.h>

#include <mutex>

#include "base/parse.h"
#include "crypto/hash.h"
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

// Tells the logs of two gateways apart; of the key, so it needs no place of its own.
std::string origin_of(const crypto::Ed25519PublicKey& key) {
  const crypto::Sha256Digest digest = crypto::Sha256().digest(key);
  return "claviger/" + base::format_hex(std::span(digest).first(6));
}

Result<vault::MasterKey> read_or_make_key(const std::string& path, SecretMemory& memory) {
  if (::access(path.c_str(), F_OK) != 0) return vault::MasterKey::create_file(path, memory.arena);
  vault::SecretSources sources(*memory.key);
  return vault::MasterKey::read("file:" + path, sources, memory.arena);
}

}  // namespace

std::string audit_directory(const Config& config) { return config.data_dir + "/audit"; }

Result<std::unique_ptr<audit::Signer>> open_file_signer(const Config& config, SecretMemory& memory) {
  CLV_TRY_VOID(make_directory(config.data_dir));
  const std::string path = config.data_dir + "/audit.key";
  // It has the form of a master key, and its errors speak of one.
  auto key = read_or_make_key(path, memory);
  if (!key.has_value()) return key.error().within("audit signing key " + path);
  auto seed = CLV_TRY(base::SecretBytes::allocate(memory.arena, crypto::Ed25519Signer::kSeedSize));
  crypto::hkdf_sha256(key->reveal(), {}, "claviger side-car audit signing v1", seed.reveal());
  return std::make_unique<FileSigner>(CLV_TRY(crypto::Ed25519Signer::create(seed.reveal())));
}

Result<std::unique_ptr<audit::Log>> open_audit_log(const Config& config, audit::Signer& signer,
                                                   const Clock& clock) {
  CLV_TRY_VOID(make_directory(config.data_dir));
  audit::LogOptions options;
  options.directory = audit_directory(config);
  options.origin = origin_of(signer.public_key());
  options.window = config.audit.window;
  options.lane_bytes = config.audit.lane_bytes;
  return audit::Log::open(std::move(options), signer, clock);
}

}  // namespace claviger::server
