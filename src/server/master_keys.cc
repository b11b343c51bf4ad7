// SPDX-License-Identifier: Apache-2.0
#include "server/master_keys.h"

#include <utility>
#include <vector>

#include "base/check.h"
#include "server/transit_keys.h"
#include "vault/passphrase.h"

namespace claviger::server {
namespace {

using Type = KeySource::Type;

KeySource configured_source(const Config& config) {
  auto source = KeySource::parse(config.master_key, config.data_dir);
  CLV_CHECK(source.has_value());  // read_config() has seen to it
  return *std::move(source);
}

}  // namespace

MasterKeys::MasterKeys(const Config& config, SecretMemory& memory)
    : config_(config),
      memory_(memory),
      configured_(configured_source(config)),
      files_(config.data_dir),
      secrets_(*memory.key) {}

Result<MasterKeys::Found> MasterKeys::find(const std::string& id) {
  std::vector<KeySource> candidates;
  if (const auto place = files_.place_of(id))
    candidates.push_back(CLV_TRY(KeySource::parse(*place, config_.data_dir)));
  const bool has_place = !candidates.empty();
  candidates.push_back(configured_);
  if (configured_.type == Type::kFile && file_exists(next_of(configured_.what)))
    candidates.push_back({Type::kFile, "file:" + next_of(configured_.what), next_of(configured_.what)});
  std::string seen;
  std::optional<Error> failure;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    auto key = read(candidates[i], id);
    if (key.has_value() && key->id() == id)
      return Found{*std::move(key), candidates[i],
                   has_place && i == 0 && candidates[i].text != configured_.text};
    if (!key.has_value() && !failure) failure = key.error();
    if (!seen.empty()) seen += "; ";
    seen += key.has_value() ? candidates[i].shown() + " has " + key->id() : std::string(key.error().what());
  }
  if (candidates.size() == 1 && failure) return *failure;
  return Error::formatted(
      Code::kInvalid, Blame::kOperator,
      "the store wants the master key " + id + ", but " + seen + "; give the right one (master_key.from)");
}

Result<vault::MasterKey> MasterKeys::read(const KeySource& source, const std::string& id) {
  switch (source.type) {
    case Type::kPassphrase:
      return read_passphrase(source, id);
    case Type::kTransit:
      return unwrap_by_transit(*this, source, id);
    case Type::kFile:
    case Type::kEnvironment:
      break;
  }
  return vault::MasterKey::read(source.text, secrets_, memory_.arena);
}

Result<vault::MasterKey> MasterKeys::read_passphrase(const KeySource& source, const std::string& id) {
  const auto line = files_.read(files_.recipe(id));
  if (!line.has_value()) return line.error().within("the passphrase's recipe for master key " + id);
  const auto recipe = vault::PassphraseRecipe::parse(*line);
  if (!recipe.has_value()) return recipe.error().within(files_.recipe(id));
  const auto passphrase = secrets_.read(source.what);
  if (!passphrase.has_value()) return passphrase.error().within("the passphrase of the master key");
  auto key = CLV_TRY(vault::derive_master_key(passphrase->reveal_text(), *recipe, memory_.arena));
  if (key.id() == id) return key;
  return Error::formatted(Code::kInvalid, Blame::kOperator,
                          "the passphrase in " + source.what + " is not the one of master key " + id);
}

// --- A new gateway -------------------------------------------------------------------------------

Result<vault::MasterKey> MasterKeys::make_first(const Ask& ask) {
  switch (configured_.type) {
    case Type::kPassphrase:
      return make_of_passphrase(configured_, ask);
    case Type::kTransit:
      return make_by_transit(*this, configured_);
    case Type::kFile:
      if (!file_exists(configured_.what))
        return vault::MasterKey::create_file(configured_.what, memory_.arena);
      break;
    case Type::kEnvironment:
      break;
  }
  return vault::MasterKey::read(configured_.text, secrets_, memory_.arena);
}

Result<vault::MasterKey> MasterKeys::make_of_passphrase(const KeySource& source, const Ask& ask) {
  auto passphrase = secrets_.read(source.what);
  if (!passphrase.has_value() && ask) passphrase = ask();
  if (!passphrase.has_value()) return passphrase.error().within("the passphrase of the master key");
  CLV_TRY_VOID(vault::check_passphrase(passphrase->reveal_text()));
  const auto recipe = vault::PassphraseRecipe::draw();
  auto key = CLV_TRY(vault::derive_master_key(passphrase->reveal_text(), recipe, memory_.arena));
  CLV_TRY_VOID(files_.write(files_.recipe(key.id()), recipe.text()));
  return key;
}

}  // namespace claviger::server
