// SPDX-License-Identifier: Apache-2.0
#include "vault/source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <span>
#include <vector>

#include "base/file.h"

namespace claviger::vault {
namespace {

constexpr std::string_view kEnvironment = "env:";
constexpr std::string_view kFile = "file:";
constexpr std::size_t kMaxSize = std::size_t{64} << 10;

Error invalid(std::string what) {
  return Error::formatted(Code::kInvalid, Blame::kOperator, std::move(what));
}

// A secret may have been pasted where its source belongs, so the text is never repeated.
Error unknown_form() {
  return {Code::kInvalid, Blame::kOperator, "from: a secret's source is env:NAME or file:PATH"};
}

bool is_variable_name(std::string_view name) noexcept {
  const auto is_letter = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'; };
  return !name.empty() && is_letter(name.front()) &&
         std::ranges::all_of(name, [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); });
}

void take_line_end_off(base::SecretBytes& secret) noexcept {
  const std::string_view text = secret.reveal_text();
  if (!text.ends_with('\n')) return;
  secret.shrink(text.size() - (text.ends_with("\r\n") ? 2 : 1));
}

// Calls `visit` with the value of each entry of that name, in the environment block itself.
template <class Visit>
void for_each_value(std::string_view name, Visit visit) {
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    char* const text = *entry;
    if (std::strncmp(text, name.data(), name.size()) != 0 || text[name.size()] != '=') continue;
    char* const value = text + name.size() + 1;
    visit(std::span<char>(value, std::strlen(value)));
  }
}

void erase_from_environment(const std::string& name) {
  for_each_value(name, [](std::span<char> value) { base::wipe(value.data(), value.size()); });
  unsetenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): the control thread's, before any other reads it
}

bool is_in_group(gid_t group) {
  if (group == ::getegid()) return true;
  std::vector<gid_t> groups(static_cast<std::size_t>(std::max(::getgroups(0, nullptr), 0)));
  const int count = ::getgroups(static_cast<int>(groups.size()), groups.data());
  groups.resize(static_cast<std::size_t>(std::max(count, 0)));
  return std::ranges::find(groups, group) != groups.end();
}

// What may be wrong with a file that is to hold a secret, and what to do.
Result<std::size_t> check_file(int fd, const std::string& path, bool may_be_read_by_group) {
  struct stat status{};
  if (::fstat(fd, &status) != 0)
    return Error::from_errno(Code::kInvalid, Blame::kOperator, "secret file " + path, errno);
  if (!S_ISREG(status.st_mode)) return invalid("secret file " + path + " is not a regular file");
  if (status.st_uid != ::geteuid() && status.st_uid != 0) {
    return invalid("secret file " + path +
                   " belongs to another user; chown it to the one that runs the gateway");
  }
  mode_t open_to_more = status.st_mode & (S_IRWXG | S_IRWXO);
  if (open_to_more == S_IRGRP && may_be_read_by_group && is_in_group(status.st_gid)) open_to_more = 0;
  if (open_to_more != 0) {
    return invalid("secret file " + path + " is open to group or others; chmod 0600 " + path);
  }
  if (status.st_size == 0) return invalid("secret file " + path + " is empty");
  if (status.st_size > static_cast<off_t>(kMaxSize))
    return invalid("secret file " + path + " is over 64 KiB");
  return static_cast<std::size_t>(status.st_size);
}

// Reads until the end of the file or of `out`; how much it was.
Result<std::size_t> read_into(int fd, std::span<std::byte> out, const std::string& path) {
  std::size_t total = 0;
  while (total < out.size()) {
    const ssize_t got = ::read(fd, out.data() + total, out.size() - total);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Error::from_errno(Code::kInvalid, Blame::kOperator, "secret file " + path, errno);
    if (got == 0) break;
    total += static_cast<std::size_t>(got);
  }
  return total;
}

}  // namespace

Result<void> SecretSources::check(std::string_view from) {
  if (from.starts_with(kEnvironment) && is_variable_name(from.substr(kEnvironment.size()))) return ok();
  const bool has_path = from.starts_with(kFile) && from.size() > kFile.size();
  if (has_path && from.find('\0') == std::string_view::npos) return ok();
  return unknown_form();
}

Result<base::SecretBytes> SecretSources::read(std::string_view from) {
  CLV_TRY_VOID(check(from));
  if (from.starts_with(kFile)) return read_file(from.substr(kFile.size()));
  return read_environment(from.substr(kEnvironment.size()));
}

Result<base::SecretBytes> SecretSources::read_environment(std::string_view variable) {
  const std::string name(variable);
  const std::string label = std::string(kEnvironment) + name;
  std::span<char> value;
  for_each_value(name, [&](std::span<char> found) { value = value.empty() ? found : value; });
  if (value.size() > kMaxSize) return invalid("environment variable " + name + " is over 64 KiB");
  if (!value.empty()) {
    base::SecretBytes secret = CLV_TRY(base::SecretBytes::copy_of(key_.arena(), std::as_bytes(value)));
    erase_from_environment(name);
    take_line_end_off(secret);
    if (secret.empty()) return invalid("environment variable " + name + " is empty");
    erased_.insert_or_assign(name, key_.seal(secret.reveal(), label));
    return secret;
  }

  const auto kept = erased_.find(name);
  if (kept == erased_.end()) return invalid("environment variable " + name + " is not set, or empty");
  base::SecretBytes secret = CLV_TRY(base::SecretBytes::allocate(key_.arena(), kept->second.plain_size()));
  Opener opener = CLV_TRY(key_.make_opener());
  CLV_TRY_VOID(opener.open(kept->second, secret.reveal()));
  return secret;
}

Result<base::SecretBytes> SecretSources::read_file(std::string_view where) {
  const std::string path(where);
  const base::Descriptor file(path, O_RDONLY | O_NONBLOCK);  // a FIFO must not hang us
  if (!file.is_open())
    return Error::from_errno(Code::kInvalid, Blame::kOperator, "secret file " + path, errno);
  const std::size_t size = CLV_TRY(check_file(file.number(), path, may_be_read_by_group_));
  // One byte more than it should have shows that it grew meanwhile.
  base::SecretBytes secret = CLV_TRY(base::SecretBytes::allocate(key_.arena(), size + 1));
  const std::size_t total = CLV_TRY(read_into(file.number(), secret.reveal(), path));
  if (total != size) return invalid("secret file " + path + " changed while it was read; try again");
  secret.shrink(size);
  take_line_end_off(secret);
  if (secret.empty()) return invalid("secret file " + path + " is empty");
  return secret;
}

}  // namespace claviger::vault
