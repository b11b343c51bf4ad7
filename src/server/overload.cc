// SPDX-License-Identifier: Apache-2.0
#include "server/overload.h"

#include <malloc.h>

#include <algorithm>
#include <utility>

#include "server/process.h"
#include "server/process_usage.h"

namespace claviger::server {
namespace {

constexpr unsigned kLooksBetweenTrims = 10;

// Ends a tenth below where it begins: at the mark itself it would begin and end all the time.
bool is_short(std::uint64_t used, std::uint64_t limit, bool already) noexcept {
  return used > (already ? limit - limit / 10 : limit);
}

// It may begin and end all the time: all that is lost is whom nobody knows yet. Did it last to a lower mark, who is known could keep
// others out by what they use.
bool is_tight(std::uint64_t used, std::uint64_t limit) noexcept { return used > limit - limit / 20; }

}  // namespace

// Of 1,024, 896.
std::size_t descriptors_for_calls(std::size_t limit) noexcept {
  return limit - std::min(limit / 2, std::clamp<std::size_t>(limit / 8, 32, 512));
}

Overload::Overload(Limits limits, std::function<Usage()> measure) : measure_(std::move(measure)) {
  use(limits);
}

void Overload::use(Limits limits) {
  if (limits.memory == 0) {
    const std::uint64_t there_is = memory_limit();
    limits.memory = there_is - there_is / 10;
  }
  if (limits.descriptors == 0) limits.descriptors = descriptors_for_calls(file_limit());
  limits_ = limits;
}

std::string_view Overload::find_reason() const noexcept {
  if (is_short(usage_.memory, limits_.memory, reason_ == "memory")) return "memory";
  if (is_short(usage_.descriptors, limits_.descriptors, reason_ == "descriptors")) return "descriptors";
  return {};
}

bool Overload::look() {
  usage_ = measure_();
  reason_ = find_reason();
  const bool is_memory_tight = is_tight(usage_.memory, limits_.memory) || reason_ == "memory";
  trim(is_memory_tight);
  const bool sheds = !reason_.empty();
  shedding_.store(sheds, std::memory_order_relaxed);
  const bool tight = is_memory_tight || is_tight(usage_.descriptors, limits_.descriptors);
  const Level level = sheds ? Level::kShedding : tight ? Level::kTight : Level::kEnough;
  return std::exchange(level_, level) != level;
}

// What was freed may still count as resident, and would keep it tight for good.
void Overload::trim(bool is_memory_tight) noexcept {
  if (!is_memory_tight) looks_ = 0;
  else if (looks_++ % kLooksBetweenTrims == 0) ::malloc_trim(0);
}

}  // namespace claviger::server
