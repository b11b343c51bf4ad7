// SPDX-License-Identifier: Apache-2.0
#include "server/pseudonym_key.h"

#include <unistd.h>

#include <algorithm>
#include <array>

#include "crypto/hash.h"
#include "server/data_dir.h"
#include "vault/master_key.h"
#include "vault/source.h"

namespace claviger::server {
namespace {

constexpr std::string_view kLabel = "claviger pseudonyms of addresses v1";

std::string key_file(const std::string& data_dir) { return data_dir + "/pseudonym.key"; }

bool is_there(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

Result<audit::Pseudonyms> of_file_key(Result<vault::MasterKey> key, const std::string& path,
                                      SecretMemory& memory) {
  // It has the form of a master key, and its errors speak of one.
  if (!key.has_value()) return key.error().within("pseudonym key " + path);
  auto made = CLV_TRY(base::SecretBytes::allocate(memory.arena, audit::Pseudonyms::kKeySize));
  crypto::hkdf_sha256(key->reveal(), {}, kLabel, made.reveal());
  return audit::Pseudonyms(std::move(made));
}

Result<vault::MasterKey> read_key(const std::string& path, SecretMemory& memory) {
  vault::SecretSources sources(*memory.key);
  return vault::MasterKey::read("file:" + path, sources, memory.arena);
}

}  // namespace

// As good as a key of its own: nothing else is a MAC of this label.
Result<audit::Pseudonyms> vault_pseudonyms(vault::KeyHolder& keys, SecretMemory& memory) {
  auto made = CLV_TRY(base::SecretBytes::allocate(memory.arena, audit::Pseudonyms::kKeySize));
  const std::array<std::string_view, 1> parts = {kLabel};
  crypto::Sha256Digest mac = keys.mac(vault::MacPurpose::kRegister, parts);
  std::ranges::copy(mac, made.reveal().begin());
  base::wipe(mac.data(), mac.size());
  return audit::Pseudonyms(std::move(made));
}

Result<audit::Pseudonyms> file_pseudonyms(const Config& config, SecretMemory& memory) {
  CLV_TRY_VOID(make_directory(config.data_dir));
  const std::string path = key_file(config.data_dir);
  return of_file_key(
      is_there(path) ? read_key(path, memory) : vault::MasterKey::create_file(path, memory.arena), path,
      memory);
}

Result<audit::Pseudonyms> read_file_pseudonyms(const std::string& data_dir, SecretMemory& memory) {
  const std::string path = key_file(data_dir);
  if (!is_there(path))
    return Error::formatted(
        Code::kNotFound, Blame::kOperator,
        "there is no " + path +
            ": a gateway in side-car mode makes it with audit.addresses: pseudonym; one with "
            "a store is asked without --data-dir");
  return of_file_key(read_key(path, memory), path, memory);
}

}  // namespace claviger::server
