// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace claviger::cli {

// A line of the audit log as one that is read by people, without its line end:
//   2026-05-01T10:00:00.000Z  call.finished  ci POST /openai/v1/embeddings -> 200  upstream=openai grant=ci:openai
// Nothing of the event is left out but `v` and the mark of the outbox. What is no JSON is shown printable as it is.
std::string format_event(std::string_view line);

}  // namespace claviger::cli
