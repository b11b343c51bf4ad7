// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "gateway/call.h"

namespace claviger::gateway {

// Path and query of a call as the logs show them: the path without what the upstream's rules hide (policy/record_rules.h), the
// query with its parameters' names and "*" for their values, but for those that the rules show.
//
// Of a query, what stands without a '=' may be a value as well as a name: it is shown only where the rules name it. A name of more
// than 64 bytes is none. ';' separates like '&', as it does for some servers.
//
// Owns: the memory that it writes to, used again for the next call. Threads: one worker's.
// Cost: nothing for a call without a query to an upstream without rules.
class ShownTarget {
 public:
  ShownTarget();
  ShownTarget(ShownTarget&&) noexcept;
  ~ShownTarget();

  struct Views {
    std::string_view path;  // empty when it is not canonical
    std::string_view query;  // empty for none
  };
  // Until the next one. By the rules of the upstream that the path leads to, however far the call got.
  Views of(const Call& call) noexcept;

 private:
  static constexpr std::size_t kPathRoom = std::size_t{8}
                                           << 10;  // what is longer is cut where it is written down
  static constexpr std::size_t kQueryRoom = std::size_t{2} << 10;
  struct Room;

  std::string_view hide(std::string_view path, std::string_view rest,
                        const policy::RecordRules& rules) noexcept;
  std::string_view redact(std::string_view query, const UpstreamRuntime* upstream) noexcept;

  std::unique_ptr<Room> room_;
};

}  // namespace claviger::gateway
