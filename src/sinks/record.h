// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "audit/reader.h"
#include "base/clock.h"

namespace claviger::sinks {

// The stream's records (docs/formats/audit_stream.md), which are what every sink sends, in the log's order. An id
// is for ever the same, so whoever gets a record twice knows it.

// "<origin>/<number of the event>"
std::string event_id(std::string_view origin, std::uint64_t number);
// "<origin>/checkpoint/<size>"
std::string checkpoint_id(std::string_view origin, std::uint64_t size);

// The event's line with a first member "id": `{"id":"<id>",<the line behind its brace>`. Whoever takes that member out has the
// line as it was hashed. Without a line end.
// Requires: `line` is one of the log, which begins with `{"`.
void append_event(std::string& out, std::string_view origin, std::uint64_t number, std::string_view line);
// `{"id":"<id>","v":1,"type":"checkpoint","size":<size>,"note":"<the signed note>"}`, behind the events that it covers.
void append_checkpoint(std::string& out, std::string_view origin, const audit::SignedCheckpoint& checkpoint);

}  // namespace claviger::sinks
