// SPDX-License-Identifier: Apache-2.0
#include "server/resource_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/file_trust.h"
#include "server/yaml.h"

namespace claviger::server {
namespace {

Error invalid(std::string what) {
  return Error::formatted(Code::kInvalid, Blame::kOperator, std::move(what));
}

Error from_errno(const std::string& path, int error_number) {
  const Code code = error_number == ENOENT ? Code::kNotFound : Code::kInvalid;
  return Error::from_errno(code, Blame::kOperator, path, error_number);
}

Result<std::size_t> check_file(int fd, const std::string& path, std::size_t max) {
  struct stat status{};
  if (::fstat(fd, &status) != 0) return from_errno(path, errno);
  if (!S_ISREG(status.st_mode)) return invalid(path + ": not a regular file");
  CLV_TRY_VOID(base::check_not_writable_by_others(fd, path));
  if (status.st_size > static_cast<off_t>(max)) {
    return invalid(path + ": larger than the " + std::to_string(max) + " bytes it may have");
  }
  return static_cast<std::size_t>(status.st_size);
}

Result<std::string> read_all(int fd, const std::string& path, std::size_t max) {
  std::string text;
  text.resize(CLV_TRY(check_file(fd, path, max)) + 1);  // one more, to see the end
  std::size_t total = 0;
  while (total < text.size()) {
    const ssize_t got = ::read(fd, text.data() + total, text.size() - total);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return from_errno(path, errno);
    if (got == 0) break;
    total += static_cast<std::size_t>(got);
  }
  if (total == text.size()) return invalid(path + ": changed while it was read; try again");
  text.resize(total);
  return text;
}

bool is_resource_file(std::string_view name) noexcept {
  return !name.starts_with('.') && (name.ends_with(".yaml") || name.ends_with(".yml"));
}

Result<std::vector<std::string>> list_files(const std::string& directory) {
  struct CloseDirectory {
    void operator()(DIR* open) const noexcept { ::closedir(open); }
  };
  const std::unique_ptr<DIR, CloseDirectory> open(::opendir(directory.c_str()));
  if (open == nullptr) return from_errno("resource directory " + directory, errno);
  const auto closed = base::check_not_writable_by_others(::dirfd(open.get()), directory);
  if (!closed.has_value()) return closed.error().within("resource directory");
  std::vector<std::string> names;
  while (true) {
    errno = 0;
    const dirent* entry =
        ::readdir(open.get());  // NOLINT(concurrency-mt-unsafe): safe on a stream of one's own
    if (entry == nullptr) break;
    if (is_resource_file(entry->d_name)) names.emplace_back(entry->d_name);
  }
  if (errno != 0) return from_errno("resource directory " + directory, errno);
  std::ranges::sort(names);
  return names;
}

}  // namespace

Result<std::string> read_text_file(const std::string& path, std::size_t max) {
  const base::Descriptor file(path, O_RDONLY | O_NONBLOCK);  // a FIFO must not hang us
  if (!file.is_open()) return from_errno(path, errno);
  return read_all(file.number(), path, max);
}

Result<policy::Resources> read_resources(const std::string& directory) {
  policy::Resources resources;
  bool is_empty = true;
  for (const std::string& name : CLV_TRY(list_files(directory))) {
    const std::string path = directory + (directory.ends_with('/') ? "" : "/") + name;
    const std::string text = CLV_TRY(read_text_file(path, kMaxYamlSize));
    const std::vector<base::Document> documents = CLV_TRY(read_yaml(text, path));
    for (const base::Document& document : documents) {
      if (document.type == base::Document::Type::kNull) continue;  // between two `---`
      CLV_TRY_VOID(policy::add_resource(document, resources));
      is_empty = false;
    }
  }
  if (is_empty) return invalid("resource directory " + directory + ": no resource in it; add *.yaml files");
  return resources;
}

}  // namespace claviger::server
