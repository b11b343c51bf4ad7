// SPDX-License-Identifier: Apache-2.0
#include "server/master_key_files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/file.h"
#include "base/parse.h"
#include "server/data_dir.h"
#include "server/key_source.h"
#include "server/resource_files.h"

namespace claviger::server {
namespace {

constexpr std::size_t kMost = std::size_t{64} << 10;
constexpr std::size_t kIdDigits = 16;

Error disk_error(const std::string& what, int reason) {
  return Error::from_errno(Code::kUnavailable, Blame::kOperator, what, reason);
}

}  // namespace

bool file_exists(const std::string& path) noexcept {
  struct stat status{};
  return ::lstat(path.c_str(), &status) == 0;
}

Result<void> remove_file(const std::string& path) {
  if (::unlink(path.c_str()) != 0) {
    if (errno == ENOENT) return ok();
    return disk_error("removing " + path, errno);
  }
  if (!base::sync_directory_of(path)) return disk_error("removing " + path, errno);
  return ok();
}

Result<std::string> MasterKeyFiles::read(const std::string& path) const {
  std::string text = CLV_TRY(read_text_file(path, kMost));
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

Result<void> MasterKeyFiles::write(const std::string& path, std::string_view line) const {
  const auto written = write_file(path, std::string(line) + "\n", 0600);
  if (written.has_value()) return ok();
  return Error::formatted(Code::kUnavailable, Blame::kOperator, std::string(written.error().what()));
}

Result<std::vector<MasterKeyFiles::Place>> MasterKeyFiles::places() const {
  std::vector<Place> all;
  if (!file_exists(notes())) return all;
  const std::string text = CLV_TRY(read(notes()));
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    if (line.empty()) continue;
    const bool is_place = line.size() > kIdDigits + 1 && line[kIdDigits] == ' ' &&
                          KeySource::check(line.substr(kIdDigits + 1)).has_value();
    if (!is_place)
      return Error::formatted(Code::kInvalid, Blame::kOperator,
                              notes() + ": each line is a master key's id and where it comes from");
    all.push_back({std::string(line.substr(0, kIdDigits)), std::string(line.substr(kIdDigits + 1))});
  }
  return all;
}

std::optional<std::string> MasterKeyFiles::place_of(std::string_view id) const {
  const auto all = places();
  if (!all.has_value()) return std::nullopt;
  const auto found = std::ranges::find(*all, id, &Place::id);
  if (found == all->end()) return std::nullopt;
  return found->source;
}

Result<void> MasterKeyFiles::write_places(const std::vector<Place>& places) const {
  if (places.empty()) return remove_file(notes());
  std::string text;
  for (const Place& place : places) text += place.id + " " + place.source + "\n";
  text.pop_back();
  return write(notes(), text);
}

Result<void> MasterKeyFiles::note(const Place& place) const {
  std::vector<Place> all = CLV_TRY(places());
  std::erase_if(all, [&](const Place& each) { return each.id == place.id; });
  all.push_back(place);
  return write_places(all);
}

Result<void> MasterKeyFiles::forget(std::string_view id) const {
  std::vector<Place> all = CLV_TRY(places());
  const std::size_t count = std::erase_if(all, [&](const Place& each) { return each.id == id; });
  return count == 0 ? ok() : write_places(all);
}

Result<void> MasterKeyFiles::forget_places_but(std::string_view id) const {
  std::vector<Place> all = CLV_TRY(places());
  const std::size_t count = std::erase_if(all, [&](const Place& each) { return each.id != id; });
  return count == 0 ? ok() : write_places(all);
}

}  // namespace claviger::server
