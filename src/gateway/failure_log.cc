// SPDX-License-Identifier: Apache-2.0
#include "gateway/failure_log.h"

namespace claviger::gateway {

void FailureLog::note(const Call& call, const Error& error) noexcept {
  if (error.blame() == Blame::kCaller) return;
  if (call.began - second_began_ >= std::chrono::seconds(1)) {
    second_began_ = call.began;
    lines_ = 0;
  }
  if (lines_ == kLinesASecond || !log_->can_write()) {
    ++left_out_;
    return;
  }
  ++lines_;
  log_->warning("call_failed",
                {{"request_id", call.id()},
                 {"upstream", call.upstream != nullptr ? std::string_view(call.upstream->resource->name)
                                                       : std::string_view()},
                 {"code", code_name(error.code())},
                 {"reason", error.what()},
                 {"left_out", left_out_}});
  left_out_ = 0;
}

}  // namespace claviger::gateway
