// SPDX-License-Identifier: Apache-2.0
#include "store/catalog.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "store/sqlite/sqlite_store.h"

namespace claviger::store {
namespace {

struct Backend {
  std::string_view scheme;  // with its ':'
  std::string_view form;
  Result<std::unique_ptr<Store>> (*open)(const std::string& place, const OpenOptions& options);
};

Result<std::unique_ptr<Store>> open_as_sqlite(const std::string& file, const OpenOptions& options) {
  return open_sqlite(file, {.create = options.create});
}

constexpr std::array kBackends = {
    Backend{"sqlite:", "sqlite:FILE", open_as_sqlite},
};

const Backend* find_backend(std::string_view url) noexcept {
  const auto* const found = std::ranges::find_if(
      kBackends, [url](const Backend& backend) { return url.starts_with(backend.scheme); });
  const bool has_place = found != kBackends.end() && url.size() > found->scheme.size();
  return has_place && !url.contains('\0') ? found : nullptr;
}

}  // namespace

Result<void> check_url(std::string_view url) {
  if (find_backend(url) != nullptr) return ok();
  std::string forms;
  for (const Backend& backend : kBackends) forms += (forms.empty() ? "" : " or ") + std::string(backend.form);
  return Error::formatted(Code::kInvalid, Blame::kOperator, "must be " + forms);
}

std::string locate(std::string_view url, const std::string& directory) {
  const Backend* const backend = find_backend(url);
  CLV_CHECK(backend != nullptr);
  const std::string path(url.substr(backend->scheme.size()));
  return path.starts_with('/') ? path : directory + "/" + path;
}

Result<std::unique_ptr<Store>> open(std::string_view url, const std::string& directory,
                                    const OpenOptions& options) {
  CLV_TRY_VOID(check_url(url));
  return find_backend(url)->open(locate(url, directory), options);
}

}  // namespace claviger::store
