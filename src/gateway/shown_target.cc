// SPDX-License-Identifier: Apache-2.0
#include "gateway/shown_target.h"

#include <algorithm>
#include <array>
#include <span>

namespace claviger::gateway {
namespace {

constexpr std::size_t kMaxName = 64;
constexpr std::string_view kHidden = policy::RecordRules::kHidden;

// As far as there is room.
class Writer {
 public:
  explicit Writer(std::span<char> room) noexcept : room_(room) {}
  void put(std::string_view text) noexcept {
    const std::size_t size = std::min(text.size(), room_.size() - size_);
    std::copy_n(text.data(), size, room_.data() + size_);
    size_ += size;
  }
  bool is_full() const noexcept { return size_ == room_.size(); }
  std::string_view text() const noexcept { return {room_.data(), size_}; }

 private:
  std::span<char> room_;
  std::size_t size_ = 0;
};

bool shows(std::string_view name, const UpstreamRuntime* upstream) noexcept {
  return upstream != nullptr && std::ranges::binary_search(upstream->shown_queries, name, std::less<>());
}

// What stands between two separators.
void put_parameter(Writer& out, std::string_view part, const UpstreamRuntime* upstream) noexcept {
  if (part.empty()) return;
  const std::size_t equals = part.find('=');
  const std::string_view name = part.substr(0, equals);
  if (shows(name, upstream)) return out.put(part);
  if (equals == std::string_view::npos) return out.put(kHidden);
  out.put(name.size() <= kMaxName ? name : kHidden);
  out.put("=");
  if (equals + 1 < part.size()) out.put(kHidden);
}

// Of a call that did not get as far as finding it. What is refused for its path, or for who sent it, says no more of an
// upstream's secrets than what is sent on.
struct Found {
  const UpstreamRuntime* upstream = nullptr;
  std::string_view rest;
};
Found find_upstream(const Call& call) noexcept {
  if (call.upstream != nullptr) return {call.upstream, call.rest};
  const auto route = call.world->policy->route(call.head->path);
  if (!route) return {};
  return {(*call.world->upstreams)[route->upstream].get(), route->rest};
}

}  // namespace

struct ShownTarget::Room {
  std::array<char, kPathRoom> path;
  std::array<char, kQueryRoom> query;
};

ShownTarget::ShownTarget() : room_(std::make_unique<Room>()) {}
ShownTarget::ShownTarget(ShownTarget&&) noexcept = default;
ShownTarget::~ShownTarget() = default;

ShownTarget::Views ShownTarget::of(const Call& call) noexcept {
  if (call.head == nullptr || !call.path_is_canonical) return {};
  const Found found = find_upstream(call);
  Views shown{.path = call.head->path, .query = {}};
  if (found.upstream != nullptr && found.upstream->resource->record.hides_paths())
    shown.path = hide(call.head->path, found.rest, found.upstream->resource->record);
  if (!call.head->query.empty()) shown.query = redact(call.head->query, found.upstream);
  return shown;
}

std::string_view ShownTarget::hide(std::string_view path, std::string_view rest,
                                   const policy::RecordRules& rules) noexcept {
  const std::string_view mount = path.substr(0, path.size() - rest.size());
  const std::size_t size = std::min(mount.size(), room_->path.size());
  std::copy_n(mount.data(), size, room_->path.data());
  return {room_->path.data(), size + rules.write_path(rest, std::span(room_->path).subspan(size))};
}

std::string_view ShownTarget::redact(std::string_view query, const UpstreamRuntime* upstream) noexcept {
  Writer out(room_->query);
  for (;;) {
    const std::size_t end = std::min(query.find_first_of("&;"), query.size());
    put_parameter(out, query.substr(0, end), upstream);
    if (end == query.size() || out.is_full()) return out.text();
    out.put(query.substr(end, 1));
    query.remove_prefix(end + 1);
  }
}

}  // namespace claviger::gateway
