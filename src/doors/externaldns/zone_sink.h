// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "doors/externaldns/answer_sink.h"

namespace claviger::doors::externaldns {

struct ServerZone {
  std::string name;  // canonical
  std::string type;  // "Primary", "Secondary", ...
  bool is_internal = false;
  bool is_disabled = false;
};

// Takes the answer of `zones/list` as it comes, and adds to a list what could hold names of ours.
class ZoneSink final : public AnswerSink {
 public:
  static constexpr std::size_t kMostZones = 100'000;

  explicit ZoneSink(std::vector<ServerZone>& into) : into_(into) {}

  // Once all is read, besides what AnswerSink has.
  bool has_list() const noexcept { return has_list_; }
  // How many there were in this answer, and are in all: 0 where it does not say, which is where they are all in this one.
  std::size_t listed() const noexcept { return listed_; }
  std::size_t total_zones() const noexcept { return total_zones_; }
  std::size_t total_pages() const noexcept { return total_pages_; }

  Result<void> begin_object() override;
  Result<void> end_object() override;
  Result<void> begin_array() override;
  Result<void> end_array() override;

 private:
  enum class At : std::uint8_t { kOutside, kTop, kResponse, kZones, kZone, kSkip };
  Result<void> enter(At at);
  Result<void> scalar(std::string_view text) override;
  Result<void> end_zone();

  std::vector<ServerZone>& into_;
  At at_ = At::kOutside;
  std::vector<At> before_;
  ServerZone zone_;
  std::size_t listed_ = 0, total_zones_ = 0, total_pages_ = 0;
  bool has_list_ = false;
};

}  // namespace claviger::doors::externaldns
