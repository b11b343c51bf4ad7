// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "audit/log_place.h"
#include "base/result.h"

namespace claviger::sinks {

// How far a sink is: every event before `place` was sent, and every checkpoint of up to so many events.
struct Position {
  audit::LogPlace place;
  std::uint64_t checkpoint = 0;
  bool operator==(const Position&) const = default;
};

// A sink's position in <log's directory>/sinks/<name>, which outlasts the process:
//
//   claviger sink position v1
//   <origin of the log>
//   <event>:<segment>:<offset>
//   <events under the last checkpoint sent>
//
// It is no secret, and nothing rests on it but what is sent twice: where it is gone, all that is kept is sent.
// Threads: one at a time; all of it blocks.
class PositionFile {
 public:
  PositionFile(const std::string& log_directory, const std::string& name, std::string origin);

  // Nothing when there is none, it is of another log, or is not what save() wrote.
  std::optional<Position> load() const;
  // Replaces it whole, and syncs; makes the directory when it is not there.
  Result<void> save(const Position& position) const;

 private:
  const std::string directory_;
  const std::string path_;
  const std::string next_;  // of no sink's name, which begins with a letter or digit
  const std::string origin_;
};

}  // namespace claviger::sinks
