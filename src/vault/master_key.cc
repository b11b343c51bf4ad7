// SPDX-License-Identifier: Apache-2.0
#include "vault/master_key.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/file.h"
#include "base/parse.h"
#include "crypto/encode.h"
#include "crypto/hash.h"
#include "crypto/random.h"
#include "vault/source.h"

namespace claviger::vault {
namespace {

constexpr std::string_view kFile = "file:";
constexpr std::string_view kForm = "clv-master-key-1:";
constexpr std::string_view kIdLabel = "claviger master key id 1";
constexpr std::size_t kEncodedSize = crypto::base64_size(MasterKey::kSize);

Error not_a_master_key() {
  return {Code::kInvalid, Blame::kOperator,
          "is no master key: that is one line, \"clv-master-key-1:\" and 32 bytes in base64"};
}

std::string id_of(std::span<const std::byte> key) {
  std::array<std::byte, 8> id;
  crypto::hkdf_sha256(key, {}, kIdLabel, id);
  return base::format_hex(id);
}

bool is_missing_file(std::string_view from) noexcept {
  struct stat status{};
  return from.starts_with(kFile) && ::stat(std::string(from.substr(kFile.size())).c_str(), &status) != 0 &&
         errno == ENOENT;
}

Error io_error(std::string_view path) {
  return Error::from_errno(Code::kIo, Blame::kOperator, "master key file " + std::string(path), errno);
}

// A file of this call's own making, which goes again unless it is kept.
class NewFile {
 public:
  explicit NewFile(const std::string& path) noexcept
      : path_(path), file_(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600) {}
  ~NewFile() {
    if (file_.is_open() && !kept_) ::unlink(path_.c_str());
  }
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  int number() const noexcept { return file_.number(); }
  void keep() noexcept { kept_ = true; }

 private:
  const std::string& path_;
  base::Descriptor file_;
  bool kept_ = false;
};

// The mode again by fchmod(), since a umask may have taken the owner's own rights off.
Result<void> write_new_file(const std::string& path, std::string_view content) {
  NewFile file(path);
  if (file.number() < 0 && errno == EEXIST) {
    return Error::formatted(Code::kConflict, Blame::kOperator,
                            "master key file " + path + " is there already, and is never overwritten");
  }
  const bool is_written = file.number() >= 0 && ::fchmod(file.number(), 0600) == 0 &&
                          base::write_all(file.number(), content) && ::fsync(file.number()) == 0 &&
                          base::sync_directory_of(path);
  if (!is_written) return io_error(path);
  file.keep();
  return ok();
}

}  // namespace

MasterKey::MasterKey(base::SecretArena& arena, base::SecretBytes key)
    : arena_(&arena), key_(std::move(key)), id_(id_of(key_.reveal())) {}

Result<MasterKey> MasterKey::read(std::string_view from, SecretSources& sources, base::SecretArena& arena) {
  if (const auto known = SecretSources::check(from); !known.has_value())
    return known.error().within("master key");
  auto line = sources.read(from);
  if (!line.has_value() && is_missing_file(from)) {
    return Error::formatted(
        Code::kNotFound, Blame::kOperator,
        "master key: there is no file " + std::string(from.substr(kFile.size())) +
            ": put it back from where you keep it (a new gateway: `claviger init` makes one)");
  }
  if (!line.has_value()) return line.error().within("master key");
  auto key = parse(line->reveal_text(), arena);
  // What is known to be a source's name may be said, the secret may not.
  if (!key.has_value() && key.error().code() == Code::kInvalid) return key.error().within(from);
  return key;
}

Result<MasterKey> MasterKey::parse(std::string_view line, base::SecretArena& arena) {
  if (!line.starts_with(kForm) || line.size() != kForm.size() + kEncodedSize) return not_a_master_key();
  base::SecretBytes key = CLV_TRY(base::SecretBytes::allocate(arena, kEncodedSize / 4 * 3));
  const crypto::Decoded decoded = crypto::base64_decode(line.substr(kForm.size()), key.reveal());
  if (!decoded.valid || decoded.size != kSize) return not_a_master_key();
  key.shrink(kSize);
  return MasterKey(arena, std::move(key));
}

Result<MasterKey> MasterKey::draw(base::SecretArena& arena) {
  base::SecretBytes key = CLV_TRY(base::SecretBytes::allocate(arena, kSize));
  crypto::random_secret(key.reveal());
  return MasterKey(arena, std::move(key));
}

Result<MasterKey> MasterKey::of(base::SecretBytes key, base::SecretArena& arena) {
  if (key.size() != kSize)
    return Error(Code::kInvalid, Blame::kOperator, "is no master key: that is 32 bytes");
  return MasterKey(arena, std::move(key));
}

Result<MasterKey> MasterKey::create_file(const std::string& path, base::SecretArena& arena) {
  MasterKey key = CLV_TRY(draw(arena));
  base::SecretBytes line = CLV_TRY(base::SecretBytes::allocate(arena, kForm.size() + kEncodedSize + 1));
  const std::span<char> text(reinterpret_cast<char*>(line.reveal().data()), line.size());
  std::ranges::copy(kForm, text.begin());
  crypto::base64_encode(key.reveal(), text.subspan(kForm.size(), kEncodedSize));
  text.back() = '\n';
  CLV_TRY_VOID(write_new_file(path, line.reveal_text()));
  return key;
}

}  // namespace claviger::vault
