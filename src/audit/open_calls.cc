// SPDX-License-Identifier: Apache-2.0
#include "audit/open_calls.h"

namespace claviger::audit {

void OpenCalls::note(const Lane& lane, CallMark mark, const LogPlace& place) {
  if (mark.kind == CallMark::Kind::kStarted) places_.insert_or_assign({&lane, mark.id}, place);
  if (mark.kind == CallMark::Kind::kFinished) places_.erase({&lane, mark.id});
}

std::optional<LogPlace> OpenCalls::oldest() const noexcept {
  std::optional<LogPlace> oldest;
  for (const auto& [key, place] : places_)
    if (!oldest || place.event < oldest->event) oldest = place;
  return oldest;
}

}  // namespace claviger::audit
