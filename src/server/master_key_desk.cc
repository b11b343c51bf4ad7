// SPDX-License-Identifier: Apache-2.0
#include "server/master_key_desk.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "base/file.h"
#include "server/transit_keys.h"
#include "vault/passphrase.h"

namespace claviger::server {
namespace {

using Type = KeySource::Type;

// A disk that takes nothing is no fault of the gateway's, and passes.
Error of_disk(const Error& error) {
  if (error.code() != Code::kIo) return error;
  return Error::formatted(Code::kUnavailable, Blame::kOperator, std::string(error.what()));
}

// What is not there, or is another's, is said of what the caller asked for.
Error of_caller(const Error& error) {
  if (error.code() == Code::kNotFound)
    return Error::formatted(Code::kInvalid, Blame::kCaller, std::string(error.what()));
  return of_disk(error);
}

std::string kept_name(const std::string& path, const std::string& id) { return path + "." + id + ".old"; }

Error file_error(const std::string& what) {
  return Error::from_errno(Code::kUnavailable, Blame::kOperator, what, errno);
}

}  // namespace

// --- The new key ---------------------------------------------------------------------------------

Result<KeySource> ServerMasterKeys::default_source() const {
  const KeySource& configured = keys_.configured();
  if (configured.type == Type::kTransit) return configured;
  if (configured.type == Type::kFile) {
    const std::string path = MasterKeys::next_of(configured.what);
    return KeySource{Type::kFile, "file:" + path, path};
  }
  return Error::formatted(Code::kInvalid, Blame::kCaller,
                          "the master key comes from " + configured.shown() +
                              ", where a new one cannot be put: say where that comes from (--to)");
}

// By the next start, without a note of where it is.
bool ServerMasterKeys::is_found_anyway(const KeySource& source) const {
  const KeySource& configured = keys_.configured();
  return source.text == configured.text ||
         (configured.type == Type::kFile && source.text == "file:" + MasterKeys::next_of(configured.what));
}

net::Task<Result<vault::MasterKey>> ServerMasterKeys::obtain(std::string text, std::string in_use) {
  made_.clear();
  const bool is_default = text.empty();
  auto source = is_default ? default_source() : KeySource::parse(text, keys_.config().data_dir);
  if (!source.has_value()) co_return source.error();
  // Until it is over a start needs both, and finds one in each place. What transit wrapped lies in a file for each key.
  if (source->type != Type::kTransit &&
      source->text == keys_.files().place_of(in_use).value_or(keys_.configured().text))
    co_return Error::formatted(
        Code::kConflict, Blame::kCaller,
        "the master key in use comes from " + source->shown() +
            ", and until the rekey is over a start needs both: name another place (--to)");
  auto key = co_await obtain_from(*source, is_default);
  if (!key.has_value()) co_return of_caller(key.error());
  Result<void> noted = ok();
  if (key->id() == in_use)
    noted = Error::formatted(Code::kConflict, Blame::kCaller,
                             "that is the master key in use (" + in_use + "): give another one");
  else if (!is_default && !is_found_anyway(*source))
    noted = co_await thread_.run([&] { return keys_.files().note({key->id(), source->text}); });
  if (noted.has_value()) co_return key;
  discard(key->id());
  co_return noted.error();
}

net::Task<Result<vault::MasterKey>> ServerMasterKeys::obtain_from(KeySource source, bool is_default) {
  switch (source.type) {
    case Type::kFile:
      co_return co_await obtain_file(std::move(source), is_default);
    case Type::kPassphrase:
      co_return co_await obtain_of_passphrase(std::move(source));
    case Type::kTransit: {
      auto key = co_await make_by_transit(keys_, std::move(source), fetching_);
      if (key.has_value()) made_.push_back(keys_.files().wrapped(key->id()));
      co_return key;
    }
    case Type::kEnvironment:
      break;
  }
  co_return vault::MasterKey::read(source.text, keys_.secrets(), keys_.memory().arena);
}

// Drawn, unless it is there already. Where nobody named a file, one that is there was left by somebody else.
net::Task<Result<vault::MasterKey>> ServerMasterKeys::obtain_file(KeySource source, bool is_default) {
  if (file_exists(source.what) && !is_default)
    co_return vault::MasterKey::read(source.text, keys_.secrets(), keys_.memory().arena);
  auto key =
      co_await thread_.run([&] { return vault::MasterKey::create_file(source.what, keys_.memory().arena); });
  if (key.has_value()) made_.push_back(source.what);
  else if (key.error().code() == Code::kConflict)
    co_return Error::formatted(Code::kConflict, Blame::kCaller,
                               source.what +
                                   " is there already, left by a rekey that never began: remove it, "
                                   "or take the key in it (--to file:" +
                                   source.what + ")");
  co_return key;
}

net::Task<Result<vault::MasterKey>> ServerMasterKeys::obtain_of_passphrase(KeySource source) {
  const auto passphrase = keys_.secrets().read(source.what);
  if (!passphrase.has_value()) co_return passphrase.error().within("the passphrase of the new master key");
  CLV_CO_TRY_VOID(vault::check_passphrase(passphrase->reveal_text()));
  co_return co_await thread_.run([&]() -> Result<vault::MasterKey> {
    const auto recipe = vault::PassphraseRecipe::draw();
    auto key = CLV_TRY(vault::derive_master_key(passphrase->reveal_text(), recipe, keys_.memory().arena));
    const std::string file = keys_.files().recipe(key.id());
    CLV_TRY_VOID(keys_.files().write(file, recipe.text()));
    made_.push_back(file);
    return key;
  });
}

void ServerMasterKeys::discard(const std::string& id) noexcept {
  for (const std::string& file : made_) (void)remove_file(file);
  made_.clear();
  (void)keys_.files().forget(id);
}

// --- The old key ---------------------------------------------------------------------------------

net::Task<Result<std::string>> ServerMasterKeys::settle(Replaced replaced) {
  co_return co_await thread_.run([&]() -> Result<std::string> {
    auto said = settle_files(replaced);
    if (!said.has_value()) return of_disk(said.error());
    return said;
  });
}

Result<std::string> ServerMasterKeys::id_in(const std::string& path) {
  const auto key = vault::MasterKey::read("file:" + path, keys_.secrets(), keys_.memory().arena);
  if (!key.has_value()) return key.error();
  return key->id();
}

// Under a name that no start looks for: who can write the database could otherwise put the old keyring back, and have what is set
// from then on sealed under the old key.
Result<std::string> ServerMasterKeys::retire_recipe(const std::string& file, bool remove) {
  if (!file_exists(file)) return std::string();
  if (remove) {
    CLV_TRY_VOID(remove_file(file));
    return file + " was removed";
  }
  const std::string kept = file + ".old";
  if (std::rename(file.c_str(), kept.c_str()) != 0 || !base::sync_directory_of(file))
    return file_error("keeping " + file + " as " + kept);
  return kept + " belongs to the old one: keep it with the backups from before, or remove it";
}

// What the old key is made of, in this place. What was done, or nothing.
Result<std::string> ServerMasterKeys::retire(const KeySource& source, const Replaced& replaced) {
  if (source.type == Type::kEnvironment) return source.text + " is not needed any more";
  if (source.type != Type::kFile) {
    const MasterKeyFiles& files = keys_.files();
    const std::string file =
        source.type == Type::kPassphrase ? files.recipe(replaced.old_id) : files.wrapped(replaced.old_id);
    return retire_recipe(file, replaced.remove_old);
  }
  if (!file_exists(source.what) || CLV_TRY(id_in(source.what)) != replaced.old_id) return std::string();
  const std::string kept = kept_name(source.what, replaced.old_id);
  // Durable before the other name is gone.
  if (!replaced.remove_old &&
      ((::link(source.what.c_str(), kept.c_str()) != 0 && errno != EEXIST) || !base::sync_directory_of(kept)))
    return file_error("keeping " + source.what + " as " + kept);
  const std::string next = MasterKeys::next_of(source.what);
  const bool has_next = file_exists(next) && CLV_TRY(id_in(next)) == replaced.new_id;
  // In one step, so that there is a key in its place at any time.
  if (has_next ? std::rename(next.c_str(), source.what.c_str()) != 0 : ::unlink(source.what.c_str()) != 0)
    return file_error("replacing " + source.what);
  if (!base::sync_directory_of(source.what)) return file_error("replacing " + source.what);
  if (replaced.remove_old) return source.what + " was removed";
  return kept + " is the old one: keep it with the backups from before, away from here, or remove it";
}

Result<std::string> ServerMasterKeys::settle_files(const Replaced& replaced) {
  const MasterKeyFiles& files = keys_.files();
  const KeySource& configured = keys_.configured();
  std::string said;
  const auto say = [&](std::string text) {
    if (!text.empty()) said += (said.empty() ? "" : "; ") + std::move(text);
  };
  const auto old_place = files.place_of(replaced.old_id);
  if (old_place) {
    const KeySource source = CLV_TRY(KeySource::parse(*old_place, keys_.config().data_dir));
    say(CLV_TRY(retire(source, replaced)));
  }
  const std::string next = configured.type == Type::kFile ? MasterKeys::next_of(configured.what) : "";
  say(CLV_TRY(retire(configured, replaced)));
  // Where the old one was elsewhere, or had gone before an interruption.
  if (!next.empty() && !file_exists(configured.what) && file_exists(next) &&
      CLV_TRY(id_in(next)) == replaced.new_id &&
      (std::rename(next.c_str(), configured.what.c_str()) != 0 || !base::sync_directory_of(next)))
    return file_error("renaming " + next);
  const auto new_place = files.place_of(replaced.new_id);
  if (new_place) say("change master_key.from to " + *new_place + ", where the new one comes from");
  CLV_TRY_VOID(files.forget_places_but(new_place ? replaced.new_id : ""));
  return said.empty() ? "nothing is left of the old one here" : said;
}

}  // namespace claviger::server
